# SPDX-License-Identifier: Apache-2.0
#
# Commands for gdb-multiarch at a node, QEMU's `-s -S`:
#
#   gdb-multiarch build/aether.elf -x hypervisor/tools/aether.gdb -ex 'target remote localhost:1234'
#
# They read the core's memory, so they need a CPU that is at EL2 or a debugger that reads through its tables; on QEMU
# stop at a function of the core first (`hbreak trap_sync`, `continue`).

set language c
set print pretty on
set pagination off

define aether-symbols
	if $argc == 0
		add-symbol-file build/aether.elf 0x700000000000
	else
		# Before the MMU is on the core runs at its physical address.
		eval "add-symbol-file build/aether.elf -o %#lx", (unsigned long)$arg0 - 0x700000000000
	end
end
document aether-symbols
aether-symbols [PA]: the core's symbols where it runs before its MMU is on: at PA, 0x40200000 on QEMU's virt.
end

define aether-entry
	set $entry = &percpu[$arg0].trace.entries[$arg1]
	set $event = $entry->who >> 32
	printf "%lu  vm%lu/%lu  ", $entry->ticks, ($entry->who >> 8) & 0xff, $entry->who & 0xff
	output (enum trace_event)$event
	printf "  %#lx  %#lx\n", $entry->a, $entry->b
end
document aether-entry
aether-entry CPU INDEX: one entry of a CPU's trace ring.
end

define aether-trace
	set $cpu = 0
	if $argc > 0
		set $cpu = $arg0
	end
	set $count = 32
	if $argc > 1
		set $count = $arg1
	end
	set $size = sizeof(percpu[0].trace.entries) / sizeof(percpu[0].trace.entries[0])
	set $at = percpu[$cpu].trace.next / sizeof(percpu[0].trace.entries[0]) + $size - $count
	printf "cpu %d: ticks, who, event, a, b (core/trace.h); the newest last\n", $cpu
	while $count > 0
		if percpu[$cpu].trace.entries[$at % $size].ticks != 0
			aether-entry $cpu ($at%$size)
		end
		set $at = $at + 1
		set $count = $count - 1
	end
end
document aether-trace
aether-trace [CPU [COUNT]]: the newest entries of a CPU's trace ring, 32 if not said.
end

define aether-dump
	dump binary memory $arg1 &percpu[$arg0].trace (&percpu[$arg0].trace+1)
end
document aether-dump
aether-dump CPU FILE: a CPU's whole trace ring into FILE, for build/bin/trace.
end

define aether-vms
	set $vm = 0
	while $vm < sizeof(vms) / sizeof(vms[0])
		if vms[$vm].state != 0
			printf "vm%d: ", $vm
			output (enum aether_vm_state)vms[$vm].state
			printf ", %lu MiB, stop reason %u\n", vms[$vm].ram_bytes >> 20, vms[$vm].stop_reason
			set $vcpu = 0
			while $vcpu < vms[$vm].vcpu_count
				printf "  vcpu %d on cpu %u: ", $vcpu, vms[$vm].vcpus[$vcpu]->cpu
				output vms[$vm].vcpus[$vcpu]->state
				printf ", pc %#lx, pstate %#lx\n", vms[$vm].vcpus[$vcpu]->pc, vms[$vm].vcpus[$vcpu]->pstate
				set $vcpu = $vcpu + 1
			end
		end
		set $vm = $vm + 1
	end
end
document aether-vms
aether-vms: every VM (the last is the service) and its vCPUs; what runs now has its registers in the CPU.
end
