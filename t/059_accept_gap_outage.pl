# 059_accept_gap_outage.pl: the broker dies while a gap is written down: it is written when the
# broker is back, by the same relay, and the stream goes on behind it; exactly once it is told
# once.
# needs: kafka
# takes: 80 s
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

$node->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY)');
for my $mode ('at-least-once', 'exactly-once')
{
	my $name = $mode =~ s/-/_/gr;

	gaps($node, $name, $broker->address, "--delivery=$mode");
	is((relay_run('slot', 'create', settings()))[0], 0, "$mode: slot create");
	through(insert(), "$mode: before");
	advance();
	my $token = token_of(refused("$mode: slot advanced", qr/error: E1218: /));
	my $lsn = insert();

	# It stands still where it is about to write.
	local $Walrelay::walrelay = $crash;
	my $relay = relay_start(args => [ settings("--accept-gap=$token", "--endpos=$lsn") ],
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
