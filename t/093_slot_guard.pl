# 093_slot_guard.pl: the slot is looked at over a second connection: what it keeps and for how long that
# lasts, that it moves in an idle database beside a busy one, what slot.guard does, and that the
# stream does not depend on any of it.  No broker.
# takes: 60 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use HTTP::Tiny;
use JSON::PP ();
use POSIX qw(mkfifo);
use Walrelay;
use Test::More;

my $http = HTTP::Tiny->new(no_proxy => ['127.0.0.1']);
my $json = JSON::PP->new->utf8;

# Nothing but what a test wants makes restart_lsn move: no checkpoint by time or size, no stream that begins anew.
my $quiet = "checkpoint_timeout = 1h\nmax_wal_size = 8GB\nbgwriter_delay = 10ms\nwal_sender_timeout = 1h\n";
my $calm = new_source(name => 'calm', conf => $quiet);
my $tight = new_source(name => 'tight', conf => $quiet . "max_slot_wal_keep_size = 32MB\n",
	initdb => [ '--encoding=UTF8', '--locale=C.UTF-8', '--wal-segsize=1' ]);
my $version = $calm->safe_psql('postgres', 'SHOW server_version_num');

# relay NODE, DATABASE, NAME, ARGS: streams with a slot and tables of that name, as a role without rights
sub relay
{
	my ($node, $database, $name, @args) = @_;
	my $port = free_port();
	my $conninfo = '--source.conninfo=' . $node->connstr($database) . ' user=cdc';
	my $relay = relay_start(
		name => $name,
		args => [
			'--sink=stdout', '--topic.prefix=p', $conninfo, "--slot.name=$name", '--slot.create=true',
			"--table.include.list=public\\.$name", '--status.interval.ms=200ms', '--log.format=text',
			'--log.level=debug', '--retry.backoff.max.ms=500ms', "--admin.listen=127.0.0.1:$port", @args ]);
	$relay->{url} = "http://127.0.0.1:$port";
	$relay->wait_for_log(qr/streaming database/);
	return $relay;
}

sub slot_of { my ($relay) = @_; return $json->decode($http->get("$relay->{url}/status")->{content})->{slot}; }
sub metric
{
	my ($relay, $name) = @_;
	my ($value) = $http->get("$relay->{url}/metrics")->{content} =~ /^walrelay_\Q$name\E (\S+)$/m;
	return $value;
}
sub column
{
	my ($node, $slot, $column) = @_;
	return $node->safe_psql('postgres', "SELECT $column FROM pg_replication_slots WHERE slot_name = '$slot'");
}
sub kept { my ($node, $slot) = @_; return column($node, $slot, "(pg_current_wal_lsn() - restart_lsn)::bigint >> 20"); }
sub ids { my ($relay) = @_; return map { $_->{value}{after}{id} } $relay->events; }

# fill NODE, DATABASE, MB: so much WAL that nobody captures
sub fill
{
	my ($node, $database, $mb) = @_;
	$node->safe_psql($database, "SELECT count(pg_logical_emit_message(false, 'fill', repeat('x', 1048000))) FROM generate_series(1, $mb)");
	return;
}

# walsender NODE, NAME: the pid of the one that streams that slot
sub walsender { my ($node, $name) = @_; return column($node, $name, 'active_pid'); }

# clock NODE: by which the background writer writes what lets slots move, each 15 s, if anybody has written
sub clock { my ($node) = @_; return $node->safe_psql('postgres', 'SELECT extract(epoch FROM clock_timestamp())'); }

for my $node ($calm, $tight)
{
	$node->safe_psql('postgres', 'CREATE ROLE cdc LOGIN REPLICATION; CREATE DATABASE shop; CREATE DATABASE busy');
	$node->safe_psql('shop', "CREATE TABLE $_ (id int PRIMARY KEY, v text)") for qw(idle still beats stuck ended watched);
}

# ---- an idle database beside a busy one: marks of the plugin move the slot, no heartbeat is needed ----
my $idle = relay($calm, 'shop', 'idle');
my $begin = column($calm, 'idle', 'restart_lsn');
for (1 .. 6)
{
	fill($calm, 'busy', 64);
	$calm->safe_psql('postgres', 'CHECKPOINT');    # writes what the background writer writes every 15 s
}
wait_until { kept($calm, 'idle') < 100 } 'idle: its slot to follow';
cmp_ok($calm->safe_psql('postgres', "SELECT (pg_current_wal_lsn() - '$begin'::pg_lsn)::bigint >> 20"), '>=', 384,
	'idle: the neighbour has written much more');
is(metric($idle, 'slot_heartbeats_total'), 0, 'idle: without a heartbeat');
my @events = $idle->events;
is(scalar(@events), 0, 'idle: without an event');
is(metric($idle, 'slot_watch_up'), 1, 'idle: a role without rights sees the slot');
my $seen = slot_of($idle);
is($seen->{heartbeat}, 'needed', 'idle: heartbeats would come');
is($seen->{wal_limit_bytes}, undef, 'idle: no limit');
is($idle->stop, 0, 'idle: ends well');
$calm->safe_psql('postgres', "SELECT pg_drop_replication_slot('idle')");

# ---- slots that stand still, part one: they are left behind ----
# A server moves restart_lsn no further than to the first of the records that came before the last
# confirmation: relays that rest for a while, and nobody who writes after that.
my $still = relay($calm, 'shop', 'still', '--slot.heartbeat.ms=0');
my $beats = relay($calm, 'shop', 'beats', '--slot.heartbeat.ms=1s', '--slot.guard.bytes=256MB');
wait_for_slot($calm, $_) for qw(still beats);
kill 'STOP', $_->pid for $still, $beats;
for (1 .. 3)
{
	fill($calm, 'busy', 40);
	$calm->safe_psql('postgres', 'CHECKPOINT');
}
my $wrote_at = clock($calm);

# ---- nobody reads our output, under a small limit: warnings with the time that is left, then the end ----
my @readers;
for (qw(stuck ended))
{
	mkfifo("$ENV{TESTLOGDIR}/$_.out", 0600) or die "mkfifo: $!";
	open my $reader, '+<', "$ENV{TESTLOGDIR}/$_.out" or die "open: $!";
	push @readers, $reader;
}
my $stuck = relay($tight, 'shop', 'stuck', '--max.in.flight.bytes=64kB');
my $ended = relay($tight, 'shop', 'ended', '--max.in.flight.bytes=64kB', '--slot.guard=stop');
$tight->safe_psql('shop', "INSERT INTO $_ SELECT i, repeat('v', 1000) FROM generate_series(1, 2000) i") for qw(stuck ended);
# Little by little, so that there is a rate.
wait_until
{
	$tight->safe_psql('busy', "SELECT pg_logical_emit_message(false, 'fill', repeat('x', 20000))");
	defined slot_of($stuck)->{seconds_left};
}
'stuck: a time left';
$seen = slot_of($stuck);
is($seen->{guard_level}, 0, 'stuck: little is kept yet');
cmp_ok($seen->{wal_growth_bytes_per_second}, '>', 0, 'stuck: but it grows');
my $lasts = ($seen->{wal_limit_bytes} - $seen->{retained_wal_bytes}) / $seen->{wal_growth_bytes_per_second};
cmp_ok(abs($seen->{seconds_left} - $lasts), '<=', 1, 'stuck: the time is what is left by the rate');
is(metric($stuck, 'slot_seconds_left') > 0, 1, 'stuck: in /metrics, too');
# Half of it, and no more than three quarters.
fill($tight, 'busy', 1) while kept($tight, 'stuck') < 17;
my $warning = $stuck->wait_for_log(qr/E1222: slot "stuck" keeps \d+ MB of WAL, (\d+) % of the 3\d MB that the server lets it keep\n/);
like($stuck->stderr, qr/DETAIL: +It grows by \d+ kB\/s: \d+ min \d+ s are left\.  wal_status is "(reserved|extended)"\.  What has come is not confirmed/,
	'stuck: how long it lasts, and why');
like($stuck->stderr, qr/HINT: .*max_slot_wal_keep_size/, 'stuck: what to do');
my ($status, $out) = relay_run('status', '--admin.listen=' . $stuck->{url} =~ s{http://}{}r);
is($status, 0, 'stuck: walrelay status');
like($out, qr/^slot +keeps \d\S* MB of 3\d\S* MB of WAL, (reserved|extended)/m, 'stuck: has a line for it');
ok($stuck->is_running, 'stuck: it goes on');
# More than it may keep.
fill($tight, 'busy', 1) while column($tight, 'stuck', 'wal_status') ne 'unreserved';
wait_until { (metric($stuck, 'slot_wal_status{status="unreserved"}') // 0) == 1 } 'stuck: wal_status';
is(metric($stuck, 'slot_wal_status{status="reserved"}'), 0, 'stuck: and no other');
is(metric($stuck, 'slot_safe_wal_bytes'), 0, 'stuck: nothing is safe');
ok($stuck->is_running, 'stuck: it is warned of, no more');
is($ended->wait_exit, 79, 'ended: by an exit code of its own');
like($ended->stderr, qr/error: E1223: slot "ended" keeps .*, and nothing is confirmed\n/, 'ended: says why');
is(column($tight, 'ended', "active || ' ' || wal_status"), 'false unreserved', 'ended: the slot is still there');
$stuck->kill9;
close $_ for @readers;
unlink "$ENV{TESTLOGDIR}/$_.out" for qw(stuck ended);
# It gets on, and is not ended for what had come before.
$ended = relay($tight, 'shop', 'ended', '--slot.guard=stop');
wait_until { (ids($ended)) >= 2000 } 'ended: all rows';
$tight->safe_psql('shop', q{INSERT INTO ended VALUES (3000, 'end')});
wait_until { grep { $_ == 3000 } ids($ended) } 'ended: the stream goes on';

# ---- slots that stand still, part two: without heartbeats ----
wait_until { clock($calm) > $wrote_at + 17 } 'the background writer to have written all that it will';
my $end = wal_end($calm);
is(wal_end($calm), $end, 'still: nobody writes');
kill 'CONT', $still->pid;
wait_for_slot($calm, 'still', $end);
my $stands = column($calm, 'still', 'restart_lsn');
my $stood_at = clock($calm);
cmp_ok(kept($calm, 'still'), '>=', 64, 'still: all is confirmed, and much is kept');

# ---- the connection that looks: it ends, is refused, lacks rights; the stream goes on ----
my $watched = relay($tight, 'shop', 'watched');
wait_until { metric($watched, 'slot_watch_up') } 'watched: up';
$seen = slot_of($watched);
is_deeply([ map { defined } @{$seen}{qw(restart_lsn confirmed_flush_lsn retained_wal_bytes safe_wal_bytes
			wal_limit_bytes catalog_xmin_age_transactions spill_bytes stream_bytes decoded_bytes)} ],
	[ (1) x 9 ], 'watched: all there is');
is($seen->{xmin_age_transactions}, undef, 'watched: it holds no xmin');
is($seen->{max_slot_wal_keep_size_bytes}, 32 << 20, 'watched: the limit of the server');
is(defined $seen->{failover} || 0, ($version >= 170000) + 0, 'watched: failover, where there is such');
is(defined $seen->{idle_replication_slot_timeout_seconds} || 0, ($version >= 180000) + 0, 'watched: idle timeout as well');
is(ref $seen->{active} && $seen->{active} + 0, 1, 'watched: active');
is(metric($watched, 'slot_active'), 1, 'watched: active, in /metrics');
my $walsender = walsender($tight, 'watched');
my $ours = "application_name = 'walrelay slot watch' AND query LIKE '%''watched''%'";
my $pid = $tight->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE $ours");
like($pid, qr/^\d+$/, 'watched: one connection');
$tight->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
wait_until { metric($watched, 'slot_watch_failures_total') == 1 } 'watched: a failure';
wait_until { metric($watched, 'slot_watch_up') } 'watched: and it is back';
is(slot_of($watched)->{error}, undef, 'watched: nothing is wrong');
unlike($watched->stderr, qr/cannot be looked at/, 'watched: not worth a line');

$tight->safe_psql('postgres', 'ALTER DATABASE shop CONNECTION LIMIT 1');
$tight->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE $ours");
$watched->wait_for_log(qr/too many connections for database "shop".*\n(?:.*\n)*?ACTION:.*slot "watched" cannot be looked at; the stream does not depend/);
is(metric($watched, 'slot_watch_up'), 0, 'refused: shown');
is(metric($watched, 'slot_retained_wal_bytes'), undef, 'refused: nothing that may not be true any more');
like(slot_of($watched)->{error}{detail}, qr/too many connections for database "shop"/, 'refused: why');
($status, $out) = relay_run('status', '--admin.listen=' . $watched->{url} =~ s{http://}{}r);
like($out, qr/^slot +CANNOT BE LOOKED AT: E\d+: /m, 'refused: in walrelay status');
$tight->safe_psql('shop', q{INSERT INTO watched VALUES (1, 'meanwhile')});
wait_until { grep { $_ == 1 } ids($watched) } 'refused: the stream goes on';
$tight->safe_psql('postgres', 'ALTER DATABASE shop CONNECTION LIMIT -1');
$watched->wait_for_log(qr/slot "watched" can be looked at again/);

$tight->safe_psql('shop', 'REVOKE SELECT ON pg_stat_replication_slots FROM PUBLIC');
wait_until { my $slot = slot_of($watched); $slot->{watch_up} && !defined $slot->{spill_bytes} } 'revoked: statistics';
isnt(slot_of($watched)->{retained_wal_bytes}, undef, 'revoked: the rest is told');
$tight->safe_psql('shop', 'REVOKE EXECUTE ON FUNCTION pg_current_wal_lsn() FROM PUBLIC');
wait_until { !metric($watched, 'slot_watch_up') } 'revoked: how far the server is';
like(slot_of($watched)->{error}{hint}, qr/GRANT EXECUTE ON FUNCTION pg_catalog.pg_current_wal_lsn\(\) TO cdc;/, 'revoked: what to grant');
$tight->safe_psql('shop', 'GRANT EXECUTE ON FUNCTION pg_current_wal_lsn() TO cdc');
wait_until { metric($watched, 'slot_watch_up') } 'revoked: granted again';
is(walsender($tight, 'watched'), $walsender, 'watched: the same stream all the time');
is($watched->stop, 0, 'watched: ends well');

# ---- nobody looks ----
my $off = relay($tight, 'shop', 'unwatched', '--slot.guard=off');
is_deeply([ @{ slot_of($off) }{qw(watched retained_wal_bytes heartbeat)} ], [ JSON::PP::false, undef, 'never' ], 'off: /status says so');
is(metric($off, 'slot_watch_up'), undef, 'off: no metric of it');
is($tight->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE $ours" =~ s/watched/unwatched/r), 0, 'off: no connection');
is($off->stop, 0, 'off: ends well');

# ---- slots that stand still, part three: one heartbeat moves all ----
wait_until { clock($calm) > $stood_at + 17 } 'the background writer to have had its time';
is(column($calm, 'still', 'restart_lsn'), $stands, 'still: without a heartbeat it stands still');
is(metric($still, 'slot_heartbeats_total'), 0, 'still: none was sent');
is(slot_of($still)->{heartbeat}, 'never', 'still: as was asked for');
kill 'CONT', $beats->pid;
wait_until { metric($beats, 'slot_heartbeats_total') } 'beats: a heartbeat';
wait_until { kept($calm, 'beats') < 1 } 'beats: its slot to move';
wait_until { kept($calm, 'still') < 1 } 'beats: the other slot, too';
cmp_ok(metric($beats, 'slot_heartbeats_total'), '<=', 6, 'beats: by a few');
@events = ($still->events, $beats->events);
is(scalar(@events), 0, 'beats: no event comes of them');
is($_->stop, 0, 'beats: ends well') for $still, $beats;

# ---- slot.guard=pause: rows wait until it keeps less ----
$calm->safe_psql('shop', "CREATE TABLE rows (id int PRIMARY KEY); INSERT INTO rows SELECT generate_series(1, 3000); GRANT SELECT ON rows TO cdc");
my $rows = relay($calm, 'shop', 'rows', '--slot.temporary=true', '--snapshot.mode=initial', '--snapshot.rate.limit=250',
	'--slot.guard=pause', '--slot.guard.bytes=32MB', '--slot.heartbeat.ms=1s');
wait_until { (ids($rows)) > 0 } 'rows: the first ones';
fill($calm, 'busy', 30);
$rows->wait_for_log(qr/E1222: slot "rows" .* of the 32 MB that slot.guard.bytes allows\n(?:.*\n)*?ACTION:.*no more rows of snapshots are read/);
wait_until { metric($rows, 'snapshot_waiting{reason="retained"}') == 1 } 'rows: they wait';
my $before = () = ids($rows);
cmp_ok($before, '<', 3000, "rows: in the middle, after $before");
$rows->wait_for_log(qr/snapshot is done: 1 tables, 3000 rows/);
is_deeply([ sort { $a <=> $b } ids($rows) ], [ 1 .. 3000 ], 'rows: each once');
is($rows->stop, 0, 'rows: ends well');

like($ended->stderr, qr/E1222: /, 'ended: the second one was told, too');
$ended->wait_for_log(qr/slot "ended" keeps \d+ MB of WAL: that is well again/);
is($ended->stop, 0, 'ended: ends well');
done_testing();
