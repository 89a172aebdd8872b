/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TFTP tree on disk. TFTP has no authentication: whatever stands in this folder is public to the
 * network, so files get there by name, one at a time, and never by a link. A file is written beside
 * its place and moved there, because a node may be in the middle of reading the one it replaces.
 */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES_MAX 64u

static bool is_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t length = strnlen(name, NAME_BYTES_MAX);

	return length > 0 && length < NAME_BYTES_MAX && name[0] != '.' && name[0] != '-' &&
	       strspn(name, allowed) == length;
}

/* Copies all of `from` to `to`; -1 with errno. */
static int copy(int from, int to)
{
	static char buffer[1 << 16];

	for (;;) {
		ssize_t got = read(from, buffer, sizeof(buffer));
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) {
			return (int)got;
		}
		for (ssize_t done = 0; done < got;) {
			ssize_t put = write(to, buffer + done, (size_t)(got - done));
			if (put < 0 && errno != EINTR) {
				return -1;
			}
			done += put > 0 ? put : 0;
		}
	}
}

/* Copies `from` to the new file `temporary` in the folder `root_fd` and moves it to `name`. */
static int replace(int root_fd, const char *temporary, const char *name, int from)
{
	/* What a killed run left under that name goes first; O_EXCL then never follows a link. */
	(void)unlinkat(root_fd, temporary, 0);
	int to = openat(root_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (to < 0) {
		return -1;
	}
	/* dnsmasq, started as root, serves only what everybody may read; the umask may say less. */
	bool is_copied = fchmod(to, 0644) == 0 && copy(from, to) == 0;
	if (close(to) < 0 || !is_copied || renameat(root_fd, temporary, root_fd, name) < 0) {
		int why = errno;
		(void)unlinkat(root_fd, temporary, 0);
		errno = why;
		return -1;
	}
	return 0;
}

int tree_install(
	const char *root, const char *name, const char *source, struct provision_error *error)
{
	char temporary[NAME_BYTES_MAX + 8];
	struct stat status;

	if (!is_name(name)) {
		return provision_fail(
			error, "tftp tree: '%.64s' cannot be a file's name there", name);
	}
	(void)snprintf(temporary, sizeof(temporary), ".%s.new", name);
	int root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0) {
		return provision_fail(error, "%s: %s", root, strerror(errno));
	}
	int from = open(source, O_RDONLY | O_CLOEXEC);
	int result = -1;
	if (from < 0 || fstat(from, &status) < 0) {
		(void)provision_fail(error, "%s: %s", source, strerror(errno));
	} else if (!S_ISREG(status.st_mode) || status.st_size == 0) {
		(void)provision_fail(error, "%s: not a file with something in it", source);
	} else if (replace(root_fd, temporary, name, from) < 0) {
		(void)provision_fail(error, "%s/%s: %s", root, name, strerror(errno));
	} else {
		result = 0;
	}
	if (from >= 0) {
		(void)close(from);
	}
	(void)close(root_fd);
	return result;
}

/* 1: installed; 0: passed over; -1. */
static int install_entry(
	const char *root, const char *from, const char *name, struct provision_error *error)
{
	char source[PATH_MAX];
	struct stat status;

	if (name[0] == '.') {
		return 0;
	}
	if (snprintf(source, sizeof(source), "%s/%s", from, name) >= (int)sizeof(source)) {
		return provision_fail(error, "%s: a longer path than there can be", from);
	}
	if (stat(source, &status) == 0 && S_ISDIR(status.st_mode)) {
		return 0;
	}
	return tree_install(root, name, source, error) < 0 ? -1 : 1;
}

int tree_install_all(const char *root, const char *from, struct provision_error *error)
{
	DIR *folder = opendir(from);
	int count = 0;
	int result = 0;

	if (folder == NULL) {
		return provision_fail(error, "%s: %s", from, strerror(errno));
	}
	for (const struct dirent *entry; result >= 0 && (entry = readdir(folder)) != NULL;) {
		result = install_entry(root, from, entry->d_name, error);
		count += result > 0 ? 1 : 0;
		if (count > TREE_FILES_MAX) {
			result = provision_fail(error, "%s: more than %d files", from, TREE_FILES_MAX);
		}
	}
	(void)closedir(folder);
	if (result >= 0 && count == 0) {
		return provision_fail(error, "%s: no file in it", from);
	}
	return result < 0 ? -1 : 0;
}
