# Report.pm: a program that reports checks of its own (ok WHAT, FAIL WHAT with its story
# indented below, N passed, N failed) becomes checks of a test file.
package Report;

use strict;
use warnings;
use Exporter 'import';
use Test::More;

our @EXPORT = qw(report_checks);

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
		my ($state, $what, $detail) = /^(\w+) +(.*)\n?(.*)/s;
		ok($state eq 'ok', $what) or diag($detail);
	}
	is(Test::More->builder->current_test - $before, ($passed // 0) + ($failed // 0), 'all its checks are here');
	ok(defined $passed && $passed > 0 && $status == 0, 'it came to its end')
	  or diag(substr $output, -4000);
	return;
}

1;
