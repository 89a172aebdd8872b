/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MIDR_EL1 is implementer [31:24], variant [23:20], architecture [19:16], part [15:4], revision [3:0] (Arm ARM DDI
 * 0487, D23.2). The implementer of all of these is Arm, 0x41; each part number stands in the description of MIDR_EL1
 * in that core's Technical Reference Manual. Cores of others are told by their number.
 */
#include "fleet/cpu.h"

#include <stdio.h>

enum { ARM = 0x41 };

static const struct {
	uint16_t part;
	const char *name;
} parts[] = {
	{0xd02, "Cortex-A34"},    {0xd03, "Cortex-A53"},   {0xd04, "Cortex-A35"},   {0xd05, "Cortex-A55"},
	{0xd06, "Cortex-A65"},    {0xd07, "Cortex-A57"},   {0xd08, "Cortex-A72"},   {0xd09, "Cortex-A73"},
	{0xd0a, "Cortex-A75"},    {0xd0b, "Cortex-A76"},   {0xd0c, "Neoverse N1"},  {0xd0d, "Cortex-A77"},
	{0xd0e, "Cortex-A76AE"},  {0xd40, "Neoverse V1"},  {0xd41, "Cortex-A78"},   {0xd42, "Cortex-A78AE"},
	{0xd43, "Cortex-A65AE"},  {0xd44, "Cortex-X1"},    {0xd46, "Cortex-A510"},  {0xd47, "Cortex-A710"},
	{0xd48, "Cortex-X2"},     {0xd49, "Neoverse N2"},  {0xd4a, "Neoverse E1"},  {0xd4b, "Cortex-A78C"},
	{0xd4c, "Cortex-X1C"},    {0xd4d, "Cortex-A715"},  {0xd4e, "Cortex-X3"},    {0xd4f, "Neoverse V2"},
	{0xd80, "Cortex-A520"},   {0xd81, "Cortex-A720"},  {0xd82, "Cortex-X4"},    {0xd84, "Neoverse V3"},
	{0xd85, "Cortex-X925"},   {0xd87, "Cortex-A725"},  {0xd8e, "Neoverse N3"},
};

const char *cpu_name(uint64_t midr, char text[CPU_NAME_BYTES])
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if ((midr >> 24 & 0xff) == ARM && (midr >> 4 & 0xfff) == parts[i].part) {
			(void)snprintf(text, CPU_NAME_BYTES, "%s r%up%u", parts[i].name, (unsigned)(midr >> 20 & 0xf),
				       (unsigned)(midr & 0xf));
			return text;
		}
	}
	(void)snprintf(text, CPU_NAME_BYTES, "0x%08llx", (unsigned long long)midr);
	return text;
}
