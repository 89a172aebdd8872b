/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What an exit handler asks for. One function, trap_finish(), carries it out; no handler touches PC itself. */

enum exit_action {
	EXIT_RESUME,	   /* PC is right as it stands */
	EXIT_ADVANCE,	   /* the instruction is done: continue behind it */
	EXIT_RETRY,	   /* run the same instruction again (its work goes on, or its cause is gone) */
	EXIT_INJECT_UNDEF, /* Undefined Instruction exception at EL1 */
	EXIT_INJECT_ABORT, /* synchronous external abort at EL1 */
	EXIT_BLOCK,	   /* the vCPU sleeps until an interrupt is pending for it (PC as it stands) */
	EXIT_OFF,	   /* the vCPU has been turned off: take it off its CPU */
	EXIT_KILL_VM,	   /* the VM is stopped alone, with a reason */
};
