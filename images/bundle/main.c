/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle: packs what a node boots into one file, and shows what is in such a file.
 *
 * Options in the order they are given: --guest begins the section of one guest, and the guest options
 * that follow belong to it. Without any --guest there is one, called "linux".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"
#include "pack.h"
#include "show.h"

static const char usage[] =
	"usage: bundle pack [--name NAME] [--version TEXT] --output FILE GUEST...\n"
	"       bundle show FILE\n"
	"\n"
	"A GUEST is: [--guest NAME] --kernel FILE [--initrd FILE [--initrd-version TEXT]]\n"
	"            [--bootargs TEXT] [--vcpus 1..8] [--memory-mib EVEN]\n"
	"            [--reset retain|fetch]\n"
	"--guest begins the next guest, at most 4; a single guest may go without and is called "
	"\"linux\".\n"
	"A kernel is an arm64 Image; one packed by gzip or as EFI zboot is unpacked.\n"
	"Defaults: --name bundle, --version the first kernel's release, --vcpus 1, --memory-mib "
	"256,\n"
	"--bootargs \"console=ttyAMA0\", --reset retain.\n";

static struct pack_guest *add_guest(struct pack *pack, const char *name)
{
	if (pack->guest_count == MANIFEST_GUEST_MAX) {
		file_fail("more than %d guests", MANIFEST_GUEST_MAX);
	}
	struct pack_guest *guest = &pack->guests[pack->guest_count++];
	*guest = (struct pack_guest){
		.name = name,
		.initramfs_version = "",
		.bootargs = "console=ttyAMA0",
		.vcpu_count = 1,
		.memory_mib = 256,
		.reset = "retain",
	};
	return guest;
}

static uint32_t parse_number(const char *option, const char *text)
{
	char *end = NULL;

	errno = 0;
	const unsigned long value = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value > UINT32_MAX) {
		file_fail("%s: \"%s\" is not a number", option, text);
	}
	return (uint32_t)value;
}

/* Returns 0 if `option` is not one of a guest's. */
static int parse_guest_option(struct pack *pack, const char *option, const char *value)
{
	static const char *const options[] = {"--kernel",   "--initrd", "--initrd-version",
					      "--bootargs", "--vcpus",	"--memory-mib", "--reset"};
	size_t which = 0;

	while (which < sizeof(options) / sizeof(options[0]) &&
	       strcmp(option, options[which]) != 0) {
		which++;
	}
	if (which == sizeof(options) / sizeof(options[0])) {
		return 0;
	}
	struct pack_guest *guest = pack->guest_count == 0 ? add_guest(pack, "linux")
							  : &pack->guests[pack->guest_count - 1];
	switch (which) {
	case 0:
		guest->kernel_path = value;
		break;
	case 1:
		guest->initramfs_path = value;
		break;
	case 2:
		guest->initramfs_version = value;
		break;
	case 3:
		guest->bootargs = value;
		break;
	case 4:
		guest->vcpu_count = parse_number(option, value);
		break;
	case 5:
		guest->memory_mib = parse_number(option, value);
		break;
	default:
		guest->reset = value;
		break;
	}
	return 1;
}

static int pack_command(int argc, char **argv)
{
	struct pack pack = {.name = "bundle"};

	for (int i = 0; i < argc; i += 2) {
		if (i + 1 == argc) {
			file_fail("%s: a value is missing; see bundle --help", argv[i]);
		}
		const char *value = argv[i + 1];
		if (strcmp(argv[i], "--output") == 0) {
			pack.output_path = value;
		} else if (strcmp(argv[i], "--name") == 0) {
			pack.name = value;
		} else if (strcmp(argv[i], "--version") == 0) {
			pack.version = value;
		} else if (strcmp(argv[i], "--guest") == 0) {
			add_guest(&pack, value);
		} else if (!parse_guest_option(&pack, argv[i], value)) {
			file_fail("%s: no such option; see bundle --help", argv[i]);
		}
	}
	if (pack.output_path == NULL || pack.guest_count == 0) {
		file_fail("pack needs --output and at least one --kernel; see bundle --help");
	}
	pack_bundle(&pack);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "pack") == 0) {
		return pack_command(argc - 2, argv + 2);
	}
	if (argc == 3 && strcmp(argv[1], "show") == 0) {
		return show_bundle(argv[2]);
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		return puts("bundle " AETHER_VERSION) < 0;
	}
	const int is_help = argc == 2 && strcmp(argv[1], "--help") == 0;
	fputs(usage, is_help ? stdout : stderr);
	return is_help ? 0 : 2;
}
