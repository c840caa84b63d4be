# 074_brokers.pl: a cluster of three brokers while a ledger is written: its leaders move, its
# brokers are restarted one after the other and one of them is killed; nothing may be lost,
# overtaken or, exactly once, there twice.  The checks are the campaign's; with more faults:
# make chaos BROKERS=3 FAULTS='brokers-*'
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Test::More;

local %ENV = (N => 'each', SEED => 3, MODE => 'exactly-once', BROKERS => 3, RECOVER_S => 600,
	FAULTS => 'brokers-leaders brokers-roll brokers-kill', %ENV,
	RELAY => $walrelay, PG_CONFIG => $ENV{PG_CONFIG} // '');
note("SEED=$ENV{SEED} MODE=$ENV{MODE}");
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
