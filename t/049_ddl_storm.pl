# The DDL storm, in short: contrib/storm for some seconds.  Its checks are ours.
# slow: half a minute; make storm is ten minutes of it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Report;
use Walrelay;
use Test::More;

# One change after the other at all times, so that a short run meets every kind.
local %ENV = (STORM_S => 20, CHANGE_MS => 20, %ENV, RELAY => $walrelay, PG_CONFIG => $ENV{PG_CONFIG} // '');
report_checks("$root/contrib/storm");
done_testing();
