# Frames.pm: a client of the plugin for TAP files: pg_recvlogical into a file, read
# back by wire.py.  It confirms what it has on disk, at the pace of -s.
package Frames;

use strict;
use warnings;
use IPC::Run ();
use Walrelay;

my $count = 0;

# start NODE, SLOT, { option => value }, ARGS...: a client that is running.  A value
# undef is an option without one.
sub start
{
	my ($class, $node, $slot, $options, @args) = @_;
	my $file = "$ENV{TESTDATADIR}/capture" . $count++;
	my $self = bless { file => $file, out => '', err => '' }, $class;
	my @options = map { defined $options->{$_} ? ('-o', "$_=$options->{$_}") : ('-o', $_) }
	  sort keys %{ $options // {} };

	$self->{run} = IPC::Run::start(
		['pg_recvlogical', '-d', $node->connstr('postgres'), '-S', $slot, '--start',
			'-f', $file, '-F', '1', '-s', '1', '--no-loop', @options, @args ],
		'<', \undef, '>', \$self->{out}, '2>', \$self->{err});
	return $self;
}

# records KINDS: what has come so far, decoded; dies if it is malformed
sub records
{
	my ($self, $kinds) = @_;
	my ($out, $err) = ('', '');
	return () if !-e $self->{file};
	IPC::Run::run([ $ENV{PYTHON} // 'python3', "$root/t/lib/wire.py", '--frames', '--partial',
			'--kinds', $kinds // 'HBCRIUDTMLK', $self->{file} ], '<', \undef, '>', \$out, '2>', \$err)
	  or die "malformed capture: $err\n";
	my $json = json_coder()->utf8;
	return map { $json->decode($_) } split /\n/, $out;
}

# wait_for CONDITION, WHAT, KINDS, SECONDS: until the condition holds of the records;
# returns them
sub wait_for
{
	my ($self, $condition, $what, $kinds, $timeout) = @_;
	my @records;
	my $size = -1;
	wait_until
	{
		my $now = -s $self->{file} // 0;
		return 0 if $now == $size;
		$size = $now;
		@records = $self->records($kinds);
		$condition->(@records);
	}
	$what, $timeout;
	return @records;
}

# ended: whether pg_recvlogical is gone
sub ended
{
	my ($self) = @_;
	return !$self->{run}->pumpable;
}

# stop: end it; true if it ended well
sub stop
{
	my ($self) = @_;
	$self->{run}->signal('INT') if $self->{run}->pumpable;
	return $self->{run}->finish;
}

# finish: wait for its own end; (status, stderr)
sub finish
{
	my ($self) = @_;
	$self->{run}->finish;
	return ($self->{run}->full_result >> 8, $self->{err});
}

# lsn TEXT: a position as a number, as records have it
sub lsn
{
	my ($text) = @_;
	my ($high, $low) = map { hex } split m{/}, $text;
	return ($high << 32) + $low;
}

1;
