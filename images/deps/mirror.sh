# SPDX-License-Identifier: Apache-2.0
# Sourced by install and fetch.
#
# The Debian mirror is the one that this machine's apt is configured with; proxy and credentials come along because
# apt itself does every download. MIRROR=URI in the environment names another.

die() {
	echo "images/deps: $*" >&2
	exit 1
}

# The URI that serves this system's main suite. `--print-uris` reads one-line and deb822 entries alike, and needs
# no list to be there. Other vendors use the same suite names, so a path that ends in "debian" wins.
debian_mirror() {
	if [ -n "${MIRROR:-}" ]; then
		echo "${MIRROR%/}"
		return
	fi
	local codename none uris uri
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	none=$(mktemp -d)
	uris=$(apt-get -o Dir::State::lists="$none" update --print-uris 2>/dev/null || true)
	rm -rf "$none"
	uri=$(sed -nE "s#^'([^']+)/dists/($codename|stable|oldstable|testing)/main/binary-[^']*'.*#\1#p" <<<"$uris" |
		awk '/\/debian\/?$/ || /debian\.list\/?$/ { best = best ? best : $0 } { any = any ? any : $0 }
			END { print best ? best : any }')
	[ -n "$uri" ] || die "apt has no Debian source for $codename; add one to /etc/apt, or run with MIRROR=http://..."
	echo "${uri%/}"
}

debian_keyring() {
	local file
	for file in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
		if [ -r "$file" ]; then
			echo "$file"
			return
		fi
	done
	die "no /usr/share/keyrings/debian-archive-keyring.gpg; next step: apt-get install debian-archive-keyring"
}
