/* SPDX-License-Identifier: Apache-2.0 */
/* Puts lwIP's statistics, the driver's and the DHCP client's together. */
#include <lwip/memp.h>
#include <lwip/stats.h>
#include <string.h>

#include "service/net.h"
#include "service/net_dhcp.h"
#include "service/net_internal.h"

/* lwIP keeps the names of its pools for debugging only; memp_std.h lists all that it makes. */
#define LWIP_MEMPOOL(name, count, size, words) words,
static const char *const pool_names[] = {
#include <lwip/priv/memp_std.h>
};

_Static_assert(sizeof(pool_names) / sizeof(pool_names[0]) == (size_t)MEMP_MAX, "a name for each");
_Static_assert((size_t)MEMP_MAX <= NET_POOL_MAX, "room for all");

/* lwIP counts a dropped packet in `drop`, and most of them with a reason. */
static void add_drops(struct net_counters *counters, const struct stats_proto *stats)
{
	const uint64_t reasons = (uint64_t)stats->chkerr + stats->lenerr + stats->opterr + stats->proterr +
				 stats->rterr + stats->memerr;

	counters->drops[NET_DROP_CHECKSUM] += stats->chkerr;
	counters->drops[NET_DROP_LENGTH] += (uint64_t)stats->lenerr + stats->opterr;
	counters->drops[NET_DROP_PROTOCOL] += stats->proterr;
	counters->drops[NET_DROP_ROUTE] += stats->rterr;
	counters->drops[NET_DROP_MEMORY] += stats->memerr;
	counters->drops[NET_DROP_OTHER] += stats->drop > reasons ? stats->drop - reasons : 0;
}

void net_counters(struct net_counters *counters)
{
	memset(counters, 0, sizeof(*counters));
	counters->nic = *net_nic_counters();
	add_drops(counters, &lwip_stats.link);
	add_drops(counters, &lwip_stats.etharp);
	add_drops(counters, &lwip_stats.ip);
	add_drops(counters, &lwip_stats.icmp);
	add_drops(counters, &lwip_stats.udp);
	add_drops(counters, &lwip_stats.tcp);
	counters->tcp_retransmits = lwip_stats.mib2.tcpretranssegs;
	net_dhcp_counters(counters);
	for (uint32_t i = 0; i < (uint32_t)MEMP_MAX; i++) {
		const struct stats_mem *pool = lwip_stats.memp[i];
		if (pool == NULL) { /* lwIP is not initialised */
			return;
		}
		counters->pools[counters->pool_count++] = (struct net_pool){
			.name = pool_names[i],
			.size = pool->avail,
			.used = pool->used,
			.most = pool->max,
			.exhausted = pool->err,
		};
	}
}
