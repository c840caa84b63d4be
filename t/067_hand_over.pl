# 067_hand_over.pl: rows that people load themselves, by pg_dump and the snapshot that `slot create
# --export-snapshot` holds, while others write; then the stream from there, `run --from-lsn`: with what
# was loaded each change fits, none is missing, none comes twice.  And what is refused.
# needs: kafka
# takes: 50 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run ();
use JSON::PP ();
use Walrelay;
use Test::More;

# A connection that only holds a snapshot is idle in a transaction.
my $source = new_source(conf => "max_replication_slots = 12\nmax_wal_senders = 20\n"
	  . "idle_in_transaction_session_timeout = '1s'\n");

# Slots; the one is made with its snapshot, the other is older than what is loaded.
my ($least, $older) = ('hand_least', 'hand_once');

sub sql { return $source->safe_psql($_[1] // 'postgres', $_[0]); }

sub settings
{
	my ($name, @args) = @_;
	return ('--source.conninfo=' . $source->connstr('postgres'), "--slot.name=$name", "--kafka.topic.prefix=$name",
		'--bootstrap.servers=' . kafka(), '--registry.url=' . registry(), '--snapshot.mode=initial',
		'--status.interval.ms=200ms', '--progress.interval.ms=100ms', '--admin.log.format=text',
		'--table.include.list=hand\..*', @args);
}

# slot_create NAME, ARGS: the command, ended or not
sub slot_create { my ($name, @args) = @_; return relay_start(name => "create_$name", command => undef, args => [ 'slot', 'create', settings($name), @args ]); }

# ---- who writes ----
# c counts: what an update has before is what the one before it has left.  l only grows.
sql(<<'SQL');
CREATE SCHEMA hand;
CREATE TABLE hand.c (id int PRIMARY KEY, n bigint NOT NULL, pad text); ALTER TABLE hand.c REPLICA IDENTITY FULL;
INSERT INTO hand.c SELECT i, 0, repeat('x', 200) FROM generate_series(1, 2000) i;
CREATE TABLE hand.l (id bigserial PRIMARY KEY, v int);
SQL
my $script = "$ENV{TESTDATADIR}/writer.sql";
open my $file, '>', $script or die "$script: $!\n";
print $file <<'SQL';
\set i random(1, 2000)
\set j random(1, 2000)
\set what random(1, 10)
BEGIN;
UPDATE hand.c SET n = n + 1 WHERE id = :i;
\if :what = 1
DELETE FROM hand.c WHERE id = :j;
\elif :what = 2
INSERT INTO hand.c VALUES (:j, 0, 'again') ON CONFLICT (id) DO UPDATE SET n = hand.c.n + 1;
\endif
INSERT INTO hand.l (v) VALUES (:i);
COMMIT;
SQL
close $file;
my $log = '';
my $writers;

sub writers_start
{
	$writers = IPC::Run::start([ "$pg_bin/pgbench", '-n', '-c', 4, '-T', 3600, '-R', 400, '-f', $script,
			'--max-tries=100', '-h', $source->host, '-p', $source->port, 'postgres' ], '<', \undef, '>&', \$log);
	return;
}
# Not by SIGINT, which whoever runs in the background may have been told to ignore.
sub writers_stop { $writers->signal('TERM'); $writers->finish; return; }

# They have written so many rows more.
sub written
{
	my ($more) = @_;
	my $from = sql('SELECT coalesce(max(id), 0) FROM hand.l');
	wait_until { sql('SELECT coalesce(max(id), 0) FROM hand.l') > $from + $more } "$more transactions";
	return;
}

# ---- what is loaded, what comes, what is there ----
sub rows_of { my ($database, $query) = @_; return { map { split /\|/, $_, 2 } split /\n/, sql($query, $database) }; }

sub dump_load
{
	my ($database, $snapshot) = @_;
	my $dump = "$ENV{TESTDATADIR}/$database.sql";
	sql("CREATE DATABASE $database");
	IPC::Run::run([ "$pg_bin/pg_dump", "--snapshot=$snapshot", '-n', 'hand', '-f', $dump, $source->connstr('postgres') ]) or die "pg_dump failed\n";
	IPC::Run::run([ "$pg_bin/psql", '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $source->connstr($database), '-f', $dump ], '>', '/dev/null') or die "loading failed\n";
	return;
}

sub is_exact
{
	my ($name, $database) = @_;
	my @opt = $name eq $older ? (committed => 1) : ();
	my $c = rows_of($database, 'SELECT id, n FROM hand.c');
	my $l = rows_of($database, 'SELECT id, v FROM hand.l');
	my ($loaded, $bad) = (scalar(keys %$l), 0);
	my @events = grep { defined $_->{value} } read_topic("$name.hand.c", @opt);
	for my $event (@events)
	{
		my ($id, $before, $after, $op) = ($event->{key}{id}, @{ $event->{value} }{qw(before after op)});
		my $fits = $op eq 'c' ? !exists $c->{$id} : ($op eq 'u' || $op eq 'd') && defined $c->{$id} && $c->{$id} == $before->{n};
		diag "$name: $op of $id, before " . ($before->{n} // 'none') . ', there is ' . ($c->{$id} // 'none') if !$fits && $bad++ < 5;
		if ($op eq 'd') { delete $c->{$id}; } else { $c->{$id} = $after->{n}; }
	}
	is($bad, 0, "$name: each of " . @events . ' changes fits what was there');
	is_deeply($c, rows_of('postgres', 'SELECT id, n FROM hand.c'), "$name: what they make is what there is");
	my @inserts = map { $_->{value} } read_topic("$name.hand.l", @opt);
	my @twice = grep { $_->{op} ne 'c' || exists $l->{ $_->{after}{id} } || ($l->{ $_->{after}{id} } = $_->{after}{v}, 0) } @inserts;
	is(scalar(@twice), 0, "$name: nothing that was loaded, nothing twice, no row that was read");
	is_deeply($l, rows_of('postgres', 'SELECT id, v FROM hand.l'), "$name: all " . keys(%$l) . ' rows');
	cmp_ok($loaded, '>', 0, "$name: some were loaded");
	cmp_ok(scalar(@inserts), '>', 200, "$name: some came");
	return;
}

# From here to the end of what was written; the relay ends.
sub through
{
	my ($name, $relay) = @_;
	my $end = wal_end($source);
	wait_until { sql("SELECT confirmed_flush_lsn >= '$end' FROM pg_replication_slots WHERE slot_name = '$name'") eq 't' } "$name: through";
	is($relay->stop, 0, "$name: ends well");
	return;
}

sub refused
{
	my ($name, $lsn, $why, $what, @args) = @_;
	my ($status, undef, $stderr) = relay_run('run', settings($name), "--from-lsn=$lsn", @args);
	is($status, 78, "$what: status");
	like($stderr, $why, "$what: why");
	return;
}

writers_start();

# ---- the slot's own snapshot; the command's output and its ends ----
written(100);
my $input = '';
my $timeout = $source->pg_version >= 17;
sql('ALTER SYSTEM SET transaction_timeout = 1000') if $timeout;
$source->reload;
my ($out, $err) = ('', '');
my $create = IPC::Run::start([ $walrelay, 'slot', 'create', settings($least), '--export-snapshot', '--json' ], '<', \$input, '>', \$out, '2>', \$err);
wait_until { $create->pump_nb; $out =~ /\n/ } 'a slot and its snapshot';
my $made = JSON::PP->new->decode($out);
is($made->{slot}, $least, 'slot');
is($made->{database}, 'postgres', 'database');
is($made->{consistent_point}, slot_lsn($source, $least), 'consistent point is where the slot stands');
wait_until { $create->pump_nb; $err =~ /the snapshot lives until this ends: Enter/ } 'what it says';
like($err, qr/pg_dump --snapshot=\Q$made->{snapshot}\E.*walrelay run --from-lsn=\Q$made->{consistent_point}\E/s, 'what to do');
# Longer than the server lets others be idle in a transaction.
written(100);
wait_until { sql("SELECT now() - state_change > '2.5 s' FROM pg_stat_activity WHERE backend_type = 'walsender' AND query LIKE '%$least%'") eq 't' } 'a quiet while';
sql('ALTER SYSTEM RESET transaction_timeout') if $timeout;
$source->reload;
dump_load('loaded', $made->{snapshot});
$input = "\n";
ok($create->finish, 'Enter ends it') or diag $err;
is(sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'"), 0, 'it is gone');

# A slot that is older than the rows: those are as of another one's snapshot.
is((relay_run('slot', 'create', settings($older), '--json'))[0], 0, 'an older slot');
written(100);
my $helper = slot_create('helper', '--export-snapshot');    # its input is /dev/null, which is not the end
$helper->wait_for_log(qr/the snapshot lives until this ends: Ctrl-C/);
my ($point, $snapshot) = $helper->stdout =~ /^created (?:failover|replication) slot "helper" in database "postgres" at (\S+)\nexported snapshot (\S+)\n\z/;
ok($snapshot, 'text') or diag $helper->stdout;
written(100);
dump_load('loaded_later', $snapshot);
ok($helper->is_running, 'no end of input');
is($helper->stop, 0, 'SIGTERM ends it');

# ---- what is refused, before anything is read ----
refused($older, 'F/0', qr/E1232: --from-lsn is ahead of the server\nDETAIL:.*--from-lsn is F\/0/, 'ahead');
refused($least, '0/1000', qr/E1232: replication slot "hand_least" does not go back to --from-lsn\nDETAIL:.*\Q$made->{consistent_point}\E/, 'too old');
refused('none', $point, qr/E1207: replication slot "none" does not exist\nDETAIL:.*--from-lsn \Q$point\E/, 'no slot', '--slot.create=true');
is(sql("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'none'"), 0, 'none is made');
refused($least, $made->{consistent_point}, qr/E1207/, 'a temporary slot', '--slot.temporary=true', '--sink=stdout', '--slot.name=tmp');
is(slot_lsn($source, $least), $made->{consistent_point}, 'the slot has not moved');

# ---- the stream from there, at least once and exactly once ----
my @runs = ([ $least, $made->{consistent_point} ], [ $older, $point, '--delivery=exactly-once' ]);
my %relay = map {
	my ($name, $lsn, @args) = @$_;
	$name => relay_start(name => "run_$name", args => [ settings($name, @args), "--from-lsn=$lsn" ])
} @runs;
$relay{ $_->[0] }->wait_for_log(qr/streaming database "postgres" from slot "$_->[0]" at \Q$_->[1]\E/) for @runs;
like($relay{$older}->stderr, qr/has no position of slot "hand_once": the stream begins at --from-lsn/, 'where it begins');
written(400);
for my $run (@runs)
{
	my ($name, $lsn, @args) = @$run;
	wait_until { sql("SELECT confirmed_flush_lsn > '$lsn' FROM pg_replication_slots WHERE slot_name = '$name'") eq 't' } "$name: further";
	# At least once, a transaction that a stop comes in the middle of comes again: there is none then.
	if ($name eq $least) { writers_stop(); through($name, $relay{$name}); writers_start(); }
	else { is($relay{$name}->stop, 0, "$name: ends well"); }
	refused($name, $lsn, qr/E1232: slot "$name" has a position beyond --from-lsn\nDETAIL:.*HINT:\s+Leave --from-lsn out/s, "$name: again", @args);
	$relay{$name} = relay_start(name => "on_$name", args => [ settings($name, @args) ]);
}
written(200);
writers_stop();
through($_, $relay{$_}) for $least, $older;
is_exact($least, 'loaded');
is_exact($older, 'loaded_later');

# ---- a snapshot whose connection is gone ----
my $lost = slot_create('lost', '--export-snapshot');
$lost->wait_for_log(qr/the snapshot lives/);
sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'walsender'");
is($lost->wait_exit, 69, 'a connection that is lost: status');
like($lost->stderr, qr/E1201: the exported snapshot is gone/, 'a connection that is lost: why');

done_testing();
