# SPDX-License-Identifier: Apache-2.0
#
# For the TAP suites here: a node in QEMU whose console is read line by line and typed into. Sourced from the root of
# the repository with $suite set. Every wait is bounded; a node that is left when the suite ends is killed.
#
#   plan N                     how many results there will be
#   node_start NAME LIMIT ARG...   QEMU with ARG..., ended by force after LIMIT seconds
#   node_expect TEXT SECONDS   reads on until a line contains TEXT; the line is $matched
#   node_type TEXT             types TEXT and a return
#   node_end SECONDS           reads to the end of the node; true if QEMU ended by itself with status 0
#   result NAME COMMAND...     one TAP result: ok if COMMAND... succeeds, else with the end of the console

O=${O:-build}
THIRD=${THIRD:-build/third}
dir=$O/e2e/$suite
mkdir -p "$dir"

results=0
failures=0
node_pid=
node_log=/dev/null
matched=
number=0

cannot() {
	printf 'Bail out! %s\n' "$*"
	exit 1
}

for needed in "$O/aether.img" "$O/guest.bundle" "$O/bin/bundle"; do
	[ -f "$needed" ] || cannot "$needed is missing; next step: make everything"
done
command -v qemu-system-aarch64 >/dev/null || cannot "qemu-system-aarch64 is not installed; next step: make deps"

plan() {
	printf '1..%d\n' "$1"
}

node_stop() {
	if [ -n "$node_pid" ]; then
		kill "$node_pid" 2>/dev/null || true
		wait "$node_pid" 2>/dev/null || true
		node_pid=
		exec {node_out}<&- {node_in}>&-
	fi
}
trap node_stop EXIT

node_start() {
	local limit=$2

	node_stop
	number=$((number + 1))
	node_log=$dir/$number-$1.log
	shift 2
	: >"$node_log"
	coproc NODE { exec timeout "$limit" qemu-system-aarch64 -display none -monitor none "$@" -serial stdio 2>&1; }
	node_pid=$NODE_PID
	# bash forgets NODE when the process ends, which may be before everything was read.
	exec {node_out}<&"${NODE[0]}" {node_in}>&"${NODE[1]}"
	exec {NODE[0]}<&- {NODE[1]}>&-
}

node_expect() {
	local text=$1 deadline=$((SECONDS + $2)) left line

	matched=
	while left=$((deadline - SECONDS)) && ((left > 0)); do
		IFS= read -r -t "$left" -u "$node_out" line || return 1
		line=${line%$'\r'}
		printf '%s\n' "$line" >>"$node_log"
		if [[ $line == *"$text"* ]]; then
			matched=$line
			return 0
		fi
	done
	return 1
}

node_type() {
	printf '%s\r' "$1" >&"$node_in"
}

node_end() {
	local deadline=$((SECONDS + $1)) left line status=0

	while left=$((deadline - SECONDS)) && ((left > 0)); do
		status=0
		IFS= read -r -t "$left" -u "$node_out" line || status=$?
		printf '%s\n' "${line%$'\r'}" >>"$node_log"
		((status == 0)) || break
	done
	# read: 1 is the end of the output, over 128 a time-out.
	if ((status != 1)); then
		printf '# the node was still running after %s s\n' "$1"
		node_stop
		return 1
	fi
	status=0
	wait "$node_pid" || status=$?
	node_pid=
	exec {node_out}<&- {node_in}>&-
	[ "$status" = 0 ] || printf '# QEMU ended with status %s\n' "$status"
	return "$status"
}

# node_said TEXT: the console so far contains it; node_silent TEXT: it does not.
node_said() {
	grep -qF -- "$1" "$node_log" || { printf '# not on the console: %s\n' "$1"; return 1; }
}
node_silent() {
	! grep -qF -- "$1" "$node_log" || { printf '# must not be on the console: %s\n' "$1"; return 1; }
}

result() {
	local name=$1

	shift
	results=$((results + 1))
	if "$@"; then
		printf 'ok %d - %s\n' "$results" "$name"
	else
		failures=$((failures + 1))
		printf 'not ok %d - %s\n' "$results" "$name"
		printf '# the end of %s:\n' "$node_log"
		tail -n 25 "$node_log" | tr -cd '[:print:]\n' | sed 's/^/#   /'
	fi
	node_stop
}

# Sets `machine` to QEMU's arguments: machine GIC CPUS CPU, or machine raspi4b.
machine() {
	if [ "$1" = raspi4b ]; then
		# The device tree's console is the second UART of the board.
		machine=(-M raspi4b -dtb "$THIRD/rpi/bcm2711-rpi-4-b.dtb" -serial null)
	else
		machine=(-M "virt,virtualization=on,gic-version=$1" -nic none -smp "$2" -cpu "$3" -m 1024)
	fi
}
