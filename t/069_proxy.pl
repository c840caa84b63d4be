# The fault-injecting proxy of the chaos campaign: each of its faults must bite, or a
# green campaign says nothing.
use strict;
use warnings;
use FindBin;

exec '/usr/bin/python3', "$FindBin::Bin/chaos/proxy_test.py" or die "cannot run it: $!\n";
