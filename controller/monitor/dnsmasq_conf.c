/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile input: the file, should aetherd have fallen. */
#include "monitor/dnsmasq_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What provisioner/render.c writes; whatever else dnsmasq knows is refused. */
static const char *const words[] = {
	"port", "no-resolv", "no-hosts", "interface", "bind-interfaces", "user", "log-dhcp", "log-async",
	"dhcp-authoritative", "no-ping", "dhcp-range", "dhcp-option", "dhcp-lease-max", "leasefile-ro", "dhcp-match",
	"dhcp-no-override", "dhcp-boot", "enable-tftp", "tftp-max", "dhcp-host", "dhcp-ignore", "dhcp-mac", "tag-if",
};

static bool is_word(const char *line, size_t count, const char *word)
{
	return strlen(word) == count && memcmp(line, word, count) == 0;
}

static bool is_below(const char *value, size_t count, const char *folder)
{
	const size_t length = strlen(folder);

	return count > length && memcmp(value, folder, length) == 0 && value[length] == '/' &&
	       memmem(value, count, "..", 2) == NULL;
}

static bool is_allowed(const char *line, size_t count, const char *script, const char *state)
{
	const char *equals = memchr(line, '=', count);
	const size_t key = equals != NULL ? (size_t)(equals - line) : count;
	const char *value = equals != NULL ? equals + 1 : line + count;
	const size_t value_count = count - (size_t)(value - line);

	if (count == 0 || line[0] == '#') {
		return true;
	}
	if (is_word(line, key, "dhcp-script")) {
		return is_word(value, value_count, script);
	}
	if (is_word(line, key, "pid-file")) {
		return value_count == 0;
	}
	if (is_word(line, key, "log-facility")) {
		return is_word(value, value_count, "-");
	}
	if (is_word(line, key, "tftp-root") || is_word(line, key, "dhcp-hostsfile")) {
		return is_below(value, value_count, state);
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (is_word(line, key, words[i])) {
			return true;
		}
	}
	return false;
}

bool dnsmasq_conf_check(const char *text, size_t count, const char *script, const char *state, struct fail *fail)
{
	unsigned number = 1;

	for (size_t at = 0; at < count; number++) {
		const char *end = memchr(text + at, '\n', count - at);
		const size_t length = end != NULL ? (size_t)(end - text) - at : count - at;

		if (memchr(text + at, '\0', length) != NULL || !is_allowed(text + at, length, script, state)) {
			return fail_set(fail, FAIL_FORBIDDEN,
					"dnsmasq.conf, line %u, is none that the provisioner writes: aetherd, or who "
					"changed the file, is not to be trusted; look at it before going on",
					number);
		}
		at += length + 1;
	}
	return true;
}

static char *read_whole(const char *path, size_t *count, struct fail *fail)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status = {0};
	char *text = NULL;

	if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size <= DNSMASQ_CONF_MOST) {
		text = malloc((size_t)status.st_size + 1);
	}
	const ssize_t got = text != NULL ? read(fd, text, (size_t)status.st_size) : -1;
	if (got < 0) {
		fail_set(fail, FAIL_UNAVAILABLE, "%s cannot be read: %s", path,
			 fd < 0 ? strerror(errno) : "it is no file of a sensible size");
		free(text);
		text = NULL;
	}
	if (fd >= 0) {
		close(fd);
	}
	*count = got > 0 ? (size_t)got : 0;
	return text;
}

int dnsmasq_conf_copy(const char *path, const char *script, const char *state, struct fail *fail)
{
	size_t count = 0;
	char *text = read_whole(path, &count, fail);
	int fd = -1;

	if (text != NULL && dnsmasq_conf_check(text, count, script, state, fail)) {
		fd = memfd_create("dnsmasq.conf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (fd < 0 || write(fd, text, count) != (ssize_t)count || lseek(fd, 0, SEEK_SET) != 0 ||
		    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
			fail_set(fail, FAIL_UNAVAILABLE, "no copy of %s: %s", path, strerror(errno));
			if (fd >= 0) {
				close(fd);
			}
			fd = -1;
		}
	}
	free(text);
	return fd;
}
