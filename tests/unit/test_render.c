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

static const struct render_network one_network = {
	.interface = "br0",
	.server = {0x0a4d0001},
	.prefix_bits = 24,
	.range_first = {0x0a4d000a},
	.range_last = {0x0a4d00fa},
	.lease_s = 3600,
};

static const struct render_conf smallest = {
	.networks = &one_network,
	.network_count = 1,
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
	struct render_network network = one_network;

	(void)state;
	conf.networks = &network;
	network.router = (ipv4_t){0x0a4d00fd};
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
	struct render_network network = one_network;

	(void)state;
	conf.networks = &network;
	network.interface = "enp3s0f1.100";
	network.server = (ipv4_t){0xac1f0000};
	network.prefix_bits = 12;
	network.range_first = (ipv4_t){0xac100001};
	network.range_last = (ipv4_t){0xac1effff};
	network.lease_s = 120;
	conf.tftp_max = 4096;
	check_golden(&conf, GOLDEN "wide-network.conf");
}

static const ipv4_t dns[] = {{0x0a4d00fd}, {0x09090909}};
static const ipv4_t ntp[] = {{0x0a4d00fd}};

static const struct render_network two_networks[] = {
	{
		.interface = "enp2s0",
		.server = {0x0a4d0001},
		.prefix_bits = 24,
		.range_first = {0x0a4d000a},
		.range_last = {0x0a4d00fa},
		.router = {0x0a4d00fd},
		.dns = dns,
		.dns_count = 2,
		.ntp = ntp,
		.ntp_count = 1,
		.lease_s = 3600,
	},
	{
		.interface = "enp3s0.7",
		.server = {0xc0a80001},
		.prefix_bits = 16,
		.range_first = {0xc0a80100},
		.range_last = {0xc0a8ffff - 1},
		.lease_s = 600,
		.unknown = RENDER_IGNORE,
	},
};

static const struct render_conf of_controller = {
	.networks = two_networks,
	.network_count = 2,
	.nodes = 3000,
	.boot_file = "aether.img",
	.tftp_root = "/var/lib/aether/tftp",
	.lease_script = "/usr/lib/aether/aether-lease",
	.hosts_file = "/var/lib/aether/dnsmasq.hosts",
	.hosts = three_hosts,
	.host_count = 3,
};

/* The controller's way: leases kept elsewhere, hosts in a file, the log to standard error. */
static void test_controller(void **state)
{
	struct render_conf conf = of_controller;

	(void)state;
	check_golden(&conf, GOLDEN "controller.conf");
	conf.has_pi_files = true;
	conf.nodes = 3;
	check_golden(&conf, GOLDEN "controller-pi.conf");
}

static void test_observe(void **state)
{
	struct render_network network = one_network;
	struct render_host hosts[2] = {three_hosts[0], three_hosts[1]};
	struct render_conf conf = of_controller;

	(void)state;
	network.unknown = RENDER_OBSERVE;
	conf.networks = &network;
	conf.network_count = 1;
	conf.hosts_file = NULL;
	hosts[1].address.bits = 0; /* known, and any address will do */
	conf.hosts = hosts;
	conf.host_count = 2;
	conf.nodes = 0;
	check_golden(&conf, GOLDEN "observe.conf");
}

static void test_hosts_file(void **state)
{
	struct render_conf conf = of_controller;
	struct provision_error error = {.text = ""};

	(void)state;
	assert_true(render_hosts(&conf, rendered, sizeof(rendered), &error) > 0);
	assert_string_equal(rendered, "52:54:00:77:00:01,10.77.0.11,node1\n"
				      "dc:a6:32:a7:ed:89,10.77.0.12\n"
				      "52:54:00:77:00:03,10.77.0.254,a-1h\n");
	conf.host_count = 0;
	assert_int_equal(render_hosts(&conf, rendered, sizeof(rendered), &error), 0);
	assert_string_equal(rendered, "");
}

/* The most hosts there can be: the text fits the tool's buffer, and dnsmasq takes it. */
static void test_most_hosts(void **state)
{
	static struct render_host hosts[RENDER_HOSTS_MAX];
	static char names[RENDER_HOSTS_MAX][64];
	char path[] = "/tmp/render-XXXXXX";
	struct render_conf conf = smallest;
	struct render_network network = one_network;
	struct provision_error error = {.text = ""};

	(void)state;
	conf.networks = &network;
	network.prefix_bits = 16;
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

#define REFUSE_NETWORK(field, value, sentence_start) \
	do { \
		struct render_network network_ = one_network; \
		network_.field = value; \
		REFUSE(networks, &network_, sentence_start); \
	} while (0)

static void test_refuses_network(void **state)
{
	(void)state;
	REFUSE_NETWORK(interface, NULL, "interface:");
	REFUSE_NETWORK(interface, "", "interface:");
	REFUSE_NETWORK(interface, "br0,br1", "interface:");
	REFUSE_NETWORK(interface, "br*", "interface:");
	REFUSE_NETWORK(interface, "a123456789012345", "interface:");
	REFUSE_NETWORK(prefix_bits, 7, "server:");
	REFUSE_NETWORK(prefix_bits, 31, "server:");
	REFUSE_NETWORK(server, (ipv4_t){0x0a4d0000}, "server:");
	REFUSE_NETWORK(server, (ipv4_t){0x0a4d00ff}, "server:");
	REFUSE_NETWORK(server, (ipv4_t){0x0a4d000a}, "range: it holds");
	REFUSE_NETWORK(server, (ipv4_t){0x0a4d00fa}, "range: it holds");
	REFUSE_NETWORK(range_first, (ipv4_t){0x0a4d00fb}, "range: its end");
	REFUSE_NETWORK(range_first, (ipv4_t){0x0a4c000a}, "range: 10.76.0.10");
	REFUSE_NETWORK(range_last, (ipv4_t){0x0a4d00ff}, "range: 10.77.0.255");
	REFUSE_NETWORK(router, (ipv4_t){0x0a4e0001}, "router: 10.78.0.1");
	REFUSE_NETWORK(lease_s, 119, "lease:");
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
	REFUSE(tftp_max, 65536, "tftp max:");
}

static void test_refuses_networks(void **state)
{
	struct render_network twice[2] = {one_network, one_network};
	struct render_conf conf = smallest;
	static const ipv4_t nobody[] = {{0}};

	(void)state;
	REFUSE(network_count, 0, "networks: 0");
	REFUSE(network_count, RENDER_NETWORKS_MAX + 1, "networks: 17");
	conf.networks = twice;
	conf.network_count = 2;
	check_refused(&conf, "networks: br0 and br0");
	twice[1].interface = "br1";
	check_refused(&conf, "networks: br0 and br1");
	twice[1] = one_network;
	twice[1].dns = nobody;
	twice[1].dns_count = 1;
	check_refused(&conf, "dns: server 1");
	twice[1].dns_count = RENDER_SERVERS_MAX + 1;
	check_refused(&conf, "dns: 5");
	REFUSE(lease_file, NULL, "lease file: without");
	REFUSE(lease_script, "lease", "lease script:");
	REFUSE(lease_script, "/usr/lib/a b", "lease script:");
	REFUSE(lease_script, "/usr/lib/a;b", "lease script:");
	REFUSE(lease_script, "/usr/lib/$(a)", "lease script:");
	REFUSE(hosts_file, "/a,b", "hosts file:");
	REFUSE(nodes, 100001, "nodes:");
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
	host.address = one_network.server;
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

static void test_tree_install_all(void **state)
{
	char from[] = "/tmp/tree-XXXXXX";
	char root[sizeof(from) + 8];
	char path[64];
	struct provision_error error = {.text = ""};

	(void)state;
	assert_non_null(mkdtemp(from));
	(void)snprintf(root, sizeof(root), "%s/root", from); /* a folder in it: passed over */
	assert_int_equal(mkdir(root, 0755), 0);
	assert_int_equal(tree_install_all(root, from, &error), -1);
	assert_non_null(strstr(error.text, "no file in it"));
	(void)snprintf(path, sizeof(path), "%s/start4.elf", from);
	write_text(path, "firmware");
	assert_int_equal(tree_install_all(root, from, &error), 0);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/start4.elf", root);
	char *text = read_text(path);
	assert_string_equal(text, "firmware");
	free(text);
	assert_int_equal(tree_install_all(root, "/nonexistent", &error), -1);
	assert_string_equal(error.text, "/nonexistent: No such file or directory");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(root), 0);
	assert_int_equal(rmdir(from), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smallest),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_wide_network),
		cmocka_unit_test(test_controller),
		cmocka_unit_test(test_observe),
		cmocka_unit_test(test_hosts_file),
		cmocka_unit_test(test_most_hosts),
		cmocka_unit_test(test_refuses_network),
		cmocka_unit_test(test_refuses_networks),
		cmocka_unit_test(test_refuses_files),
		cmocka_unit_test(test_refuses_hosts),
		cmocka_unit_test(test_refuses_to_truncate),
		cmocka_unit_test(test_tree_install),
		cmocka_unit_test(test_tree_install_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
