/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pools behind lwIP's mem_malloc(), the smallest first; lwIP includes this several times, each with another meaning
 * of the macros. For ARP and pings; DHCP, requests and heartbeats; full frames. An element begins with lwIP's struct
 * pbuf and the headers' 56 bytes.
 */
LWIP_MALLOC_MEMPOOL_START
LWIP_MALLOC_MEMPOOL(32, 256)
LWIP_MALLOC_MEMPOOL(16, 768)
LWIP_MALLOC_MEMPOOL(24, 1664)
LWIP_MALLOC_MEMPOOL_END
