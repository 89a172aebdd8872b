/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A newer service image: fetched by its hash, checked, and handed to the core, which starts it in this one's place.
 * Only in a build for simulation, since there is no signature yet. The generation is kept before the core is asked, so
 * an image that fails and is given up by the core is not tried again.
 */
#include "service/agent.h"

#ifndef AETHER_SIMULATION

void agent_update_turn(struct agent *agent, uint64_t now)
{
	(void)agent;
	(void)now;
}

uint64_t agent_update_wait(const struct agent *agent, uint64_t now)
{
	(void)agent;
	(void)now;
	return UINT64_MAX;
}

#else

#include <string.h>

#include "lib/fmt.h"
#include "service/digest.h"
#include "service/fetch.h"
#include "service/hvcall.h"
#include "service/log.h"

enum { IMAGE_MAX_BYTES = 0x100000 };

static uint8_t image[IMAGE_MAX_BYTES] __attribute__((aligned(4096)));
static struct fetch fetch;
static struct digest digest;
static uint32_t fetching; /* generation; 0: none */

static bool take(void *context, uint64_t offset, const uint8_t *bytes, size_t count)
{
	(void)context;
	if (offset > sizeof(image) || count > sizeof(image) - offset) {
		return false;
	}
	memcpy(image + offset, bytes, count);
	digest_update(&digest, image + offset, count);
	return true;
}

/* It was tried, for good or ill. */
static void settle(struct agent *agent)
{
	struct keep_image kept = {.generation = agent->image.generation};

	(void)keep_set(KEEP_IMAGE, &kept);
	agent->image.size_bytes = 0;
	fetching = 0;
}

static void begin(struct agent *agent, uint64_t now)
{
	struct fetch_request request = {
		.address = agent->controller.address,
		.port = agent->controller.port,
		.size_bytes = agent->image.size_bytes,
		.sink = take,
	};
	char hex[DIGEST_HEX_BYTES];

	digest_hex(agent->image.sha256, hex);
	fmt_string(request.path, sizeof(request.path), "/v1/blobs/sha256/%s", hex);
	fetch_init(&fetch, agent->info->counter_hz);
	digest_start(&digest);
	if (agent->image.size_bytes > sizeof(image) || !fetch_start(&fetch, &request, now)) {
		log_line(LOG_ERROR, "agent: the newer service image cannot be fetched: it has %llu bytes",
			 (unsigned long long)agent->image.size_bytes);
		settle(agent);
		return;
	}
	fetching = agent->image.generation;
}

static void finish(struct agent *agent)
{
	const size_t bytes = (size_t)agent->image.size_bytes;
	uint8_t sha256[DIGEST_BYTES];

	digest_finish(&digest, sha256);
	const bool is_right = digest_is_equal(sha256, agent->image.sha256);
	settle(agent);
	if (!is_right) {
		log_line(LOG_ERROR, "agent: the newer service image is damaged: its SHA-256 is another");
		return;
	}
	log_line(LOG_WARN, "agent: goes on as a newer service image");
	(void)hvcall_service_update(image, bytes);
	log_line(LOG_ERROR, "agent: the core refused the newer service image");
}

void agent_update_turn(struct agent *agent, uint64_t now)
{
	char words[HTTP_WORDS_BYTES];

	if (agent->image.size_bytes == 0) {
		return;
	}
	if (fetching != agent->image.generation) {
		fetch_cancel(&fetch);
		begin(agent, now);
		return;
	}
	fetch_poll(&fetch, now);
	if (fetch.progress.state == FETCH_DONE) {
		finish(agent);
	} else if (fetch.progress.state == FETCH_FAILED) {
		fetch_words(&fetch, words);
		log_line(LOG_ERROR, "agent: the newer service image cannot be fetched: %s", words);
		settle(agent);
	}
}

uint64_t agent_update_wait(const struct agent *agent, uint64_t now)
{
	if (agent->image.size_bytes == 0) {
		return UINT64_MAX;
	}
	return fetching == agent->image.generation ? fetch_wait(&fetch, now) : 0;
}

#endif
