/* SPDX-License-Identifier: Apache-2.0 */
/* aetherctl: the controller from the command line. */
#include <locale.h>
#include <signal.h>
#include <sodium.h>
#include <unistd.h>

#include "ctl/ctl.h"

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_DFL);
	if (sodium_init() < 0) {
		fputs("aetherctl: libsodium does not start\n", stderr);
		return CTL_FAILED;
	}
	return (int)ctl_main(argc, argv, stdout, stderr, STDIN_FILENO);
}
