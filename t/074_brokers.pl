# 074_brokers.pl: a cluster of three brokers while a ledger is written: its leaders move, its
# brokers are restarted one after the other and one of them is killed; nothing may be lost,
# overtaken or, exactly once, there twice.  The checks are the campaign's; with more faults:
# make chaos BROKERS=3 FAULTS='brokers-*'
# needs: kafka
# takes: 170 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Report;
use Test::More;

report_campaign(MODE => 'exactly-once', N => 'each', BROKERS => 3, TPS => 30, FAULTS => 'brokers-leaders brokers-roll brokers-kill');
done_testing();
