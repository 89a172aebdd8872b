# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the nodes are doing, read from what they, dnsmasq and the peer write: nothing waits. The real controller is asked
# once a second for the state that it shows of each node; `running` is its word, and the furthest stage.
#
#   power -> dhcp -> tftp FILE -> core -> service WHAT -> kernel -> linux      running
#
# A node that starts again begins at `power` again; UNTIL looks at the furthest stage it ever reached.
# What comes from a node is hostile: it is matched against fixed words, and shown only without control
# characters. Used by `inside`, which sets dir, node_pid and monitor_pid, or with CONTROLLER=peer dnsmasq_pid and, if there is a
# peer, peer_pid.

stage_names=(power dhcp tftp core service kernel linux running)
RUNNING=7

# node_mac N, node_address N: what node N is known by.
node_mac() {
	printf '52:54:00:77:00:%02x' "$1"
}

node_address() {
	printf '10.77.0.%d' "$(($1 + 10))"
}

# Per node: stage, furthest stage and the second it was reached, the second of the last change, a word behind the stage, a note.
stage=() furthest=() progress=() since=() file=() note=() node_pid=() node_status=() log_fd=() log_rest=()
# What the real controller shows of each node; "": it has not seen it.
shown=() shown_why=()
verdict=0
all_up=no

watch_start() {
	local i fd

	LC_ALL=C
	SECONDS=0
	until_stage=-1
	for i in "${!stage_names[@]}"; do
		if [ "${stage_names[i]}" = "${UNTIL/init/linux}" ]; then
			until_stage=$i
		fi
	done
	for ((i = 1; i <= NODES; i++)); do
		stage[i]=0 furthest[i]=0 progress[i]=0 since[i]=0 file[i]='' note[i]='' node_status[i]='' log_rest[i]=''
		shown[i]='' shown_why[i]=''
		exec {fd}<"$dir/node$i.log"
		log_fd[i]=$fd
	done
	asked=-1
	peer_log=$((NODES + 1))
	if [ "$CONTROLLER" = peer ]; then
		log_rest[0]='' log_rest[peer_log]=''
		exec {fd}<"$dir/dnsmasq.log"
		log_fd[0]=$fd
		exec {fd}<"$dir/peer.log"
		log_fd[peer_log]=$fd
	fi
	# A live picture only where it fits; else a line for each change.
	is_live=no
	drawn=0
	local rows=0
	if [ -t 1 ]; then
		local out
		exec {out}>&1
		read -r rows _ < <(stty size <&"$out") || true
		exec {out}>&-
	fi
	if ((rows > NODES + 4)); then
		is_live=yes
	fi
}

# enter NODE STAGE [FILE]
enter() {
	local i=$1

	if [ "${stage[i]}" = "$2" ] && [ "${file[i]}" = "${3-}" ]; then
		return
	fi
	stage[i]=$2 file[i]=${3-} since[i]=$SECONDS
	# A note tells why a node waits in DHCP or TFTP; it stays while the node tries again.
	if (($2 == 0 || $2 > 2)); then
		note[i]=
	fi
	if (($2 > furthest[i])); then
		furthest[i]=$2 progress[i]=$SECONDS
	fi
	if [ "$is_live" = no ]; then
		printf 'sim: %4d s  node%-2d  %s\n' "$SECONDS" "$i" "$(stage_text "$i")"
	fi
}

stage_text() {
	if [ -n "${shown[$1]}" ] && [ "${stage_names[stage[$1]]}" != "${shown[$1]}" ]; then
		printf '%s, ' "${shown[$1]}"
	fi
	if [ -n "${node_status[$1]}" ]; then
		printf 'off (QEMU ended with status %d)' "${node_status[$1]}"
	else
		printf '%s' "${stage_names[stage[$1]]}${file[$1]:+ ${file[$1]}}"
	fi
}

# One line of a node's serial port.
read_serial() {
	local i=$1 line=$2

	case $line in
	*"U-Boot 20"*) enter "$i" 0 ;;
	*"BOOTP broadcast"*) enter "$i" 1 ;;
	"Filename '"*)
		line=${line#*\'}
		enter "$i" 2 "$(printable "${line%%\'*}")"
		;;
	*"aether: boot: cannot "* | *"aether: boot: no "* | *"aether: boot: "*" is not "*)
		note[i]=$(printable "${line#*aether: boot: }")
		;;
	*"aether: core "*) enter "$i" 3 ;;
	*"aether: agent: waits "* | *"aether: agent: was rejected"*)
		enter_service "$i" waiting
		note[i]=$(printable "${line#*aether: agent: }")
		;;
	*"aether: agent"*) note[i]= ;;
	*"aether: loader"*) ((stage[i] == 4)) || enter_service "$i" "" ;;
	*"Linux version "*) enter "$i" 5 ;;
	*"aether: ready"*) enter "$i" 6 ;;
	esac
}

# enter_service NODE WHAT: the stage between core and kernel; a guest that runs already is further than that.
enter_service() {
	if ((stage[$1] < 5)); then
		enter "$1" 4 "$2"
	fi
}

# One line of the peer's log. Its names and states are the peer's own words; a node is known by its MAC address.
read_peer() {
	local line=$1 i guest percent

	[[ $line =~ \ ([a-z]+)\ node=5254007700([0-9a-f][0-9a-f])(\ .*)?$ ]] || return 0
	i=$((16#${BASH_REMATCH[2]}))
	((i >= 1 && i <= NODES)) || return 0
	case ${BASH_REMATCH[1]} in
	hello) ((stage[i] == 4)) || enter_service "$i" hello ;;
	pending) enter_service "$i" pending ;;
	approved) enter_service "$i" approved ;;
	rejected) enter_service "$i" rejected ;;
	guest)
		[[ ${BASH_REMATCH[3]} =~ ^\ vm=([0-3])\ state=\"([a-z\ ]+)\"\ reason=\"([A-Za-z0-9,.\'\ -]+)\"\ percent=([0-9]+) ]] ||
			return 0
		guest="vm${BASH_REMATCH[1]} ${BASH_REMATCH[2]}" percent=${BASH_REMATCH[4]}
		if [ "${BASH_REMATCH[2]}" = fetches ]; then
			guest+=" $percent %"
		elif [ "${BASH_REMATCH[2]}" = 'no guest' ]; then
			return 0
		fi
		enter_service "$i" "$guest"
		note[i]=
		if [ "${BASH_REMATCH[3]}" != 'no reason' ]; then
			note[i]="vm${BASH_REMATCH[1]} ${BASH_REMATCH[2]}: ${BASH_REMATCH[3]}"
		fi
		;;
	esac
}

# What the controller shows. Its JSON has no spaces between, and a quote inside a string has a backslash before it.
ask_controller() {
	local answer item i

	answer=$(api GET '/api/v1/nodes?limit=1000' 2>/dev/null) || return 0
	while [[ $answer =~ \{\"id\":\"n- ]]; do
		answer=${answer#*"{\"id\":\"n-"}
		item=${answer%%"{\"id\":\"n-"*}
		[[ $item =~ [,{]\"macs\":\[\"52:54:00:77:00:([0-9a-f]{2})\" ]] || continue
		i=$((16#${BASH_REMATCH[1]}))
		((i >= 1 && i <= NODES)) || continue
		[[ $item =~ ,\"state\":\"([a-z]+)\" ]] || continue
		show_node "$i" "${BASH_REMATCH[1]}"
		shown_why[i]=
		if [[ $item =~ ,\"why\":\"([^\"]*)\" ]]; then
			shown_why[i]=$(printable "${BASH_REMATCH[1]}")
		fi
	done
}

# show_node NODE STATE
show_node() {
	local i=$1

	[ "${shown[i]}" != "$2" ] || return 0
	shown[i]=$2 since[i]=$SECONDS
	if [ "$2" = running ] && ((furthest[i] < RUNNING)); then
		furthest[i]=$RUNNING progress[i]=$SECONDS
	fi
	if [ "$is_live" = no ]; then
		printf 'sim: %4d s  node%-2d  %s\n' "$SECONDS" "$i" "$(stage_text "$i")"
	fi
}

# One line of dnsmasq's log; the last byte of an address is the node's number and 10.
read_dnsmasq() {
	local line=$1 i

	[[ $line =~ /tftp/([A-Za-z0-9._/-]+)\ not\ found\ for\ 10\.77\.0\.([0-9]+)$ ]] || return 0
	i=$((BASH_REMATCH[2] - 10))
	if ((i >= 1 && i <= NODES)); then
		note[i]="${BASH_REMATCH[1]} is not in the TFTP tree"
	fi
}

# The text in one short line without control characters.
printable() {
	local text=${1//[^[:print:]]/}

	printf '%s' "${text:0:60}"
}

# Hands each whole line that is new in log I to its reader. A line that never ends is cut, not kept.
read_log() {
	local i=$1 line

	while IFS= read -r -u "${log_fd[i]}" line; do
		line=${log_rest[i]}$line
		log_rest[i]=
		if ((i == 0)); then
			read_dnsmasq "$line"
		elif ((i > NODES)); then
			read_peer "$line"
		else
			read_serial "$i" "${line%$'\r'}"
		fi
	done
	line=${log_rest[i]}$line
	log_rest[i]=${line:0:1024}
}

draw() {
	local i

	if ((drawn)); then
		printf '\e[%dA' "$NODES"
	fi
	drawn=1
	for ((i = 1; i <= NODES; i++)); do
		printf '\r\e[K  node%-2d  %-26.26s %4d s  %.40s\n' "$i" "$(stage_text "$i")" \
			"$((SECONDS - since[i]))" "${note[i]:-${shown_why[i]}}"
	done
}

# show_tail FILE COUNT: the last lines of a log, without control characters and U-Boot's progress marks.
show_tail() {
	tail -c 20000 "$1" | tr -d '\000-\010\013-\037\177' | grep -Ev '^[[:space:]]*#*$' |
		tail -n "$2" | sed 's/^/    | /' || true
}

explain() {
	local i=$1

	printf 'sim: node%d did not reach %s: %s, no further for %d s%s\n' "$i" "$UNTIL" "$(stage_text "$i")" \
		"$((SECONDS - progress[i]))" "${note[i]:+; ${note[i]}}${shown_why[i]:+; ${shown_why[i]}}"
	printf 'sim: the end of %s:\n' "$O/sim/node$i.log"
	show_tail "$dir/node$i.log" 15
	if [ -s "$dir/node$i.qemu.log" ]; then
		printf 'sim: the end of %s:\n' "$O/sim/node$i.qemu.log"
		show_tail "$dir/node$i.qemu.log" 5
	fi
}

# check_server PID NAME: whether it still serves; if not, says why not.
check_server() {
	kill -0 "$1" 2>/dev/null && return
	local status=0
	{ wait "$1"; } 2>/dev/null || status=$?
	printf 'sim: %s ended with status %d; the end of %s:\n' "$2" "$status" "$O/sim/$2.log"
	show_tail "$dir/$2.log" 10
	[ ! -s "$dir/$2.err" ] || show_tail "$dir/$2.err" 10
	return 1
}

# Looks at all once. False when there is a verdict, which is then in `verdict`.
watch_step() {
	local i reached=0 running=0

	if [ "$CONTROLLER" = peer ]; then
		read_log 0
		read_log "$peer_log"
	elif ((SECONDS != asked)); then
		asked=$SECONDS
		ask_controller
	fi
	for ((i = 1; i <= NODES; i++)); do
		# First whether it has ended, then its log: nothing that it wrote is missed.
		if [ -z "${node_status[i]}" ] && ! kill -0 "${node_pid[i]}" 2>/dev/null; then
			local status=0
			{ wait "${node_pid[i]}"; } 2>/dev/null || status=$?
			read_log "$i"
			node_status[i]=$status since[i]=$SECONDS
			if [ "$is_live" = no ]; then
				printf 'sim: %4d s  node%-2d  %s\n' "$SECONDS" "$i" "$(stage_text "$i")"
			fi
		fi
		read_log "$i"
		if [ -z "${node_status[i]}" ]; then
			running=$((running + 1))
		fi
		if ((furthest[i] >= (until_stage < 0 ? 6 : until_stage))); then
			reached=$((reached + 1))
		fi
	done
	if [ "$is_live" = yes ]; then
		draw
	fi
	if [ "$CONTROLLER" = real ]; then
		check_server "$monitor_pid" aetherd || { verdict=1; return 1; }
	elif ! check_server "$dnsmasq_pid" dnsmasq || { [ -n "${peer_pid-}" ] && ! check_server "$peer_pid" peer; }; then
		verdict=1
		return 1
	fi
	if ((until_stage < 0)); then
		watch_open_end "$reached" "$running"
	else
		watch_until "$reached" "$running"
	fi
}

# Without UNTIL only the end of every node ends the simulation; not where they can be switched on again.
watch_open_end() {
	if [ "$CONTROLLER" = real ]; then
		return 0
	fi
	if (($1 == NODES)) && [ "$all_up" = no ]; then
		all_up=yes
		printf 'sim: all nodes run Linux, after %d s\n' "$SECONDS"
		drawn=0
	fi
	if (($2 == 0)); then
		printf 'sim: every node is off; logs are in %s\n' "$O/sim"
		verdict=$(($1 < NODES))
		return 1
	fi
}

watch_until() {
	local i

	if (($1 == NODES)); then
		printf 'sim: %d of %d nodes reached %s in %d s\n' "$NODES" "$NODES" "$UNTIL" "$SECONDS"
		return 1
	fi
	if ((SECONDS < TIMEOUT)) && { (($2 > 0)) || [ "$CONTROLLER" = real ]; }; then
		return 0
	fi
	verdict=1
	for ((i = 1; i <= NODES; i++)); do
		if ((furthest[i] < until_stage)); then
			explain "$i"
		fi
	done
	if ((SECONDS >= TIMEOUT)); then
		printf 'sim: %d of %d nodes reached %s in %d s (TIMEOUT)\n' "$1" "$NODES" "$UNTIL" "$SECONDS"
	else
		printf 'sim: %d of %d nodes reached %s; no node is running any more\n' "$1" "$NODES" "$UNTIL"
	fi
	return 1
}
