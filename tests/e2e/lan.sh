# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For suites whose nodes boot from a network: a bridge, dnsmasq, the peer (netboot/sim/peer) and nodes without U-Boot,
# in the network and PID namespace that the caller is the first process of. Everything here ends with that process.
# Sourced from the root of the repository with $dir set: logs go there.
#
#   lan_start [DNSMASQ LINE]...          bridge and dnsmasq
#   peer_start ARGUMENT...               the peer at 10.77.0.1; peer_end ends it
#   say WORD...                          an order to the peer
#   image_with FILE LINE...              $O/aether.img or $from, with these lines in its configuration trailer
#   node_boot NUMBER GIC CPUS [IMAGE [QEMU ARGUMENT]...]      node_kill NUMBER
#   until_true SECONDS COMMAND...        until the command succeeds; false when it does not in $patience times that
#   mark; event REGEX SECONDS            a line of the peer's log behind the last mark; it is $found
#   status NUMBER KEY                    what the peer knows of the node
#   until_status NUMBER KEY REGEX SECONDS
#   check NAME COMMAND...                one TAP result

O=${O:-build}
THIRD=${THIRD:-build/third}
server=10.77.0.1
from=${from:-$O/aether.img}
patience=4
declare -A node_pids=()
peer_pid='' dnsmasq_pid='' marked=1 found='' failures=0
exec {quiet}<> <(:)

stop() {
	printf 'Bail out! %s\n' "$*"
	exit 1
}

# Not `fail`, and no TAP: a case that goes on says why by itself.
note() {
	printf '# %s\n' "$*"
}

name_of() {
	printf '5254007700%02x' "$1"
}

mac_of() {
	printf '52:54:00:77:00:%02x' "$1"
}

# A bound is what a quiet host would never need, and a busy one has $patience times that.
until_true() {
	local deadline=$((SECONDS + $1 * patience))

	shift
	until "$@"; do
		((SECONDS < deadline)) || return 1
		pause 0.05
	done
}

# Without a process. Nothing is ever written to the pipe.
pause() {
	read -rt "$1" -u "$quiet" || true
}

lan_start() {
	local i arguments=()

	ip link set lo up && ip link add aether0 type bridge forward_delay 0 &&
		ip address add "$server/24" dev aether0 && ip link set aether0 up || stop "cannot make a bridge"
	for ((i = 1; i <= 4; i++)); do
		arguments+=(--host "$(mac_of "$i"),10.77.0.$((i + 10)),node$i")
	done
	mkdir -p "$dir/tftp"
	: >"$dir/leases"
	: >"$dir/dnsmasq.log"
	"$O/bin/provision-render" --interface aether0 --server "$server/24" --range 10.77.0.11-10.77.0.200 --user root \
		--tftp-root "$PWD/$dir/tftp" --lease-file "$PWD/$dir/leases" --log-file "$PWD/$dir/dnsmasq.log" \
		--lease "${lease:-3600}" "${arguments[@]}" --output "$dir/dnsmasq.conf" || stop "no dnsmasq.conf"
	printf '%s\n' "$@" >>"$dir/dnsmasq.conf"
	dnsmasq --keep-in-foreground --conf-file="$dir/dnsmasq.conf" </dev/null >"$dir/dnsmasq.err" 2>&1 &
	dnsmasq_pid=$!
}

peer_start() {
	peer_end
	mkdir -p "$dir/peer"
	: >"$dir/peer.log"
	marked=1
	"$O/bin/peer" --listen "$server" --folder "$dir/peer" --control "$dir/peer.sock" "$@" \
		</dev/null >"$dir/peer.log" 2>&1 &
	peer_pid=$!
	until_true 5 grep -q ' listen ' "$dir/peer.log" || {
		note "the peer: $(tail -n 1 "$dir/peer.log")"
		return 1
	}
}

peer_end() {
	if [ -n "$peer_pid" ]; then
		kill "$peer_pid" 2>/dev/null || true
		wait "$peer_pid" 2>/dev/null || true
		peer_pid=
	fi
}

say() {
	"$O/bin/peer" say "$dir/peer.sock" "$@"
}

# The header's res2, at 32, says where the trailer stands.
image_with() {
	local file=$1 at

	shift
	at=$(od --endian=little -An -tu8 -j32 -N8 "$from" | tr -d ' ')
	{
		printf '/dts-v1/;\n/ {\n\tcompatible = "aether,config-v1";\n'
		printf '\t%s\n' "$@"
		printf '};\n'
	} >"$file.dts"
	head -c "$at" "$from" >"$file"
	dtc -q -I dts -O dtb "$file.dts" >>"$file"
}

# A node starts with an empty memory, as after power-on; its console goes to node<NUMBER>.log.
node_boot() {
	local number=$1 gic=$2 cpus=$3 image=${4:-$from} net machine

	shift 3
	[ $# = 0 ] || shift
	machine=virt,virtualization=on,gic-version=$gic
	if [ "$gic" = 3 ]; then
		machine+=,its=off
	fi
	net=${node_net:-tap,id=net,ifname=tap$number,script=no,downscript=no}
	if [ -z "${node_net-}" ] && ! ip link show "tap$number" >/dev/null 2>&1; then
		ip tuntap add "tap$number" mode tap
		ip link set "tap$number" master aether0 up
	fi
	qemu-system-aarch64 -name "node$number" -no-user-config -nodefaults -display none -nic none \
		-M "$machine" -accel tcg -cpu cortex-a72 -smp "$cpus" -m "${node_mib:-512}" \
		-global virtio-mmio.force-legacy=false -netdev "$net" \
		-device "virtio-net-device,netdev=net,mac=$(mac_of "$number")" \
		-kernel "$image" -serial "file:$dir/node$number.log" "$@" </dev/null >"$dir/node$number.qemu.log" 2>&1 &
	node_pids[$number]=$!
}

node_lives() {
	kill -0 "${node_pids[$1]}" 2>/dev/null
}

node_kill() {
	kill "${node_pids[$1]}" 2>/dev/null || true
	wait "${node_pids[$1]}" 2>/dev/null || true
	unset "node_pids[$1]"
}

# node_said NUMBER TEXT
node_said() {
	grep -aqF -- "$2" "$dir/node$1.log" 2>/dev/null
}

mark() {
	marked=$(($(wc -l <"$dir/peer.log") + 1))
}

# The next wait begins behind what this one found.
look_for() {
	local line

	line=$(tail -n "+$marked" "$dir/peer.log" | grep -nE -m 1 -- "$1") || return 1
	found=${line#*:}
	marked=$((marked + ${line%%:*}))
}

event() {
	until_true "$2" look_for "$1" || {
		note "no event of '$1' in $2 s; the last are:"
		tail -n 8 "$dir/peer.log" | cut -c 1-160 | sed 's/^/#   /'
		return 1
	}
}

# count_events REGEX: in the whole log.
count_events() {
	grep -cE -- "$1" "$dir/peer.log" || true
}

status() {
	sed -n "s/^$2=//p" "$dir/peer/$(name_of "$1").status" 2>/dev/null
}

status_is() {
	[[ $(status "$1" "$2") =~ ^($3)$ ]]
}

until_status() {
	until_true "$4" status_is "$1" "$2" "$3" || {
		note "node $1: $2 is '$(status "$1" "$2")', not '$3', after $4 s"
		return 1
	}
}

# console NUMBER SLOT: the file with what the peer has of it.
console() {
	printf '%s' "$dir/peer/$(name_of "$1").vm$2"
}

console_said() {
	grep -aqF -- "$3" "$(console "$1" "$2")" 2>/dev/null
}

until_console() {
	until_true "$4" console_said "$1" "$2" "$3" || {
		note "node $1 vm $2 has not said '$3' in $4 s; its end:"
		tail -n 5 "$(console "$1" "$2")" | tr -cd '[:print:]\n' | cut -c 1-160 | sed 's/^/#   /'
		return 1
	}
}

# count_console NUMBER SLOT TEXT
count_console() {
	grep -acF -- "$3" "$(console "$1" "$2")" || true
}


check() {
	local name=$1 start=$SECONDS

	shift
	if "$@"; then
		printf 'ok - %s (%d s)\n' "$name" $((SECONDS - start))
	else
		failures=$((failures + 1))
		printf 'not ok - %s (%d s)\n' "$name" $((SECONDS - start))
		local log
		for log in "$dir"/node[0-9].log; do
			[ -s "$log" ] || continue
			note "the end of $log:"
			tail -n 8 "$log" | tr -cd '[:print:]\n' | cut -c 1-160 | sed 's/^/#   /'
		done
		return 1
	fi
}
