# 094_health.pl: what operators see of a relay whose peers stand still: it is alive, says that it is not
# ready and why, and how far behind it is; an idle database and a long snapshot are no trouble.  And what
# it counts by table: partitions, renamed tables, rows of snapshots, transactions of Kafka.
# needs: kafka
# takes: 35 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Lab;
use Walrelay;
use Test::More;

my $source = new_source();
my ($broker, $registry) = (kafka_start(), registry_start());
$ENV{REGISTRY_URL} = $registry->address;
lab($source, $broker->address);
sql(q{CREATE TABLE t (id int PRIMARY KEY, v text); CREATE SCHEMA quiet; CREATE TABLE quiet.noise (id int);
CREATE TABLE part (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (100); CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (100) TO (200)});

# tables RELAY: by name
sub tables { my ($relay) = @_; return { map { $_->{table} => $_ } @{ status($relay)->{tables} } }; }

# answers RELAY, STATUS, REGEX, WHAT: until /readyz does; alive it is always
sub answers
{
	my ($relay, $status, $regex, $what) = @_;
	my $reply;
	wait_until
	{
		is(page($relay, 'livez')->{status}, 200, "$what: dead") if page($relay, 'livez')->{status} != 200;
		$reply = page($relay, 'readyz');
		$reply->{status} == $status && $reply->{content} =~ $regex;
	}
	"$what: /readyz $status";
	is(status($relay)->{ready} ? 200 : 503, $status, "$what: /readyz says $status, and so does /status");
	return;
}

slot_new('health');
my $relay = start('health', '--table.include.list=public\..*', '--publish.via.partition.root=true', '--admin.ready.lag=2s',
	'--kafka.statistics.interval.ms=500', '--skipped.operations=none');
sql(q{INSERT INTO t VALUES (1, 'v')});
answers($relay, 200, qr/^ok: streaming$/, 'all is there');
wait_until { tables($relay)->{'public.t'} && tables($relay)->{'public.t'}{acked_messages} == 1 } 'the row';

# ---- an idle database: WAL of which nothing is captured ----
sql("INSERT INTO quiet.noise VALUES ($_)") for 1 .. 20;
wait_for_slot($source, 'health');
my $status;
wait_until { $status = status($relay); time - $status->{last_commit_timestamp_seconds} > 2.5 && $status->{lag_seconds} == 0 } 'idle: not behind, whenever the last commit was';
is($status->{source_stalled_seconds} + $status->{kafka_stalled_seconds}, 0, 'idle: nothing stands still');
ok($status->{ready}, 'idle: ready') or diag("@{ $status->{not_ready} }");

# ---- a broker that stands still ----
kill 'STOP', $broker->env('KAFKA_PID');
sql(q{INSERT INTO t VALUES (2, 'v')});
answers($relay, 503, qr/^not ready: streaming, a commit waits for \d+\.\d s, longer than admin\.ready\.lag, 2\.0 s$/, 'broker stands still');
$status = status($relay);
cmp_ok($status->{lag_seconds}, '>', 2, 'broker stands still: behind');
cmp_ok($status->{kafka_stalled_seconds}, '>', 0, 'broker stands still: no acknowledgement');
kill 'CONT', $broker->env('KAFKA_PID');
answers($relay, 200, qr/^ok: streaming$/, 'broker goes on');
my $latency = status($relay)->{latency}{commit_to_acked};
my ($second) = grep { $_->{le} == 1 } @{ $latency->{buckets} };
is($latency->{count} . ' ' . ($latency->{count} - $second->{count} >= 1 ? 'slow' : 'fast'), '2 slow', 'two transactions, one of them slow');

# ---- a walsender that stands still, with WAL that we do not have: five seconds of patience ----
my $walsender = $source->safe_psql('postgres', 'SELECT pid FROM pg_stat_replication');
kill 'STOP', $walsender;
sql(q{INSERT INTO t VALUES (3, 'v')});
answers($relay, 503, qr/PostgreSQL has sent nothing for \d+ s, although it should have/, 'walsender stands still');
cmp_ok(status($relay)->{source_stalled_seconds}, '>=', 5, 'walsender stands still: for so long');
kill 'CONT', $walsender;
answers($relay, 200, qr/^ok: streaming$/, 'walsender goes on');

# ---- a registry that is gone, and a table that it does not know ----
$registry->kill9;
sql(q{CREATE TABLE fresh (id int PRIMARY KEY); INSERT INTO fresh VALUES (1)});
answers($relay, 503, qr/^not ready: waiting_registry, the schema registry is not reachable/, 'registry gone');
my ($error) = grep { ($_->{code} // '') eq 'E1801' } @{ status($relay)->{errors} };
is("$error->{level} $error->{action}", 'warn changes wait in PostgreSQL until the registry answers', 'registry gone: the last error');
$registry->restart;
answers($relay, 200, qr/^ok: streaming$/, 'registry is back');
is(status($relay)->{reconnects}{registry}, 1, 'registry is back: counted');
like(page($relay, 'metrics')->{content}, qr/^walrelay_errors_total\{code="E1801"\} [1-9]\d*$/m, 'the code is counted');

# ---- by table: partitions as their root, a new name as a new table ----
sql(q{INSERT INTO part SELECT i, 'v' FROM generate_series(0, 199) i; DELETE FROM part WHERE id < 10; TRUNCATE fresh});
sql(q{ALTER TABLE t RENAME TO u; INSERT INTO u VALUES (4, 'v'); DROP TABLE fresh});
wait_until { my $tables = tables($relay); $tables->{'public.u'} && $tables->{'public.u'}{acked_messages} == 1 } 'the new name';
my $tables = tables($relay);
is(join(' ', sort keys %$tables), 'public.fresh public.part public.t public.u', 'tables');
is_deeply($tables->{'public.part'}{changes}, { insert => 200, update => 0, delete => 10, truncate => 0, read => 0 }, 'partitions are one');
is("@{ $tables->{'public.part'} }{qw(topic messages acked_messages)}", 'health.public.part 220 220', 'with their messages');
is("$tables->{'public.t'}{changes}{insert} $tables->{'public.fresh'}{changes}{truncate}", '3 1', 'what was, stays');
$status = status($relay);
my $inserts = 0;
$inserts += $_->{changes}{insert} for values %$tables;
is($inserts, $status->{changes}{insert}, 'all inserts are of a table');

# ---- librdkafka's own figures, and people's ----
wait_until { my $rdkafka = status($relay)->{rdkafka}; $rdkafka && $rdkafka->{connects} >= 1 && $rdkafka->{tx_bytes} > 1000 } 'statistics of librdkafka';
sql(q{UPDATE u SET v = 'w'});
wait_until { page($relay, 'metrics')->{content} =~ /^walrelay_rdkafka_rtt_seconds\{stat="p99"\} \d/m } 'a round trip';
my (undef, $text) = relay_run('status', '--admin.listen=' . $relay->{url} =~ s{^http://}{}r);
like($text, qr/^state          streaming, ready\n.*^commit -> acknowledged +[\d.]+ m?s +[\d.]+ s\n.*^public\.part +210 +0 .* ago\n.*^warn +.*E1801: /ms, 'walrelay status');
is($relay->stop, 0, 'ends well');

# ---- a snapshot that takes its time, exactly once ----
sql(q{CREATE TABLE rows (id int PRIMARY KEY); INSERT INTO rows SELECT generate_series(1, 3000)});
$relay = start('slow', '--table.include.list=public\.(rows|u)', '--slot.create=true', '--snapshot.mode=initial', '--snapshot.chunk.size=100',
	'--snapshot.rate.limit=300', '--kafka.delivery=exactly-once', '--admin.ready.lag=60s');
wait_until { tables($relay)->{'public.rows'} && tables($relay)->{'public.rows'}{acked_messages} >= 100 } 'the first rows';
sql(q{INSERT INTO u VALUES (5, 'v')});
for (1 .. 10)
{
	$status = status($relay);
	is(page($relay, 'livez')->{status} . ($status->{ready} ? ' ready' : " @{ $status->{not_ready} }"), '200 ready', 'snapshot') if !$status->{ready};
}
ok($status->{snapshot_running}, 'snapshot: alive and ready while it runs') or diag(explain($status));
wait_until
{
	$status = status($relay);
	$tables = { map { $_->{table} => $_ } @{ $status->{tables} } };
	$tables->{'public.rows'}{acked_messages} == 3000 && $status->{changes}{insert} == 1 && $status->{unacked_messages} == 0;
}
'snapshot: all rows, and the change';
is("$tables->{'public.rows'}{changes}{read} $tables->{'public.rows'}{messages}", '3000 3000', 'snapshot: rows are counted as read');
is($tables->{'public.u'}{messages}, $tables->{'public.u'}{acked_messages}, 'snapshot: the change is acknowledged');
is($status->{latency}{commit_to_acked}{count}, 1, 'snapshot: the change has a latency, rows have none');
is($relay->stop, 0, 'ends well, too');
done_testing();
