/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet socket and its filter. The filter runs for every frame of the interface, so it keeps what is many away
 * from us: of TFTP's transfers, which use any port, it lets the first block of data and every 16th acknowledgement
 * through, cut short. Frames of a VLAN belong to another network.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "observe/open.h"

enum { RECEIVE_BYTES = 4 << 20, SHORT_BYTES = 192, WHOLE_BYTES = 2048 };

/* Where the program goes to, by index; the jumps below are relative to the next instruction. */
enum { IS_DATA = 25, IS_ACK = 27, IS_SHORT = 31, IS_WHOLE = 32, IS_NOTHING = 33 };
#define TO(here, target) ((uint8_t)((target) - (here) - 1))
#define LOAD(size, mode, k) BPF_STMT((uint16_t)(BPF_LD | (size) | (mode)), (uint32_t)(k))
#define IF_EQUAL(here, k, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), TO(here, yes), TO(here, no))
#define IF_SET(here, k, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (k), TO(here, yes), TO(here, no))

static struct sock_filter program[] = {
	[0] = LOAD(BPF_W, BPF_ABS, SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT),
	[1] = IF_EQUAL(1, 0, 5, 2),
	[2] = LOAD(BPF_W, BPF_ABS, SKF_AD_OFF + SKF_AD_VLAN_TAG),
	[3] = BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x0fff),
	[4] = IF_EQUAL(4, 0, 5, IS_NOTHING),
	[5] = LOAD(BPF_H, BPF_ABS, 12),
	[6] = IF_EQUAL(6, ETH_P_IP, 7, IS_NOTHING),
	[7] = LOAD(BPF_B, BPF_ABS, 23),
	[8] = IF_EQUAL(8, IPPROTO_UDP, 9, IS_NOTHING),
	[9] = LOAD(BPF_H, BPF_ABS, 20),
	[10] = IF_SET(10, 0x1fff, IS_NOTHING, 11), /* not the first fragment */
	[11] = BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14), /* X: length of the IPv4 header */
	[12] = LOAD(BPF_H, BPF_IND, 14), /* source port */
	[13] = IF_EQUAL(13, 67, IS_WHOLE, 14),
	[14] = IF_EQUAL(14, 68, IS_WHOLE, 15),
	[15] = IF_EQUAL(15, 69, IS_WHOLE, 16),
	[16] = LOAD(BPF_H, BPF_IND, 16), /* destination port */
	[17] = IF_EQUAL(17, 67, IS_WHOLE, 18),
	[18] = IF_EQUAL(18, 68, IS_WHOLE, 19),
	[19] = IF_EQUAL(19, 69, IS_WHOLE, 20),
	[20] = LOAD(BPF_H, BPF_IND, 22), /* TFTP's opcode, if it is TFTP */
	[21] = IF_EQUAL(21, 3, IS_DATA, 22),
	[22] = IF_EQUAL(22, 4, IS_ACK, 23),
	[23] = IF_EQUAL(23, 5, IS_SHORT, 24),
	[24] = IF_EQUAL(24, 6, IS_SHORT, IS_NOTHING),
	[IS_DATA] = LOAD(BPF_H, BPF_IND, 24), /* block */
	[26] = IF_EQUAL(26, 1, IS_SHORT, IS_NOTHING),
	[IS_ACK] = LOAD(BPF_H, BPF_IND, 18), /* UDP's length */
	[28] = IF_EQUAL(28, 12, 29, IS_NOTHING),
	[29] = LOAD(BPF_H, BPF_IND, 24),
	[30] = IF_SET(30, 15, IS_NOTHING, IS_SHORT),
	[IS_SHORT] = BPF_STMT(BPF_RET | BPF_K, SHORT_BYTES),
	[IS_WHOLE] = BPF_STMT(BPF_RET | BPF_K, WHOLE_BYTES),
	[IS_NOTHING] = BPF_STMT(BPF_RET | BPF_K, 0),
};

int observe_open(const char *interface, struct fail *fail)
{
	const struct sock_fprog filter = {.len = sizeof(program) / sizeof(program[0]), .filter = program};
	const unsigned index = if_nametoindex(interface);
	const int room = RECEIVE_BYTES;

	if (index == 0) {
		fail_set(fail, FAIL_INVALID, "%s: there is no such interface; see `ip link`", interface);
		return -1;
	}
	/* Protocol 0 until the filter is there: nothing else ever waits in the socket. */
	const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const struct sockaddr_ll at = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)index};

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) < 0 ||
	    bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
		fail_set(fail, FAIL_INTERNAL, "%s: no packet socket: %s%s", interface, strerror(errno),
			 errno == EPERM ? "; it needs CAP_NET_RAW" : "");
		if (fd >= 0) {
			(void)close(fd);
		}
		return -1;
	}
	/* Beyond the system's limit only for root; less is less, and counted as dropped. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	}
	return fd;
}
