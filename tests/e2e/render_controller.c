/* SPDX-License-Identifier: Apache-2.0 */
/* For tests/e2e/provisioner: the configuration of a controller, of the one network 10.77.0.1/24.
 *     render-controller enroll|observe|ignore INTERFACE TFTP_ROOT LEASE_SCRIPT */
#include <stdio.h>
#include <string.h>

#include "render.h"

int main(int argc, char **argv)
{
	static char text[1 << 16];
	struct provision_error error;

	if (argc != 5) {
		return 2;
	}
	const struct render_network network = {
		.interface = argv[2],
		.server = {0x0a4d0001},
		.prefix_bits = 24,
		.range_first = {0x0a4d0032},
		.range_last = {0x0a4d0063},
		.lease_s = 3600,
		.unknown = strcmp(argv[1], "enroll") == 0  ? RENDER_ENROLL :
			   strcmp(argv[1], "observe") == 0 ? RENDER_OBSERVE :
							     RENDER_IGNORE,
	};
	const struct render_conf conf = {
		.networks = &network,
		.network_count = 1,
		.nodes = 3,
		.boot_file = "aether.img",
		.has_pi_files = true,
		.tftp_root = argv[3],
		.lease_script = argv[4],
	};

	if (render_dnsmasq(&conf, text, sizeof(text), &error) < 0) {
		(void)fprintf(stderr, "%s\n", error.text);
		return 1;
	}
	return fputs(text, stdout) < 0;
}
