# The replication connection in bad weather: what the server does to it, and that every
# change still comes out once or more, in order, and never a gap.  No Kafka needed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use PostgreSQL::Test::Utils;
use POSIX qw(mkfifo);
use Test::More;
use Time::HiRes qw(time);

my $source = new_source(name => 'weather', conf => "max_wal_senders = 4\n");
my $connstr = $source->connstr('postgres');
$source->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY, v text)');

sub start
{
	my ($name, @args) = @_;
	return relay_start(name => $name, args => [
		'--sink=stdout', '--topic.prefix=weather', "--source.conninfo=$connstr",
		'--log.format=text', '--retry.backoff.ms=100ms', '--retry.backoff.max.ms=500ms', @args ]);
}

sub slot_create
{
	my ($name) = @_;
	my ($status) = relay_run('slot', 'create', "--source.conninfo=$connstr", "--slot.name=$name");
	is($status, 0, "slot $name is created");
}

sub insert
{
	my ($from, $to) = @_;
	$source->safe_psql('postgres',
		"INSERT INTO t SELECT i, 'v' FROM generate_series($from, $to) i");
}

# ids RELAY: the keys that it has printed, in order, each once
sub ids
{
	my ($relay) = @_;
	my (@ids, %seen);
	for my $event ($relay->events)
	{
		my $id = ($event->{value} // {})->{after}{id};
		push @ids, $id if defined $id && !$seen{$id}++;
	}
	return @ids;
}

# wait_for_ids RELAY, LAST: until it has printed exactly 1 to LAST
sub wait_for_ids
{
	my ($relay, $last, $what) = @_;
	wait_until { my @ids = ids($relay); @ids && $ids[-1] >= $last } "$what: id $last";
	is_deeply([ ids($relay) ], [ 1 .. $last ], "$what: every change, in order");
}

# ---- the server ends the stream, restarts, goes down ----
slot_create('weather');
my $relay = start('weather', '--slot.name=weather');
insert(1, 10);
wait_for_ids($relay, 10, 'start');

$source->safe_psql('postgres', 'SELECT pg_terminate_backend(pid) FROM pg_stat_replication');
insert(11, 20);
wait_for_ids($relay, 20, 'walsender terminated');
like($relay->stderr, qr/E1214: PostgreSQL ended the stream\nDETAIL: .*administrator command/,
	'walsender terminated: said so');

my $began = time;
$source->restart;
cmp_ok(time - $began, '<', 30, 'a fast restart is not held up');
insert(21, 30);
wait_for_ids($relay, 30, 'server restarted');

$source->stop('immediate');
$relay->wait_for_log(qr/E1201/);
$source->start;
insert(31, 40);
wait_for_ids($relay, 40, 'server crashed');

# What was printed is confirmed when it ends.
wait_for_slot($source, 'weather');
my $lsn = $source->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
insert(41, 50);
wait_for_ids($relay, 50, 'before the end');
$began = time;
is($relay->stop, 0, 'SIGTERM: exit status 0');
cmp_ok(time - $began, '<', 5, 'SIGTERM: at once');
is($source->safe_psql('postgres', "SELECT confirmed_flush_lsn > '$lsn' AND NOT active"
		  . " FROM pg_replication_slots WHERE slot_name = 'weather'"),
	't', 'SIGTERM: the position was reported');

# ---- nobody reads our output: the connection lives, and does not hold up a shutdown ----
$source->append_conf('postgresql.conf', "wal_sender_timeout = 1s\n");
$source->reload;
my $fifo = "$ENV{TESTLOGDIR}/full.out";
mkfifo($fifo, 0600) or die "mkfifo: $!";
open my $reader, '+<', $fifo or die "open: $!";
$relay = start('full', '--slot.name=weather');
$source->safe_psql('postgres',
	"INSERT INTO t SELECT i, repeat('x', 500) FROM generate_series(1001, 41000) i");
my $walsender = sub {
	return $source->safe_psql('postgres', 'SELECT pid FROM pg_stat_replication');
};
wait_until { $walsender->() } 'the stream';
my $pid = $walsender->();
# Three times the timeout by the server's clock.
$source->poll_query_until('postgres',
	"SELECT now() - backend_start > interval '3 s' FROM pg_stat_replication WHERE pid = $pid")
  or die 'the walsender ended';
is($walsender->(), $pid, 'paused: the walsender outlives wal_sender_timeout');
cmp_ok(($relay->rss_kb)[1], '<', 400_000, 'paused: memory is bounded');
$began = time;
$source->stop('fast');
cmp_ok(time - $began, '<', 15, 'paused: a fast shutdown is not held up');
like($relay->stderr, qr/E1214: PostgreSQL is shutting down/, 'paused: said so');
$relay->kill9;
close $reader;
unlink $fifo;
$source->start;

# ---- what must not be repaired silently ----
$source->append_conf('postgresql.conf', "wal_sender_timeout = 60s\n");
$source->reload;
slot_create('gone');
$relay = start('gone', '--slot.name=gone', '--slot.create=true', '--retry.backoff.ms=2s',
	'--retry.backoff.max.ms=2s');
$relay->wait_for_log(qr/streaming database/);
$source->safe_psql('postgres', <<'SQL');
SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE slot_name = 'gone';
SELECT pg_drop_replication_slot('gone');
SQL
is($relay->wait_exit, 78, 'slot dropped while we ran: exit status 78');
like($relay->stderr, qr/error: E1207/, 'slot dropped while we ran: not created anew');

slot_create('moved');
$relay = start('moved', '--slot.name=moved', '--retry.backoff.ms=2s', '--retry.backoff.max.ms=2s');
$relay->wait_for_log(qr/streaming database/);
$source->safe_psql('postgres', <<'SQL');
SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE slot_name = 'moved';
INSERT INTO t VALUES (100000, 'unseen');
SELECT pg_replication_slot_advance('moved', pg_current_wal_lsn());
SQL
is($relay->wait_exit, 78, 'slot moved by somebody else: exit status 78');
like($relay->stderr, qr/error: E1218: somebody else has moved replication slot "moved"/,
	'slot moved by somebody else: said so');

# ---- tail ----
$relay = relay_start(name => 'tail', command => 'tail',
	args => [ "--source.conninfo=$connstr", '--log.format=text' ]);
$relay->wait_for_log(qr/streaming database/);
is($source->safe_psql('postgres',
		'SELECT bool_and(temporary) FROM pg_replication_slots WHERE active'),
	't', 'tail: a temporary slot');
$source->safe_psql('postgres', "INSERT INTO t VALUES (200000, 'tailed')");
my ($event) = $relay->wait_for_events(1);
is($event->{value}{after}{v}, 'tailed', 'tail: shows what is committed');
$source->safe_psql('postgres', 'SELECT pg_terminate_backend(pid) FROM pg_stat_replication');
is($relay->wait_exit, 69, 'tail: ends with its connection, as its slot does');

$lsn = $source->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
($relay) = start('endpos', '--slot.name=weather', "--endpos=$lsn");
is($relay->wait_exit, 0, 'endpos: ends there');

done_testing();
