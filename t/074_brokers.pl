# 074_brokers.pl: a cluster of three brokers while a ledger is written: its leaders move, its
# brokers are restarted one after the other and one of them is killed; nothing may be lost,
# overtaken or, exactly once, there twice.  The checks are the campaign's; with more faults:
# make chaos BROKERS=3 FAULTS='brokers-*'
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Report;
use Walrelay;
use Test::More;

local %ENV = (N => 'each', SEED => 3, MODE => 'exactly-once', BROKERS => 3, RECOVER_S => 600, SETTLE_S => 600,
	FAULTS => 'brokers-leaders brokers-roll brokers-kill', %ENV,
	RELAY => $walrelay, PG_CONFIG => $ENV{PG_CONFIG} // '');
note("SEED=$ENV{SEED} MODE=$ENV{MODE}");
report_checks("$root/contrib/chaos");
done_testing();
