# Pipe.pm: what a relay writes to stdout goes to a pipe that nobody reads until told, so that it
# stands still at a place of one's own choosing.  Of Linux.
#
#   my $pipe = Pipe->new('name');                   # before the relay of that name is started
#   my $relay = relay_start(name => 'name', ...);   # --max.in.flight.bytes=64KB
#   $pipe->wait_full($relay); ...; $pipe->open; ...; $pipe->text; $pipe->close
package Pipe;

use strict;
use warnings;
use POSIX ();
use Walrelay;

use constant { F_SETPIPE_SZ => 1031, FIONREAD => 0x541B };

sub new
{
	my ($class, $name) = @_;
	my $self = bless { path => "$ENV{TESTLOGDIR}/$name.out", file => "$ENV{TESTLOGDIR}/$name.events" }, $class;
	POSIX::mkfifo($self->{path}, 0600) or die "mkfifo: $!";
	CORE::open($self->{end}, '+<', $self->{path}) or die "$self->{path}: $!";
	fcntl($self->{end}, F_SETPIPE_SZ, 4096) or die "F_SETPIPE_SZ: $!";
	return $self;
}

# Bytes that are in it.
sub level
{
	my ($self) = @_;
	my $level = pack 'i', 0;
	ioctl($self->{end}, FIONREAD, $level) // die "FIONREAD: $!";
	return unpack 'i', $level;
}

# Until nothing more goes in: what is written as one piece may not fit into what is left.
sub wait_full
{
	my ($self, $relay) = @_;
	my ($before, $looks) = (0, 0);
	wait_until
	{
		die "$relay->{name} ended\n" . $relay->stderr if !$relay->is_running;
		my $level = $self->level;
		$looks = $level == 4096 ? 10 : $level > 0 && $level == $before ? $looks + 1 : 0;
		$before = $level;
		$looks >= 10;
	}
	"a full pipe of $relay->{name}";
	return;
}

# From here on it is read.
sub open
{
	my ($self) = @_;
	$self->{cat} = fork() // die "fork: $!";
	return if $self->{cat};
	CORE::open(STDOUT, '>', $self->{file}) or POSIX::_exit(126);
	exec 'cat', $self->{path} or POSIX::_exit(127);
}

# What came, so far.
sub text { my ($self) = @_; return slurp($self->{file}); }

# The relay has ended: the rest comes.
sub close
{
	my ($self) = @_;
	CORE::close($self->{end});
	waitpid $self->{cat}, 0;
	return;
}

1;
