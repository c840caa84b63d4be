# What a supervisor is told: over a real datagram socket, by path and by abstract name, ready,
# status, pulse, stopping; that a relay which hangs has no pulse; and the unit that systemd reads.
# No Kafka needed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use IO::Select;
use PostgreSQL::Test::Utils;
use Socket;
use Test::More;
use Time::HiRes;

my $source = new_source(name => 'notify');
my $connstr = $source->connstr('postgres');
my $period = 0.4;    # of a pulse, in seconds: half of what the supervisor waits for

$source->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY)');

# listen_at NAME: a supervisor's socket; said collects what it was told.  "@name" is abstract.
sub listen_at
{
	my ($name) = @_;
	socket(my $socket, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!\n";
	bind($socket, pack_sockaddr_un($name =~ s/^@/\0/r)) or die "bind $name: $!\n";
	return { name => $name, socket => $socket, select => IO::Select->new($socket), said => [] };
}

# hear SUPERVISOR, SECONDS: what comes within that time, a datagram; undef: nothing
sub hear
{
	my ($supervisor, $seconds) = @_;
	return unless $supervisor->{select}->can_read($seconds);
	defined recv($supervisor->{socket}, my $text, 65536, 0) or die "recv: $!\n";
	push @{ $supervisor->{said} }, $text;
	return $text;
}

# wait_for SUPERVISOR, REGEX: the first datagram from now on that matches
sub wait_for
{
	my ($supervisor, $regex) = @_;
	return wait_until
	{
		my $text = hear($supervisor, 0.1) // '';
		$text =~ $regex ? $text : undef;
	}
	"to be told $regex";
}

sub start
{
	my ($supervisor, $name, @args) = @_;
	return relay_start(
		name => $name,
		env => { NOTIFY_SOCKET => $supervisor->{name}, WATCHDOG_USEC => $period * 2e6 },
		args => [ '--sink=file', "--sink.file=$ENV{TESTDATADIR}/$name.json", '--topic.prefix=notify',
			"--source.conninfo=$connstr", '--slot.name=notify', '--slot.create=true',
			'--slot.wait.ms=1h', '--retry.backoff.ms=50ms', '--retry.backoff.max.ms=200ms', @args ]);
}

# said SUPERVISOR, REGEX: how many datagrams so far match
sub said { my ($supervisor, $regex) = @_; return scalar grep { $_ =~ $regex } @{ $supervisor->{said} }; }

my $first = listen_at("$ENV{TESTDATADIR}/notify.socket");
my $relay = start($first, 'first');
wait_for($first, qr/^READY=1$/m);
like($relay->stderr, qr/streaming database/, 'ready is not said before it streams');
my ($before) = grep { /^STATUS=/m } @{ $first->{said} };
like($before // '', qr/^STATUS=connecting\b.*^EXTEND_TIMEOUT_USEC=\d+$/ms,
	'until then it asks for time and says what it does');
is(wait_for($first, qr/^STATUS=streaming/) =~ /EXTEND/, '', 'it asks for no more time once it is ready');
wait_for($first, qr/^WATCHDOG=1$/m) for 1 .. 3;
pass('it has a pulse');

# A standby must not look like one that does not start, however long it waits.
my $second = listen_at("\@walrelay-notify-$$");
my $standby = start($second, 'standby');
wait_for($second, qr/^READY=1$/m);
like(wait_for($second, qr/^STATUS=/), qr/^STATUS=standby: another relay has the slot/,
	'one that stands by for the slot is ready, and says so');
wait_for($second, qr/^WATCHDOG=1$/m);
unlike($standby->stderr, qr/streaming database/, 'it does not stream');

# The pulse is the loop's: one that stands still has none.
$relay->signal('STOP');
wait_until { slurp('/proc/' . $relay->pid . '/stat') =~ /\) T / } 'the relay to stand still';
while (defined hear($first, 0)) { }    # what was said before
is(hear($first, 4 * $period), undef, 'one that hangs has no pulse');
$relay->signal('CONT');
wait_for($first, qr/^WATCHDOG=1$/m);
pass('it has one again when it goes on');

# Its place is taken: the standby says that it streams.
$relay->signal('TERM');
like(wait_for($first, qr/^STOPPING=1$/m), qr/^EXTEND_TIMEOUT_USEC=(?!0)\d+$/m,
	'it says that it stops, and how long that may take');
is($relay->wait_exit, 0, 'and ends');
while (defined hear($first, 0)) { }
is(said($first, qr/^READY=1$/m), 1, 'ready was said once');
is(said($first, qr/^STOPPING=1$/m), 1, 'so was stopping');
$source->safe_psql('postgres', 'INSERT INTO t SELECT generate_series(1, 100)');
wait_for($second,
	qr{^STATUS=streaming, [1-9]\d* messages/s, \d+ in flight, [0-9.]+ MB behind, confirmed [0-9A-F]+/[0-9A-F]+$}m);
pass('the standby takes over, and says how it fares every ten seconds');
is(said($second, qr/^READY=1$/m), 1, 'it was ready before');
is($standby->stop, 0, 'it ends');

# A watchdog of another process, and a supervisor that is not there.
my $third = listen_at("\@walrelay-notify-third-$$");
$relay = relay_start(
	name => 'third',
	env => { NOTIFY_SOCKET => $third->{name}, WATCHDOG_USEC => 2000, WATCHDOG_PID => $$ },
	args => [ '--sink=file', "--sink.file=$ENV{TESTDATADIR}/third.json", '--topic.prefix=notify',
		"--source.conninfo=$connstr", '--slot.name=notify' ]);
wait_for($third, qr/^READY=1$/m);
wait_for($third, qr/^STATUS=streaming/);
is(said($third, qr/^WATCHDOG/m), 0, 'a watchdog of another process gets no pulse');
close $third->{socket};
$source->safe_psql('postgres', 'INSERT INTO t VALUES (1000)');
wait_for_slot($source, 'notify');
is($relay->stop, 0, 'a supervisor that has gone is no trouble');

# One that cannot start says so by its exit code, never that it is ready.
my $fourth = listen_at("\@walrelay-notify-fourth-$$");
$relay = start($fourth, 'fourth', '--source.conninfo=host=127.0.0.1 port=1 dbname=postgres');
is($relay->wait_exit, 69, 'one that reaches nothing ends');
while (defined hear($fourth, 0)) { }
is(said($fourth, qr/^READY/m), 0, 'and was never ready');

# ---- the unit ----
SKIP:
{
	skip 'no systemd-analyze here (contrib/quickstart/deps check has it)', 2
	  if system('command -v systemd-analyze >/dev/null') != 0;
	my $unit = "$ENV{TESTDATADIR}/walrelay\@.service";
	system("make -s -C '$root' unit bindir='$root/build' >'$unit'") == 0 or die "make unit failed\n";
	my $verified = qx(systemd-analyze verify --man=no '$unit' 2>&1);
	is($verified, '', 'systemd understands all of the unit');
	my $exposure = qx(systemd-analyze security --offline=true --threshold=15 --no-pager '$unit' 2>&1);
	is($?, 0, 'its exposure is 1.5 at most') or diag $exposure;
}

done_testing();
