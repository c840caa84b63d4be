# 044_refused.pl: what Kafka or the registry will not take: one clear message with its
# remedy, an exit code where it is for somebody to act, nothing confirmed that is not
# safe, nothing lost once the cause is gone.
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use HTTP::Tiny;
use Walrelay;
use Test::More;

my $source = new_source();
my $strict = kafka_start(KAFKA_AUTO_CREATE => 'false', KAFKA_PROPERTIES => 'message.max.bytes=200000');
my $registry = registry();

# settings SLOT, PREFIX, BOOTSTRAP
sub settings
{
	my ($slot, $prefix, $bootstrap) = @_;
	return ('--source.conninfo=' . $source->connstr('postgres'), "--slot.name=$slot",
		"--kafka.topic.prefix=$prefix", "--bootstrap.servers=$bootstrap",
		"--registry.url=$registry", '--admin.log.format=text');
}

# refused WHAT, STATUS, CODE, MESSAGE, HINT, ARGS: run ends so, saying so once
sub refused
{
	my ($what, $status, $code, $message, $hint, @args) = @_;
	my ($got, undef, $stderr) = relay_run('run', @args);

	is($got, $status, "$what: exit status $status");
	like($stderr, qr/error: $code: .*$message/, "$what: message");
	like($stderr, qr/HINT:  .*$hint/s, "$what: hint");
	is(scalar(() = $stderr =~ /error: /g), 1, "$what: said once");
	unlike($stderr, qr/^%\d\|/m, "$what: no noise of a library");
	return $stderr;
}

# confirmed_before SLOT, LSN: the slot still has what was committed before LSN
sub keeps
{
	my ($slot, $lsn, $what) = @_;
	is($source->safe_psql('postgres', "SELECT confirmed_flush_lsn < '$lsn'::pg_lsn"
			  . " FROM pg_replication_slots WHERE slot_name = '$slot'"), 't',
		"$what: PostgreSQL keeps it");
}

$source->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY, v text)');
for my $slot (qw(nobroker topic large schema))
{
	is((relay_run('slot', 'create', settings($slot, 'x', 'none:1')))[0], 0, "slot $slot");
}
$source->safe_psql('postgres', q{INSERT INTO t VALUES (1, 'one')});
my $lsn = wal_end($source);
my $first = $lsn;

# ---- no broker ----
my $nowhere = '127.0.0.1:' . free_port();
refused('no broker', 69, 'E2001', 'no Kafka broker', 'bootstrap\.servers',
	settings('nobroker', 'x', $nowhere));
keeps('nobroker', $lsn, 'no broker');

# ---- a topic that nobody creates ----
my @topic = (settings('topic', 'refused.topic', $strict->address),
	'--kafka.topic.metadata.propagation.max.ms=5000');
my $said = refused('unknown topic', 78, 'E2002', 'refused\.topic\.public\.t',
	'kafka-topics.*--create.*refused\.topic\.public\.t', @topic);
keeps('topic', $lsn, 'unknown topic');
$strict->topic_create('refused.topic.public.t', 1);
my $relay = relay_start(args => \@topic);
wait_for_slot($source, 'topic');
is($relay->stop, 0, 'with the topic it runs');
my @t = read_topic('refused.topic.public.t', count => 1, bootstrap => $strict->address);
is_deeply([ map { $_->{key}{id} } @t ], [1], 'and nothing is lost');

# ---- a record that the broker finds too large ----
$strict->topic_create('refused.large.public.t', 1);
my @large = settings('large', 'refused.large', $strict->address);
$relay = relay_start(args => \@large);
wait_for_slot($source, 'large');
is($relay->stop, 0, 'before the large record');
$source->safe_psql('postgres',
	q{INSERT INTO t SELECT 2, string_agg(md5(i::text), '') FROM generate_series(1, 20000) i});
$lsn = wal_end($source);
$source->safe_psql('postgres', q{INSERT INTO t VALUES (3, 'behind it')});
refused('too large', 1, 'E2003', 'too large', 'max\.message\.bytes|message\.max\.bytes', @large);
keeps('large', $lsn, 'too large');

# ---- a schema that the registry refuses is no end: 046_registry.pl ----
# One that is refused at the first change is waited for as one that is refused later.
my @schema = settings('schema', 'refused.schema', kafka());
my $http = HTTP::Tiny->new;
my $put = sub {
	my ($path, $content) = @_;
	my $reply = $http->request($path =~ /^config/ ? 'PUT' : 'POST', "$registry/$path",
		{ headers => { 'Content-Type' => 'application/json' }, content => $content });
	die "$path: $reply->{content}\n" unless $reply->{success};
};
$put->('subjects/refused.schema.public.t-value/versions', '{"schema":"\"string\""}');
$relay = relay_start(args => \@schema);
$relay->wait_for_log(qr/error: E1802: .*refused\.schema\.public\.t-value.*incompatible/);
like($relay->stderr, qr/The schema was string and is record Envelope now, which BACKWARD forbids/,
	'incompatible schema: the difference is shown');
is($relay->stop, 0, 'incompatible schema: SIGTERM ends the wait');
keeps('schema', $first, 'incompatible schema');
$http->delete("$registry/subjects/refused.schema.public.t-value");
$relay = relay_start(args => \@schema);
wait_for_slot($source, 'schema');
is($relay->stop, 0, 'and it runs once the subject is free');
@t = read_topic('refused.schema.public.t', count => 3);
is_deeply([ map { $_->{key}{id} } @t ], [ 1, 2, 3 ], 'nothing is lost, in order');
done_testing();
