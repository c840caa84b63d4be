# The fault campaign at least once, in short: random faults of the relay, PostgreSQL, Kafka,
# the registry and the network between them while a ledger is written; nothing may be lost,
# overtaken or left standing still.  The campaign's checks are ours.  One half of all kinds of
# faults, once each, drawn anew each time; 077_chaos_once.pl has the others, exactly once.
# SEED= repeats them; make chaos is as long as one likes.
# needs: kafka
# takes: 200 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Report;
use Test::More;

# A slow machine gets as far as it does in LIMIT_S.
report_campaign(MODE => 'at-least-once', N => 'each', PART => '1/2', TPS => 30, LIMIT_S => 450);
done_testing();
