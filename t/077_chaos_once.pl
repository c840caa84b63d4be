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

# on a slow machine, too
local %ENV = (N => 20, SEED => time, RECOVER_S => 600, BACK_S => 120, STOP_S => 120, SETTLE_S => 600, %ENV,
	MODE => 'exactly-once', RELAY => $walrelay, PG_CONFIG => $ENV{PG_CONFIG} // '');
note("SEED=$ENV{SEED}");
report_checks("$root/contrib/chaos");
done_testing();
