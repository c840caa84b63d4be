# 043_outage.pl: a broker, a registry or a PostgreSQL that is down is a state: nothing
# is lost, memory stays within bounds, status messages go on, and it resumes by itself.
# needs: kafka
# takes: 80 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Test::More;

my $source = new_source(conf => "wal_sender_timeout = 2s\n");
my $broker = kafka_start();
my $registry = registry_start();
my @args = (
	'--source.conninfo=' . $source->connstr('postgres'),
	'--slot.name=outage', '--kafka.topic.prefix=outage',
	'--bootstrap.servers=' . $broker->address, '--registry.url=' . $registry->address,
	'--retry.backoff.max.ms=500');
my %at = (bootstrap => $broker->address, registry => $registry->address);

sub walsender
{
	return $source->safe_psql('postgres', 'SELECT active_pid FROM pg_replication_slots');
}

# ids TOPIC, COUNT: key => how often, once there are COUNT records.  The reader's lines
# are matched, not parsed: there are many.
sub ids
{
	my ($topic, $count) = @_;
	my $python = qx('$root/t/lib/venv');
	chomp $python;
	open my $lines, '-|', $python, "$root/t/lib/read_topic.py", $topic, '--bootstrap', $broker->address,
	  '--registry', $registry->address, '--until-count', $count or die "cannot read $topic: $!";
	my %ids;
	/"key": \{"id": (-?\d+)\}/ and $ids{$1}++ while <$lines>;
	close $lines or die "reading $topic failed";
	return %ids;
}

$source->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY, v text)');
is((relay_run('slot', 'create', @args))[0], 0, 'slot create');
my $relay = relay_start(args => \@args);
$source->safe_psql('postgres', q{INSERT INTO t VALUES (0, 'first')});
read_topic('outage.public.t', count => 1, %at);
wait_for_slot($source, 'outage');

# ---- a broker that stands still: nothing is acknowledged, nothing is confirmed ----
my $pid = $broker->env('KAFKA_PID');
kill 'STOP', $pid;
$source->safe_psql('postgres',
	q{INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 60000) i});
my $committed = wal_end($source);
my $sender = walsender();
ok($sender, 'the walsender is there');
# Two rounds of wal_sender_timeout and a bit: PostgreSQL would have cut the connection.
wait_for_status($source, 6);
is(walsender(), $sender, 'a relay that waits for Kafka is not disconnected');
# It may have come into the middle of the transaction, while that was open, but not
# to its commit.
is($source->safe_psql('postgres',
		"SELECT confirmed_flush_lsn < '$committed'::pg_lsn FROM pg_replication_slots"),
	't', 'no position is ahead of what the broker acknowledged');
my ($rss) = $relay->rss_kb;
cmp_ok($rss, '<', 64 * 1024, 'resident memory while 60 MB of changes wait');
kill 'CONT', $pid;
wait_for_slot($source, 'outage');
my %ids = ids('outage.public.t', 60_001);
is(scalar(grep { $_ == 1 } values %ids), 60_001, 'all of it arrives, once');

# ---- a broker that is gone, and comes back ----
$broker->kill9;
$source->safe_psql('postgres', q{INSERT INTO t SELECT i, 'gone' FROM generate_series(300001, 301000) i});
$relay->wait_for_log(qr/E2001/);
$broker->restart;
wait_for_slot($source, 'outage');
%ids = ids('outage.public.t', 61_001);
is(scalar(keys %ids), 61_001, 'every row of the outage is there');

# ---- the registry is down when a new table needs it ----
$registry->stop;
$source->safe_psql('postgres', q{CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late VALUES (1)});
$relay->wait_for_log(qr/E1801/);
$source->safe_psql('postgres', q{INSERT INTO t VALUES (-1, 'waits behind it')});
is(walsender() ne '', 1, 'the connection stays');
$registry->restart;
wait_for_slot($source, 'outage');
pass('the position moves on when the registry answers again');

# ---- PostgreSQL restarts ----
$source->restart;
$source->safe_psql('postgres', q{INSERT INTO t VALUES (-2, 'behind the restart')});
$relay->wait_for_log(qr/trying again/);
wait_for_slot($source, 'outage');
pass('it connects again by itself');

# ---- fast shutdown with nothing outstanding does not hang ----
my $started = time;
$source->stop('fast');
cmp_ok(time - $started, '<', 10, 'PostgreSQL stops at once');
$source->start;
wait_for_slot($source, 'outage');

# ---- SIGTERM with a dead broker: in time, and nothing is confirmed that is not safe ----
$broker->kill9;
$source->safe_psql('postgres', q{INSERT INTO t VALUES (-3, 'unsafe')});
my $unsafe = wal_end($source);
$relay->wait_for_log(qr/E2001.*E2001/s);
$started = time;
is($relay->stop, 0, 'SIGTERM ends it with 0');
cmp_ok(time - $started, '<=', 5, 'within five seconds');
is($source->safe_psql('postgres',
		"SELECT confirmed_flush_lsn < '$unsafe'::pg_lsn FROM pg_replication_slots"),
	't', 'what was not acknowledged is not confirmed');
done_testing();
