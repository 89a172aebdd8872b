# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the scripts in this folder share. Sourced by each of them; `me` names the one that speaks.

# fail WHAT: an error names the thing, the reason and the next step.
fail() {
	printf '%s: %s\n' "$me" "$*" >&2
	exit 1
}

# need COMMAND PACKAGE: the command is there, or the Debian package that brings it is named.
need() {
	command -v "$1" >/dev/null || fail "'$1' is not installed: install '$2', or run 'make deps'"
}

# need_file FILE TARGET: a file of the build is there, or the make target that makes it is named.
need_file() {
	[ -s "$1" ] || fail "$1 is missing: 'make $2' makes it"
}

# check_number NAME LEAST MOST: the variable called NAME is a decimal number in that range.
check_number() {
	local value=${!1}

	[[ $value =~ ^[1-9][0-9]{0,6}$ ]] && ((value >= $2 && value <= $3)) ||
		fail "$1='$value' is not a number from $2 to $3"
}

# check_choice NAME WORD...: the variable called NAME is one of the words.
check_choice() {
	local name=$1 word
	shift

	for word in "$@"; do
		[ "${!name}" = "$word" ] && return
	done
	fail "$name='${!name}' is not one of: $*"
}

# check_cpu: CPU is a model that this QEMU has, with or without properties behind a comma.
check_cpu() {
	local model

	while read -r model _; do
		[ "$model" = "${CPU%%,*}" ] && return
	done < <(qemu-system-aarch64 -cpu help)
	fail "CPU='$CPU' is not a model of this QEMU: 'qemu-system-aarch64 -cpu help' lists them"
}

# own FILE...: what root makes under sudo belongs to the user who called.
own() {
	[ -z "${SUDO_UID-}" ] || chown -h "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" -- "$@"
}
