# 073_crash_points.pl: a relay dies at each of its crash points (relay/crash_point.h), is
# started again, and what is in Kafka then is what was committed; see lib/crash_points.py.
# At least once and exactly once; those that are just passed in one of both, which is drawn.
# make crash-points: N=25 times each in both modes, at random passings; SEED= repeats a run,
# ONLY=regex tries some points.
# needs: kafka
# takes: 300 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Test::More;

my $runs = $ENV{N} // 1;
my $seed = $ENV{SEED} // time;
my $only = $ENV{ONLY} // '';
note("SEED=$seed");

my $relay = "$root/build-crash/walrelay";
-x $relay or die "there is no $relay; run make crash\n";
my $python = qx('$root/t/lib/venv');
die "no Python for the reader\n" if $? != 0;
chomp $python;

# ---- what is shipped has none of it ----
unlike(slurp($walrelay), qr/crash_point_pass|crash_points_list|WALRELAY_CRASH|WALRELAY_STOP/,
	'an ordinary build has no crash points');
isnt((relay_run('crash-points'))[0], 0, 'nor a command that lists them');
my @points = map { [split] } split /\n/, qx('$relay' crash-points);
cmp_ok(scalar @points, '>=', 40, scalar(@points) . ' points');

# ---- those of a gap need one: another file has them, by their names ----
my $others = join '', map { slurp($_) } grep { !/073_crash_points/ } glob("$FindBin::Bin/*.pl");
my @gaps = map { $_->[0] } grep { $_->[2] eq 'GAP' } @points;
cmp_ok(scalar @gaps, '>', 0, "points of a gap: @gaps");
is_deeply([ grep { $others !~ /\b$_\b/ } @gaps ], [], 'a test names each of them');
@points = grep { $_->[2] ne 'GAP' } @points;

# ---- one death, or many, at each of the others' ----
my $source = new_source(conf => "max_replication_slots = 500\nmax_wal_senders = 40\nmax_connections = 120\n");
my @trials = map { my ($point, $modes) = @$_; map { [ $_, $point ] }
	  ($modes ne 'ONCE' ? 'at-least-once' : ()), ($modes ne 'LEAST' ? 'exactly-once' : ()) } @points;
@trials = grep { $_->[1] =~ /$only/ } @trials;
my %either = map { $runs == 1 && $_->[1] eq 'BOTH' && $_->[2] eq 'LOAD' ? ($_->[0] => 1) : () } @points;
my (%left, %sum);
$left{ $either{ $_->[1] } ? $_->[1] : "$_->[0] $_->[1]" } = $runs for @trials;
my @command = ($python, "$root/t/lib/crash_points.py", '--relay', $relay,
	'--conninfo', $source->connstr('postgres'), '--bootstrap', kafka(), '--registry', registry(),
	'--dir', $ENV{TESTDATADIR}, '--runs', $runs, '--seed', $seed, '--only', $only);
open my $lines, '-|', @command or die "cannot run @command: $!\n";
while (my $text = <$lines>)
{
	my ($trial) = json_lines($text);
	my $point = $trial->{point} // 'nowhere';
	my $passing = $trial->{point} ? ", passing $trial->{passing}" : '';

	my $rows = $trial->{rows} ? ": $trial->{rows} rows at $trial->{positions} positions, " .
	  "$trial->{repeated} of them once more, in $trial->{chunks} chunks" : '';

	is_deeply($trial->{breaches}, [], "$trial->{mode}, $point$passing$rows")
	  or diag(join "\n", "slot $trial->{slot}", @{ $trial->{breaches} }, $trial->{trace} // '');
	next if !$trial->{point};
	$left{ $either{$point} ? $point : "$trial->{mode} $point" }--;
	$sum{$_} += $trial->{$_} // 0 for qw(kills records repeated written);
	$sum{failed} += @{ $trial->{breaches} } > 0;
}
close $lines;
is($?, 0, 'every trial came to its end');
cmp_ok($sum{written}, '>', 0, "$sum{written} times a table's rows were written down before a death")
  if exists $left{'at-least-once incremental_noted'};
is_deeply([ grep { $left{$_} } sort keys %left ], [], 'no point was left out');
note(sprintf 'figures: SEED=%s, %d kills, %d failures, %d records, %d of them repeated, %d s',
	$seed, (map { $sum{$_} // 0 } qw(kills failed records repeated)), time - $^T);
done_testing();
