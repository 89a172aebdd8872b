/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a node said of itself, as the JSON that stands in its row, and back. */
#include "fleet/own.h"

/* `network` and the like from the node, all else from the hello. */
void facts_write(const struct node *node, const struct hello *hello, struct text *to);
/* The fields that a node shows; what is missing or of another type stays as it is. */
void facts_read(struct fleet *fleet, struct node *node, const char *facts);
void facts_take(struct node *node, const struct hello *hello);
const char *facts_uuid(const uint8_t uuid[16], char text[37]);
/* Printable ASCII: the rest becomes '?'. */
void facts_clean(char *to, size_t size, const char *from);
