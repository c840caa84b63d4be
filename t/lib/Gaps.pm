# Gaps.pm: what the tests of --accept-gap share: a relay whose rows are numbered, a refusal
# and its token, a start that passes it, the gap records that a reader of its own finds.
package Gaps;

use strict;
use warnings;
use Exporter 'import';
use IPC::Run ();
use JSON::PP ();
use Test::More;
use Walrelay;

our @EXPORT = qw(
  gaps settings insert advance through refused $last
  token_of gap_of gap_records is_told new_records
);

our $last = 0;    # the newest key
my %with;

# gaps NODE, NAME, BOOTSTRAP, ARGS...: from now on slot, prefix and settings are these
sub gaps
{
	my ($node, $name, $bootstrap, @args) = @_;
	%with = (node => $node, name => $name, args => [
		'--source.conninfo=' . $node->connstr('postgres'), "--slot.name=$name", "--topic.prefix=$name",
		"--bootstrap.servers=$bootstrap", "--schemas.dir=$ENV{TESTDATADIR}/schemas", '--log.format=text', @args ]);
	return;
}

sub settings { return (@{ $with{args} }, @_); }

# insert COUNT, SQL: rows of t, ten if it is not said, and what else is to be done; where they
# end, and behind it something that tells that they do
sub insert
{
	my ($count, $sql) = @_;
	my $from = $last + 1;
	$last += $count // 10;
	$with{node}->safe_psql('postgres', "INSERT INTO t SELECT generate_series($from, $last)");
	$with{node}->safe_psql('postgres', $sql) if $sql;
	my $lsn = wal_end($with{node});
	$with{node}->safe_psql('postgres', 'CHECKPOINT');
	return $lsn;
}

# advance: the slot, over a row
sub advance
{
	$last++;
	$with{node}->safe_psql('postgres',
		"INSERT INTO t VALUES ($last); SELECT pg_replication_slot_advance('$with{name}', pg_current_wal_lsn())");
	return;
}

# through LSN, WHAT, ARGS...: a relay that ends there; what it says
sub through
{
	my ($lsn, $what, @args) = @_;
	my ($status, undef, $stderr) = relay_run('run', settings("--endpos=$lsn", @args));
	is($status, 0, "$what: exit status 0") or diag $stderr;
	return $stderr;
}

# refused WHAT, REGEX, ARGS...: a relay that refuses to start; what it says
sub refused
{
	my ($what, $regex, @args) = @_;
	my ($status, undef, $stderr) = relay_run('run', settings(@args));
	is($status, 78, "$what: refused, exit status 78");
	like($stderr, $regex, "$what: named");
	return $stderr;
}

# token_of STDERR: what its hint says to give; '' if none
sub token_of
{
	my ($stderr) = @_;
	return $stderr =~ /Then start walrelay once with --accept-gap=([0-9a-f]{8}(?:,[0-9a-f]{8})*): / ? $1 : '';
}

# gap_of RECORD: what its header says; undef: it is no gap record
sub gap_of
{
	my ($record) = @_;
	my ($text) = map { $_->[1] } grep { $_->[0] eq '__walrelay.gap' } @{ $record->{headers} };
	return defined $text ? JSON::PP->new->decode($text) : undef;
}

# gap_records RECORD...: what they say, of those that are gap records
sub gap_records { return grep { defined } map { gap_of($_) } @_; }

# new_records BEFORE, AFTER: those of AFTER that lie behind all of BEFORE, by partition
sub new_records
{
	my ($before, $after) = @_;
	my (%end, %new);
	for (@$before) { $end{ $_->{partition} } = $_->{offset} if ($end{ $_->{partition} } // -1) < $_->{offset} }
	for (@$after) { push @{ $new{ $_->{partition} } }, $_ if $_->{offset} > ($end{ $_->{partition} } // -1) }
	return \%new;
}

# is_told NEW, PARTITIONS, EXPECTED, WHAT: each partition has one gap record, before anything
# else that is new; it has neither key nor value and says what is expected, a regular
# expression for each of its members
sub is_told
{
	my ($new, $partitions, $expected, $what) = @_;
	my @strange;

	for my $p (0 .. $partitions - 1)
	{
		my ($first, @rest) = @{ $new->{$p} // [] };
		my $gap = $first && gap_of($first);
		push @strange, "partition $p begins with no gap record" and next if !$gap;
		push @strange, "partition $p has a gap record with key or value"
		  if defined $first->{key_hex} || defined $first->{value_hex};
		push @strange, "partition $p has several" if gap_records(@rest);
		for (sort keys %$expected)
		{
			my $said = $gap->{$_} // 'null';
			push @strange, "partition $p: $_ is $said" if $said !~ /^(?:$expected->{$_})$/;
		}
	}
	is_deeply(\@strange, [], "$what: each partition is told, before anything else") or diag(explain($new));
	return;
}

1;
