/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The link's consoles as the API wants them (struct api_outside). Any thread. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "base/fail.h"
#include "link/link.h"

struct bridge;

struct bridge *bridge_new(struct link *link, struct fail *fail);
/* Before anybody watches. */
void bridge_set_api(struct bridge *bridge, struct api *api);
/* Ends all watches. NULL is allowed. */
void bridge_free(struct bridge *bridge);

bool bridge_read(void *bridge, const char *node, unsigned slot, struct api_console *part, char *to, size_t room,
		 struct fail *fail);
bool bridge_write(void *bridge, const char *node, unsigned slot, const char *bytes, size_t count,
		    struct fail *fail);
void bridge_watch(void *bridge, const char *node, unsigned slot, bool on);
