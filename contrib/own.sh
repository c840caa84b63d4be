# own.sh: namespaces of their own, and a control group, for a script that boots a system or runs containers: what it
# mounts is seen by nobody else, and nothing that it starts outlives it.  Sourced by bash after common.sh.
# shellcheck shell=bash

# own_enter SCRIPT ARGUMENT...: runs SCRIPT again in there and exits with its status; returns when it is there.  Its
# /sys/fs/cgroup is version 2, with its own group as the root, whatever else this machine has mounted there: neither a
# container's runtime nor a systemd of today shares the tree with version 1.
own_enter()
{
	[ "${WALRELAY_OWN:-}" != 1 ] || { unset WALRELAY_OWN; return 0; }
	local all status=0
	[ "$(id -u)" = 0 ] || die 'only root can make namespaces and control groups'
	all=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
	[ -n "$all" ] || die 'no control groups of version 2 are mounted here' "HINT: mount -t cgroup2 cgroup2 /mnt"
	own_group=$all/walrelay-${1##*/}-$$
	mkdir "$own_group" || die "control groups cannot be made in $all"
	trap own_leave EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	# shellcheck disable=SC2016  # for the inner shells
	bash -c 'echo $$ >"$0/cgroup.procs" && exec unshare --mount --pid --cgroup --fork --kill-child --mount-proc \
		bash -e -c "umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup; WALRELAY_OWN=1 exec \"\$@\"" - "$@"' \
		"$own_group" "$@" &
	wait $! || status=$?
	exit "$status"
}

# own_leave: ends what is in the group, if somebody ended us, and removes it
own_leave()
{
	echo 1 >"$own_group/cgroup.kill" 2>/dev/null || :
	while grep -q '^populated 1' "$own_group/cgroup.events" 2>/dev/null; do sleep 0.05; done
	find "$own_group" -depth -type d -exec rmdir {} + 2>/dev/null || :
}
