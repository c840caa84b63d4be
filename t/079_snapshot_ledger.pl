# Snapshots of a ledger while its writers go on, in short: of two modes, and of those that are asked
# for while it streams, one each, at least once, and one exactly once, with kill -9; the checker
# knows what each row must be at its position, and what each change behind it (t/chaos/seam.py, reading.py).  The campaign's checks are ours.  SEED= repeats one.
# needs: kafka
# takes: 130 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Report;
use Test::More;
use Walrelay;

local %ENV = (N => 2, KINDS => 'initial,always,incremental', KILLS => 'half', BASE_S => 2, LIMIT_S => 120,
	SEED => time, %ENV, RELAY => $walrelay, PG_CONFIG => $ENV{PG_CONFIG} // '');
note("SEED=$ENV{SEED}");
report_checks("$root/contrib/snapshot-campaign");
done_testing();
