# bash completion of aetherctl: source <(aetherctl completion bash)
_aetherctl() {
	local word=${COMP_WORDS[COMP_CWORD]} noun=${COMP_WORDS[1]:-} verb=${COMP_WORDS[2]:-} words= nodes=
	if [ "$COMP_CWORD" = 1 ]; then
		words='node event rule token setting sign-in system release operation console help completion manual'
	elif [ "$COMP_CWORD" = 2 ]; then
		case $noun in
		node) words='list show approve reject retire rename label cordon uncordon reboot restart-guests locate power boots console' ;;
		event) words='list follow' ;;
		rule) words='list add remove' ;;
		token) words='list add remove' ;;
		setting) words='list set' ;;
		sign-in) words='make' ;;
		system) words='show' ;;
		release) words='show' ;;
		operation) words='show' ;;
		console) words='open' nodes=1 ;;
		help) words='node event rule token setting sign-in system release operation console help completion manual' ;;
		completion) words='bash zsh fish' ;;
		esac
	else
		case "$noun $verb" in
		'node list') words='--help --json --socket --url --token-file --timeout --no-input --no-color --watch --state --admission --match --limit --ids' ;;
		'node show') words='--help --json --socket --url --token-file --timeout --no-input --no-color --watch' nodes=1 ;;
		'node approve') words='--help --json --socket --url --token-file --timeout --no-input --no-color --wait --all-pending' nodes=1 ;;
		'node reject') words='--help --json --socket --url --token-file --timeout --no-input --no-color' nodes=1 ;;
		'node retire') words='--help --json --socket --url --token-file --timeout --no-input --no-color --yes' nodes=1 ;;
		'node rename') words='--help --json --socket --url --token-file --timeout --no-input --no-color' nodes=1 ;;
		'node label') words='--help --json --socket --url --token-file --timeout --no-input --no-color' nodes=1 ;;
		'node cordon') words='--help --json --socket --url --token-file --timeout --no-input --no-color' nodes=1 ;;
		'node uncordon') words='--help --json --socket --url --token-file --timeout --no-input --no-color' nodes=1 ;;
		'node reboot') words='--help --json --socket --url --token-file --timeout --no-input --no-color --wait' nodes=1 ;;
		'node restart-guests') words='--help --json --socket --url --token-file --timeout --no-input --no-color --wait' nodes=1 ;;
		'node locate') words='--help --json --socket --url --token-file --timeout --no-input --no-color --off' nodes=1 ;;
		'node power') words='--help --json --socket --url --token-file --timeout --no-input --no-color --wait on off reset' nodes=1 ;;
		'node boots') words='--help --json --socket --url --token-file --timeout --no-input --no-color --limit' nodes=1 ;;
		'node console') words='--help --json --socket --url --token-file --timeout --no-input --no-color --watch' nodes=1 ;;
		'event list') words='--help --json --socket --url --token-file --timeout --no-input --no-color --watch --node --limit' ;;
		'event follow') words='--help --json --socket --url --token-file --timeout --no-input --no-color --node' ;;
		'rule list') words='--help --json --socket --url --token-file --timeout --no-input --no-color' ;;
		'rule add') words='--help --json --socket --url --token-file --timeout --no-input --no-color --arch --network --serial --mac --label --count --ends' ;;
		'rule remove') words='--help --json --socket --url --token-file --timeout --no-input --no-color' ;;
		'token list') words='--help --json --socket --url --token-file --timeout --no-input --no-color' ;;
		'token add') words='--help --json --socket --url --token-file --timeout --no-input --no-color --ends' ;;
		'token remove') words='--help --json --socket --url --token-file --timeout --no-input --no-color' ;;
		'setting list') words='--help --json --socket --url --token-file --timeout --no-input --no-color' ;;
		'setting set') words='--help --json --socket --url --token-file --timeout --no-input --no-color' ;;
		'sign-in make') words='--help --json --socket --url --token-file --timeout --no-input --no-color' ;;
		'system show') words='--help --json --socket --url --token-file --timeout --no-input --no-color --watch' ;;
		'release show') words='--help --json --socket --url --token-file --timeout --no-input --no-color' ;;
		'operation show') words='--help --json --socket --url --token-file --timeout --no-input --no-color --wait' ;;
		'console open') words='--help --json --socket --url --token-file --timeout --no-input --no-color --watch' nodes=1 ;;
		esac
	fi
	if [ -n "$nodes" ] && [ "${word:0:1}" != - ]; then
		words+=" $(aetherctl node list --ids --timeout 2 2>/dev/null)"
	fi
	COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -F _aetherctl aetherctl
