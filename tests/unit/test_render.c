/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dnsmasq configuration against golden files, each of which dnsmasq itself must accept; what
 * must be refused; and the TFTP tree. Run from the root of the repository. After a wanted change
 * `GOLDEN_UPDATE=1` writes the golden files anew; read the difference before committing it.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "render.h"
#include "tree.h"

#define GOLDEN "tests/golden/dnsmasq/"
#define TEXT_BYTES (1u << 20)

extern char **environ;

static char rendered[TEXT_BYTES];

static const struct render_conf smallest = {
	.interface = "br0",
	.server = {0x0a4d0001},
	.prefix_bits = 24,
	.range_first = {0x0a4d000a},
	.range_last = {0x0a4d00fa},
	.lease_s = 3600,
	.boot_file = "aether.img",
	.tftp_root = "/srv/aether/tftp",
	.lease_file = "/srv/aether/leases",
	.log_file = "/srv/aether/dnsmasq.log",
	.tftp_max = 256,
};

static const struct render_host three_hosts[] = {
	{.mac = {0x52, 0x54, 0x00, 0x77, 0x00, 0x01}, .address = {0x0a4d000b}, .name = "node1"},
	{.mac = {0xdc, 0xa6, 0x32, 0xa7, 0xed, 0x89}, .address = {0x0a4d000c}, .name = NULL},
	{.mac = {0x52, 0x54, 0x00, 0x77, 0x00, 0x03}, .address = {0x0a4d00fe}, .name = "a-1h"},
};

/* `dnsmasq --test` on a file; its exit status, or -1 if it could not be started. */
static int dnsmasq_test(const char *path)
{
	char *argv[] = {
		(char[]){"dnsmasq"}, (char[]){"--test"}, (char[]){"-C"}, strdup(path), NULL};
	pid_t pid = 0;
	int status = 0;

	/* An ordinary user's PATH on Debian ends before /usr/sbin. */
	int failed = posix_spawn(&pid, "/usr/sbin/dnsmasq", NULL, NULL, argv, environ);
	free(argv[3]);
	if (failed != 0) {
		print_error(
			"/usr/sbin/dnsmasq: %s (Debian package dnsmasq-base)\n", strerror(failed));
		return -1;
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* The file's whole content, to be freed. */
static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, TEXT_BYTES);

	if (file == NULL) {
		fail_msg("%s: %s", path, strerror(errno));
	}
	assert_non_null(text);
	assert_true(fread(text, 1, TEXT_BYTES - 1, file) < TEXT_BYTES - 1);
	assert_int_equal(fclose(file), 0);
	return text;
}

static void check_golden(const struct render_conf *conf, const char *golden)
{
	struct provision_error error = {.text = ""};
	int length = render_dnsmasq(conf, rendered, sizeof(rendered), &error);

	assert_string_equal(error.text, "");
	assert_int_equal(length, strlen(rendered));
	if (getenv("GOLDEN_UPDATE") != NULL) {
		write_text(golden, rendered);
	}
	char *expected = read_text(golden);
	assert_string_equal(rendered, expected);
	free(expected);
	assert_int_equal(dnsmasq_test(golden), 0);
}

static void test_smallest(void **state)
{
	(void)state;
	check_golden(&smallest, GOLDEN "smallest.conf");
}

static void test_everything(void **state)
{
	struct render_conf conf = smallest;

	(void)state;
	conf.router = (ipv4_t){0x0a4d00fd};
	conf.pxe_config = "pxelinux.cfg/default";
	conf.bundle = "guest.bundle";
	conf.boot_file = "releases/2026.11/aether_1.img";
	conf.tftp_root = "/srv/with space/tftp";
	conf.user = "aether";
	conf.hosts = three_hosts;
	conf.host_count = 3;
	check_golden(&conf, GOLDEN "everything.conf");
}

static void test_wide_network(void **state)
{
	struct render_conf conf = smallest;

	(void)state;
	conf.interface = "enp3s0f1.100";
	conf.server = (ipv4_t){0xac1f0000};
	conf.prefix_bits = 12;
	conf.range_first = (ipv4_t){0xac100001};
	conf.range_last = (ipv4_t){0xac1effff};
	conf.lease_s = 120;
	conf.tftp_max = 4096;
	check_golden(&conf, GOLDEN "wide-network.conf");
}

/* The most hosts there can be: the text fits the tool's buffer, and dnsmasq takes it. */
static void test_most_hosts(void **state)
{
	static struct render_host hosts[RENDER_HOSTS_MAX];
	static char names[RENDER_HOSTS_MAX][64];
	char path[] = "/tmp/render-XXXXXX";
	struct render_conf conf = smallest;
	struct provision_error error = {.text = ""};

	(void)state;
	conf.prefix_bits = 16;
	for (size_t i = 0; i < RENDER_HOSTS_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "node-%058zu", i);
		hosts[i] = (struct render_host){
			.mac = {0x02, 0, 0, 0, (uint8_t)(i >> 8), (uint8_t)i},
			.address = {0x0a4d1000 + (uint32_t)i},
			.name = names[i],
		};
	}
	conf.hosts = hosts;
	conf.host_count = RENDER_HOSTS_MAX;
	assert_true(render_dnsmasq(&conf, rendered, sizeof(rendered), &error) > 0);
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	write_text(path, rendered);
	int status = dnsmasq_test(path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(status, 0);
}

/* Each case changes one field of a good configuration; the sentence must name what is wrong. */
static void check_refused(const struct render_conf *conf, const char *sentence_start)
{
	struct provision_error error = {.text = ""};

	memset(rendered, 'x', 16);
	assert_int_equal(render_dnsmasq(conf, rendered, sizeof(rendered), &error), -1);
	assert_string_equal(rendered, "");
	if (strncmp(error.text, sentence_start, strlen(sentence_start)) != 0) {
		fail_msg("\"%s\" does not start with \"%s\"", error.text, sentence_start);
	}
}

#define REFUSE(field, value, sentence_start) \
	do { \
		struct render_conf conf_ = smallest; \
		conf_.field = value; \
		check_refused(&conf_, sentence_start); \
	} while (0)

static void test_refuses_network(void **state)
{
	(void)state;
	REFUSE(interface, NULL, "interface:");
	REFUSE(interface, "", "interface:");
	REFUSE(interface, "br0,br1", "interface:");
	REFUSE(interface, "br*", "interface:");
	REFUSE(interface, "a123456789012345", "interface:");
	REFUSE(prefix_bits, 7, "server:");
	REFUSE(prefix_bits, 31, "server:");
	REFUSE(server, (ipv4_t){0x0a4d0000}, "server:");
	REFUSE(server, (ipv4_t){0x0a4d00ff}, "server:");
	REFUSE(server, (ipv4_t){0x0a4d000a}, "range: it holds");
	REFUSE(server, (ipv4_t){0x0a4d00fa}, "range: it holds");
	REFUSE(range_first, (ipv4_t){0x0a4d00fb}, "range: its end");
	REFUSE(range_first, (ipv4_t){0x0a4c000a}, "range: 10.76.0.10");
	REFUSE(range_last, (ipv4_t){0x0a4d00ff}, "range: 10.77.0.255");
	REFUSE(router, (ipv4_t){0x0a4e0001}, "router: 10.78.0.1");
	REFUSE(lease_s, 119, "lease:");
}

static void test_refuses_files(void **state)
{
	char long_name[129];
	char long_path[1025];

	(void)state;
	memset(long_name, 'a', sizeof(long_name));
	long_name[128] = '\0';
	memset(long_path, '/', sizeof(long_path));
	long_path[1024] = '\0';
	REFUSE(boot_file, NULL, "boot file:");
	REFUSE(boot_file, "", "boot file:");
	REFUSE(boot_file, "/aether.img", "boot file:");
	REFUSE(boot_file, "../aether.img", "boot file:");
	REFUSE(boot_file, "a,b", "boot file:");
	REFUSE(boot_file, "a\nport=53", "boot file:");
	REFUSE(boot_file, long_name, "boot file:");
	REFUSE(pxe_config, "a b", "pxe config:");
	REFUSE(bundle, "a\nport=53", "bundle:");
	REFUSE(bundle, "../guest.bundle", "bundle:");
	REFUSE(tftp_root, NULL, "tftp root:");
	REFUSE(tftp_root, "tftp", "tftp root:");
	REFUSE(tftp_root, "/a,b", "tftp root:");
	REFUSE(tftp_root, "/a #b", "tftp root:");
	REFUSE(tftp_root, "/a ", "tftp root:");
	REFUSE(tftp_root, long_path, "tftp root:");
	REFUSE(lease_file, "/a\"b", "lease file:");
	REFUSE(log_file, "/a\nuser=root", "log file:");
	REFUSE(user, "", "user:");
	REFUSE(user, "0", "user:");
	REFUSE(user, "root,x", "user:");
	REFUSE(tftp_max, 0, "tftp max:");
	REFUSE(tftp_max, 65536, "tftp max:");
}

static void refuse_host(const struct render_host *second, const char *sentence_start)
{
	struct render_host hosts[2] = {three_hosts[0], *second};
	struct render_conf conf = smallest;

	conf.hosts = hosts;
	conf.host_count = 2;
	check_refused(&conf, sentence_start);
}

static void test_refuses_hosts(void **state)
{
	static const char *const names[] = {
		"", "ignore", "infinite", "10", "1h", "a,b", "a.b", "-a"};
	struct render_host host = three_hosts[1];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		host.name = names[i];
		refuse_host(&host, "host 2: '");
	}
	host = three_hosts[1];
	host.mac[0] = 0x01;
	refuse_host(&host, "host 2: its MAC address");
	memset(host.mac, 0, sizeof(host.mac));
	refuse_host(&host, "host 2: its MAC address");
	host = three_hosts[1];
	host.address.bits = 0x0a4e000c;
	refuse_host(&host, "host 2: 10.78.0.12");
	host.address = smallest.server;
	refuse_host(&host, "host 2: its address");
	host.address = three_hosts[0].address;
	refuse_host(&host, "host 2: its MAC or IP address is also host 1's");
	host = three_hosts[1];
	memcpy(host.mac, three_hosts[0].mac, sizeof(host.mac));
	refuse_host(&host, "host 2: its MAC or IP address is also host 1's");
}

/* Whatever the room, the text is whole or absent. */
static void test_refuses_to_truncate(void **state)
{
	struct provision_error error;
	int length = render_dnsmasq(&smallest, rendered, sizeof(rendered), &error);

	(void)state;
	assert_true(length > 0);
	for (size_t room = 0; room <= (size_t)length; room++) {
		char *text = malloc(room);

		assert_int_equal(render_dnsmasq(&smallest, text, room, &error), -1);
		assert_true(room == 0 || text[0] == '\0');
		free(text);
	}
	char *text = malloc((size_t)length + 1);
	assert_int_equal(render_dnsmasq(&smallest, text, (size_t)length + 1, &error), length);
	free(text);
}

static void test_tree_install(void **state)
{
	char root[] = "/tmp/tree-XXXXXX";
	char path[64];
	char source[64];
	struct provision_error error = {.text = ""};
	struct stat status;

	(void)state;
	assert_non_null(mkdtemp(root));
	(void)snprintf(path, sizeof(path), "%s/aether.img", root);
	(void)snprintf(source, sizeof(source), "%s/source", root);
	mode_t mask = umask(077);
	write_text(source, "one");
	assert_int_equal(tree_install(root, "aether.img", source, &error), 0);
	write_text(source, "and two");
	assert_int_equal(tree_install(root, "aether.img", source, &error), 0);
	(void)umask(mask);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0644);
	char *text = read_text(path);
	assert_string_equal(text, "and two");
	free(text);

	/* What is refused leaves the file as it was. */
	write_text(source, "");
	assert_int_equal(tree_install(root, "aether.img", source, &error), -1);
	assert_int_equal(tree_install(root, "aether.img", root, &error), -1);
	assert_int_equal(tree_install(root, "aether.img", "/nonexistent", &error), -1);
	assert_string_equal(error.text, "/nonexistent: No such file or directory");
	assert_int_equal(tree_install(root, "../aether.img", path, &error), -1);
	assert_int_equal(tree_install(root, ".hidden", path, &error), -1);
	assert_int_equal(tree_install(root, "", path, &error), -1);
	assert_int_equal(tree_install("/nonexistent", "a", path, &error), -1);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_size, 7);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unlink(source), 0);
	assert_int_equal(rmdir(root), 0); /* nothing else was left there */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smallest),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_wide_network),
		cmocka_unit_test(test_most_hosts),
		cmocka_unit_test(test_refuses_network),
		cmocka_unit_test(test_refuses_files),
		cmocka_unit_test(test_refuses_hosts),
		cmocka_unit_test(test_refuses_to_truncate),
		cmocka_unit_test(test_tree_install),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
