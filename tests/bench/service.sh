# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# The rows of tests/bench/run that are about the service: what tests/bench/network measures, each in a network and PID
# namespace of its own that ends with it, and sizes. Sourced by run, whose row(), millions() and logs it uses.

# One measurement; its numbers become $logs/NAME.values.
network() { # CASE [ARGUMENT]
	LOGS=$logs timeout -k 5 "$LIMIT" unshare --net --pid --fork --kill-child -- tests/bench/network "$@" \
		</dev/null >"$logs/$1${2-}.values" || echo "bench: $* was not measured" >&2
}

measure_service() {
	if [ "$(id -u)" != 0 ]; then
		echo "bench: the rows of the service need a network of their own, and that needs root; next step: sudo make bench" >&2
		status=1
		return
	fi
	for tool in dnsmasq ip unshare; do
		command -v "$tool" >/dev/null || fail "$tool is not installed; next step: make deps"
	done
	network quiet &
	network restart &
	wait
	network flood
	network boot 0
	network boot 500
}

# number KEY: what was measured; nothing if it was not.
number() {
	awk -v key="$1" '$1 == key { print $2; exit }' "$logs"/*.values 2>/dev/null || true
}

# over A B DIGITS SUFFIX: A / B
over() {
	awk -v a="$1" -v b="$2" -v form="%.$3f%s" -v suffix="$4" 'BEGIN { if (a != "" && b + 0 > 0) printf form, a / b, suffix }'
}

percent() {
	awk -v a="$1" -v b="$2" 'BEGIN { if (a != "" && b + 0 > 0) printf "%.4f", 100 * a / b }'
}

# at_least WHAT REACH BARE CORE REACH_NUMBER NUMBER: as row(), where more is better.
at_least() {
	line "$1" "$2" "" "${3:--}" "${4:--}" \
		"$(awk -v want="$5" -v got="$6" 'BEGIN { print (got == "" ? "not measured" : got + 0 < want + 0 ? "missed" : "reached") }')"
}

rows_restart() {
	local alive median worst

	alive=$(sed -n 's/^#define AETHER_ALIVE_MS \([0-9]*\)u.*/\1/p' hypervisor/abi/hvc.h)
	median=$(number restart.median)
	worst=$(number restart.worst)
	row "service restart, detection to first beat, us: median" "<= 100000" "" "" "$median" 100000 "$median"
	row "  the longest of $(number restart.count)" "<= 100000" "" "" "$worst" 100000 "$worst"
	row "  silence that counts as a failure, ms" "" "" "" "$alive"
	row "  longest that a busy guest stood still meanwhile, ns" "" "" "" "$(number restart.longest)"
}

# A switch is two exits and what saves and loads a vCPU: the longest that is not the service's own time.
rows_stolen() {
	local quiet flood longest most switch=10000

	quiet=$(percent "$(number quiet.taken)" "$(number quiet.passed)")
	row "guest time taken, 1 CPU, 1 Hz, quiet network, percent" "<= 0.02" "" "" "$quiet" 0.02 "$quiet"
	row "  longest gap, ns" "<= 250 us + 1" "" "" "$(number quiet.longest)" $((250000 + switch)) "$(number quiet.longest)"
	flood=$(percent "$(number flood.taken)" "$(number flood.passed)")
	most=$(number flood.most)
	longest=$(number flood.longest)
	row "the same with garbage at line rate, percent" "" "" "" "$flood"
	row "  in the worst 10 ms, percent" "<= 2.5" "" "" "$(percent "$most" 10000000)" 2.5 "$(percent "$most" 10000000)"
	row "  longest gap, ns" "<= 250 us + 1" "" "" "$longest" $((250000 + switch)) "$longest"
	row "  as the core counts: longest / in 10 ms, ns" "" "" "" "$(number flood.core-longest) / $(number flood.core-most)"
	row "  frames that reached the service" "" "" "" "$(number flood.frames)"
	most=$(number quiet.most)
	row "heartbeat: most in 10 ms: beat, answer, switches, all" "<= 60000" "" "" "$most" 60000 "$most"
	row "  all that the node does of itself in one second" "" "" "" "$(over "$(number quiet.taken)" "$(over "$(number quiet.passed)" 1000000000 9 "")" 0 "")"
}

rows_boot() {
	local delay words tftp rate ratio want

	for delay in 500 0; do
		words="undelayed bridge" want=2
		if [ "$delay" = 500 ]; then
			words="1 ms round trip" want=10
		fi
		tftp=$(number "boot$delay.tftp-rate")
		rate=$(number "boot$delay.fetch-rate")
		ratio=$(over "$rate" "$tftp" 1 "")
		at_least "blob fetch beside TFTP, $words: bytes/s" ">= $want x" "$tftp" "$rate" "$want" "$ratio"
		row "  beside it; of its time SHA-256 takes" "" "" "" "$ratio x, $(over "$rate" "$(number "boot$delay.fetch-hash")" 2 "")"
	done
	ratio=$(over "$(number boot500.stages)" "$(number boot500.tftp)" 2 "")
	row "power-on to the guest, 1 ms round trip, s: TFTP / 2 stages" "<= 0.3 x" "" "$(number boot500.tftp)" \
		"$(number boot500.stages)" 0.3 "$ratio"
	row "  beside it" "" "" "" "$ratio x"
	row "  the same, undelayed" "" "" "$(number boot0.tftp)" "$(number boot0.stages)"
}

# The pristine image, the memory it runs in, and the card's buffers.
rows_sizes() {
	local image service

	image=$(stat -c %s "$O/aether.img")
	row "aether.img, bytes" "<= 1048576" "" "" "$image" 1048576 "$image"
	service=$(od -An -tu8 -j24 -N16 "$O/service.bin" | awk '{ print $1 + $2 }')
	row "memory of the service, with its pristine image, bytes" "<= 9437184" "" "" "$service" 9437184 "$service"
	row "  and the card's buffers" "" "" "" "$(awk '
		/#define AETHER_NIC_(RX|TX)_BUFFERS/ { count += $3 }
		/#define AETHER_NIC_BUFFER_BYTES/ { bytes = $3 + 0 }
		END { printf "%d", count * bytes }' hypervisor/abi/nic.h)"
}

rows_service() {
	rows_restart
	rows_stolen
	rows_boot
	rows_sizes
}
