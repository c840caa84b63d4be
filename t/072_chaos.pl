# The fault campaign, in short: random faults of the relay, PostgreSQL, Kafka, the registry
# and the network between them while a ledger is written; nothing may be lost, overtaken or
# left standing still.  The campaign's checks are ours.  make chaos is as long as one likes.
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Report;
use Walrelay;
use Test::More;

local %ENV = (N => 30, SEED => 5, %ENV, RELAY => $walrelay, PG_CONFIG => $ENV{PG_CONFIG} // '');
note("SEED=$ENV{SEED}");
report_checks("$root/contrib/chaos");
done_testing();
