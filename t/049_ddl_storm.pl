# The DDL storm, in short: contrib/storm for some seconds.  Its checks are ours.
# slow: half a minute; make storm is ten minutes of it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Test::More;

# One change after the other at all times, so that a short run meets every kind.
local %ENV = (STORM_S => 20, CHANGE_MS => 20, %ENV, RELAY => $walrelay, PG_CONFIG => $ENV{PG_CONFIG} // '');
my $output = qx('$root/contrib/storm' 2>&1);
my $status = $?;
my ($passed, $failed) = $output =~ /^(\d+) passed, (\d+) failed$/m;
note($output);
for ($output =~ /^((?:ok|FAIL) .*(?:\n {5}.*)*)/mg)
{
	my ($state, $what, $detail) = /^(\w+) +(.*)\n?(.*)/s;
	ok($state eq 'ok', $what) or diag($detail);
}
ok(defined $passed && $passed > 0 && $status == 0, 'it came to its end')
  or diag(substr $output, -4000);
is(Test::More->builder->current_test - 1, ($passed // 0) + ($failed // 0), 'and all its checks are here');
done_testing();
