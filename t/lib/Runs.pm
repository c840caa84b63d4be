# Runs.pm: judges what came out of a relay that delivers at least once: records may come
# again, but only as whole runs, up to the end of what was there before; a log that ends
# within one has a stale record as its newest.  checks.py says the same of topics.
package Runs;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(runs_judge);

# runs_judge ID...: of records in the order in which they came, of which no two are alike.
# ids: each once, in the order of their first coming; is_whole: the last one is the last of
# them, no run is under way; breach: what is wrong, '' if nothing is
sub runs_judge
{
	my (@ids, %place);
	my $breach = '';
	my $at = 0;    # what comes next: the place of a repeat, or something new

	for my $id (@_)
	{
		my $place = $place{$id} // @ids;
		$breach ||= "$id comes behind $ids[$at - 1], and before $ids[$at] has come again" if $place > $at;
		push @ids, $id if !exists $place{$id};
		$place{$id} = $place;
		$at = $place + 1;
	}
	return { ids => \@ids, is_whole => $at == @ids, breach => $breach };
}

1;
