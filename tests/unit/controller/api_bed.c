/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/controller/api_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/inside.h"
#include "base/log.h"
#include "http/listen.h"
#include "http/route.h"
#include "unit/controller/place.h"

struct api_bed bed;
struct client_answer answer;
static pthread_mutex_t console_lock = PTHREAD_MUTEX_INITIALIZER;
static json_t *description;
static bool was_answered[API_ROUTES_MOST];

static bool power(void *argument, const char *node, const char *action, struct fail *fail)
{
	(void)argument, (void)node, (void)action;
	bed.power_acts++;
	return !bed.power_fails || fail_set(fail, FAIL_UNAVAILABLE, "the driver said no");
}

static bool console_read(void *argument, const char *node, unsigned slot, struct api_console *part,
			 char *to, size_t room, struct fail *fail)
{
	(void)argument;
	if (strcmp(node, bed.node) != 0 || slot != 0) {
		return fail_set(fail, FAIL_NOT_FOUND, "there is no such console");
	}
	pthread_mutex_lock(&console_lock);
	const uint64_t ready = bed.output_late > 0 && bed.output_late-- > 0 ? 0 : bed.output_bytes;
	const uint64_t from = part->from < ready ? part->from : ready;
	const size_t count = ready - from < room ? (size_t)(ready - from) : room;
	*part = (struct api_console){.from = from,
				     .count = count,
				     .ready = ready,
				     .newest = bed.output_bytes,
				     .is_waiting = ready < bed.output_bytes};
	memcpy(to, bed.output + from, count);
	pthread_mutex_unlock(&console_lock);
	return true;
}

static bool console_write(void *argument, const char *node, unsigned slot, const char *bytes,
			  size_t count, struct fail *fail)
{
	(void)argument, (void)node, (void)slot, (void)fail;
	memcpy(bed.typed, bytes, count < sizeof(bed.typed) ? count : sizeof(bed.typed));
	return true;
}

static void console_watch(void *argument, const char *node, unsigned slot, bool on)
{
	(void)argument, (void)node, (void)slot;
	__atomic_fetch_add(&bed.watchers, on ? 1 : -1, __ATOMIC_SEQ_CST);
}

void api_console_say(const char *text)
{
	pthread_mutex_lock(&console_lock);
	memcpy(bed.output + bed.output_bytes, text, strlen(text));
	bed.output_bytes += strlen(text);
	pthread_mutex_unlock(&console_lock);
	api_console_changed(bed.api);
}

void api_bed_see(unsigned number, char id[ID_BYTES])
{
	struct fleet_sighting sighting = {
		.mac = {0x52, 0x54, 0, 0, (uint8_t)(number >> 8), (uint8_t)number},
		.arch = 11,
		.network = "lan0",
		.hostname = "box",
		.vendor_class = "PXEClient"};
	char text[24];
	const struct fleet_filter filter = {.text = text, .most = 1};

	fleet_see(bed.fleet, &sighting);
	snprintf(text, sizeof(text), "52:54:00:00:%02x:%02x", number >> 8, number & 255);
	for (int i = 0; i < 500; i++) {
		char next[ID_BYTES];
		struct text list = {0};
		const bool is_there = fleet_list(bed.fleet, &filter, &list, next) == 1;
		if (is_there) {
			memcpy(id, strstr(list.bytes, "n-"), ID_BYTES - 1);
			id[ID_BYTES - 1] = '\0';
		}
		text_free(&list);
		if (is_there) {
			return;
		}
		usleep(10000);
	}
	fail_msg("the sighting made no node");
}

bool api_bed_try_hello(unsigned number, uint64_t boot_id, struct fail *fail)
{
	struct hello hello = {.boot_id = boot_id,
			      .instance = 1,
			      .board = "linux,dummy-virt",
			      .mac_count = 1,
			      .macs = {{0x52, 0x54, 0, 0, (uint8_t)(number >> 8), (uint8_t)number}},
			      .cpu_count = 2,
			      .gic_version = 3,
			      .ram_bytes = UINT64_C(1) << 30,
			      .core_version = "0.3.0"};
	const struct sockaddr_in from = {.sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(0x0a4d0000u + 100u + number)};
	struct hello_answer reply;

	memset(hello.boot_key, (int)(boot_id & 127) + 1, sizeof(hello.boot_key));
	return fleet_hello(bed.fleet, &hello, &from, &reply, fail);
}

void api_bed_hello(unsigned number, uint64_t boot_id)
{
	struct fail fail;

	if (!api_bed_try_hello(number, boot_id, &fail)) {
		fail_msg("hello: %s", fail.text);
	}
}

static void make_credentials(void)
{
	char token[AUTH_TOKEN_BYTES];
	char link[AUTH_SECRET_BYTES];
	char session[AUTH_SECRET_BYTES];
	int64_t ends;
	struct fail fail;

	assert_true(http_auth_make_token(bed.auth, "test", 0, bed.token_id, token, &fail));
	snprintf(bed.token, sizeof(bed.token), "Authorization: Bearer %s\r\n", token);
	assert_true(http_auth_make_link(bed.auth, link, &ends, &fail));
	assert_true(http_auth_sign_in(bed.auth, link, 1, session, &fail));
	snprintf(bed.cookie, sizeof(bed.cookie), "Cookie: " AUTH_COOKIE "=%s\r\n", session);
}

int api_bed_make(void **state)
{
	struct fail fail = {0};
	uint64_t index;
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	(void)state;
	log_set_level(LOG_ERROR);
	place_template(bed.folder, sizeof(bed.folder), "api");
	assert_non_null(mkdtemp(bed.folder));
	snprintf(bed.database, sizeof(bed.database), "%s/aether.db", bed.folder);
	snprintf(bed.socket, sizeof(bed.socket), "%s/aether.sock", bed.folder);
	const struct store_options store = {.path = bed.database};
	bed.store = store_open(&store, &fail);
	assert_non_null(bed.store);
	assert_true(fleet_first_index(bed.store, &index, &fail));
	bed.bus = bus_new(index);
	const struct fleet_options fleet = {
		.store = bed.store, .bus = bed.bus, .interval_ms = 1000, .udp_port = 7480};
	bed.fleet = fleet_new(&fleet, &fail);
	assert_non_null(bed.fleet);
	bed.auth = http_auth_new(bed.store, NULL, &fail);
	const struct api_options api = {.store = bed.store,
					.bus = bed.bus,
					.fleet = bed.fleet,
					.auth = bed.auth,
					.version = "test",
					.base_url = "http://localhost",
					.outside = {.power_act = power,
						    .console_read = console_read,
						    .console_write = console_write,
						    .console_watch = console_watch}};
	bed.api = api_new(&api, &fail);
	assert_non_null(bed.api);
	const struct http_server_options server = {.app = bed.api,
						   .routes = api_routes,
						   .route_count = api_route_count,
						   .around = api_around,
						   .fd = listen_for_people(&address, &fail),
						   .unix_fd = listen_unix(bed.socket, &fail),
						   .owner = (uid_t)-1,
						   .auth = bed.auth};
	bed.port = listen_port(server.fd);
	bed.server = http_server_start(&server, &fail);
	assert_non_null(bed.server);
	api_set_server(bed.api, bed.server);
	make_credentials();
	api_bed_see(1, bed.node);
	return 0;
}

int api_bed_remove(void **state)
{
	char command[128];

	(void)state;
	http_server_stop(bed.server);
	api_free(bed.api);
	http_auth_free(bed.auth);
	store_close(bed.store); /* what is still committed is told to the fleet */
	fleet_free(bed.fleet);
	bus_free(bed.bus);
	client_free(&answer);
	json_decref(description);
	snprintf(command, sizeof(command), "rm -r '%s'", bed.folder);
	return system(command);
}

json_t *api_description(void)
{
	if (description == NULL) {
		description =
			json_loadb(api_openapi, api_openapi_bytes, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(description);
	}
	return description;
}

static bool has_type(const json_t *value, const char *type)
{
	return (strcmp(type, "object") == 0 && json_is_object(value)) ||
	       (strcmp(type, "array") == 0 && json_is_array(value)) ||
	       (strcmp(type, "string") == 0 && json_is_string(value)) ||
	       (strcmp(type, "integer") == 0 && json_is_integer(value)) ||
	       (strcmp(type, "number") == 0 && json_is_number(value)) ||
	       (strcmp(type, "boolean") == 0 && json_is_boolean(value)) ||
	       (strcmp(type, "null") == 0 && json_is_null(value));
}

static bool type_fits(const json_t *schema, const json_t *value)
{
	const json_t *type = json_object_get(schema, "type");
	bool fits = type == NULL;

	if (json_is_string(type)) {
		return has_type(value, json_string_value(type));
	}
	for (size_t i = 0; i < json_array_size(type); i++) {
		fits = fits || has_type(value, json_string_value(json_array_get(type, i)));
	}
	return fits;
}

static const json_t *resolve(const json_t *schema)
{
	const char *name = json_string_value(json_object_get(schema, "$ref"));

	if (name == NULL) {
		return schema;
	}
	const json_t *found = json_object_get(api_description(), "components");
	found = json_object_get(json_object_get(found, strstr(name, "/responses/") != NULL
							       ? "responses"
							       : "schemas"),
				strrchr(name, '/') + 1);
	assert_non_null(found);
	return found;
}

/* What of JSON Schema the description uses. */
static bool fits(const json_t *schema, json_t *value, const char *where)
{
	const char *key;
	json_t *one;
	size_t i;

	schema = resolve(schema);
	json_array_foreach(json_object_get(schema, "allOf"), i, one)
	{
		if (!fits(one, value, where)) {
			return false;
		}
	}
	const json_t *any = json_object_get(schema, "anyOf");
	bool is_any = any == NULL;
	json_array_foreach(any, i, one)
	{
		is_any = is_any || (type_fits(resolve(one), value) && fits(one, value, where));
	}
	if (!type_fits(schema, value) || !is_any) {
		print_error("%s has the wrong type\n", where);
		return false;
	}
	json_array_foreach(json_object_get(schema, "required"), i, one)
	{
		if (json_object_get(value, json_string_value(one)) == NULL) {
			print_error("%s lacks \"%s\"\n", where, json_string_value(one));
			return false;
		}
	}
	bool is_listed = json_object_get(schema, "enum") == NULL;
	json_array_foreach(json_object_get(schema, "enum"), i, one)
	{
		is_listed = is_listed || json_equal(one, value) != 0;
	}
	json_object_foreach(json_object_get(schema, "properties"), key, one)
	{
		json_t *member = json_object_get(value, key);
		if (member != NULL && !fits(one, member, key)) {
			return false;
		}
	}
	json_array_foreach(value, i, one)
	{
		if (json_object_get(schema, "items") != NULL &&
		    !fits(json_object_get(schema, "items"), one, where)) {
			return false;
		}
	}
	return is_listed;
}

void api_check(const char *method, const char *target, const struct client_answer *reply)
{
	char path[256];
	char verb[8] = "";
	char status[16];
	struct route_match match;

	snprintf(path, sizeof(path), "%.*s", (int)strcspn(target, "?"), target);
	route_find(api_routes, api_route_count, method, path, &match);
	assert_non_null(match.route);
	for (size_t i = 0; method[i] != '\0' && i < 7; i++) {
		verb[i] = (char)(method[i] | 0x20);
	}
	const json_t *route = json_object_get(
		json_object_get(json_object_get(api_description(), "paths"), match.route->pattern),
		verb);
	snprintf(status, sizeof(status), "%u", reply->status);
	const json_t *responses = json_object_get(route, "responses");
	const json_t *response =
		json_object_get(responses, reply->status < 300 ? status : "default");
	assert_true(api_route_count <= API_ROUTES_MOST);
	was_answered[match.route - api_routes] |= reply->status < 300;
	if (response == NULL) {
		fail_msg("%s %s: %s is not described", method, target, status);
	}
	response = resolve(response);
	const json_t *content = json_object_get(response, "content");
	if (content == NULL) {
		assert_int_equal(reply->body_bytes, 0);
		return;
	}
	const char *type = client_header(reply, "Content-Type");
	assert_non_null(type);
	const json_t *media = json_object_get(content, type);
	assert_non_null(media);
	json_t *value = client_json(reply);
	if (value == NULL || !fits(json_object_get(media, "schema"), value, target)) {
		json_decref(value);
		fail_msg("%s %s: not as described: %.300s", method, target, reply->body);
	}
	json_decref(value);
}

bool api_was_answered(size_t route)
{
	return was_answered[route];
}

unsigned api_ask(const char *method, const char *target, const char *headers, const char *body)
{
	char all[1024];

	client_free(&answer);
	snprintf(all, sizeof(all), "%s%s", bed.token, headers != NULL ? headers : "");
	client_ask(bed.port, method, target, all, body, &answer);
	api_check(method, target, &answer);
	return answer.status;
}

const char *api_member(const char *path)
{
	static char text[512];
	json_t *root = client_json(&answer);
	json_t *value = root;
	char copy[128];
	char *rest = copy;

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *name = strsep(&rest, "."); name != NULL; name = strsep(&rest, ".")) {
		value = json_is_array(value) ? json_array_get(value, strtoul(name, NULL, 10))
					     : json_object_get(value, name);
	}
	char *dumped =
		json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	snprintf(text, sizeof(text), "%s",
		 json_is_string(value) ? json_string_value(value)
		 : dumped != NULL      ? dumped
				       : "absent");
	free(dumped);
	json_decref(root);
	return text;
}
