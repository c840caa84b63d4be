# Report.pm: a program that reports checks of its own (ok WHAT, FAIL WHAT with its story
# indented below, N passed, N failed) becomes checks of a test file.
package Report;

use strict;
use warnings;
use Exporter 'import';
use Test::More;
use Walrelay;

our @EXPORT = qw(report_checks report_campaign);

# report_checks COMMAND: runs it; every check that it reports is one of ours, and so is
# that it came to its end with all of them
sub report_checks
{
	my ($command) = @_;
	my $output = qx('$command' 2>&1);
	my $status = $?;
	my ($passed, $failed) = $output =~ /^(\d+) passed, (\d+) failed$/m;
	my $before = Test::More->builder->current_test;

	note($output);
	for ($output =~ /^((?:ok|FAIL) .*(?:\n {5}.*)*)/mg)
	{
		my ($state, $what, $detail) = /^(\w+) +([^\n]*)\n?(.*)/s;
		ok($state eq 'ok', $what) or diag($detail);
	}
	is(Test::More->builder->current_test - $before, ($passed // 0) + ($failed // 0), 'all its checks are here');
	ok(defined $passed && $passed > 0 && $status == 0, 'it came to its end')
	  or $failed or diag(substr $output, -4000);
	return;
}

# report_campaign NAME => VALUE...: the checks of a fault campaign (t/chaos/campaign.py) with these
# settings, which the environment overrides, but for MODE.  A slow machine takes its time.
# All campaigns of a run have one seed: they share out what there is.
sub report_campaign
{
	my (%settings) = @_;
	local %ENV = (SEED => $ENV{RUN_SEED} // time, RECOVER_S => 600, BACK_S => 120, STOP_S => 120, SETTLE_S => 600,
		%settings, %ENV, MODE => $settings{MODE}, RELAY => $walrelay, PG_CONFIG => $ENV{PG_CONFIG} // '');
	note("SEED=$ENV{SEED} MODE=$ENV{MODE}");
	report_checks("$root/contrib/chaos");
	return;
}

1;
