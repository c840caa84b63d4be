# baretree.sh: a bare Debian in a folder of its own: what bare and package/deb-check share.
# Sourced by bash after common.sh; $suite is the release.  Whoever calls tree_new is root and has
# debootstrap (tree_check).
# shellcheck shell=bash disable=SC2154
. "$top/contrib/cases.sh"

tree_check()
{
	[ "$(id -u)" = 0 ] || die 'only root can make a Debian tree' "HINT: sudo make ${0##*/}"
	command -v debootstrap >/dev/null || die 'no debootstrap here' 'HINT: contrib/quickstart/deps bare'
}

# ---- the base: debootstrap once a month, packed ----
# Where the packages come from, and how apt gets there, this machine's apt knows.
mirror_of()
{
	# shellcheck disable=SC2016  # apt's own variables
	apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
		awk -v name="$1" '$1 == name { print $2; exit }'
}

base_fill()
{
	local host mirror security tree=$1.tree
	host=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	mirror=$(mirror_of "$host") security=$(mirror_of "$host-security")
	[ -n "$mirror" ] || die "apt has no source for $host on this machine" 'HINT: Run apt-get update.'
	say "Making a minimal Debian $suite with debootstrap (90 MB to fetch, once a month) ..."
	unshare --mount --pid --fork --kill-child --mount-proc \
		debootstrap --variant=minbase --include=git,ca-certificates "$suite" "$tree" "$mirror" \
		>"$1.log" 2>&1 || { tail -n 20 "$1.log" >&2; return 1; }
	{
		echo "deb $mirror $suite main"
		[ -z "$security" ] || echo "deb $security $suite-security main"
	} >"$tree/etc/apt/sources.list"
	apt-config dump | grep -E '^Acquire::(Check-|Retries|https?::)' >"$tree/etc/apt/apt.conf.d/90host" || :
	rm -rf "$tree"/var/cache/apt/*.bin "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/*
	tar -C "$tree" --one-file-system -czf "$1/base.tar.gz" . || return 1
	rm -rf --one-file-system "$tree"
}

# tree_new: $tree in $work, removed when this shell ends, with all that runs in it
tree_new()
{
	local base
	base=$(cache_make "bare-$suite-$(date +%Y%m)" base_fill)
	find "$(dirname "$base")" -maxdepth 1 -name "bare-$suite-*" ! -name "$(basename "$base")" -exec rm -rf {} +
	work=$(mktemp -d /var/tmp/walrelay-bare.XXXXXX)
	tree=$work/tree
	child=''
	trap tree_finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	mkdir "$tree"
	tar -C "$tree" -xzf "$base/base.tar.gz"
	cp -L /etc/resolv.conf /etc/hosts "$tree/etc/"
	# Whom this machine has been told to trust (a company's proxy, say), the tree must
	# trust, too; from its links in /etc/ssl/certs, Java makes its own store.
	cp -RL /usr/local/share/ca-certificates "$tree/usr/local/share/" 2>/dev/null || :
	chroot "$tree" update-ca-certificates >/dev/null 2>&1 || die 'update-ca-certificates failed in the tree'
	cp -L /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
}

tree_finish()
{
	if [ -n "$child" ]; then kill -KILL "$child" 2>/dev/null || :; wait "$child" 2>/dev/null || :; fi
	rm -rf --one-file-system "$work"
}

# tree_run COMMANDS: as root of the tree, with an empty environment.  What is left
# running at the end is listed in left; it dies with its namespace.
tree_run()
{
	printf '%s\n' "$1" >"$tree/root/commands"
	# shellcheck disable=SC2016  # for the inner shell
	unshare --mount --pid --ipc --fork --kill-child sh -c '
		set -e
		mount -t proc proc "$1/proc"
		mount --rbind /dev "$1/dev"
		mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
		mount -t tmpfs -o mode=1777 tmpfs "$1/tmp"
		status=0
		chroot "$1" env -i HOME=/root USER=root LOGNAME=root TERM=dumb \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			bash -e -o pipefail -c "cd /root; [ ! -d walrelay ] || cd walrelay; . /root/commands" || status=$?
		for proc in "$1"/proc/[0-9]*; do
			[ "${proc##*/}" = 1 ] || tr "\0" " " 2>/dev/null <"$proc/cmdline" || :
		done >"$1/root/left"
		exit "$status"' - "$tree" </dev/null >"$work/out" 2>&1 &
	child=$!
	tail -n +1 -f --pid="$child" "$work/out" &
	local tail=$! status=0
	wait "$child" || status=$?
	child=''
	wait "$tail" || :
	return "$status"
}
