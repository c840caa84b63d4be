# 059_accept_gap_outage.pl: the broker dies while a gap is written down: it is written when the
# broker is back, by the same relay, and the stream goes on behind it; exactly once it is told
# once.
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Gaps;
use Walrelay;
use Test::More;

my $crash = "$root/build-crash/walrelay";
-x $crash or die "there is no $crash; run make crash\n";
my $broker = kafka_start();
my $node = new_source();
my $schemas = "$ENV{TESTDATADIR}/schemas";
my $last = 0;

sub settings
{
	my ($mode, @args) = @_;
	my $name = $mode =~ s/-/_/gr;
	return ('--source.conninfo=' . $node->connstr('postgres'), "--slot.name=$name", "--topic.prefix=$name",
		'--bootstrap.servers=' . $broker->address, "--schemas.dir=$schemas", '--log.format=text',
		"--delivery=$mode", @args);
}

# insert: a row; where it ends, and behind it something that tells that it does
sub insert
{
	$node->safe_psql('postgres', 'INSERT INTO t VALUES (' . ++$last . ')');
	my $lsn = $node->safe_psql('postgres', 'SELECT pg_current_wal_insert_lsn()');
	$node->safe_psql('postgres', 'CHECKPOINT');
	return $lsn;
}

$node->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY)');
for my $mode ('at-least-once', 'exactly-once')
{
	my $name = $mode =~ s/-/_/gr;
	my ($status, undef, $stderr);

	is((relay_run('slot', 'create', settings($mode)))[0], 0, "$mode: slot create");
	($status, undef, $stderr) = relay_run('run', settings($mode, '--endpos=' . insert()));
	is($status, 0, "$mode: before") or diag $stderr;
	$last++;
	$node->safe_psql('postgres',
		"INSERT INTO t VALUES ($last); SELECT pg_replication_slot_advance('$name', pg_current_wal_lsn())");
	($status, undef, $stderr) = relay_run('run', settings($mode));
	is($status, 78, "$mode: slot advanced: refused");
	my $token = token_of($stderr);
	my $lsn = insert();

	# It stands still where it is about to write.
	local $Walrelay::walrelay = $crash;
	my $relay = relay_start(args => [ settings($mode, "--accept-gap=$token", "--endpos=$lsn") ],
		env => { WALRELAY_STOP_POINT => 'gap_passed' });
	wait_until { slurp('/proc/' . $relay->pid . '/stat') =~ /^\d+ \(.*\) T/ } 'the relay to stand still';
	$broker->kill9;
	$relay->signal('CONT');
	$relay->wait_for_log(qr/E2001: no Kafka broker is reachable\n.*\n.*\nACTION:  trying again in/);
	$broker->restart;
	is($relay->wait_exit, 0, "$mode: the broker is back: goes on") or diag $relay->stderr;
	like($relay->stderr, qr/gap passed by --accept-gap=$token/, "$mode: the gap is passed");
	my @records = read_topic("$name.public.t", bootstrap => $broker->address, schemas => $schemas,
		committed => $mode eq 'exactly-once');
	is($records[-1]{key}{id}, $last, "$mode: what lies behind it is there");
	my $told = gap_records(@records);
	$mode eq 'exactly-once' ? is($told, 1, "$mode: told once") : cmp_ok($told, '>=', 1, "$mode: told");
}
done_testing();
