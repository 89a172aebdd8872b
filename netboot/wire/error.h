/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Why something that came over the wire was refused: a code, up to two numbers and a name, made into
 * words only where they are shown. X(symbol, words): {a}, {b} and {name} stand for the details.
 */
#include <stddef.h>
#include <stdint.h>

#define WIRE_ERRORS(X)                                                                             \
	X(OK, "no error")                                                                          \
	X(BUNDLE_SHORT_HEADER, "{a} bytes received, fewer than the {b} of a header")               \
	X(BUNDLE_MAGIC, "it does not begin with AETHERBN")                                         \
	X(BUNDLE_VERSION, "version {a} is not the known version {b}")                              \
	X(BUNDLE_HEADER_SIZE, "header size {a} is not {b}")                                        \
	X(BUNDLE_RESERVED, "the reserved word is {a}, not zero")                                   \
	X(BUNDLE_TRUNCATED, "total size {a} is larger than the {b} bytes received")                \
	X(BUNDLE_TRAILING, "total size {a} is smaller than the {b} bytes received")                \
	X(BUNDLE_TOO_LARGE, "total size {a} is over the limit of {b} bytes")                       \
	X(BUNDLE_MANIFEST_SIZE, "manifest size {a} is outside 40 to {b} bytes")                    \
	X(BUNDLE_MANIFEST_END, "the manifest ends at {a}, behind the bundle's {b} bytes")          \
	X(BUNDLE_MANIFEST_HASH, "the manifest's SHA-256 is not the header's")                      \
	X(BUNDLE_BLOB_END, "{name} ends at {a}, behind the bundle's {b} bytes")                    \
	X(BUNDLE_UNCLAIMED, "the last blob ends at {a}, total size is {b}")                        \
	X(MANIFEST_FDT, "manifest: not a sound device tree (libfdt error {a})")                    \
	X(MANIFEST_SIZE, "manifest: its device tree has {a} bytes, the header says {b}")           \
	X(MANIFEST_COMPATIBLE, "manifest: not compatible with aether,manifest-v1")                 \
	X(MANIFEST_MISSING, "manifest: {name} is missing")                                         \
	X(MANIFEST_PROPERTY, "manifest: {name} has {a} bytes, not {b}")                            \
	X(MANIFEST_STRING_LONG, "manifest: {name} has {a} characters, more than {b}")              \
	X(MANIFEST_STRING_EMPTY, "manifest: {name} is empty")                                      \
	X(MANIFEST_STRING_CHARACTER, "manifest: {name} has a character that is not allowed ({a})") \
	X(MANIFEST_STRING_END, "manifest: {name} is not one NUL-terminated string")                \
	X(MANIFEST_NO_GUESTS, "manifest: it has no guests")                                        \
	X(MANIFEST_GUESTS, "manifest: it has more than {b} guests")                                \
	X(MANIFEST_GUEST_ORDER, "manifest: {name} has reg {a}, its place is {b}")                  \
	X(MANIFEST_GUEST_TWICE, "manifest: two guests are called {name}")                          \
	X(MANIFEST_VCPUS, "manifest: {name} is {a}, outside 1 to {b}")                             \
	X(MANIFEST_MEMORY, "manifest: {name} is {a}, not an even number from 2 to {b}")            \
	X(MANIFEST_RESET, "manifest: {name} is neither \"retain\" nor \"fetch\"")                     \
	X(MANIFEST_BLOB_SIZE, "manifest: {name} is {a}, outside 1 to {b}")                         \
	X(MANIFEST_SPACE, "manifest: it does not fit into {b} bytes")                                      \
	X(MESSAGE_SHORT, "{name}: {a} bytes received, fewer than {b}")                             \
	X(MESSAGE_LARGE, "{name}: {a} bytes, over the limit of {b}")                               \
	X(MESSAGE_MAGIC, "{name}: it does not begin as one")                                       \
	X(MESSAGE_VERSION, "{name}: version {a} is not the known version {b}")                     \
	X(MESSAGE_SIZE, "{name}: it says {a} bytes, {b} were received")                            \
	X(MESSAGE_TYPE, "{name}: type {a} is not expected")                                        \
	X(MESSAGE_RESERVED, "{name}: a reserved field is {a}, not zero")                           \
	X(MESSAGE_ZERO, "{name} is zero")                                                          \
	X(MESSAGE_VALUE, "{name} is {a}, the limit is {b}")                                        \
	X(TLV_TRUNCATED, "a field of {a} bytes where {b} are left")                                \
	X(TLV_SHORT, "{name} has {a} bytes, fewer than {b}")                                       \
	X(TLV_LONG, "{name} has {a} bytes, more than {b}")                                         \
	X(TLV_TWICE, "{name} is there twice")                                                      \
	X(TLV_MISSING, "{name} is missing")                                                        \
	X(TLV_CHARACTER, "{name} has a character that is not allowed ({a})")

enum wire_err {
#define X(symbol, words) WIRE_##symbol,
	WIRE_ERRORS(X)
#undef X
};

enum { WIRE_ERROR_NAME_BYTES = 64, WIRE_ERROR_TEXT_BYTES = 192 };

struct wire_error {
	enum wire_err code;
	uint64_t a;
	uint64_t b;
	char name[WIRE_ERROR_NAME_BYTES]; /* NUL terminated, cut where it was longer */
};

/* The error in words, cut to size - 1 characters, always NUL terminated. Returns text. */
const char *wire_error_text(const struct wire_error *error, char *text, size_t size);
