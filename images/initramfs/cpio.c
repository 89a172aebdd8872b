/* SPDX-License-Identifier: Apache-2.0 */
/*
 * initramfs: writes a newc cpio archive (Linux, Documentation/driver-api/early-userspace/buffer-format.rst)
 * from a list, so that device nodes need no root and the same input gives the same bytes.
 *
 * The archive's order is the list's, every owner is root, every time SOURCE_DATE_EPOCH. The list names
 * paths in the archive; the files that are put there come from the command line as KEY=PATH.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "../bundle/file.h"

static const char usage[] = "usage: initramfs LIST OUTPUT [KEY=PATH...]\n"
			    "\n"
			    "Lines of LIST (blank ones and those that begin with # are skipped):\n"
			    "  dir  NAME MODE\n"
			    "  file NAME MODE KEY\n"
			    "  link NAME TARGET\n"
			    "  char NAME MODE MAJOR MINOR\n";

struct archive {
	struct file out;
	size_t room;
	uint32_t next_inode;
	uint32_t mtime;
};

struct entry {
	const char *name; /* without the leading slash */
	uint32_t mode;
	uint32_t device_major;
	uint32_t device_minor;
	const void *bytes;
	size_t size;
};

static void put_bytes(struct archive *a, const void *bytes, size_t size)
{
	if (a->out.size + size > a->room) {
		a->room = 2 * (a->out.size + size);
		a->out.bytes = realloc(a->out.bytes, a->room);
		if (a->out.bytes == NULL) {
			file_fail("no memory for %zu bytes", a->room);
		}
	}
	if (size != 0) {
		memcpy(a->out.bytes + a->out.size, bytes, size);
	}
	a->out.size += size;
}

static void put_padding(struct archive *a, size_t align)
{
	static const uint8_t zeros[512];

	put_bytes(a, zeros, (align - a->out.size % align) % align);
}

static void put_entry(struct archive *a, const struct entry *e)
{
	char header[6 + 13 * 8 + 1];
	const size_t name_size = strlen(e->name) + 1;

	snprintf(header, sizeof(header),
		 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", a->next_inode++,
		 e->mode, 0u, 0u, 1u, a->mtime, (uint32_t)e->size, 0u, 0u, e->device_major,
		 e->device_minor, (uint32_t)name_size, 0u);
	put_bytes(a, header, sizeof(header) - 1);
	put_bytes(a, e->name, name_size);
	put_padding(a, 4);
	put_bytes(a, e->bytes, e->size);
	put_padding(a, 4);
}

static struct file read_source(const char *key, char **sources, int count)
{
	const size_t length = strlen(key);

	for (int i = 0; i < count; i++) {
		if (strncmp(sources[i], key, length) == 0 && sources[i][length] == '=') {
			return file_read(sources[i] + length + 1);
		}
	}
	file_fail("%s: the list wants this file, give %s=PATH", key, key);
}

/* Puts one line of the list into the archive; returns 0 if it cannot be read. */
static int put_line(struct archive *a, const char *line, char **sources, int source_count)
{
	char name[256];
	char other[256];
	struct entry e = {.name = name};

	if (sscanf(line, "dir /%255s %o", name, &e.mode) == 2) {
		e.mode |= S_IFDIR;
	} else if (sscanf(line, "file /%255s %o %255s", name, &e.mode, other) == 3) {
		const struct file file = read_source(other, sources, source_count);
		e.mode |= S_IFREG;
		e.bytes = file.bytes;
		e.size = file.size;
	} else if (sscanf(line, "link /%255s %255s", name, other) == 2) {
		e.mode = S_IFLNK | 0777;
		e.bytes = other;
		e.size = strlen(other);
	} else if (sscanf(line, "char /%255s %o %u %u", name, &e.mode, &e.device_major,
			  &e.device_minor) == 4) {
		e.mode |= S_IFCHR;
	} else {
		return 0;
	}
	put_entry(a, &e);
	return 1;
}

static uint32_t read_epoch(void)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");

	if (text == NULL) {
		return 0;
	}
	char *end = NULL;
	errno = 0;
	const unsigned long value = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value > UINT32_MAX) {
		file_fail("SOURCE_DATE_EPOCH: \"%s\" is not a number of seconds", text);
	}
	return (uint32_t)value;
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fputs(usage, stderr);
		return 2;
	}
	struct archive archive = {.next_inode = 1, .mtime = read_epoch()};
	FILE *list = fopen(argv[1], "re");
	char line[600];
	unsigned int number = 0;

	if (list == NULL) {
		file_fail("%s: %s", argv[1], strerror(errno));
	}
	while (fgets(line, sizeof(line), list) != NULL) {
		number++;
		if (line[0] == '#' || line[0] == '\n') {
			continue;
		}
		if (!put_line(&archive, line, argv + 3, argc - 3)) {
			file_fail("%s:%u: cannot read \"%.*s\"; see initramfs without arguments",
				  argv[1], number, (int)strcspn(line, "\n"), line);
		}
	}
	fclose(list);
	put_entry(&archive, &(struct entry){.name = "TRAILER!!!"});
	put_padding(&archive, 512);
	file_write(argv[2], archive.out.bytes, archive.out.size);
	return 0;
}
