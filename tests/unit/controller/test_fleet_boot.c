/* SPDX-License-Identifier: Apache-2.0 */
/* From the first packet to a running guest, and each way in which that fails, by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "fleet/own.h"
#include "unit/controller/fleet_bed.h"

static struct seen see_mac(unsigned number)
{
	struct text text = {.bytes = NULL};
	char mac[32];
	char next[ID_BYTES];
	char id[ID_BYTES] = "";

	(void)snprintf(mac, sizeof(mac), "52:54:00:00:%02x:%02x", number >> 8, number & 255u);
	const struct fleet_filter filter = {.text = mac};

	bed_settle();
	if (fleet_list(bed.fleet, &filter, &text, next) == 1) {
		(void)sscanf(text.bytes, "{\"id\":\"%12[^\"]", id);
	}
	text_free(&text);
	return bed_see_id(id);
}

static void step(unsigned number, const char *kind, const char *detail, bool is_end, uint64_t bytes,
		 const char *problem)
{
	const uint8_t mac[6] = {0x52, 0x54, 0, 0, (uint8_t)(number >> 8), (uint8_t)number};
	struct fleet_step s = {.kind = kind, .start_ms = clock_wall_ms(), .bytes = bytes, .problem = problem};

	(void)snprintf(s.detail, sizeof(s.detail), "%s", detail);
	s.end_ms = is_end ? clock_wall_ms() : 0;
	fleet_step_by_mac(bed.fleet, mac, &s);
}

static void discover(unsigned number)
{
	struct fleet_sighting sighting;

	bed_sighting(&sighting, number);
	fleet_see(bed.fleet, &sighting);
}

static void load_image(unsigned number)
{
	discover(number);
	bed_pass(100);
	step(number, "offer", "10.77.0.9", true, 0, NULL);
	step(number, "file", "aether.img", false, 0, NULL);
	bed_pass(500);
	step(number, "file", "aether.img", true, 700000, NULL);
}

static void has_why(unsigned number, enum shown_state state, const char *words)
{
	const struct seen seen = see_mac(number);

	assert_true(seen.is_there);
	if (seen.shown != state || strstr(seen.json, words) == NULL) {
		print_error("%s is not %s with \"%s\"\n", seen.json, shown_text(state), words);
		fail();
	}
}

static void a_packet_makes_a_card(void **state)
{
	struct fleet_sighting phone;
	struct bus_event event;

	(void)state;
	const uint64_t before = bus_newest(bed.bus);
	discover(1);
	assert_int_equal(bus_next(bed.bus, before, BUS_NODES, &event), 1); /* at once: nothing waits for the disk */
	assert_non_null(strstr(event.json, "52:54:00:00:00:01"));
	bus_release(&event);
	has_why(1, SHOWN_DISCOVERED, "seen on the network");
	assert_int_equal(bed_count("SELECT count(*) FROM node WHERE admission = 'discovered'"), 1);
	discover(1);
	assert_int_equal(bed_count("SELECT count(*) FROM node"), 1);
	bed_sighting(&phone, 2);
	(void)snprintf(phone.vendor_class, sizeof(phone.vendor_class), "android-dhcp-14");
	fleet_see(bed.fleet, &phone);
	assert_int_equal(bed_count("SELECT count(*) FROM node"), 1);
}

static void the_waterfall_of_a_whole_boot(void **state)
{
	struct machine machine;
	struct fail why;
	struct text text = {.bytes = NULL};
	static const char *const kinds[] = {"discover", "offer", "file", "hello", "blob"};

	(void)state;
	load_image(1);
	machine_make(&machine, 1, 0x1001);
	machine_says_hello(&machine);
	step(1, "blob", "0123abcd", false, 100, NULL);
	const struct seen seen = bed_see(0x1001);
	assert_int_equal(bed_count("SELECT count(*) FROM node"), 1); /* the sighting and the hello are one */
	assert_true(fleet_boots(bed.fleet, seen.id, 5, &text, &why));
	const char *at = text.bytes;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char word[32];

		(void)snprintf(word, sizeof(word), "\"kind\":\"%s\"", kinds[i]);
		at = strstr(at, word);
		assert_non_null(at);
	}
	text_free(&text);
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'boot.problem'"), 0);
}

static void each_failure_has_its_name(void **state)
{
	(void)state;
	discover(1);
	bed_pass(10100);
	has_why(1, SHOWN_FAILED, "no-offer");
	discover(2);
	step(2, "offer", "10.77.0.2", true, 0, NULL);
	bed_pass(20100);
	has_why(2, SHOWN_FAILED, "no-file");
	discover(3);
	step(3, "offer", "10.77.0.3", true, 0, NULL);
	step(3, "file", "aether.img", true, 0, "file-missing");
	has_why(3, SHOWN_FAILED, "asked for the file aether.img");
	discover(4);
	step(4, "file", "aether.img", false, 0, NULL);
	bed_pass(5000);
	step(4, "file", "aether.img", false, 1000, NULL); /* it moves */
	bed_pass(9000);
	has_why(4, SHOWN_DISCOVERED, "");
	bed_pass(1100);
	has_why(4, SHOWN_FAILED, "transfer-stalled");
	step(4, "file", "aether.img", true, 2000, "transfer-cut");
	has_why(4, SHOWN_FAILED, "cut off");
	load_image(5);
	bed_pass(30100);
	has_why(5, SHOWN_FAILED, "no-hello");
	assert_int_equal(bed_count("SELECT count(*) FROM boot WHERE outcome = 'no-hello'"), 1);
	/* Each was told once. */
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'boot.problem'"), 6);
}

static void asking_on_is_one_problem(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		discover(1);
		bed_pass(2000);
	}
	has_why(1, SHOWN_FAILED, "no-offer");
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'boot.problem'"), 1);
	step(1, "offer", "10.77.0.9", true, 0, NULL);
	has_why(1, SHOWN_DISCOVERED, "");
}

static void a_loop_is_named(void **state)
{
	struct machine machine;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		discover(1);
		step(1, "offer", "10.77.0.9", true, 0, NULL);
		step(1, "file", "aether.img", true, 0, "file-missing");
		bed_pass(5000);
	}
	has_why(1, SHOWN_FAILED, "boot-loop");
	has_why(1, SHOWN_FAILED, "file-missing");
	assert_true(bed_count("SELECT count(*) FROM event WHERE kind = 'boot.problem'") <= 4);
	/* It is over when it runs. */
	machine_make(&machine, 1, 0x1001);
	machine_says_hello(&machine);
	machine_run(&machine);
	has_why(1, SHOWN_RUNNING, "\"problem\":null");
}

static void a_script_is_no_loop(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		bed_pass(60000);
		discover(1);
		step(1, "file", "boot.scr.uimg", true, 800, NULL);
		discover(1); /* the script asks for an address anew */
		step(1, "file", "aether.img", true, 700000, NULL);
	}
	const struct seen seen = see_mac(1);
	assert_null(strstr(seen.json, "boot-loop"));
	assert_int_equal(bed_count("SELECT count(*) FROM boot"), 1);
}

static void no_beat_and_a_guest_that_fails(void **state)
{
	struct machine machine;
	struct fail why;
	uint8_t manifest[32] = {1};

	(void)state;
	assert_true(fleet_set_release(bed.fleet, manifest, &why));
	machine_make(&machine, 1, 0x1001);
	machine_says_hello(&machine);
	bed_pass(20000);
	const struct seen seen = bed_see(0x1001);
	assert_true(fleet_admit(bed.fleet, seen.id, ACT_APPROVE, 0, &bed_who, &why));
	machine_says_hello(&machine);
	bed_pass(15100);
	has_why(1, SHOWN_FAILED, "no-beat");
	for (unsigned i = 0; i < 3; i++) {
		assert_true(machine_beat(&machine, WIRE_GUEST_LOADING));
		bed_settle();
		bed_pass(1000);
	}
	has_why(1, SHOWN_BOOTING, "starts its guest");
	for (unsigned i = 0; i < 3; i++) {
		machine.beat.guests[0].reason = WIRE_REASON_NO_MEMORY;
		assert_true(machine_beat(&machine, WIRE_GUEST_FAILED));
		bed_pass(1000);
	}
	has_why(1, SHOWN_FAILED, "the node has no memory for it");
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'boot.problem'"), 2);
}

static void discovered_ones_are_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4200; i++) {
		discover(i);
		if (i % 100 == 0) {
			bed_settle();
			bed_pass(500); /* no faster than sightings are taken */
		}
	}
	assert_int_equal(bed_count("SELECT count(*) FROM node"), 4096);
	assert_false(see_mac(0).is_there);
	assert_true(see_mac(4199).is_there);
}

static void power_off_is_off(void **state)
{
	struct machine machine;

	(void)state;
	machine_make(&machine, 1, 0x1001);
	machine_run(&machine);
	const struct seen seen = bed_see(0x1001);
	fleet_power(bed.fleet, seen.id, false);
	has_why(1, SHOWN_OFF, "off");
	bed_pass(20000);
	has_why(1, SHOWN_OFF, "off"); /* not "down": it is known */
	discover(1);
	has_why(1, SHOWN_BOOTING, "asks for an address");
}

static size_t approved(uint8_t macs[4][6])
{
	return fleet_approved_macs(bed.fleet, macs, 4);
}

static void discover_closed(unsigned number)
{
	struct fleet_sighting sighting;

	bed_sighting(&sighting, number);
	sighting.is_closed = true;
	fleet_see(bed.fleet, &sighting);
}

/* Where only approved nodes are answered, no answer is nothing that failed; once approved it is. */
static void a_closed_network(void **state)
{
	uint8_t macs[4][6];
	struct fail fail;

	(void)state;
	discover_closed(1);
	bed_pass(BOOT_NO_OFFER_MS + 1000);
	has_why(1, SHOWN_DISCOVERED, "is not answered");
	assert_int_equal(bed_count("SELECT count(*) FROM event WHERE kind = 'boot.problem'"), 0);
	assert_int_equal(approved(macs), 0);
	const uint64_t before = fleet_admissions(bed.fleet);

	assert_true(fleet_admit(bed.fleet, see_mac(1).id, ACT_APPROVE, 0, &bed_who, &fail));
	assert_true(fleet_admissions(bed.fleet) > before);
	assert_int_equal(approved(macs), 1);
	assert_memory_equal(macs[0], "\x52\x54\0\0\0\1", 6);
	bed_pass(1000);
	has_why(1, SHOWN_BOOTING, "\"boot\":null");
	discover_closed(1);
	bed_pass(BOOT_NO_OFFER_MS - 1000);
	has_why(1, SHOWN_BOOTING, "asks for an address");
	bed_pass(2000);
	has_why(1, SHOWN_FAILED, "no-offer");
	assert_true(fleet_admit(bed.fleet, see_mac(1).id, ACT_RETIRE, 0, &bed_who, &fail));
	assert_int_equal(approved(macs), 0);
	/* It is seen where all are answered: there silence is a failure again. */
	discover_closed(2);
	discover(2);
	bed_pass(BOOT_NO_OFFER_MS + 1000);
	has_why(2, SHOWN_FAILED, "no-offer");
}

/* The list must be one that dnsmasq takes, whatever approved nodes say of their addresses. */
static void each_address_once(void **state)
{
	static const uint8_t first[6] = {0x52, 0x54, 0, 0, 0, 1}, many[6] = {0x53, 0x54, 0, 0, 0, 9}, none[6] = {0};
	const uint8_t *const claimed[] = {first, many, none};
	uint8_t macs[4][6];
	struct fail fail;

	(void)state;
	for (unsigned i = 1; i <= 2; i++) {
		discover(i);
		assert_true(fleet_admit(bed.fleet, see_mac(i).id, ACT_APPROVE, 0, &bed_who, &fail));
	}
	const struct seen two = see_mac(2);

	fleet_lock(bed.fleet);
	for (unsigned i = 0; i < 3; i++) {
		node_add_mac(bed.fleet, node_by_id(bed.fleet, two.id), claimed[i]);
	}
	fleet_unlock(bed.fleet);
	assert_int_equal(approved(macs), 2);
	assert_int_equal(macs[0][5] + macs[1][5], 1 + 2);
	assert_int_equal(fleet_approved_macs(bed.fleet, macs, 1), 2); /* no more than there is room for */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, bed_make, bed_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_packet_makes_a_card),
		CASE(the_waterfall_of_a_whole_boot),
		CASE(each_failure_has_its_name),
		CASE(asking_on_is_one_problem),
		CASE(a_loop_is_named),
		CASE(a_script_is_no_loop),
		CASE(no_beat_and_a_guest_that_fails),
		CASE(discovered_ones_are_bounded),
		CASE(power_off_is_off),
		CASE(a_closed_network),
		CASE(each_address_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
