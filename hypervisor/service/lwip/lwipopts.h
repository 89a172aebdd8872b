/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * lwIP as the service builds it: no threads, IPv4, ARP, ICMP echo, UDP, TCP and DHCP. No heap: what lwIP calls malloc
 * takes from the pools of lwippools.h, and an empty pool is counted (net_counters()). Sizes are of hypervisor/service's
 * README.
 */

/* --- one loop --- */
#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_TIMERS 1

/* --- memory --- */
#define MEM_LIBC_MALLOC 0
#define MEMP_MEM_MALLOC 0
#define MEM_USE_POOLS 1
#define MEMP_USE_CUSTOM_POOLS 1
#define MEM_USE_POOLS_TRY_BIGGER_POOL 0
#define MEM_ALIGNMENT 8
#define MEMP_NUM_PBUF 32 /* what is sent from where it stands */
#define MEMP_NUM_UDP_PCB 3 /* DHCP, net_udp_open(), and one while it is opened anew */
#define MEMP_NUM_TCP_PCB 12 /* requests, and the connections that they have closed */
#define MEMP_NUM_TCP_PCB_LISTEN 1 /* never used; a pool has an element at least */
#define MEMP_NUM_TCP_SEG 256 /* out of order on arrival, or not acknowledged */
/* A received frame is copied to one of these. */
#define PBUF_POOL_SIZE 192
#define PBUF_POOL_BUFSIZE 1536
/* With two bytes in front of the Ethernet header, the IP header is aligned. */
#define ETH_PAD_SIZE 2

/* --- link --- */
#define LWIP_ARP 1
#define LWIP_ETHERNET 1
#define ARP_TABLE_SIZE 16
#define ARP_QUEUEING 0 /* the newest packet waits, others are dropped */
#define ETHARP_SUPPORT_STATIC_ENTRIES 0
#define ETHARP_TRUST_IP_MAC 0
#define LWIP_SINGLE_NETIF 1
#define LWIP_NETIF_HOSTNAME 0
#define LWIP_NETIF_STATUS_CALLBACK 0
#define LWIP_NETIF_LOOPBACK 0

/* --- IPv4 --- */
#define LWIP_IPV4 1
#define LWIP_IPV6 0
#define IP_FORWARD 0
#define IP_REASSEMBLY 0
#define IP_FRAG 0
#define IP_OPTIONS_ALLOWED 0
#define LWIP_ICMP 1
#define LWIP_BROADCAST_PING 0
#define LWIP_MULTICAST_PING 0
#define LWIP_RAW 0
#define LWIP_IGMP 0
#define LWIP_DNS 0
#define LWIP_ACD 0
#define LWIP_AUTOIP 0

/* --- DHCP: an address that a server gave is not probed --- */
#define LWIP_DHCP 1
#define LWIP_DHCP_DOES_ACD_CHECK 0
#define LWIP_DHCP_BOOTP_FILE 1 /* keeps siaddr */
#define LWIP_DHCP_GET_NTP_SRV 0
#define DHCP_CREATE_RAND_XID 1
/* Leases are counted in seconds, of any length; what is not renewed is asked for again until it has 4 s left; and a
 * server that is away is looked for every 8 s. */
#define DHCP_COARSE_TIMER_SECS 1
#define DHCP_TIMEOUT_SIZE_T u32_t
#define DHCP_DEFINE_CUSTOM_TIMEOUTS 1
#define NET_DHCP_SECONDS(s) ((s) == 0 ? 1u : (s) > 0x7fffffffu ? 0x7fffffffu : (s))
#define DHCP_SET_TIMEOUT_FROM_OFFERED_T0_LEASE(res, dhcp) ((res) = NET_DHCP_SECONDS((dhcp)->offered_t0_lease))
#define DHCP_SET_TIMEOUT_FROM_OFFERED_T1_RENEW(res, dhcp) ((res) = NET_DHCP_SECONDS((dhcp)->offered_t1_renew))
#define DHCP_SET_TIMEOUT_FROM_OFFERED_T2_REBIND(res, dhcp) ((res) = NET_DHCP_SECONDS((dhcp)->offered_t2_rebind))
#define DHCP_NEXT_TIMEOUT_THRESHOLD 4
#define DHCP_REQUEST_BACKOFF_SEQUENCE(tries) (u16_t)((tries) < 5 ? 250u << (tries) : 8000u)

/* --- UDP, TCP --- */
#define LWIP_UDP 1
#define LWIP_UDPLITE 0
#define LWIP_TCP 1
#define LWIP_ALTCP 0
#define LWIP_CALLBACK_API 1
#define TCP_LISTEN_BACKLOG 0
#define TCP_MSS 1460
/* 128 KiB in flight: 128 MB/s at 1 ms. All of it fits into the pool above, and into the card's buffers. */
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 2
#define TCP_WND (90 * TCP_MSS)
#define TCP_SND_BUF (8 * TCP_MSS)
#define TCP_SND_QUEUELEN 32
#define TCP_QUEUE_OOSEQ 1
#define LWIP_TCP_SACK_OUT 1
#define TCP_OOSEQ_MAX_PBUFS 100
#define LWIP_TCP_RTO_TIME 1000
#define TCP_MSL 500 /* ports are random: see LWIP_RAND */
#define TCP_SYNMAXRTX 4

/* --- checksums: nothing is left to the card --- */
#define CHECKSUM_GEN_IP 1
#define CHECKSUM_GEN_UDP 1
#define CHECKSUM_GEN_TCP 1
#define CHECKSUM_GEN_ICMP 1
#define CHECKSUM_CHECK_IP 1
#define CHECKSUM_CHECK_UDP 1
#define CHECKSUM_CHECK_TCP 1
#define CHECKSUM_CHECK_ICMP 1
#define LWIP_CHECKSUM_ON_COPY 0
#define LWIP_CHKSUM net_port_checksum

/* --- datagrams to no one are dropped before lwIP looks at them, and not answered --- */
#define LWIP_HOOK_IP4_INPUT(p, netif) net_port_filter(p, netif)

/* --- what cannot be guessed --- */
#define LWIP_HOOK_TCP_ISN(local_ip, local_port, remote_ip, remote_port) net_port_random()

/* --- counters --- */
#define LWIP_STATS 1
#define LWIP_STATS_LARGE 1
#define LWIP_STATS_DISPLAY 0
#define MEM_STATS 0
#define SYS_STATS 0
#define MIB2_STATS 1 /* TCP's retransmissions */
