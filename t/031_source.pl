# The replication connection in bad weather: what the server does to it, and that every
# change still comes out once or more, in order, and never a gap.  No Kafka needed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Runs;
use Walrelay;
use HTTP::Tiny;
use IO::Socket::INET;
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

# wait_for_ids RELAY, LAST: until it has printed exactly 1 to LAST, each once or in whole runs
sub wait_for_ids
{
	my ($relay, $last, $what) = @_;
	my $judged = wait_until
	{
		my $so_far = runs_judge(grep { defined } map { ($_->{value} // {})->{after}{id} } $relay->events);
		my $newest = $so_far->{ids}[-1];
		$so_far->{breach} || $so_far->{is_whole} && ($newest // 0) >= $last ? $so_far : undef
	}
	"$what: id $last, and no run under way";
	is($judged->{breach}, '', "$what: what came again was whole runs");
	is_deeply($judged->{ids}, [ 1 .. $last ], "$what: every change, in order");
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
my $lsn = wal_end($source);
insert(41, 50);
wait_for_ids($relay, 50, 'before the end');
$began = time;
is($relay->stop, 0, 'SIGTERM: exit status 0');
cmp_ok(time - $began, '<', 5, 'SIGTERM: at once');
is($source->safe_psql('postgres', "SELECT confirmed_flush_lsn > '$lsn' AND NOT active"
		  . " FROM pg_replication_slots WHERE slot_name = 'weather'"),
	't', 'SIGTERM: the position was reported');

# ---- nobody reads our output: the connection lives, and does not hold up a shutdown; of 400 MB
# of changes no more is in memory than max.in.flight.bytes says (16 MB) and what that takes ----
$source->append_conf('postgresql.conf', "wal_sender_timeout = 1s\n");
$source->reload;
my $fifo = "$ENV{TESTLOGDIR}/full.out";
mkfifo($fifo, 0600) or die "mkfifo: $!";
open my $reader, '+<', $fifo or die "open: $!";
# Another host of the connection string is up by then: it must not be the one that is asked.
my $other = new_source(name => 'other', start => 0);
my $port = free_port();
$relay = start('full', '--slot.name=weather', "--admin.listen=127.0.0.1:$port",
	sprintf('--source.conninfo=host=%s,%s port=%d,%d dbname=postgres',
		$other->host, $source->host, $other->port, $source->port));
$source->safe_psql('postgres',
	"INSERT INTO t SELECT i, repeat('x', 100000) FROM generate_series(1001, 5000) i");
my $walsender = sub {
	return $source->safe_psql('postgres', 'SELECT pid FROM pg_stat_replication');
};
wait_until { $walsender->() } 'the stream';
my $pid = $walsender->();
$other->start;
# Three times the timeout by the server's clock.
$source->poll_query_until('postgres',
	"SELECT now() - backend_start > interval '3 s' FROM pg_stat_replication WHERE pid = $pid")
  or die 'the walsender ended';
is($walsender->(), $pid, 'paused: the walsender outlives wal_sender_timeout');
my $most_kb = 128 * 1024;    # sanitizers and valgrind have theirs on top of 30 MB
wait_until
{
	($relay->rss_kb)[1] > $most_kb || HTTP::Tiny->new->get("http://127.0.0.1:$port/status")->{content} =~ /"waiting_sink"/
}
'reading to pause';
my $rss_kb = ($relay->rss_kb)[1];
cmp_ok($rss_kb, '<', $most_kb, "paused: memory is bounded ($rss_kb kB)");
$began = time;
$source->stop('fast');
cmp_ok(time - $began, '<', 15, 'paused: a fast shutdown is not held up');
ok($relay->wait_for_log(qr/E1214: PostgreSQL is shutting down/), 'paused: said so');
$relay->kill9;
$other->stop;
close $reader;
unlink $fifo;
$source->start;
# Those are not for the relays that follow.
$source->safe_psql('postgres', "SELECT pg_replication_slot_advance('weather', pg_current_wal_insert_lsn())");

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

# ---- the first host swallows packets, as one behind a firewall does: the second one is taken ----
{
	# The queue of a listener that accepts nothing is full after a few connections.
	my $hole = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'tcp', Listen => 1)
	  or die "listen: $!";
	my @filling = map {
		IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $hole->sockport, Proto => 'tcp',
			Blocking => 0)
	} 1 .. 8;
	my $both = sprintf("host=127.0.0.1,%s port=%d,%d dbname=postgres connect_timeout=3",
		$source->host, $hole->sockport, $source->port);
	my ($status, $stdout, $stderr) = relay_run('slot', 'status', "--source.conninfo=$both",
		'--slot.name=weather');
	is($status, 0, 'a host that swallows packets: slot status') or diag $stderr;
	$relay = start('hole', '--slot.name=weather', "--source.conninfo=$both");
	$relay->wait_for_log(qr/streaming database/);
	is($relay->stop, 0, 'a host that swallows packets: streams from the next');
}

# ---- commits that would wait for us ----
$source->append_conf('postgresql.conf', "synchronous_standby_names = '*'\n");
$source->reload;
$relay = start('sync', '--slot.name=weather');
$relay->wait_for_log(qr/warn: synchronous_standby_names = '\*' includes walrelay/);
$source->append_conf('postgresql.conf', "synchronous_standby_names = ''\n");
$source->reload;
is($relay->stop, 0, 'synchronous_standby_names: warned of');

# ---- failover: history that goes on is followed, history that has left ours is not ----
{
	# Off: the server is out of reach until it has left recovery.
	my $line = new_source(name => 'line', conf => "hot_standby = off\nrestore_command = 'false'\n");
	my $data = $line->data_dir;
	my $old = "$ENV{TESTDATADIR}/line_old";
	my @where = ('--source.conninfo=' . $line->connstr('postgres'), '--slot.name=line');
	my $timeline = sub {
		return $line->safe_psql('postgres', 'SELECT timeline_id FROM pg_control_checkpoint()');
	};
	# At the end of recovery a new timeline begins.
	my $fork = sub {
		append_to_file("$data/recovery.signal", '');
		$line->start;    # does not wait for the end of recovery
		$line->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'no promotion';
		$line->safe_psql('postgres', 'CHECKPOINT');
	};

	$line->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY)');
	is((relay_run('slot', 'create', @where))[0], 0, 'failover: a slot');
	$relay = start('line', @where);
	$line->safe_psql('postgres', 'INSERT INTO t VALUES (1)');
	wait_for_ids($relay, 1, 'failover: before');
	$line->stop;
	$fork->();
	is($timeline->(), 2, 'failover: another timeline');
	$line->safe_psql('postgres', 'INSERT INTO t VALUES (2)');
	wait_for_ids($relay, 2, 'failover: nothing lost, streams on');

	$line->stop;
	is(system('cp', '-a', $data, $old), 0, 'failover: a copy');
	$line->start;
	$line->safe_psql('postgres', 'INSERT INTO t VALUES (3)');
	wait_for_ids($relay, 3, 'failover: what the copy lacks');
	$line->stop;
	rename $data, "$data.new" or die "rename: $!";
	rename $old, $data or die "rename: $!";
	$fork->();
	is($timeline->(), 3, 'failover: a timeline from an earlier position');
	is($relay->wait_exit, 78, 'failover to an earlier position: exit status 78');
	like($relay->stderr, qr/error: E1218: the server's history has left what was streamed before
DETAIL:\s+It is on timeline 3, which left timeline 2 at [0-9A-F]+\/[0-9A-F]+; confirmed on timeline 2/,
		'failover to an earlier position: said so');
	$line->stop;
}

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

$lsn = wal_end($source);
($relay) = start('endpos', '--slot.name=weather', "--endpos=$lsn");
is($relay->wait_exit, 0, 'endpos: ends there');

done_testing();
