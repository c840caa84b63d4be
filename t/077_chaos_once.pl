# The fault campaign exactly once, in short; as 072_chaos.pl, with the other half of the faults
# and those that only fencing withstands: nothing may be there twice, or in part, either.
# needs: kafka
# takes: 200 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Report;
use Test::More;

# A slow machine gets as far as it does in LIMIT_S.
report_campaign(MODE => 'exactly-once', N => 'each', PART => '2/2', TPS => 30, LIMIT_S => 450);
done_testing();
