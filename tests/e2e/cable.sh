# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For suites with a client's side of their own: a cable between this network namespace and another one. Sourced.

# cable FAR...: the other namespace, with one end of a cable for each FAR; our ends are near, near1, near2...
cable() {
	local i end ours=near number=0

	unshare --net -- sleep 600 &
	far=$!
	for ((i = 0; i < 100; i++)); do
		[ "$(readlink "/proc/$far/ns/net")" = "$(readlink /proc/self/ns/net)" ] || break
		sleep 0.02
	done
	ip link set lo up
	there ip link set lo up
	for end in "$@"; do
		ip link add "$ours" type veth peer name "$end"
		ip link set "$end" netns "$far"
		ip link set "$ours" up
		there ip link set "$end" up
		number=$((number + 1))
		ours=near$number
	done
}

# there COMMAND...: in the other namespace.
there() {
	nsenter -t "$far" -n -- "$@"
}
