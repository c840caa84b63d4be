# Marks.pm: source.snapshot of the rows of one snapshot, in the order in which they came: which
# are first and last, of all and of their table.  Nothing follows what is the last.
package Marks;

use strict;
use warnings;
use Test::More;
use Exporter 'import';

our @EXPORT = qw(marks_are);

# marks_are NAME, OPEN, ROW...: a row is [ table, mark ]; OPEN: tables without a last row, "" of them
# all: they changed when some had come, and nothing of them was left to be read
sub marks_are
{
	my ($name, $open, @rows) = @_;
	my (%last, @wrong);
	for my $at (0 .. $#rows)
	{
		my ($table, $mark) = @{ $rows[$at] };
		push @wrong, "row $at of $table is $mark behind the last of $_" for grep { $last{$_} } $table, '';
		push @wrong, "row $at of $table is $mark" if ($at == 0) != ($mark eq 'first');
		$last{$table} = $mark =~ /^last/ ? 1 : 0;
		$last{''} = $mark eq 'last' ? 1 : 0;
	}
	is_deeply([ sort grep { !$last{$_} } keys %last ], [ sort @$open ], "$name: marks: what is last");
	is_deeply(\@wrong, [], "$name: marks: and nothing is behind it");
	return;
}

1;
