/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hello: what the node is, and the key that it made. Asked again until the controller approves it. The answer is
 * hostile like all that comes by HTTP; it can at worst keep the node waiting or send it another way than it was sent
 * already by DHCP: nothing in it is carried out.
 */
#include <string.h>

#include "abi/hvc.h"
#include "lib/fmt.h"
#include "service/agent.h"
#include "service/clock.h"
#include "service/hvcall.h"
#include "service/log.h"

enum { RETRY_FIRST_MS = 500, RETRY_MAX_MS = 8000 };

static void fill_boot(const struct agent *agent, struct hello *hello)
{
	const struct aether_bootinfo *info = agent->info;

	for (uint32_t i = 0; i <= HELLO_STAGE_SERVICE; i++) {
		hello->stage_us[i] = info->boot_ticks[i] != 0 ? clock_us(info->boot_ticks[i], info->counter_hz) :
								HELLO_TIME_UNKNOWN;
	}
	hello->stage_us[HELLO_STAGE_LEASE] = agent->lease_us;
	hello->stage_us[HELLO_STAGE_HELLO] = agent->hello_us;
	hello->stage_count = HELLO_STAGE_COUNT;
	if (!agent->node.is_crash_taken && info->crash_bytes != 0 && info->crash_bytes <= HELLO_CRASH_MAX_BYTES) {
		hello->crash_streak = info->crash_streak;
		hello->crash_bytes = (uint32_t)info->crash_bytes;
		hello->crash = agent->crash;
	}
}

static size_t encode(struct agent *agent)
{
	const struct aether_bootinfo *info = agent->info;
	struct hello hello = {
		.boot_id = info->boot_id,
		.instance = info->instance,
		.flags = info->is_simulation ? HELLO_SIMULATION : 0,
		.core_version = AETHER_VERSION,
		.mac_count = 1,
		.cpu_count = info->cpu_count,
		.gic_version = info->gic_version,
		.midr = info->midr,
		.ram_bytes = info->ram_bytes,
		.free_bytes = info->free_bytes,
		.core_bytes = info->core_bytes,
		.counter_hz = info->counter_hz,
	};

	memcpy(hello.boot_key, agent->boot_key, sizeof(hello.boot_key));
	hello_clean_string(hello.board, sizeof(hello.board), info->board, sizeof(info->board));
	hello_clean_string(hello.serial, sizeof(hello.serial), info->serial, sizeof(info->serial));
	memcpy(hello.macs[0], agent->mac, sizeof(agent->mac));
	memcpy(hello.core_build_id, info->core_build_id, sizeof(hello.core_build_id));
	memcpy(hello.service_sha256, info->service_sha256, sizeof(hello.service_sha256));
	fill_boot(agent, &hello);
	const size_t bytes = hello_encode(&hello, agent->hello, sizeof(agent->hello));
	memset(hello.boot_key, 0, sizeof(hello.boot_key));
	return bytes;
}

/* --- the answer --- */

static void retry_later(struct agent *agent, uint64_t ms, uint64_t now)
{
	agent->retry_at = now + clock_ticks(ms, agent->info->counter_hz);
}

static void retry_failed(struct agent *agent, const char *words, uint64_t now)
{
	const uint64_t pause = (uint64_t)RETRY_FIRST_MS << (agent->failures < 4 ? agent->failures : 4);
	const uint32_t a = agent->controller.address;

	agent_say(agent, AGENT_SAID_NO_ANSWER, "waits for the controller %u.%u.%u.%u:%u: %s", a >> 24, a >> 16 & 255,
		  a >> 8 & 255, a & 255, agent->controller.port, words);
	log_line(LOG_INFO, "agent: hello: %s", words);
	agent->failures++;
	retry_later(agent, pause < RETRY_MAX_MS ? pause : RETRY_MAX_MS, now);
}

/* The controller knows the key: from now on the core alone does. */
static bool hand_over_key(struct agent *agent)
{
	const struct keep_key none = {.is_made = 0};
	const int64_t status = hvcall_key_set(agent->boot_key);

	if (status != 0 && status != AETHER_ESTATE) {
		log_line(LOG_ERROR, "agent: the core does not take the key");
		return false;
	}
	memset(agent->boot_key, 0, sizeof(agent->boot_key));
	memset(agent->hello, 0, sizeof(agent->hello));
	(void)keep_set(KEEP_KEY, &none);
	return true;
}

static void take_answer(struct agent *agent, const struct hello_answer *answer, uint64_t now)
{
	const uint32_t a = agent->controller.address;
	const char *because = answer->reason[0] != '\0' ? ": " : "";

	agent->failures = 0;
	if (!agent->node.is_answered) {
		agent->node.is_answered = 1;
		(void)keep_set(KEEP_NODE, &agent->node);
	}
	if (answer->is_crash_taken) {
		agent_take_crash(agent);
	}
	agent_take_clock(agent, answer->wall_clock_ns, now);
	if (answer->status != HELLO_APPROVED) {
		const bool is_rejected = answer->status == HELLO_REJECTED;
		agent_say(agent, is_rejected ? AGENT_SAID_REJECTED : AGENT_SAID_PENDING,
			  "%s by the controller %u.%u.%u.%u:%u%s%s",
			  is_rejected ? "was rejected" : "waits to be approved", a >> 24, a >> 16 & 255,
			  a >> 8 & 255, a & 255, agent->controller.port, because, answer->reason);
		retry_later(agent, answer->retry_ms, now);
		return;
	}
	agent->node.udp_port = answer->udp_port;
	if (agent->node.generation == 0) {
		agent->node.interval_ms = answer->interval_ms;
	}
	(void)keep_set(KEEP_NODE, &agent->node);
	if (!hand_over_key(agent)) {
		retry_later(agent, RETRY_MAX_MS, now);
		return;
	}
	if (!agent_go_online(agent, now)) {
		agent->state = AGENT_NETWORK; /* the key is the core's now: this is tried again, the hello is not */
		return;
	}
	agent_say(agent, AGENT_SAID_APPROVED, "approved by the controller %u.%u.%u.%u:%u", a >> 24, a >> 16 & 255,
		  a >> 8 & 255, a & 255, agent->controller.port);
}

static bool take_body(void *context, const uint8_t *bytes, size_t count)
{
	struct agent *agent = context;

	if (count > sizeof(agent->answer) - agent->answer_bytes) {
		return false;
	}
	memcpy(agent->answer + agent->answer_bytes, bytes, count);
	agent->answer_bytes += (uint32_t)count;
	return true;
}

static void take_outcome(void *context, const struct http_outcome *outcome)
{
	struct agent *agent = context;
	const uint64_t now = hvcall_ticks();
	char words[HTTP_WORDS_BYTES];
	char why[WIRE_ERROR_TEXT_BYTES];
	struct hello_answer answer;
	struct wire_error error;

	agent->is_asking = false;
	if (outcome->result != HTTP_DONE || outcome->status != 200) {
		http_outcome_words(outcome, words);
		retry_failed(agent, words, now);
	} else if (!hello_decode_answer(agent->answer, agent->answer_bytes, &answer, &error)) {
		wire_error_text(&error, why, sizeof(why));
		retry_failed(agent, why, now);
	} else if (answer.boot_id != agent->info->boot_id || answer.instance != agent->info->instance) {
		retry_failed(agent, "its answer is to another hello", now);
	} else {
		take_answer(agent, &answer, now);
	}
}

void agent_hello_turn(struct agent *agent, uint64_t now)
{
	if (agent->is_asking || now < agent->retry_at) {
		return;
	}
	if (agent->hello_us == HELLO_TIME_UNKNOWN) {
		agent->hello_us = clock_us(now, agent->info->counter_hz);
	}
	const struct http_request request = {
		.address = agent->controller.address,
		.port = agent->controller.port,
		.method = HTTP_POST,
		.path = "/v1/hello",
		.body = agent->hello,
		.body_bytes = encode(agent),
		.limits = {.total_ms = 15000},
		.on_body = take_body,
		.on_done = take_outcome,
		.context = agent,
	};
	agent->answer_bytes = 0;
	agent->is_asking = request.body_bytes != 0 && http_start(&request, now, &agent->http_id);
	if (!agent->is_asking) {
		retry_failed(agent, request.body_bytes == 0 ? "the hello does not fit" : "no request is free", now);
	}
}
