/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal tells the fleet of: boots as they go, and as they go wrong. The fleet here writes it down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "observe/dhcp.h"
#include "observe/journal.h"
#include "unit/controller/small_wire.h"

static struct text said;
static struct journal *journal;
static int64_t now_ms;
static struct journal_place place = {.network = "br0", .server = WIRE_SERVER};

/* The fleet's part. */
void fleet_see(struct fleet *fleet, const struct fleet_sighting *sighting)
{
	assert_null(fleet);
	text_printf(&said, "see %02x %s arch=%x class=%s\n", sighting->mac[5], sighting->network, sighting->arch,
		    sighting->vendor_class);
}

void fleet_step_by_mac(struct fleet *fleet, const uint8_t mac[6], const struct fleet_step *step)
{
	assert_null(fleet);
	text_printf(&said, "%s %02x %s %lld%s %llu/%llu %s\n", step->kind, mac[5], step->detail,
		    (long long)step->start_ms, step->end_ms == 0 ? "" : "-end", (unsigned long long)step->bytes,
		    (unsigned long long)step->total, step->problem == NULL ? "" : step->problem);
	assert_true(step->end_ms == 0 || step->end_ms == now_ms);
}

void fleet_tell(struct fleet *fleet, const char *kind, const char *node, const struct fleet_who *who,
		const char *sentence)
{
	(void)fleet;
	(void)node;
	assert_null(who);
	text_printf(&said, "tell %s %s\n", kind, sentence);
}

static bool knows(void *argument, const uint8_t mac[6])
{
	return mac[5] == *(const uint8_t *)argument;
}

static void leased(void *argument, const struct observe_lease *lease)
{
	(void)argument;
	text_printf(&said, "lease %02x %08x %s %lld\n", lease->mac[5], lease->address, lease->interface,
		    (long long)lease->expires_ms);
}

static void expect(const char *text)
{
	assert_string_equal(said.bytes == NULL ? "" : said.bytes, text);
	text_reset(&said);
}

static void pass(int64_t ms)
{
	now_ms += ms;
	journal_pass(journal, now_ms);
}

static const struct journal_place ours = {.network = "br0", .server = WIRE_SERVER, .is_outgoing = true};

static void hear(const struct wire_frame *frame)
{
	assert_true(journal_frame(journal, &place, frame->bytes, frame->count, now_ms));
}

static void hear_ours(const struct wire_frame *frame)
{
	assert_true(journal_frame(journal, &ours, frame->bytes, frame->count, now_ms));
}

static void dhcp(uint8_t kind, const char *options, size_t count)
{
	struct wire_frame frame;

	const bool is_reply = kind == DHCP_OFFER || kind == DHCP_ACK;

	wire_dhcp(&frame, kind, is_reply ? WIRE_NODE : 0, options, count);
	(is_reply ? hear_ours : hear)(&frame);
}

static void from_node(uint16_t port, uint16_t to_port, const char *bytes, size_t count)
{
	struct wire_frame frame;

	wire_udp(&frame, 0, WIRE_NODE, port, WIRE_SERVER, to_port, bytes, count);
	hear(&frame);
}

static void from_server(uint16_t port, const char *bytes, size_t count)
{
	struct wire_frame frame;

	wire_udp(&frame, 0, WIRE_SERVER, 40000, WIRE_NODE, port, bytes, count);
	hear_ours(&frame);
}

#define FROM_NODE(port, literal) from_node((port), 40000, (literal), sizeof(literal) - 1)
#define ASK(port, literal) from_node((port), 69, "\0\1" literal, sizeof(literal) + 2)
#define FROM_SERVER(port, literal) from_server((port), (literal), sizeof(literal) - 1)

static void line(const char *text)
{
	struct dnsmasq_line parsed;

	assert_true(dnsmasq_parse(text, strlen(text), &parsed));
	journal_line(journal, &parsed, now_ms);
}

static int start(void **state)
{
	static uint8_t known = 1;
	const struct journal_options options = {.knows = knows, .leased = leased, .argument = &known};

	(void)state;
	journal = journal_new(&options);
	now_ms = 1000;
	return journal == NULL ? -1 : 0;
}

static int stop(void **state)
{
	(void)state;
	journal_free(journal);
	text_free(&said);
	return 0;
}

#define UBOOT "\074\014U-Boot.armv8\135\002\0\026"
#define OFFERED "\103\012aether.img"

static void boot(void)
{
	dhcp(DHCP_DISCOVER, UBOOT, sizeof(UBOOT) - 1);
	dhcp(DHCP_OFFER, OFFERED, sizeof(OFFERED) - 1);
	dhcp(DHCP_REQUEST, UBOOT, sizeof(UBOOT) - 1);
	dhcp(DHCP_ACK, OFFERED, sizeof(OFFERED) - 1);
	expect("see 01 br0 arch=16 class=U-Boot.armv8\noffer 01 10.77.0.11 1000-end 0/0 \n");
}

static void test_boot(void **state)
{
	(void)state;
	boot();
	ASK(1024, "aether.img\0octet\0blksize\0"
		  "1000\0tsize\0"
		  "0");
	FROM_SERVER(1024, "\0\6blksize\0"
			  "1000\0tsize\0"
			  "40500\0");
	FROM_NODE(1024, "\0\4\0\0");
	expect("");
	now_ms += 10;
	FROM_SERVER(1024, "\0\3\0\1xxxx");
	expect("file 01 aether.img 1000 0/40500 \n");
	FROM_NODE(1024, "\0\4\0\020"); /* too soon to tell, but not forgotten */
	expect("");
	pass(250);
	expect("file 01 aether.img 1000 16000/40500 \n");
	pass(50);
	expect("");
	now_ms += 300;
	FROM_NODE(1024, "\0\4\0\040");
	FROM_NODE(1024, "\0\4\0\040"); /* twice */
	expect("file 01 aether.img 1000 32000/40500 \n");
	line("dnsmasq-tftp: sent /srv/tftp/aether.img to 10.77.0.11");
	expect("");
	journal_sent(journal, WIRE_NODE, "/srv/tftp/aether.img", 40500, now_ms);
	expect("file 01 aether.img 1000-end 40500/40500 \n");
	journal_sent(journal, WIRE_NODE, "/srv/tftp/aether.img", 40500, now_ms);
	line("dnsmasq-tftp: sent /srv/tftp/aether.img to 10.77.0.11");
	pass(2000);
	expect(""); /* once is enough */
}

#define AN_HOUR "\063\004\0\0\016\020"
#define FOR_EVER "\063\004\377\377\377\377"

/* What our own server acknowledges, and nobody else's. */
static void test_lease(void **state)
{
	struct wire_frame frame;

	(void)state;
	dhcp(DHCP_ACK, AN_HOUR, sizeof(AN_HOUR) - 1);
	expect("lease 01 0a4d000b br0 3601000\n");
	dhcp(DHCP_ACK, FOR_EVER, sizeof(FOR_EVER) - 1);
	expect("lease 01 0a4d000b br0 0\n");
	dhcp(DHCP_ACK, "", 0);
	expect("");
	wire_dhcp(&frame, DHCP_ACK, WIRE_NODE, AN_HOUR, sizeof(AN_HOUR) - 1);
	hear(&frame);
	assert_null(strstr(said.bytes, "lease"));
	text_reset(&said);
}

static void test_log_alone(void **state)
{
	(void)state;
	boot();
	ASK(1024, "aether.img\0octet");
	FROM_SERVER(1024, "\0\3\0\1xxxx");
	text_reset(&said);
	line("dnsmasq-tftp: sent /srv/tftp/aether.img to 10.77.0.11");
	pass(500);
	expect("");
	pass(600);
	expect("file 01 aether.img 1000-end 0/0 \n");
	/* Of one that the wire did not show, the script knows. */
	journal_sent(journal, WIRE_NODE, "/srv/tftp/boot.scr", 99, now_ms);
	expect("file 01 boot.scr 2100-end 99/99 \n");
	journal_sent(journal, WIRE_NODE + 1, "/srv/tftp/boot.scr", 99, now_ms);
	expect("");
}

/* Told once in a while, and at once when it is in another network. */
static void test_moved(void **state)
{
	const struct journal_place before = place;

	(void)state;
	dhcp(DHCP_DISCOVER, UBOOT, sizeof(UBOOT) - 1);
	expect("see 01 br0 arch=16 class=U-Boot.armv8\n");
	dhcp(DHCP_DISCOVER, UBOOT, sizeof(UBOOT) - 1);
	expect("");
	place = (struct journal_place){.network = "br1", .server = WIRE_SERVER + 256};
	dhcp(DHCP_DISCOVER, UBOOT, sizeof(UBOOT) - 1);
	expect("see 01 br1 arch=16 class=U-Boot.armv8\n");
	place = before;
}

/* Whose a transfer is, from a lease alone, that is not over. */
static void test_leased(void **state)
{
	(void)state;
	journal_sent(journal, WIRE_NODE, "/srv/tftp/boot.scr", 99, now_ms);
	expect("");
	journal_leased(journal, wire_mac, WIRE_NODE, false);
	journal_sent(journal, WIRE_NODE, "/srv/tftp/boot.scr", 99, now_ms);
	expect("file 01 boot.scr 1000-end 99/99 \n");
	journal_leased(journal, wire_mac, WIRE_NODE + 1, false);
	journal_leased(journal, wire_mac, WIRE_NODE, true);
	pass(10000);
	journal_sent(journal, WIRE_NODE, "/srv/tftp/boot.scr", 99, now_ms);
	expect("");
	journal_sent(journal, WIRE_NODE + 1, "/srv/tftp/boot.scr", 99, now_ms);
	expect("file 01 boot.scr 11000-end 99/99 \n");
	journal_leased(journal, wire_mac, WIRE_NODE + 1, true);
	pass(10000);
	journal_sent(journal, WIRE_NODE + 1, "/srv/tftp/boot.scr", 99, now_ms);
	expect("");
}

/* Block numbers go round after 65535. */
static void test_wraps(void **state)
{
	(void)state;
	boot();
	ASK(1024, "aether.img\0octet");
	FROM_SERVER(1024, "\0\3\0\1xxxx");
	for (unsigned i = 0; i < 10; i++) {
		const char ack[4] = {0, 4, (char)(i * 0x40), 0};

		now_ms += 300;
		from_node(1024, 40000, ack, 4);
	}
	assert_non_null(strstr(said.bytes, "file 01 aether.img 1000 75497472/0 \n")); /* 9 * 0x4000 * 512 */
	text_reset(&said);
}

static void test_missing(void **state)
{
	(void)state;
	boot();
	ASK(1024, "pxelinux.cfg/default\0octet");
	FROM_SERVER(1024, "\0\5\0\1not found\0");
	line("dnsmasq-tftp: file /srv/tftp/pxelinux.cfg/default not found for 10.77.0.11");
	expect(""); /* one of many that it tries */
	ASK(1025, "aether.img\0octet");
	FROM_SERVER(1025, "\0\5\0\1not found\0");
	expect("file 01 aether.img 1000-end 0/0 file-missing\n");
	line("dnsmasq-tftp: file /srv/tftp/aether.img not found for 10.77.0.11");
	expect("");
	/* The log alone says so. */
	line("dnsmasq-tftp: file /srv/tftp/other.img not found for 10.77.0.11");
	expect("file 01 other.img 1000-end 0/0 file-missing\n");
}

static void test_cut(void **state)
{
	(void)state;
	boot();
	ASK(1024, "aether.img\0octet");
	FROM_SERVER(1024, "\0\3\0\1xxxx");
	FROM_NODE(1024, "\0\4\0\020");
	text_reset(&said);
	line("dnsmasq-tftp: failed sending /srv/tftp/aether.img to 10.77.0.11");
	expect("file 01 aether.img 1000-end 8192/0 transfer-cut\n");
	/* It was reset. */
	ASK(1025, "aether.img\0octet");
	FROM_SERVER(1025, "\0\3\0\1xxxx");
	text_reset(&said);
	now_ms += 70000;
	dhcp(DHCP_DISCOVER, UBOOT, sizeof(UBOOT) - 1);
	expect("file 01 aether.img 1000-end 0/0 transfer-cut\nsee 01 br0 arch=16 class=U-Boot.armv8\n");
	/* It said so. */
	ASK(1026, "aether.img\0octet");
	FROM_SERVER(1026, "\0\3\0\1xxxx");
	text_reset(&said);
	FROM_NODE(1026, "\0\5\0\0User aborted\0");
	expect("file 01 aether.img 71000-end 0/0 transfer-cut\n");
}

static void test_silence(void **state)
{
	(void)state;
	boot();
	ASK(1024, "aether.img\0octet");
	pass(2000);
	ASK(1024, "aether.img\0octet"); /* again */
	expect("");
	pass(2000);
	expect("file 01 aether.img 1000 0/0 \n"); /* from there on the fleet sees it stalled */
	pass(2000);
	expect("");
	line("dnsmasq-dhcp: DHCPDISCOVER(br0) 52:54:00:77:00:02 no address available");
	expect("discover 02  7000 0/0 no-offer\n");
}

#define PI                                                                                                           \
	"\074\040PXEClient:Arch:00000:UNDI:"                                                                         \
	"002001\135\002\0\0\141\021\0RPi4\022\061\300\0\062\247\355\211\235\156\357\345"

static void test_pi(void **state)
{
	(void)state;
	dhcp(DHCP_DISCOVER, PI, sizeof(PI) - 1);
	dhcp(DHCP_OFFER, "", 0);
	text_reset(&said);
	ASK(1024, "e5ef6e9d/start4.elf\0octet\0tsize\0"
		  "0");
	FROM_SERVER(1024, "\0\5\0\1not found\0");
	ASK(1025, "recovery.elf\0octet\0tsize\0"
		  "0");
	FROM_SERVER(1025, "\0\5\0\1not found\0");
	ASK(1026, "start4.elf\0octet\0tsize\0"
		  "0");
	FROM_SERVER(1026, "\0\6tsize\0"
			  "2000\0");
	FROM_NODE(1026, "\0\5\0\0Early terminate\0");
	line("dnsmasq-tftp: sent /srv/tftp/start4.elf to 10.77.0.11");
	journal_sent(journal, WIRE_NODE, "/srv/tftp/start4.elf", 2000, now_ms);
	pass(5000);
	expect(""); /* questions alone */
	ASK(1027, "config.txt\0octet");
	FROM_SERVER(1027, "\0\5\0\1not found\0");
	expect("file 01 config.txt 6000-end 0/0 file-missing\n");
}

static void test_strangers(void **state)
{
	const struct journal_place closed = {.network = "br0", .server = WIRE_SERVER, .ignores_unknown = true};
	struct wire_frame frame;

	(void)state;
	wire_dhcp(&frame, DHCP_DISCOVER, 0, UBOOT, sizeof(UBOOT) - 1);
	assert_true(journal_frame(journal, &closed, frame.bytes, frame.count, now_ms));
	assert_int_equal(journal_sightings(journal), 1);
	wire_payload(&frame)[33] = 2;
	assert_true(journal_frame(journal, &closed, frame.bytes, frame.count, now_ms));
	assert_int_equal(journal_sightings(journal), 1);
	text_reset(&said);
	/* Of a VLAN: not this network's. Something that is no DHCP. */
	wire_udp(&frame, 7, 0, 68, UINT32_MAX, 67, "x", 1);
	assert_true(journal_frame(journal, &place, frame.bytes, frame.count, now_ms));
	wire_udp(&frame, 0, 0, 68, UINT32_MAX, 67, "x", 1);
	assert_false(journal_frame(journal, &place, frame.bytes, frame.count, now_ms));
	expect("");
}

static void test_rival(void **state)
{
	const struct journal_place other = {.network = "br0", .server = WIRE_SERVER + 9};
	struct wire_frame frame;

	(void)state;
	wire_dhcp(&frame, DHCP_OFFER, WIRE_NODE, "", 0);
	for (int i = 0; i < 2; i++) {
		assert_true(journal_frame(journal, &other, frame.bytes, frame.count, now_ms));
	}
	expect("tell network.rival Another DHCP server, 10.77.0.1 (MAC 02:00:00:00:00:fe), answers on br0: turn it "
	       "off "
	       "there, or nodes get its addresses.\n");
}

/* What comes from the wire is not the server's, whatever address it bears; what this host sends is no client's. */
static void test_forged(void **state)
{
	struct wire_frame frame;

	(void)state;
	dhcp(DHCP_DISCOVER, UBOOT, sizeof(UBOOT) - 1);
	text_reset(&said);
	wire_dhcp(&frame, DHCP_OFFER, WIRE_NODE, "", 0);
	hear(&frame);
	assert_non_null(strstr(said.bytes, "tell network.rival Another DHCP server, 10.77.0.1 "));
	assert_null(strstr(said.bytes, "offer"));
	text_reset(&said);
	/* The address is not the node's. */
	journal_sent(journal, WIRE_NODE, "/srv/tftp/aether.img", 1, now_ms);
	expect("");
	wire_dhcp(&frame, DHCP_DISCOVER, 0, UBOOT, sizeof(UBOOT) - 1);
	wire_payload(&frame)[33] = 9;
	hear_ours(&frame);
	expect("");
	dhcp(DHCP_OFFER, "", 0);
	text_reset(&said);
	ASK(1024, "aether.img\0octet");
	wire_udp(&frame, 0, WIRE_SERVER, 40000, WIRE_NODE, 1024, "\0\5\0\1not found\0", 14);
	hear(&frame);
	expect("");
	wire_udp(&frame, 0, WIRE_NODE, 1024, WIRE_SERVER, 40000, "\0\5\0\0x\0", 6);
	hear_ours(&frame);
	FROM_SERVER(1024, "\0\3\0\1xxxx");
	expect("file 01 aether.img 1000 0/0 \n");
}

static unsigned lines_said(void)
{
	unsigned lines = 0;

	for (size_t i = 0; i < said.length; i++) {
		lines += said.bytes[i] == '\n';
	}
	text_reset(&said);
	return lines;
}

static void test_floods(void **state)
{
	struct wire_frame frame;

	(void)state;
	for (unsigned i = 0; i < 1000; i++, now_ms++) {
		dhcp(DHCP_DISCOVER, UBOOT, sizeof(UBOOT) - 1);
		dhcp(DHCP_OFFER, "", 0);
	}
	assert_int_equal(lines_said(), 4);
	/* Strangers, 10,000 a second. */
	for (unsigned i = 0; i < 20000; i++) {
		wire_dhcp(&frame, DHCP_DISCOVER, 0, UBOOT, sizeof(UBOOT) - 1);
		wire_payload(&frame)[32] = (uint8_t)(i >> 8);
		wire_payload(&frame)[31] = (uint8_t)(1 + (i >> 16));
		wire_payload(&frame)[33] = (uint8_t)(i | 0x80);
		now_ms += i % 10 == 0;
		hear(&frame);
	}
	const unsigned strangers = lines_said();

	assert_in_range(strangers, 3 * JOURNAL_STRANGERS - 10, 3 * JOURNAL_STRANGERS + 10);
	/* Whom the fleet knows is seen even then: it fell out of the table. */
	now_ms += 10000;
	for (unsigned i = 0; i < 2 * JOURNAL_STRANGERS; i++) {
		wire_payload(&frame)[30] = 7;
		wire_payload(&frame)[32] = (uint8_t)(i >> 8);
		wire_payload(&frame)[33] = (uint8_t)(i | 0x80);
		hear(&frame);
	}
	text_reset(&said);
	wire_payload(&frame)[33] = 1;
	hear(&frame);
	assert_int_equal(lines_said(), 1);
}

/* More clients and transfers than it has room for: the oldest are forgotten, the newest are known. */
static void test_many(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < 2 * JOURNAL_CLIENTS; i++) {
		struct wire_frame frame;

		wire_dhcp(&frame, DHCP_OFFER, 0x0b000000 + i, "", 0);
		wire_payload(&frame)[31] = (uint8_t)(i >> 16);
		wire_payload(&frame)[32] = (uint8_t)(i >> 8);
		wire_payload(&frame)[33] = (uint8_t)i;
		hear_ours(&frame);
		wire_udp(&frame, 0, 0x0b000000 + i, (uint16_t)i, WIRE_SERVER, 69, "\0\1aether.img\0octet\0", 19);
		hear(&frame);
		text_reset(&said);
	}
	journal_sent(journal, 0x0b000000 + 2 * JOURNAL_CLIENTS - 1, "/srv/aether.img", 1, now_ms);
	expect("file ff aether.img 1000-end 1/1 \n");
	journal_sent(journal, 0x0b000000, "/srv/aether.img", 1, now_ms);
	expect("");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_boot, start, stop),
		cmocka_unit_test_setup_teardown(test_lease, start, stop),
		cmocka_unit_test_setup_teardown(test_log_alone, start, stop),
		cmocka_unit_test_setup_teardown(test_moved, start, stop),
		cmocka_unit_test_setup_teardown(test_leased, start, stop),
		cmocka_unit_test_setup_teardown(test_wraps, start, stop),
		cmocka_unit_test_setup_teardown(test_missing, start, stop),
		cmocka_unit_test_setup_teardown(test_cut, start, stop),
		cmocka_unit_test_setup_teardown(test_silence, start, stop),
		cmocka_unit_test_setup_teardown(test_pi, start, stop),
		cmocka_unit_test_setup_teardown(test_strangers, start, stop),
		cmocka_unit_test_setup_teardown(test_rival, start, stop),
		cmocka_unit_test_setup_teardown(test_forged, start, stop),
		cmocka_unit_test_setup_teardown(test_floods, start, stop),
		cmocka_unit_test_setup_teardown(test_many, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
