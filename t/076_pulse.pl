# What judges the soak, checked: a stream that is right must pass, and each way to break
# one must be seen, over several seeds.  No server, no Kafka.
use strict;
use warnings;
use FindBin;

exec('/usr/bin/env', 'python3', "$FindBin::Bin/chaos/pulse_test.py") or die "cannot run python3: $!\n";
