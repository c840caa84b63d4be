# The checker of the fault campaign, checked: logs that are right must pass, and each of
# more than a hundred ways to break one must be reported as what it is.  No server, no Kafka.
# t/chaos/checker_test.py prints the cases; SEEDS=3 for more logs, SEED= for others.
# takes: 40 s
use strict;
use warnings;
use FindBin;

my @cmd = ('/usr/bin/env', 'python3', "$FindBin::Bin/chaos/checker_test.py", $ENV{SEED} // ());
exec(@cmd) or die "cannot run python3: $!\n";
