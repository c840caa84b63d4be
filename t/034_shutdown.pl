# 034_shutdown.pl: PostgreSQL stops in time while Kafka is away and messages are
# outstanding, is not stormed with answers meanwhile, and everything comes afterwards; a
# broker that is dead for a minute costs no connection.
# needs: kafka
# takes: 110 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use HTTP::Tiny;
use Test::More;
use Time::HiRes qw(time);

my $source = new_source();
my $broker = kafka_start();
my $admin = '127.0.0.1:' . free_port();
my @args = (
	'--source.conninfo=' . $source->connstr('postgres'),
	'--slot.name=shutdown', '--kafka.topic.prefix=shutdown', "--admin.listen=$admin",
	'--bootstrap.servers=' . $broker->address, '--registry.url=' . registry(),
	'--max.in.flight.bytes=2MB', '--retry.backoff.max.ms=500', '--log.format=text');

# metric NAME: its value now
sub metric
{
	my ($name) = @_;
	my $reply = HTTP::Tiny->new->get("http://$admin/metrics");
	die "no metrics: $reply->{status} $reply->{content}\n" unless $reply->{success};
	my ($value) = $reply->{content} =~ /^walrelay_\Q$name\E (\S+)$/m or die "no metric $name\n";
	return $value;
}

sub insert
{
	my ($from, $to, $text) = @_;
	$source->safe_psql('postgres', "INSERT INTO t SELECT i, $text FROM generate_series($from, $to) i");
}

# Every id once or more, none missing, none that was never written.  The reader's lines
# are matched, not parsed: they are long.
sub is_complete
{
	my ($last, $what) = @_;
	wait_for_slot($source, 'shutdown');
	my $python = qx('$root/t/lib/venv');
	chomp $python;
	open my $lines, '-|', $python, "$root/t/lib/read_topic.py", 'shutdown.public.t', '--bootstrap', $broker->address,
	  '--registry', registry(), '--until-count', $last or die "cannot read: $!";
	my %ids;
	/"key": \{"id": (\d+)\}/ and $ids{$1}++ while <$lines>;
	close $lines or die "reading failed";
	is(join(',', grep { !$ids{$_} } 1 .. $last), '', "$what: nothing is missing");
	is(scalar(keys %ids), $last, "$what: and nothing else is there");
	return;
}

# stop_within WHAT: a fast shutdown with a broker that stands still
sub stop_within
{
	my ($what) = @_;
	my $before = metric('status_messages_total');
	my $began = time;
	$source->stop('fast');
	my $seconds = time - $began;
	cmp_ok($seconds, '<', 10, sprintf('%s: PostgreSQL stops in time (%.1f s)', $what, $seconds));
	wait_until { metric('source_connected') == 0 } 'the end of the stream';
	# A storm is thousands a second.
	my $answers = metric('status_messages_total') - $before;
	cmp_ok($answers, '<', 100, "$what: no storm ($answers status messages)");
}

$source->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY, v text)');
is((relay_run('slot', 'create', @args))[0], 0, 'slot create');
my $relay = relay_start(args => \@args);
insert(1, 10, "'first'");
is_complete(10, 'before');

# ---- a little is outstanding: it was all read, and is not acknowledged ----
my $broker_pid = $broker->env('KAFKA_PID');
kill 'STOP', $broker_pid;
insert(11, 20, "'little'");
wait_until { metric('unacked_messages') >= 10 } 'messages in flight';
stop_within('little outstanding');
like($relay->stderr, qr/E1214: PostgreSQL waits for acknowledgements that do not come/, 'little outstanding: said so');
kill 'CONT', $broker_pid;
$source->start;
is_complete(20, 'little outstanding');

# ---- so much that reading has paused ----
kill 'STOP', $broker_pid;
insert(21, 2020, "repeat('x', 15000)");
wait_until { HTTP::Tiny->new->get("http://$admin/status")->{content} =~ /"waiting_sink"/ } 'reading to pause';
stop_within('reading paused');
like($relay->stderr, qr/E1214: PostgreSQL is shutting down/, 'reading paused: said so');
kill 'CONT', $broker_pid;
$source->start;
is_complete(2020, 'reading paused');

# ---- wal_sender_timeout = 2s, and a broker that is dead for a minute ----
$source->append_conf('postgresql.conf', "wal_sender_timeout = 2s\n");
$source->restart;
insert(2021, 2030, "'timeout'");
is_complete(2030, 'restarted');
$broker->kill9;
insert(2031, 4030, "repeat('x', 50000)");    # 100 MB
my $walsender = $source->safe_psql('postgres', 'SELECT pid FROM pg_stat_replication');
my $connects = metric('source_connects_total');
wait_for_status($source, 60);
is($source->safe_psql('postgres', 'SELECT pid FROM pg_stat_replication'), $walsender, 'a dead broker: the same walsender after a minute');
is(metric('source_connects_total'), $connects, 'a dead broker: no other connection was made');
my $rss_kb = ($relay->rss_kb)[1];
cmp_ok($rss_kb, '<', 40 * 1024, "a dead broker: memory is bounded ($rss_kb kB)");
$broker->restart;
is_complete(4030, 'a dead broker');
is($relay->stop, 0, 'ends cleanly');
done_testing();
