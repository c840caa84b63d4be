# 057_topic_checks.pl: what is refused because a topic is not what the progress topic says,
# and because the progress topic itself is not what it has to be: each situation is made, with
# the broker's own means, refused by its name, and, where it has a token, passed and told.
#
# Every check that a start makes has a file that meets its situation:
#	another database, another plugin (E1209, E1208)			030_bad_input
#	plugin not allowed, not installed, wal_level (E1204 to E1206)	030_bad_input
#	plugin of another protocol version (E1403)				035_startup
#	slot lost: by max_slot_wal_keep_size, by its idle time (E1211)	030_bad_input, 056_accept_gap; 035_startup
#	slot gone, made anew, advanced (E1207, E1218)			056_accept_gap; while it runs 031_source
#	slot in use (E1210)									054_exactly_once
#	system identifier (E1218)							056_accept_gap; while it runs 035_startup
#	timeline: another history, an older one (E1218)			056_accept_gap; while it runs 031_source, 033_failover
#	position beyond the end of WAL (E1218)					056_accept_gap; while it runs 035_startup
#	a standby that has not replayed up to the position (E1218)	033_failover, while it runs
#	synchronous_standby_names names us (a warning)			031_source, 035_startup
#	a standby that cannot be streamed from, or a copy (E1230)	033_failover, 035_startup
#	part of a transaction: other settings, not there (E1220, E1219)	058_accept_gap_once; E1220 054_exactly_once, too
#	topic: partitions, made anew, truncated (E2011, E2012)		here
#	progress topic: policy, partitions, strange records, those of a
#		newer walrelay, a broker that does not make it (E2010)	here
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Gaps;
use Walrelay;
use Test::More;

my $broker = kafka_start();
my $node = new_source();
my $schemas = "$ENV{TESTDATADIR}/schemas";
my $topic = 'check.public.t';

gaps($node, 'check', $broker->address);

sub topic_do { return kafka_admin($broker->address, @_); }

sub records { return read_topic($topic, bootstrap => $broker->address, schemas => $schemas); }

# passes WHAT, PARTITIONS, REGEX, REASON, CODE: the topic that is there now is refused, also by
# the next start, passed and told; what it holds from before the gap record on does not count
sub passes
{
	my ($what, $partitions, $regex, $reason, $code) = @_;
	my $from = $last + 1;
	my $lsn = insert();
	my $token = token_of(refused($what, $regex));
	like($token, qr/^[0-9a-f]{8}$/, "$what: a token");
	my $stderr = refused("$what, another token", $regex, '--accept-gap=00000000');
	is(token_of($stderr), $token, "$what, another token: the same one is asked for");
	my @before = records();
	$stderr = through($lsn, "$what, token", "--accept-gap=$token");
	like($stderr, qr/warn: $code: gap passed by --accept-gap=$token: from \S.* to \S+, reason $reason, topic \Q$topic\E$/m,
		"$what: said that it is passed");
	$stderr = through(insert(), "$what, same token again", "--accept-gap=$token");
	like($stderr, qr/warn: --accept-gap=$token fits no gap/, "$what: it fits nothing any more");
	my @after = records();
	my $new = new_records(\@before, \@after);
	is_told($new, $partitions, { reason => $reason, code => $code,
			from => $reason eq 'topic_recreated' ? 'null' : '[0-9A-F]+/[0-9A-F]+', to => '[0-9A-F]+/[0-9A-F]+' }, $what);
	my %ids = map { $_->{key}{id} => 1 } grep { $_->{key} } map { @$_ } values %$new;
	is_deeply([ sort { $a <=> $b } keys %ids ], [ $from .. $last ], "$what: goes on behind it");
	return;
}

$node->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)');
topic_do('create', $topic, 2);
is((relay_run('slot', 'create', settings()))[0], 0, 'slot create');
$node->safe_psql('postgres', 'INSERT INTO u VALUES (1)');
through(insert(), 'before');

# --- what is no gap: records that are deleted as retention does it ---
topic_do('truncate', $topic);
through(insert(), 'kafka-delete-records takes what was there: goes on');

# --- the topic ---
topic_do('partitions', $topic, 3);
passes('partitions added', 3, qr/error: E2011: topic "\Q$topic\E" has 3 partitions; it had 2\n/, 'partitions_changed', 'E2011');

topic_do('delete', $topic);
topic_do('create', $topic, 3);
passes('deleted and made again', 3, qr/error: E2012: topic "\Q$topic\E" was made anew, or has lost records\n/,
	'topic_recreated', 'E2012');

# As after an unclean leader election: the log ends before what was acknowledged.
$broker->stop;
for my $dir (glob("$broker->{dir}/data/$topic-*"))
{
	unlink glob("$dir/0*") or die "no log in $dir: $!";
}
unlink glob("$broker->{dir}/data/*checkpoint"), "$broker->{dir}/data/.kafka_cleanshutdown";
$broker->restart;
passes('truncated', 3, qr/error: E2012: topic "\Q$topic\E" was made anew, or has lost records\n/, 'topic_recreated', 'E2012');
is(scalar(gap_records(read_topic('check.public.u', bootstrap => $broker->address, schemas => $schemas))), 0,
	'other topics are not told');

# --- the progress topic ---
my $stderr;
my %record = (
	strange => 'no JSON',
	newer => '{"version":2,"slot":"check","database":"postgres","system_id":"1","timeline":1,"lsn":"0/1"}');
for my $case (
	[ 'policy', 'deletes positions', qr/error: E2010: topic "check.policy" would forget positions\nDETAIL:.*cleanup\.policy is delete/, 1, 'cleanup.policy=delete' ],
	[ 'many', 'two partitions', qr/error: E2010: topic "check.many" has 2 partitions\n.*\nHINT:.*topic\.progress/s, 2, 'cleanup.policy=compact' ],
	[ 'strange', 'a strange record', qr/error: E2010: the progress of this slot cannot be read\nDETAIL:  The record at offset 0 of topic "check.strange" is none of walrelay's/, 1, 'cleanup.policy=compact' ],
	[ 'newer', 'a newer walrelay', qr/error: E2010: a newer walrelay has written the progress of this slot\nDETAIL:\s+The record has version 2; this one knows up to 1\..*\nHINT:\s+Run the newer walrelay/s, 1, 'cleanup.policy=compact' ])
{
	my ($name, $what, $regex, @create) = @$case;
	topic_do('create', "check.$name", @create);
	topic_do('produce', "check.$name", 'check', $record{$name}) if $record{$name};
	$stderr = refused("progress topic: $what", $regex, "--topic.progress=$name");
	is(token_of($stderr), '', "progress topic: $what: has no token");
}
topic_do('config', 'check.policy', 'cleanup.policy=compact');
through(insert(), 'progress topic: mended', '--topic.progress=policy');

# The broker's metrics would take the two for one: it makes no such topic.
topic_do('create', 'check_refused', 1);
$stderr = refused('progress topic: the broker does not make it',
	qr/error: E2010: topic "check\.refused" cannot be created\nDETAIL:\s+.*collides with existing topic.*check_refused.*\nHINT:\s+Create it by hand: .*--topic check\.refused .*cleanup\.policy=compact/,
	'--topic.progress=refused');
is(token_of($stderr), '', 'progress topic: the broker does not make it: has no token');
topic_do('delete', 'check_refused');
through(insert(), 'progress topic: now it does', '--topic.progress=refused');

# --- a slot that lives as long as the relay has no position: the next one begins anew ---
for my $n (1, 2)
{
	my $relay = relay_start(name => "temporary$n", args => [ settings('--slot.name=temporary', '--slot.temporary=true',
				'--topic.prefix=temporary', '--retry.backoff.max.ms=300') ]);
	$relay->wait_for_log(qr/streaming database/);
	$node->safe_psql('postgres', "INSERT INTO u VALUES (100 + $n)");
	my @seen = read_topic('temporary.public.u', bootstrap => $broker->address, schemas => $schemas, count => $n);
	is_deeply([ sort map { $_->{key}{id} } @seen ], [ map { 100 + $_ } 1 .. $n ], "temporary slot, start $n: what is committed from then on");
	is($relay->stop, 0, "temporary slot, start $n: ends well") or diag $relay->stderr;
}
done_testing();
