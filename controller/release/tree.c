/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks and keeps device tree overlays.
 *
 * Invariant: what was taken applies to every guest's tree and leaves alone what describes the machine. The last word
 * has libfdt: the overlay is applied to a tree with the guest's nodes (tests/unit compares them with the service's
 * own).
 *
 * Hostile input: the blob. netboot/wire's tree_check() bounds its structure before anything looks into it. What libfdt
 * takes for granted when it applies one is checked here: it recurses by depth, and writes where __local_fixups__ says.
 */
#include "release/tree.h"

#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "wire/tree.h"

enum { DEPTH_MOST = 12, BASE_BYTES = 4096 };

/* Nodes of a guest's tree up to their '@' that describe its machine, or that Linux takes for such. */
static const char *const machine_nodes[] = {"apb-pclk", "cpus", "hypervisor",	   "intc", "memory", "pl011",
					    "pl031",	"psci", "reserved-memory", "timer"};
/* Of those, what the service makes. */
static const char *const made_nodes[] = {"memory@40000000", "cpus",	"psci",		 "intc@8000000",
					 "timer",	    "apb-pclk", "pl011@9000000", "pl031@9010000"};
/* Of the root of an overlay: what dtc writes there beside the fragments. */
static const char *const compiler_nodes[] = {"__fixups__", "__local_fixups__", "__symbols__"};
static const char *const chosen_own[] = {"bootargs",	     "kaslr-seed",	   "linux,elfcorehdr",
					 "linux,initrd-end", "linux,initrd-start", "linux,usable-memory-range",
					 "rng-seed",	     "stdout-path"};
static const char *const aliases_own[] = {"serial0"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_among(const char *name, size_t length, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) {
			return true;
		}
	}
	return false;
}

/* Names and paths come from the blob: printable, or not shown. */
static const char *shown(const char *name)
{
	for (const char *c = name; *c != '\0'; c++) {
		if (*c < ' ' || *c > '~') {
			return "(unprintable)";
		}
	}
	return name;
}

static bool refuse(struct fail *fail, const char *what, const char *name, const char *next)
{
	return fail_set(fail, FAIL_INVALID, "dtbo: %s \"%.60s\" %s", what, shown(name), next);
}

/* Linux takes memory and CPUs by device_type, wherever they stand. */
static bool check_depth_and_types(const void *dtbo, struct fail *fail)
{
	int depth = 0;

	for (int node = 0; node >= 0 && depth >= 0; node = fdt_next_node(dtbo, node, &depth)) {
		if (depth > DEPTH_MOST) {
			return fail_set(fail, FAIL_INVALID, "dtbo: nodes are nested deeper than %d: flatten it",
					DEPTH_MOST);
		}
		if (fdt_getprop(dtbo, node, "device_type", NULL) != NULL) {
			return fail_set(fail, FAIL_INVALID,
					"dtbo: a device_type is the machine's to say: leave it out");
		}
	}
	return true;
}

/* Each offset of a property of __local_fixups__ lies in the property of that name of the node of that name. */
static bool check_fixups_of(const void *dtbo, int fixups, int node)
{
	int property = 0;

	fdt_for_each_property_offset(property, dtbo, fixups)
	{
		const char *name = NULL;
		int bytes = 0;
		int length = 0;
		const fdt32_t *offsets = fdt_getprop_by_offset(dtbo, property, &name, &bytes);
		if (offsets == NULL || bytes % (int)sizeof(*offsets) != 0 ||
		    fdt_getprop(dtbo, node, name, &length) == NULL) {
			return false;
		}
		for (int i = 0; i < bytes / (int)sizeof(*offsets); i++) {
			if (length < 4 || fdt32_ld(&offsets[i]) > (uint32_t)length - 4) {
				return false;
			}
		}
	}
	return true;
}

/* The nodes of __local_fixups__ mirror the tree: root, fragment, __overlay__, and what is in it, which alone has
 * properties to change. */
static bool check_fixups(const void *dtbo, struct fail *fail)
{
	int tree[DEPTH_MOST + 1] = {0};
	int depth = 0;
	int node = fdt_path_offset(dtbo, "/__local_fixups__");
	bool is_good = node < 0 || fdt_first_property_offset(dtbo, node) < 0;

	for (node = node < 0 ? node : fdt_next_node(dtbo, node, &depth); is_good && node >= 0 && depth > 0;
	     node = fdt_next_node(dtbo, node, &depth)) {
		const char *name = fdt_get_name(dtbo, node, NULL);
		tree[depth] = name != NULL ? fdt_subnode_offset(dtbo, tree[depth - 1], name) : -1;
		is_good = tree[depth] >= 0 && (depth != 1 || fdt_first_property_offset(dtbo, node) < 0) &&
			  (depth != 2 || strcmp(name, "__overlay__") == 0) && check_fixups_of(dtbo, node, tree[depth]);
	}
	return is_good ||
	       fail_set(fail, FAIL_INVALID,
			"dtbo: its __local_fixups__ names what it does not have: compile it again with dtc -@");
}

/* `own` are properties that the node itself writes there. */
static bool check_properties(const void *dtbo, int node, const char *where, const char *const *own, size_t count,
			     struct fail *fail)
{
	int property = 0;

	fdt_for_each_property_offset(property, dtbo, node)
	{
		const char *name = NULL;
		if (fdt_getprop_by_offset(dtbo, property, &name, NULL) == NULL || name == NULL) {
			return fail_set(fail, FAIL_INVALID, "dtbo: a property of %s cannot be read: compile it again",
					where);
		}
		if (own == NULL || is_among(name, strlen(name), own, count)) {
			return fail_set(
				fail, FAIL_INVALID,
				"dtbo: %s's property \"%.60s\" is the machine's: leave it out (parameters of the "
				"kernel are bootargs)",
				where, shown(name));
		}
	}
	return true;
}

static bool check_chosen(const void *dtbo, int node, struct fail *fail)
{
	return check_properties(dtbo, node, "/chosen", chosen_own, COUNT(chosen_own), fail);
}

static bool check_aliases(const void *dtbo, int node, struct fail *fail)
{
	return check_properties(dtbo, node, "/aliases", aliases_own, COUNT(aliases_own), fail);
}

static bool check_root(const void *dtbo, int overlay, struct fail *fail)
{
	int node = 0;

	if (!check_properties(dtbo, overlay, "/", NULL, 0, fail)) {
		return false;
	}
	fdt_for_each_subnode(node, dtbo, overlay)
	{
		const char *name = fdt_get_name(dtbo, node, NULL);
		/* libfdt finds "intc@8000000" by "intc", so the name up to '@' decides. */
		const size_t stem = name != NULL ? strcspn(name, "@") : 0;
		if (name == NULL || stem == 0) {
			return fail_set(fail, FAIL_INVALID, "dtbo: a node without a name in /: give it one");
		}
		if (is_among(name, stem, machine_nodes, COUNT(machine_nodes)) || strncmp(name, "__", 2) == 0) {
			return refuse(fail, "node", name,
				      "describes the machine, which an overlay cannot change: leave it out");
		}
		if (strcmp(name, "chosen") == 0 ? !check_chosen(dtbo, node, fail)
						: strcmp(name, "aliases") == 0 && !check_aliases(dtbo, node, fail)) {
			return false;
		}
	}
	return true;
}

static bool check_fragment(const void *dtbo, int fragment, struct fail *fail)
{
	const char *name = fdt_get_name(dtbo, fragment, NULL);
	const int overlay = fdt_subnode_offset(dtbo, fragment, "__overlay__");
	int length = 0;
	const char *target = fdt_getprop(dtbo, fragment, "target-path", &length);

	if (name == NULL || overlay < 0) {
		return refuse(fail, "node", name != NULL ? name : "", "has no __overlay__: compile it with dtc -@");
	}
	if (fdt_getprop(dtbo, fragment, "target", NULL) != NULL) {
		return refuse(fail, "fragment", name,
			      "names its target by a label, which a guest's tree does not have: give target-path");
	}
	if (target == NULL || length <= 0 || memchr(target, 0, (size_t)length) != target + length - 1) {
		return refuse(fail, "fragment", name, "has no target-path that is one string: give one");
	}
	if (strcmp(target, "/") == 0) {
		return check_root(dtbo, overlay, fail);
	}
	if (strcmp(target, "/chosen") == 0) {
		return check_chosen(dtbo, overlay, fail);
	}
	if (strcmp(target, "/aliases") == 0) {
		return check_aliases(dtbo, overlay, fail);
	}
	return refuse(fail, "target-path", target, "is not what an overlay may change: give /, /chosen or /aliases");
}

static bool check_fragments(const void *dtbo, struct fail *fail)
{
	unsigned count = 0;
	int node = 0;

	fdt_for_each_subnode(node, dtbo, 0)
	{
		const char *name = fdt_get_name(dtbo, node, NULL);
		/* libfdt takes every node with an __overlay__ for a fragment, whatever it is called. */
		if (name != NULL && is_among(name, strlen(name), compiler_nodes, COUNT(compiler_nodes)) &&
		    fdt_subnode_offset(dtbo, node, "__overlay__") < 0) {
			continue;
		}
		if (++count > TREE_FRAGMENT_MAX) {
			return fail_set(fail, FAIL_INVALID, "dtbo: it has more than %d fragments: make several of it",
					TREE_FRAGMENT_MAX);
		}
		if (!check_fragment(dtbo, node, fail)) {
			return false;
		}
	}
	return count != 0 || fail_set(fail, FAIL_INVALID, "dtbo: it has no fragment: nothing would change");
}

static bool check_labels(const void *dtbo, struct fail *fail)
{
	return fdt_path_offset(dtbo, "/__fixups__") < 0 ||
	       fail_set(fail, FAIL_INVALID,
			"dtbo: it refers to labels of the tree below it, which has none: refer to its own nodes alone");
}

/* The nodes of a guest's tree, without what is in them. */
static int make_base(void *base, size_t size)
{
	int status = fdt_create_empty_tree(base, (int)size);

	for (size_t i = 0; i < COUNT(made_nodes) && status == 0; i++) {
		const int node = fdt_add_subnode(base, 0, made_nodes[i]);
		status = node < 0 ? node : 0;
		if (status == 0 && strcmp(made_nodes[i], "intc@8000000") == 0) {
			status = fdt_setprop_u32(base, node, "phandle", 1);
		}
	}
	for (unsigned i = 0; i < 2 && status == 0; i++) {
		const int node = fdt_add_subnode(base, 0, i == 0 ? "aliases" : "chosen");
		status = node < 0 ? node : 0;
	}
	return status;
}

/* libfdt writes into both of its trees. Labels that others could refer to have no use: there is nobody. */
static bool check_applies(const void *dtbo, size_t bytes, struct fail *fail)
{
	const size_t room = BASE_BYTES + 4 * bytes;
	void *base = malloc(room);
	void *copy = malloc(bytes);
	int status = -FDT_ERR_NOSPACE;

	if (base == NULL || copy == NULL) {
		free(base);
		free(copy);
		return fail_set(fail, FAIL_UNAVAILABLE, "Memory is short: try again");
	}
	memcpy(copy, dtbo, bytes);
	status = make_base(base, room);
	const int labels = fdt_path_offset(copy, "/__symbols__");
	if (status == 0 && labels >= 0) {
		status = fdt_nop_node(copy, labels);
	}
	if (status == 0) {
		status = fdt_overlay_apply(base, copy);
	}
	free(copy);
	if (status == 0) {
		status = tree_check(base, room);
	}
	free(base);
	return status == 0 || fail_set(fail, FAIL_INVALID,
				       "dtbo: it cannot be applied to a guest's tree (%s): compile it "
				       "again",
				       fdt_strerror(status));
}

bool tree_check_dtbo(const void *dtbo, size_t bytes, struct fail *fail)
{
	if (bytes > TREE_DTBO_MAX_BYTES) {
		return fail_set(fail, FAIL_TOO_LARGE, "dtbo: it has %zu bytes, %d are the most", bytes,
				TREE_DTBO_MAX_BYTES);
	}
	const int broken = tree_check(dtbo, bytes);
	if (broken != 0) {
		return fail_set(fail, FAIL_INVALID,
				"dtbo: it is not a sound device tree (%s): compile it with dtc -@ -O dtb",
				fdt_strerror(broken));
	}
	if (fdt_totalsize(dtbo) != bytes) {
		return fail_set(fail, FAIL_INVALID, "dtbo: %u bytes are its own, %zu were given: give the file alone",
				fdt_totalsize(dtbo), bytes);
	}
	if (fdt_num_mem_rsv(dtbo) != 0) {
		return fail_set(fail, FAIL_INVALID, "dtbo: it reserves memory, which is the machine's: leave that out");
	}
	return check_depth_and_types(dtbo, fail) && check_fragments(dtbo, fail) && check_labels(dtbo, fail) &&
	       check_fixups(dtbo, fail) && check_applies(dtbo, bytes, fail);
}
