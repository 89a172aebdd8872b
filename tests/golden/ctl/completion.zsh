#compdef aetherctl
# zsh completion of aetherctl: source <(aetherctl completion zsh), behind compinit; or as the file _aetherctl in a folder of $fpath
_aetherctl() {
	local nodes=
	local -a choices
	if (( CURRENT == 2 )); then
		choices=(node event rule token setting sign-in system release operation console help completion manual)
	elif (( CURRENT == 3 )); then
		case $words[2] in
		node) choices=(list show approve reject retire rename label cordon uncordon reboot restart-guests locate power boots console) ;;
		event) choices=(list follow) ;;
		rule) choices=(list add remove) ;;
		token) choices=(list add remove) ;;
		setting) choices=(list set) ;;
		sign-in) choices=(make) ;;
		system) choices=(show) ;;
		release) choices=(show) ;;
		operation) choices=(show) ;;
		console) choices=(open) nodes=1 ;;
		help) choices=(node event rule token setting sign-in system release operation console help completion manual) ;;
		completion) choices=(bash zsh fish) ;;
		esac
	else
		case "$words[2] $words[3]" in
		'node list') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --watch --state --admission --match --limit --ids) ;;
		'node show') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --watch) nodes=1 ;;
		'node approve') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --wait --all-pending) nodes=1 ;;
		'node reject') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color) nodes=1 ;;
		'node retire') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --yes) nodes=1 ;;
		'node rename') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color) nodes=1 ;;
		'node label') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color) nodes=1 ;;
		'node cordon') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color) nodes=1 ;;
		'node uncordon') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color) nodes=1 ;;
		'node reboot') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --wait) nodes=1 ;;
		'node restart-guests') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --wait) nodes=1 ;;
		'node locate') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --off) nodes=1 ;;
		'node power') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --wait on off reset) nodes=1 ;;
		'node boots') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --limit) nodes=1 ;;
		'node console') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --watch) nodes=1 ;;
		'event list') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --watch --node --limit) ;;
		'event follow') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --node) ;;
		'rule list') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'rule add') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --arch --network --serial --mac --label --count --ends) ;;
		'rule remove') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'token list') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'token add') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --ends) ;;
		'token remove') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'setting list') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'setting set') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'sign-in make') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'system show') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --watch) ;;
		'release show') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'operation show') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --wait) ;;
		'console open') choices=(--help --json --socket --url --token-file --timeout --no-input --no-color --watch) nodes=1 ;;
		esac
	fi
	[[ -n $nodes && $words[CURRENT] != -* ]] && choices+=(${(f)"$(aetherctl node list --ids --timeout 2 2>/dev/null)"})
	compadd -- $choices
}
if [[ ${funcstack[1]:-} == _aetherctl ]]; then
	_aetherctl "$@"
else
	compdef _aetherctl aetherctl
fi
