/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process 1 of the measured Linux guest: no library, no output but its numbers. The kernel command line's bench=N (it
 * comes as an environment variable) is how many getppid to make; then it powers off.
 */
#include <stdint.h>

#define SYS_WRITE 64
#define SYS_NANOSLEEP 101
#define SYS_REBOOT 142
#define SYS_GETPPID 173
#define SETTLE_SECONDS 5
#define REBOOT_MAGIC1 0xfee1dead
#define REBOOT_MAGIC2 672274793
#define REBOOT_POWER_OFF 0x4321fedc
#define ROUNDS 5u

void run(const uint64_t *stack);

/* The entry: the stack pointer, as the kernel left it, is the argument. */
__asm__(".text\n\t.global start\nstart:\n\tmov x0, sp\n\tand sp, x0, #-16\n\tb run");

static long call(long number, uint64_t a0, uint64_t a1, uint64_t a2)
{
	register long x8 __asm__("x8") = number;
	register uint64_t x0 __asm__("x0") = a0;
	register uint64_t x1 __asm__("x1") = a1;
	register uint64_t x2 __asm__("x2") = a2;
	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory", "x3");
	return (long)x0;
}

static uint64_t counter(void)
{
	uint64_t value;
	__asm__ volatile("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(value)::"memory");
	return value;
}

static void print(const char *text, uint64_t value)
{
	char line[64];
	char digits[20];
	unsigned at = 0;
	unsigned count = 0;
	while (text[at] != 0) {
		line[at] = text[at];
		at++;
	}
	do {
		digits[count++] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	while (count > 0) {
		line[at++] = digits[--count];
	}
	line[at++] = '\n';
	call(SYS_WRITE, 1, (uint64_t)line, at);
}

/* argc, argv.., 0, envp.., 0 */
static uint64_t read_count(const uint64_t *stack)
{
	uint64_t count = 0;
	for (const uint64_t *env = stack + 1 + stack[0] + 1; *env != 0; env++) {
		const char *at = (const char *)*env;
		const char *key = "bench=";
		while (*key != 0 && *at == *key) {
			at++;
			key++;
		}
		while (*key == 0 && *at >= '0' && *at <= '9') {
			count = count * 10 + (uint64_t)(*at++ - '0');
		}
	}
	return count;
}

void run(const uint64_t *stack)
{
	const uint64_t at_init = counter();
	const uint64_t count = read_count(stack);
	/* The kernel still works off what it put off while it booted: out of the way before anything is counted. */
	const uint64_t settle[2] = { SETTLE_SECONDS, 0 };
	for (unsigned i = 0; i < 100 && count != 0; i++) {
		call(SYS_GETPPID, 0, 0, 0);
	}
	if (count != 0) {
		call(SYS_NANOSLEEP, (uint64_t)settle, 0, 0);
	}
	/* The kernel may still have work of its own from its start: the least of several counts. */
	uint64_t least = ~UINT64_C(0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		const uint64_t begin = counter();
		for (uint64_t i = 0; i < count; i++) {
			call(SYS_GETPPID, 0, 0, 0);
		}
		const uint64_t ticks = counter() - begin;
		least = ticks < least ? ticks : least;
	}
	print("# bench init ", at_init);
	if (count != 0) {
		print("# bench getppid ", least);
	}
	call(SYS_REBOOT, REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_POWER_OFF);
	for (;;) {
	}
}
