# The fault campaign, in short: random faults of the relay, PostgreSQL, Kafka, the registry
# and the network between them while a ledger is written; nothing may be lost, overtaken or
# left standing still.  The campaign's checks are ours.  make chaos is as long as one likes.
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Test::More;

local %ENV = (N => 30, SEED => 5, %ENV, RELAY => $walrelay, PG_CONFIG => $ENV{PG_CONFIG} // '');
note("SEED=$ENV{SEED}");
my $output = qx('$root/contrib/chaos' 2>&1);
my $status = $?;
my ($passed, $failed) = $output =~ /^(\d+) passed, (\d+) failed$/m;
note($output);
for ($output =~ /^((?:ok|FAIL) .*(?:\n {5}.*)*)/mg)
{
	my ($state, $what, $detail) = /^(\w+) +(.*)\n?(.*)/s;
	ok($state eq 'ok', $what) or diag($detail);
}
ok(defined $passed && $passed > 0 && $status == 0, 'it came to its end')
  or diag(substr $output, -4000);
is(Test::More->builder->current_test - 1, ($passed // 0) + ($failed // 0), 'and all its checks are here');
done_testing();
