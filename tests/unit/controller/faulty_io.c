/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/controller/faulty_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int __real_openat(int at, const char *name, int flags, mode_t mode);
ssize_t __real_write(int fd, const void *bytes, size_t count);
ssize_t __real_pread(int fd, void *bytes, size_t count, off_t offset);
int __real_fchmod(int fd, mode_t mode);
int __real_fsync(int fd);
int __real_renameat(int from_at, const char *from, int to_at, const char *to);
int __wrap_openat(int at, const char *name, int flags, ...);
ssize_t __wrap_write(int fd, const void *bytes, size_t count);
ssize_t __wrap_pread(int fd, void *bytes, size_t count, off_t offset);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fsync(int fd);
int __wrap_renameat(int from_at, const char *from, int to_at, const char *to);

static unsigned fail_at;
static enum io_fault kind;
static int error_code;
static unsigned counted;
static char trace[256];

void io_fail_at(unsigned n, enum io_fault fault, int error)
{
	fail_at = n;
	kind = fault;
	error_code = error;
	counted = 0;
	trace[0] = '\0';
}

unsigned io_count(void)
{
	return counted;
}

const char *io_trace(void)
{
	return trace;
}

static bool is_due(char letter)
{
	if (counted + 1 < sizeof(trace)) {
		trace[counted] = letter;
		trace[counted + 1] = '\0';
	}
	counted++;
	if (fail_at == 0 || counted < fail_at || (counted > fail_at && kind != IO_SHORT)) {
		return false;
	}
	if (kind == IO_DIE) {
		_exit(IO_DIED);
	}
	errno = error_code;
	return true;
}

int __wrap_openat(int at, const char *name, int flags, ...)
{
	va_list arguments;
	va_start(arguments, flags);
	const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
	va_end(arguments);
	return (flags & O_CREAT) != 0 && is_due('o') ? -1 : __real_openat(at, name, flags, mode);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t count)
{
	if (fd == STDERR_FILENO || !is_due('w')) {
		return __real_write(fd, bytes, count);
	}
	return kind == IO_SHORT && counted == fail_at && count > 1 ? __real_write(fd, bytes, count / 2) : -1;
}

ssize_t __wrap_pread(int fd, void *bytes, size_t count, off_t offset)
{
	return is_due('r') ? -1 : __real_pread(fd, bytes, count, offset);
}

int __wrap_fchmod(int fd, mode_t mode)
{
	return is_due('m') ? -1 : __real_fchmod(fd, mode);
}

int __wrap_fsync(int fd)
{
	return is_due('s') ? -1 : __real_fsync(fd);
}

int __wrap_renameat(int from_at, const char *from, int to_at, const char *to)
{
	return is_due('n') ? -1 : __real_renameat(from_at, from, to_at, to);
}
