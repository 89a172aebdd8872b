/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The calling convention itself (DEN0028) and the TRNG interface (DEN0098); reports what it finds. */

void check_smccc(void);
void check_trng(void);
