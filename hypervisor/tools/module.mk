# SPDX-License-Identifier: Apache-2.0
# What a maintainer looks into a node with; hypervisor/README.md, "Debugging".
$(call tool,symbolize,hypervisor/tools/symbolize.c hypervisor/tools/elf_symbols.c)
$(call tool,trace,$(addprefix hypervisor/tools/,trace.c trace_print.c elf_symbols.c) hypervisor/lib/crc32.c)
