/* SPDX-License-Identifier: Apache-2.0 */
/*
 * initramfs: writes an archive (netboot/wire/newc.h) from a list, so that device nodes need no root and the same
 * input gives the same bytes.
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
#include "wire/newc.h"

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
};

static void put_bytes(void *argument, const void *bytes, size_t size)
{
	struct archive *a = argument;

	if (a->out.size + size > a->room) {
		a->room = 2 * (a->out.size + size);
		a->out.bytes = realloc(a->out.bytes, a->room);
		if (a->out.bytes == NULL) {
			file_fail("no memory for %zu bytes", a->room);
		}
	}
	memcpy(a->out.bytes + a->out.size, bytes, size);
	a->out.size += size;
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
static int put_line(struct newc *newc, const char *line, char **sources, int source_count)
{
	char name[256];
	char other[256];
	struct newc_entry e = {.name = name};

	if (sscanf(line, "dir /%255s %o", name, &e.mode) == 2) {
		e.mode |= S_IFDIR;
	} else if (sscanf(line, "file /%255s %o %255s", name, &e.mode, other) == 3) {
		const struct file file = read_source(other, sources, source_count);
		e.mode |= S_IFREG;
		e.bytes = file.bytes;
		if (file.size > UINT32_MAX) {
			file_fail("%s: %zu bytes are more than an archive's entry takes", other, file.size);
		}
		e.size = (uint32_t)file.size;
	} else if (sscanf(line, "link /%255s %255s", name, other) == 2) {
		e.mode = S_IFLNK | 0777;
		e.bytes = other;
		e.size = (uint32_t)strlen(other);
	} else if (sscanf(line, "char /%255s %o %u %u", name, &e.mode, &e.device_major,
			  &e.device_minor) == 4) {
		e.mode |= S_IFCHR;
	} else {
		return 0;
	}
	newc_put(newc, &e);
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
	struct archive archive = {.room = 0};
	struct newc newc = {.put = put_bytes, .argument = &archive, .mtime = read_epoch()};
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
		if (!put_line(&newc, line, argv + 3, argc - 3)) {
			file_fail("%s:%u: cannot read \"%.*s\"; see initramfs without arguments",
				  argv[1], number, (int)strcspn(line, "\n"), line);
		}
	}
	fclose(list);
	newc_finish(&newc, 512);
	file_write(argv[2], archive.out.bytes, archive.out.size);
	return 0;
}
