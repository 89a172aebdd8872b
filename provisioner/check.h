/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What may be rendered, for render.c alone. */
#include "render.h"

/* 0, or -1 with the reason. */
int render_check(const struct render_conf *conf, struct provision_error *error);
ipv4_t render_netmask(const struct render_network *network);
