/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The release manifest: what nodes are to run, as an immutable document. Everything in it is named by hash, so a
 * release is the same for ever; its id is the SHA-256 of its canonical text.
 *
 *     {
 *       "name": "edge", "version": "2026.11",
 *       "core":    {"sha256": HEX, "bytes": N},             // what aether.img is composed of, when it is served
 *       "service": {"sha256": HEX, "bytes": N},
 *       "guests": [                                         // 1 to 4; an element's place is the guest's slot
 *         {"name": "web", "vcpus": 2, "memory_mib": 512,    // 1 to 8, even
 *          "kernel":    {"sha256": HEX, "bytes": N, "version": "6.12"},     // a version may be left out
 *          "initramfs": {"sha256": HEX, "bytes": N},        // may be left out
 *          "bootargs": "console=ttyAMA0", "reset": "retain",                // or "fetch"
 *          "roles": [HEX, ...],                             // file overlays (release/files.h), in this order
 *          "device_tree": [HEX, ...],                       // device tree overlays (release/tree.h), in this order
 *          "per_node": ["bootargs", "files", "hostname"],   // what a node's assignment may set
 *          "ready": {"by": "line", "line": "aether: ready"}}  // or {"by": "call"}, {"by": "seconds", "seconds": 30}
 *       ],
 *       "minimum": {"controller": "0.1.0", "core": "0.1.0", "service": "0.1.0"},     // what has to run before
 *       "notes": "..."
 *     }
 *
 * From "bootargs" on all may be left out; what is left out, and what is given as it would be without, is the same
 * release.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"
#include "release/member.h"
#include "wire/manifest.h"

enum {
	RELEASE_DOCUMENT_MAX_BYTES = 64 << 10,
	RELEASE_NOTES_BYTES = 4096,
	RELEASE_LINE_BYTES = 128, /* of what a guest prints when it is ready */
	RELEASE_READY_SECONDS = 30,
	RELEASE_READY_SECONDS_MAX = 3600,
	RELEASE_OVERLAY_MAX = 8, /* of one kind, of one guest */
	RELEASE_MINIMUM_BYTES = 24,
	RELEASE_GUEST_MAX = MANIFEST_GUEST_MAX,
};
#define RELEASE_CORE_MAX_BYTES (UINT64_C(32) << 20)

struct release_blob {
	char sha256[MEMBER_SHA256_BYTES];
	uint64_t bytes;
	char version[MANIFEST_VERSION_BYTES]; /* "": not told */
};

enum release_ready_by { RELEASE_READY_BY_LINE, RELEASE_READY_BY_CALL, RELEASE_READY_BY_SECONDS };

struct release_ready {
	enum release_ready_by by;
	char line[RELEASE_LINE_BYTES];
	uint32_t seconds; /* without reset, panic line or power-off */
};

struct release_overlays {
	unsigned count;
	char sha256[RELEASE_OVERLAY_MAX][MEMBER_SHA256_BYTES];
};

struct release_guest {
	char name[MANIFEST_NAME_BYTES];
	uint32_t vcpus;
	uint32_t memory_mib;
	struct release_blob kernel;
	bool has_initramfs;
	struct release_blob initramfs;
	char bootargs[MANIFEST_BOOTARGS_BYTES];
	enum manifest_reset reset;
	struct release_overlays roles;
	struct release_overlays device_tree;
	bool may_bootargs; /* a node's assignment may set them */
	bool may_files;
	bool may_hostname;
	struct release_ready ready;
};

struct release_document {
	char id[MEMBER_SHA256_BYTES];
	char name[MANIFEST_NAME_BYTES];
	char version[MANIFEST_VERSION_BYTES];
	struct release_blob core;
	struct release_blob service;
	unsigned guest_count;
	struct release_guest guests[RELEASE_GUEST_MAX];
	char min_controller[RELEASE_MINIMUM_BYTES]; /* "": any */
	char min_core[RELEASE_MINIMUM_BYTES];
	char min_service[RELEASE_MINIMUM_BYTES];
	char notes[RELEASE_NOTES_BYTES];
};

/* False: *fail names the member and says what would be right; *release means nothing then. */
bool release_parse(struct release_document *release, const char *text, size_t bytes, struct fail *fail);
/* The canonical text, the caller's to free(); NULL: *fail. */
char *release_print(const struct release_document *release, struct fail *fail);

/* Versions are one to four numbers with dots between, like 0.1.0: below 0, 0 or above 0 as a is older, the same or
 * newer; a missing number is zero. Both were checked by release_version_is_valid(). */
bool release_version_is_valid(const char *version);
int release_version_compare(const char *a, const char *b);
/* A node that runs these versions may go to the release. False: *fail says which is too old, and what to do. */
bool release_check_minimum(const struct release_document *release, const char *controller, const char *core,
			   const char *service, struct fail *fail);

/* Every blob and overlay that it names, by hash, for what must not be collected: some may come twice. Stops, and
 * returns false, when `each` does. */
bool release_each_hash(const struct release_document *release, bool (*each)(void *argument, const char *sha256),
		       void *argument);
