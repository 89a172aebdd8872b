#compdef aetherctl
# zsh completion of aetherctl: source <(aetherctl completion zsh)
_aetherctl() {
	local -a words
	if (( CURRENT == 2 )); then
		words=(node event rule token setting sign-in system release operation console help completion manual)
	elif (( CURRENT == 3 )); then
		case $words_line[2] in
		node) words=(list show approve reject retire rename label cordon uncordon reboot restart-guests locate power boots console) ;;
		event) words=(list follow) ;;
		rule) words=(list add remove) ;;
		token) words=(list add remove) ;;
		setting) words=(list set) ;;
		sign-in) words=(make) ;;
		system) words=(show) ;;
		release) words=(show) ;;
		operation) words=(show) ;;
		console) words=(open) ;;
		completion) words=(bash zsh fish) ;;
		esac
	else
		case "$words_line[2] $words_line[3]" in
		'node list') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --watch --state --admission --match --limit) ;;
		'node show') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --watch) ;;
		'node approve') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --wait --all-pending) ;;
		'node reject') words=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'node retire') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --yes) ;;
		'node rename') words=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'node label') words=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'node cordon') words=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'node uncordon') words=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'node reboot') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --wait) ;;
		'node restart-guests') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --wait) ;;
		'node locate') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --off) ;;
		'node power') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --wait on off reset) ;;
		'node boots') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --limit) ;;
		'node console') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --watch) ;;
		'event list') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --watch --node --limit) ;;
		'event follow') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --node) ;;
		'rule list') words=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'rule add') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --arch --network --serial --mac --label --count --ends) ;;
		'rule remove') words=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'token list') words=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'token add') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --ends) ;;
		'token remove') words=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'setting list') words=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'setting set') words=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'sign-in make') words=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'system show') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --watch) ;;
		'release show') words=(--help --json --socket --url --token-file --timeout --no-input --no-color) ;;
		'operation show') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --wait) ;;
		'console open') words=(--help --json --socket --url --token-file --timeout --no-input --no-color --watch) ;;
		esac
		[[ $words_line[2] == (node|console) ]] && words+=(${(f)"$(aetherctl node list --json --timeout 2 2>/dev/null | tr ',{' '\n\n' | sed -n 's/^"\(id\|name\)":"\([A-Za-z0-9._-]*\)"$/\2/p')"})
	fi
	compadd -- $words
}
_aetherctl_words() {
	local -a words_line=($words)
	_aetherctl
}
compdef _aetherctl_words aetherctl
