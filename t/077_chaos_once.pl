# The fault campaign exactly once, in short; as 072_chaos.pl, and with the faults that only
# fencing withstands: nothing may be there twice, or in part, either.
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Report;
use Walrelay;
use Test::More;

# A slow machine gets as far as it does in LIMIT_S, and takes its time.
local %ENV = (N => 20, SEED => time, RECOVER_S => 600, BACK_S => 120, STOP_S => 120, SETTLE_S => 600,
	LIMIT_S => 450, %ENV, MODE => 'exactly-once', RELAY => $walrelay, PG_CONFIG => $ENV{PG_CONFIG} // '');
note("SEED=$ENV{SEED}");
report_checks("$root/contrib/chaos");
done_testing();
