# common.sh: what the scripts of quickstart, t/ and contrib/bare share.  Sourced
# by bash, never run.  It only defines functions; nothing here writes anything
# but files in the folder that it is told.
# shellcheck shell=bash

# say LINE: progress for a person, on stderr, so that stdout stays for results.
say() { printf '%s\n' "$*" >&2; }

# die LINE...: the first line is the error, the others are its DETAIL and HINT.
die() { printf '%s\n' "${0##*/}: $1" "${@:2}" >&2; exit 1; }

# run_user: the name of the user that servers run as: ourselves, but never root,
# because PostgreSQL refuses it and nothing else here needs it.
run_user()
{
	if [ "$(id -u)" != 0 ]; then id -un
	elif id -u postgres >/dev/null 2>&1; then echo postgres
	else echo nobody
	fi
}

# as_user CMD...: replace this (sub)shell by CMD run as run_user.  It keeps the
# pid, which is why it is exec and not runuser or su: those stay as parents.
as_user()
{
	local user
	user=$(run_user)
	[ "$(id -u)" = 0 ] || exec "$@"
	exec setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups \
		env USER="$user" LOGNAME="$user" "$@"
}

umask 022		# run_user reads what root writes

# cache_own: the folder in which we keep what is fetched.  It survives make clean.
# root's own home is closed to run_user, hence /var/cache.
cache_own()
{
	if [ -n "${WALRELAY_CACHE:-}" ]; then echo "$WALRELAY_CACHE"
	elif [ "$(id -u)" = 0 ]; then echo /var/cache/walrelay
	else echo "${XDG_CACHE_HOME:-${HOME:?}/.cache}/walrelay"
	fi
}

# cache_find NAME: the folder of NAME in the cache, if it is there: in ours, or
# in what root has fetched for this machine.
cache_find()
{
	local dir
	for dir in "$(cache_own)" ${WALRELAY_CACHE-/var/cache/walrelay}; do
		if [ -e "$dir/$1/.complete" ]; then echo "$dir/$1"; return 0; fi
	done
	return 1
}

# cache_make NAME FUNCTION: unless it is there already, make NAME: FUNCTION is
# called with an empty folder to fill.  The folder gets its name only when the
# function has succeeded, so a half download is never seen; makers wait for one
# another.  Prints the folder.
cache_make()
{
	local cache tmp
	cache_find "$1" && return 0
	cache=$(cache_own)
	mkdir -p "$cache" || die "cannot create the cache folder $cache" \
		"HINT: Set WALRELAY_CACHE to a folder that you can write."
	(
		exec 9>"$cache/.lock-$1"
		flock 9
		if [ ! -e "$cache/$1/.complete" ]; then
			rm -rf "${cache:?}/$1" "$cache/.tmp-$1".* 2>/dev/null || :		# of killed makers
			tmp=$(mktemp -d "$cache/.tmp-$1.XXXXXX")
			trap 'rm -rf "$tmp"' EXIT
			trap 'exit 130' INT TERM HUP
			chmod 755 "$tmp"
			mkdir "$tmp/out"
			"$2" "$tmp/out" >&2 9>&- || exit 1
			: >"$tmp/out/.complete"
			chmod -R a+rX "$tmp/out"
			mv "$tmp/out" "$cache/$1"
		fi
	) || return 1
	echo "$cache/$1"
}

# ports_free N: N free TCP ports of 127.0.0.1, below the range from which the
# kernel gives ports to clients, so that a server can come back on its own.
ports_free()
{
	perl -MIO::Socket::INET -e '
		my @kept;
		while (@kept < $ARGV[0])
		{
			my $sock = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1",
				LocalPort => 10200 + int(rand(22000))) or next;
			push @kept, $sock;
		}
		print join(" ", map { $_->sockport } @kept), "\n";' "$1"
}

# daemon_start LOG CMD...: start CMD as run_user, detached from this shell, its
# terminal and every open file (pipes of a test runner, locks); pid in $daemon_pid.
daemon_start()
{
	local log=$1
	shift
	(
		for fd in /proc/self/fd/*; do
			fd=${fd##*/}
			[ "$fd" -le 2 ] || eval "exec $fd>&-"
		done
		cd /
		as_user setsid "$@"
	) </dev/null >"$log" 2>&1 &
	daemon_pid=$!
	# Until it is CMD it is a copy of us, which daemon_alive would not know.
	while kill -0 "$daemon_pid" 2>/dev/null &&
		cmp -s "/proc/$daemon_pid/cmdline" /proc/$$/cmdline 2>/dev/null
	do
		sleep 0.01
	done
}

# daemon_alive PID WORD: is PID running, and is it ours (WORD is in its command
# line)?  A pid from a file may long be someone else's; a zombie has no line.
daemon_alive()
{
	local line='' n=0
	[ -n "$1" ] || return 1
	# In the midst of an exec there is no line, either, for a moment.
	while [ -z "$line" ]; do
		line=$(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline") || return 1
		[ -n "$line" ] || ! grep -qs '^State:[[:space:]]*[ZX]' "/proc/$1/status" || return 1
		[ $((n += 1)) -lt 100 ] || break
	done
	case $line in *"$2"*) return 0 ;; *) return 1 ;; esac
}

# daemon_stop PID WORD [SIGNAL]: end it and wait until it is gone; what does not
# heed SIGNAL (TERM) for a minute is killed.
daemon_stop()
{
	local n=0
	daemon_alive "$1" "$2" || return 0
	kill -s "${3:-TERM}" "$1" 2>/dev/null || :
	while daemon_alive "$1" "$2"; do
		[ $((n += 1)) -lt 1200 ] || kill -KILL "$1" 2>/dev/null || :
		sleep 0.05
	done
}

# daemon_wait PID WORD LOG CMD...: until CMD succeeds, for at most STARTUP_S
# seconds (120: machines can be ten times slower than ours).  If the process
# ends or the time is over, say so with the end of its log; false.
daemon_wait()
{
	local pid=$1 word=$2 log=$3 end=$((SECONDS + ${STARTUP_S:-120}))
	shift 3
	until "$@"; do
		if ! daemon_alive "$pid" "$word"; then
			say "${0##*/}: the server ended while starting:"
		elif [ "$SECONDS" -ge "$end" ]; then
			say "${0##*/}: the server is not up after ${STARTUP_S:-120} s (STARTUP_S=n waits longer):"
			daemon_stop "$pid" "$word" KILL
		else
			sleep 0.1
			continue
		fi
		tail -n 15 "$log" | cut -c 1-300 >&2
		return 1
	done
}

# dir_own DIR: make DIR if it is not there, give it to run_user, print its full
# name.  All of the servers' files are in it.
dir_own()
{
	local dir
	mkdir -p "$1"
	dir=$(cd "$1" && pwd)
	if [ "$(id -u)" = 0 ]; then chown "$(run_user)" "$dir"; fi
	(as_user test -w "$dir" -a -x "$dir") || die "user $(run_user) cannot use $dir" \
		"HINT: Choose a folder whose parents everyone may enter, for example one in /tmp."
	echo "$dir"
}

# env_get NAME DIR: a value out of the file that start left in DIR
env_get() { sed -n "s/^$1=//p" "$2/env" 2>/dev/null || :; }

# java_check: is there a Java that runs the servers?
java_check()
{
	command -v java >/dev/null || die 'no java here' \
		"HINT: contrib/quickstart/deps kafka"
}

# pg_config_find: the pg_config of the PostgreSQL to build for and to test with.
# The plain name comes last: libpq-dev has one too, which knows no server.
pg_config_find()
{
	local config
	for config in "${PG_CONFIG:-}" /usr/lib/postgresql/*/bin/pg_config "$(command -v pg_config)"; do
		if [ -n "$config" ] && command -v "$config" >/dev/null; then echo "$config"; return 0; fi
	done
	die 'no PostgreSQL server here' 'HINT: contrib/quickstart/deps demo'
}

# readme_block README NAME: the fenced block that follows the line <!-- bare: NAME -->
readme_block()
{
	local text
	text=$(awk -v mark="<!-- bare: $2 -->" '
		$0 == mark { found = 1; next }
		found && /^```/ { if (inside) exit; inside = 1; next }
		inside' "$1")
	[ -n "$text" ] || die "there is no block <!-- bare: $2 --> in $1"
	printf '%s\n' "$text"
}
