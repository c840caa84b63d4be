# 078_checks.pl: the tests' own judgements of what was delivered (lib/checks.py, lib/Runs.pm,
# lib/storm_model.py), checked: what is right must pass, and each way to break a log must be reported as what it
# is.  No server, no Kafka.  SEED= for other logs.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Report;
use Runs;
use Test::More;

# judged TEXT: of ids with blanks between them; what is wrong, in short
sub judged
{
	my $judged = runs_judge(split ' ', $_[0]);
	return $judged->{breach} ? 'breach' : $judged->{is_whole} ? "whole @{ $judged->{ids} }" : 'under way';
}

for (
	[ 'nothing', '', 'whole ' ],
	[ 'each once', '1 2 3 7', 'whole 1 2 3 7' ],
	[ 'a run, up to the end', '1 2 3 2 3', 'whole 1 2 3' ],
	[ 'a run, and what is new', '1 2 3 1 2 3 4', 'whole 1 2 3 4' ],
	[ 'a run within a run', '1 2 3 1 2 1 2 3 4', 'whole 1 2 3 4' ],
	[ 'the last one again', '1 2 3 3 3 4', 'whole 1 2 3 4' ],
	[ 'the newest is stale', '1 2 3 1', 'under way' ],
	[ 'a run that has not come to the end', '1 2 3 4 2 3', 'under way' ],
	[ 'a run within a run, not to the end', '1 2 3 1 2 3 2', 'under way' ],
	[ 'a repeat in front of what is new', '1 2 3 1 4', 'breach' ],
	[ 'a run that is broken off', '1 2 3 4 1 2 5', 'breach' ],
	[ 'a run that skips', '1 2 3 4 1 3 4', 'breach' ],
	[ 'and comes to the end later', '1 2 3 4 1 4 2 3 4', 'breach' ])
{
	my ($what, $came, $wanted) = @$_;
	is(judged($came), $wanted, "runs: $what");
}

report_checks("$FindBin::Bin/lib/$_") for qw(checks_test.py storm_model_test.py);
done_testing();
