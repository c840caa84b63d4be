# What judges the soak, checked: a stream and figures that are right must pass, and each way
# to break them must be seen, over several seeds; and a fault of the network that nothing ran
# into must fail.  No server, no Kafka.
use strict;
use warnings;
use FindBin;

exec('/usr/bin/env', 'python3', "$FindBin::Bin/chaos/pulse_test.py") or die "cannot run python3: $!\n";
