/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks against other sites (DNS rebinding: Host; forged requests: Origin). The port of Host is not
 * compared: through `ssh -L` the browser's port is another one; Origin is compared with Host as a whole,
 * port and all.
 */
#include "http/guard.h"

#include <string.h>
#include <strings.h>

bool guard_host_is_ours(const char *host, const char *const *hosts, size_t count)
{
	static const char *const loopback[] = {"localhost", "127.0.0.1", "[::1]"};

	if (host == NULL) {
		return false;
	}
	const char *end = host[0] == '[' ? strchr(host, ']') : NULL;
	const size_t length = end != NULL ? (size_t)(end - host) + 1 : strcspn(host, ":");
	const char *port = host + length;

	if (*port != '\0' && (*port != ':' || strspn(port + 1, "0123456789") != strlen(port + 1) ||
			      strlen(port) > 6)) {
		return false;
	}
	for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++) {
		if (strlen(loopback[i]) == length && strncasecmp(loopback[i], host, length) == 0) {
			return true;
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (strlen(hosts[i]) == length && strncasecmp(hosts[i], host, length) == 0) {
			return true;
		}
	}
	return false;
}

bool guard_origin_is_ours(const char *host, const char *origin, const char *fetch_site,
			  bool has_cookie)
{
	if (origin == NULL && fetch_site == NULL) {
		return !has_cookie;
	}
	if (fetch_site != NULL && strcmp(fetch_site, "same-origin") != 0) {
		return false;
	}
	if (origin == NULL) {
		return true;
	}
	if (host == NULL) {
		return false;
	}
	if (strncmp(origin, "http://", 7) == 0) {
		return strcasecmp(origin + 7, host) == 0;
	}
	return strncmp(origin, "https://", 8) == 0 && strcasecmp(origin + 8, host) == 0;
}

bool guard_cookie(const char *header, const char *name, char *value, size_t room)
{
	const size_t name_length = strlen(name);

	while (header != NULL && *header != '\0') {
		header += strspn(header, " ;");
		const size_t length = strcspn(header, ";");
		if (length > name_length && strncmp(header, name, name_length) == 0 &&
		    header[name_length] == '=') {
			const size_t count = length - name_length - 1;
			if (count >= room) {
				return false;
			}
			memcpy(value, header + name_length + 1, count);
			value[count] = '\0';
			return true;
		}
		header += length;
	}
	return false;
}

bool guard_json_is_shallow(const char *text, size_t count, unsigned most)
{
	unsigned depth = 0;
	bool is_string = false;

	for (size_t i = 0; i < count; i++) {
		const char c = text[i];
		if (is_string) {
			i += c == '\\';
			is_string = c != '"';
		} else if (c == '"') {
			is_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > most) {
				return false;
			}
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return true;
}
