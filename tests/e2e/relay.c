/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wire with faults between one QEMU (`-netdev dgram` on unix sockets) and a tap: each frame is delayed, and by the
 * seed lost, doubled, or held back so that later ones overtake it. What happens to the n-th frame of a direction
 * depends on the seed and n alone. It ends at SIGTERM or SIGINT and prints what it did.
 *
 *     relay --local PATH --remote PATH --tap NAME [--seed N] [--delay US] [--loss PPM] [--double PPM] [--reorder PPM]
 *           [--hold US] [--start MS]
 *
 * It binds the socket at --local, QEMU's is --remote. --delay is for each way; --hold is how long a frame that is held
 * back stays longer than others (2000); before --start there are no faults but the delay. A queue that is full drops,
 * and counts it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FRAME_BYTES 2048u
#define QUEUE_FRAMES 2048u
#define TURN_FRAMES 64u
#define AGAIN_US 100u
#define PPM 1000000u

struct frame {
	uint64_t due_us;
	size_t bytes;
	uint8_t data[FRAME_BYTES];
};

/* Frames in the order of their time; `order` holds places in frames[]. */
struct direction {
	const char *name;
	int to;
	const struct sockaddr_un *address; /* NULL: written, not sent */
	uint64_t random;
	struct frame frames[QUEUE_FRAMES];
	uint16_t order[QUEUE_FRAMES];
	uint16_t spare[QUEUE_FRAMES];
	size_t count;
	size_t spare_count;

	uint64_t again_us; /* not before: its reader was full */

	uint64_t frames_in, bytes_in, lost, doubled, held, full, failed, waits;
	size_t longest;
};

static struct {
	uint64_t seed;
	uint64_t delay_us;
	uint64_t loss;
	uint64_t twice;
	uint64_t reorder;
	uint64_t hold_us;
	uint64_t start_us;
} settings = {.seed = 1, .hold_us = 2000};

static struct direction to_net = {.name = "from-node"};
static struct direction to_node = {.name = "to-node"};
static struct sockaddr_un remote = {.sun_family = AF_UNIX};
static volatile sig_atomic_t must_end;

static void on_signal(int number)
{
	(void)number;
	must_end = 1;
}

_Noreturn static void fail(const char *what)
{
	(void)fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* xorshift64* (Vigna 2016) */
static uint32_t draw(struct direction *direction)
{
	uint64_t x = direction->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	direction->random = x;
	return (uint32_t)((x * UINT64_C(0x2545f4914f6cdd1d)) >> 32);
}

static bool is_drawn(struct direction *direction, uint64_t ppm)
{
	return draw(direction) % PPM < ppm;
}

static void direction_init(struct direction *direction, uint64_t seed)
{
	direction->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	for (uint16_t i = 0; i < QUEUE_FRAMES; i++) {
		direction->spare[i] = i;
	}
	direction->spare_count = QUEUE_FRAMES;
}

static void enqueue(struct direction *direction, const uint8_t *data, size_t bytes, uint64_t due_us)
{
	if (direction->spare_count == 0) {
		direction->full++;
		return;
	}
	const uint16_t place = direction->spare[--direction->spare_count];
	size_t at = direction->count;

	direction->frames[place].due_us = due_us;
	direction->frames[place].bytes = bytes;
	memcpy(direction->frames[place].data, data, bytes);
	/* Almost always the last: only a frame that was held back lies behind. */
	while (at > 0 && direction->frames[direction->order[at - 1]].due_us > due_us) {
		direction->order[at] = direction->order[at - 1];
		at--;
	}
	direction->order[at] = place;
	direction->count++;
	direction->longest = direction->count > direction->longest ? direction->count : direction->longest;
}

static void take_frame(struct direction *direction, const uint8_t *data, size_t bytes)
{
	const uint64_t now = now_us();
	/* All are drawn for each frame, so that one setting does not move the others. */
	const bool is_lost = is_drawn(direction, settings.loss);
	const bool is_doubled = is_drawn(direction, settings.twice);
	const bool is_held = is_drawn(direction, settings.reorder);
	uint64_t due = now + settings.delay_us;

	direction->frames_in++;
	direction->bytes_in += bytes;
	if (now >= settings.start_us) {
		if (is_lost) {
			direction->lost++;
			return;
		}
		if (is_held) {
			direction->held++;
			due += settings.hold_us;
		}
		if (is_doubled) {
			direction->doubled++;
			enqueue(direction, data, bytes, due);
		}
	}
	enqueue(direction, data, bytes, due);
}

static void read_frames(struct direction *direction, int from)
{
	uint8_t data[FRAME_BYTES];

	for (unsigned i = 0; i < TURN_FRAMES; i++) {
		const ssize_t bytes = read(from, data, sizeof(data));

		if (bytes <= 0) {
			return;
		}
		take_frame(direction, data, (size_t)bytes);
	}
}

/* Sends what is due. What nobody takes is lost, as on a wire: QEMU may not be there yet. A reader that is full is
 * waited for; the kernel holds few datagrams for it (net.unix.max_dgram_qlen). */
static void send_due(struct direction *direction)
{
	size_t done = 0;
	const uint64_t now = now_us();

	if (now < direction->again_us) {
		return;
	}
	while (done < direction->count && direction->frames[direction->order[done]].due_us <= now) {
		const struct frame *frame = &direction->frames[direction->order[done]];
		const ssize_t sent = direction->address == NULL
					     ? write(direction->to, frame->data, frame->bytes)
					     : sendto(direction->to, frame->data, frame->bytes, 0,
						      (const struct sockaddr *)direction->address,
						      sizeof(*direction->address));

		if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
			direction->waits++;
			direction->again_us = now + AGAIN_US;
			break;
		}
		direction->failed += sent != (ssize_t)frame->bytes;
		direction->spare[direction->spare_count++] = direction->order[done];
		done++;
	}
	direction->count -= done;
	memmove(direction->order, direction->order + done, direction->count * sizeof(direction->order[0]));
}

static uint64_t next_due(const struct direction *direction, uint64_t most)
{
	if (direction->count == 0) {
		return most;
	}
	uint64_t due = direction->frames[direction->order[0]].due_us;

	due = due > direction->again_us ? due : direction->again_us;

	return due < most ? due : most;
}

static void report(const struct direction *direction)
{
	printf("relay %s frames=%llu bytes=%llu lost=%llu doubled=%llu held=%llu full=%llu failed=%llu waits=%llu "
	       "longest=%zu\n",
	       direction->name, (unsigned long long)direction->frames_in, (unsigned long long)direction->bytes_in,
	       (unsigned long long)direction->lost, (unsigned long long)direction->doubled,
	       (unsigned long long)direction->held, (unsigned long long)direction->full,
	       (unsigned long long)direction->failed, (unsigned long long)direction->waits,
	       direction->longest);
}

static int open_socket(const char *local)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int bytes = 1 << 20;
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (strlen(local) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		fail(local);
	}
	memcpy(address.sun_path, local, strlen(local));
	(void)unlink(local);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		fail(local);
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return fd;
}

static int open_tap(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0) {
		fail("/dev/net/tun");
	}
	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) < 0) {
		fail(name);
	}
	return fd;
}

static void loop(int node, int tap)
{
	while (!must_end) {
		struct pollfd polls[2] = {{.fd = node, .events = POLLIN}, {.fd = tap, .events = POLLIN}};
		const uint64_t now = now_us();
		const uint64_t due = next_due(&to_node, next_due(&to_net, now + 1000000u));
		const uint64_t wait = due > now ? due - now : 0;
		const struct timespec time = {.tv_sec = (time_t)(wait / 1000000u),
					      .tv_nsec = (long)(wait % 1000000u) * 1000};

		if (ppoll(polls, 2, &time, NULL) < 0 && errno != EINTR) {
			fail("poll");
		}
		if (polls[0].revents != 0) {
			read_frames(&to_net, node);
		}
		if (polls[1].revents != 0) {
			read_frames(&to_node, tap);
		}
		send_due(&to_net);
		send_due(&to_node);
	}
}

static const struct option options[] = {
	{"local", required_argument, NULL, 'l'},   {"remote", required_argument, NULL, 'r'},
	{"tap", required_argument, NULL, 't'},	   {"seed", required_argument, NULL, 's'},
	{"delay", required_argument, NULL, 'd'},   {"loss", required_argument, NULL, 'L'},
	{"double", required_argument, NULL, 'D'},  {"reorder", required_argument, NULL, 'R'},
	{"hold", required_argument, NULL, 'h'},	   {"start", required_argument, NULL, 'S'},
	{NULL, 0, NULL, 0},
};

/* Where a number goes; NULL: another kind of option. */
static uint64_t *setting_of(int option)
{
	switch (option) {
	case 's': return &settings.seed;
	case 'd': return &settings.delay_us;
	case 'L': return &settings.loss;
	case 'D': return &settings.twice;
	case 'R': return &settings.reorder;
	case 'h': return &settings.hold_us;
	case 'S': return &settings.start_us;
	default: return NULL;
	}
}

static void take_number(uint64_t *setting, const char *text)
{
	char *end = NULL;

	errno = 0;
	*setting = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-') {
		(void)fprintf(stderr, "relay: '%s' is not a number\n", text);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = on_signal};
	const char *local = NULL;
	const char *tap_name = NULL;

	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == '?') {
			return 2;
		}
		if (setting_of(option) != NULL) {
			take_number(setting_of(option), optarg);
		} else if (option == 'l') {
			local = optarg;
		} else if (option == 't') {
			tap_name = optarg;
		} else if (snprintf(remote.sun_path, sizeof(remote.sun_path), "%s", optarg) >=
			   (int)sizeof(remote.sun_path)) {
			return 2;
		}
	}
	if (local == NULL || tap_name == NULL || remote.sun_path[0] == '\0' || optind < argc) {
		(void)fprintf(stderr, "relay: --local, --remote and --tap are needed\n");
		return 2;
	}
	const int node = open_socket(local);
	const int tap = open_tap(tap_name);

	direction_init(&to_net, 2 * settings.seed);
	direction_init(&to_node, 2 * settings.seed + 1);
	to_net.to = tap;
	to_node.to = node;
	to_node.address = &remote;
	settings.start_us = settings.start_us * 1000u + now_us();
	(void)prctl(PR_SET_TIMERSLACK, 1000ul, 0ul, 0ul, 0ul);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	loop(node, tap);
	report(&to_net);
	report(&to_node);
	return 0;
}
