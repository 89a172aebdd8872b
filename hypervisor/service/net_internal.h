/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the network share. */
#include <lwip/err.h>

#include "service/net.h"

enum net_result net_result_of(err_t error);
const struct nic_counters *net_nic_counters(void);
