/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The version that the core, the service and the tools report. */
#define AETHER_VERSION "0.1.0"
