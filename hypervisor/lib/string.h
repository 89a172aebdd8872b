/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The part of <string.h> that the core, the service and the libraries built for them use. Meaning and
 * prototypes are ISO C's (C11 7.24); a test program on the host links the host's own.
 */
#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t bytes);
void *memmove(void *dst, const void *src, size_t bytes);
void *memset(void *dst, int value, size_t bytes);
int memcmp(const void *a, const void *b, size_t bytes);
void *memchr(const void *s, int value, size_t bytes);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max_bytes); /* POSIX: never reads past max_bytes */
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t max_bytes);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
