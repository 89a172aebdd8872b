/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* lwIP's view of the compiler and of what is below it (net_port.c). */
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define BYTE_ORDER LITTLE_ENDIAN
#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_UNISTD_H 1
#ifndef SSIZE_MAX /* ssize_t is <sys/types.h>'s, not lwIP's own */
#define SSIZE_MAX LONG_MAX
#endif
#define LWIP_NO_CTYPE_H 1
/* lwIP's formats are never printed. */
#define X8_F "x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "zu"

#define PACK_STRUCT_STRUCT __attribute__((packed))

uint32_t net_port_random(void);
#define LWIP_RAND() net_port_random()
uint16_t net_port_checksum(const void *bytes, int count);

struct pbuf;
struct netif;
/* 1: the packet was dropped. */
int net_port_filter(struct pbuf *p, struct netif *netif);

/* A broken invariant of lwIP's: the service cannot go on, and the core starts a new one. */
_Noreturn void net_port_assert(const char *what, const char *file, int line);
#define LWIP_PLATFORM_ASSERT(x) net_port_assert(x, __FILE__, __LINE__)
#define LWIP_PLATFORM_DIAG(x) ((void)0)
