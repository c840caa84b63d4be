# The admin listener of a running relay: its numbers move with the changes, its health
# with PostgreSQL.  No Kafka needed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use PostgreSQL::Test::Utils;
use Test::More;

$ENV{WALRELAY_ADMIN_CORE_DUMPS} = 'true';    # for /proc/PID/fd

my $source = new_source(name => 'admin');
my $connstr = $source->connstr('postgres');
my $port = free_port();
my $http = HTTP::Tiny->new(timeout => 10, no_proxy => [ '127.0.0.1' ]);
my $secret = 'correct-horse-battery';
$source->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY, v text)');

sub start
{
	my ($name, @args) = @_;
	return relay_start(name => $name, args => [
		'--sink=file', "--sink.file=$ENV{TESTDATADIR}/$name.json", '--topic.prefix=admin',
		"--source.conninfo=$connstr password=$secret", '--slot.name=admin', '--slot.create=true',
		'--retry.backoff.ms=100ms', '--retry.backoff.max.ms=500ms', @args ]);
}

# get PATH, METHOD: the whole response
sub get
{
	my ($path, $method) = @_;
	return $http->request($method // 'GET', "http://127.0.0.1:$port$path");
}

# metrics: {sample => value}; dies if a line is neither a comment nor a sample
sub metrics
{
	my $response = get('/metrics');
	$response->{status} == 200 or die "/metrics: $response->{status} $response->{content}\n";
	my %metrics;
	for (grep { !/^#/ } split /\n/, $response->{content})
	{
		/^([a-z0-9_]+(?:\{[^}]*\})?) ([0-9.]+)$/ or die "not a sample: $_\n";
		$metrics{$1} = $2;
	}
	return \%metrics;
}

# wait_for_metrics NAME => VALUE...: until each has its value; the samples then
sub wait_for_metrics
{
	my (%wanted) = @_;
	my $metrics;
	my $what = join ', ', map { "$_ $wanted{$_}" } sort keys %wanted;
	wait_until
	{
		$metrics = metrics();
		!grep { ($metrics->{"walrelay_$_"} // 'none') ne $wanted{$_} } keys %wanted;
	}
	$what;
	pass($what);
	return $metrics;
}

# wait_for_ready STATUS, REGEX: until /readyz answers so
sub wait_for_ready
{
	my ($status, $regex) = @_;
	my $response;
	wait_until { $response = get('/readyz'); $response->{status} == $status } "/readyz: $status";
	like($response->{content}, $regex, "/readyz: $status");
	is(get('/livez')->{status}, 200, '... and alive');
	return;
}

my $streaming = 'state{state="streaming"}';

# ---- numbers move with the changes ----
my $relay = start('admin', "--admin.listen=:$port");
$relay->wait_for_log(qr{http://127\.0\.0\.1:$port/metrics});
my $before = wait_for_metrics($streaming => 1, source_connected => 1, source_connects_total => 1,
	'changes_total{op="insert"}' => 0);
ok(!exists $before->{walrelay_kafka_reachable}, 'no Kafka, no metric of it');
wait_for_ready(200, qr/^ok: streaming$/);

my $began = $source->safe_psql('postgres', 'SELECT extract(epoch FROM clock_timestamp())');
$source->safe_psql('postgres', <<'SQL');
INSERT INTO t SELECT i, 'horses' FROM generate_series(1, 1000) i;
UPDATE t SET v = 'cows' WHERE id <= 30;
DELETE FROM t WHERE id > 993;
SELECT pg_logical_emit_message(true, 'p', 'x');
SQL
my $after = wait_for_metrics(
	'changes_total{op="insert"}' => 1000,
	'changes_total{op="update"}' => 30,
	'changes_total{op="delete"}' => 7,
	'changes_total{op="message"}' => 1,
	produced_messages_total => 1045,    # each delete with its tombstone
	acked_messages_total => 1045,
	unacked_messages => 0,
	unacked_transactions => 0,
	lag_bytes => 0,
	$streaming => 1);
is($after->{walrelay_transactions_total} - $before->{walrelay_transactions_total}, 4,
	'four transactions');
cmp_ok($after->{walrelay_received_bytes_total}, '>', $before->{walrelay_received_bytes_total} + 1000,
	'bytes were received');
cmp_ok($after->{walrelay_produced_bytes_total}, '>', 1045, 'bytes were produced');
cmp_ok($after->{walrelay_last_commit_timestamp_seconds}, '>=', $began, 'the last commit is ours');
cmp_ok($after->{walrelay_last_commit_timestamp_seconds}, '<=', $began + 600, '... and in seconds');

# The slot's own position, when the server has been told.
wait_until
{
	my $lsn = $source->safe_psql('postgres', "SELECT confirmed_flush_lsn - '0/0'"
		  . " FROM pg_replication_slots WHERE slot_name = 'admin'");
	$lsn eq metrics()->{walrelay_confirmed_lsn_bytes};
}
'the confirmed position to be the slot\'s';
pass('the confirmed position is the slot\'s');

my $status = decode_json(get('/status')->{content});
is($status->{changes}{insert}, 1000, '/status: changes');
is($status->{state}, 'streaming', '/status: state');
like($status->{confirmed_lsn}, qr{^[0-9A-F]+/[0-9A-F]+$}, '/status: a position as PostgreSQL prints it');

# By table, and how long it took: two inserts' worth of transactions are not more than these.
my ($table) = @{ $status->{tables} };
is_deeply($table->{changes}, { insert => 1000, update => 30, delete => 7, truncate => 0, read => 0 }, 'by table: changes');
is("$table->{table} $table->{topic} $table->{messages} $table->{acked_messages}", 'public.t admin.public.t 1044 1044', 'by table: messages');
cmp_ok(abs($table->{last_change_timestamp_seconds} - $status->{last_commit_timestamp_seconds}), '<', 60, 'by table: the last change');
my $latency = $status->{latency}{commit_to_acked};
is($latency->{count}, 4, 'latency: four transactions');
is($latency->{buckets}[-1]{count}, 4, 'latency: all below a minute') or diag(explain($latency));
my $parts = 0;
$parts += $status->{latency}{$_}{sum_seconds} for qw(commit_to_received received_to_handed handed_to_acked);
cmp_ok(abs($parts - $latency->{sum_seconds}), '<', 0.0001, 'latency: the parts are the sum');
is($after->{'walrelay_table_changes_total{table="public.t",op="insert"}'}, 1000, '/metrics: by table');
is($after->{'walrelay_commit_to_ack_seconds_bucket{le="+Inf"}'}, 4, '/metrics: latency');
is($after->{walrelay_lag_seconds} + $after->{walrelay_kafka_stalled_seconds}, 0, 'nothing waits');
my $fds = () = glob '/proc/' . $relay->pid . '/fd/*';
cmp_ok(abs($after->{process_open_fds} - $fds), '<', 5, 'descriptors are what the kernel says');

my ($rss) = $relay->rss_kb;
cmp_ok(abs($after->{process_resident_memory_bytes} / 1024 - $rss), '<', $rss / 2, 'memory is what the kernel says');

# ---- what is refused, and what must not be seen ----
is(get('/nothing')->{status}, 404, 'another path: 404');
my $response = get('/metrics', 'POST');
is($response->{status}, 405, 'another method: 405');
is($response->{headers}{allow}, 'GET, HEAD', '... with what is allowed');
$response = get('/metrics', 'HEAD');
is($response->{status}, 200, 'HEAD: 200');
is($response->{content} // '', '', '... without a body');
like($response->{headers}{'content-type'}, qr{^text/plain; version=0\.0\.4}, '... of the type');
for my $path ('/metrics', '/status', '/readyz', '/livez', '/')
{
	unlike(get($path)->{content}, qr/$secret|horses|cows/, "$path: no data, no secret");
}
ok(!IO::Socket::INET->new(PeerAddr => '127.0.0.2', PeerPort => $port, Timeout => 5),
	'it listens on 127.0.0.1 only');

# ---- health follows PostgreSQL ----
$source->stop('fast');
wait_for_ready(503, qr/^not ready: (?:backing_off|connecting), PostgreSQL is not connected$/);
is(metrics()->{walrelay_source_connected}, 0, 'down: not connected');
$source->start;
wait_for_ready(200, qr/^ok: streaming$/);
cmp_ok(metrics()->{walrelay_source_connects_total}, '>=', 2, 'up again: more attempts');
$source->safe_psql('postgres', "INSERT INTO t VALUES (2001, 'hen')");
wait_for_metrics('changes_total{op="insert"}' => 1001, lag_bytes => 0, unacked_messages => 0);

# ---- a port that is taken ----
my $second = start('second', '--admin.listen=127.0.0.1:' . $port);
is($second->wait_exit, 78, 'port taken: exit status 78');
like($second->stderr, qr/E1002.*admin\.listen/, 'port taken: the setting is named');
is(get('/livez')->{status}, 200, 'port taken: the first goes on');

is($relay->stop, 0, 'SIGTERM: exit status 0');
is(get('/livez')->{status}, 599, 'SIGTERM: nobody listens');

# ---- off unless asked for ----
$relay = start('silent');
$relay->wait_for_log(qr/streaming database/);
unlike($relay->stderr, qr/metrics and health/, 'no admin.listen: no listener');
is($relay->stop, 0, 'no admin.listen: ends well');

done_testing();
