# 037_clock.pl: a relay whose wall clock is hours ahead of the brokers' is told which
# clock and which setting it is, passes over nothing because of it, and goes on once the
# clock is right.
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Test::More;

my $source = new_source();
my $schemas = "$ENV{TESTDATADIR}/schemas";
my @args = (
	'--source.conninfo=' . $source->connstr('postgres'),
	'--slot.name=clock', '--kafka.topic.prefix=clock', '--bootstrap.servers=' . kafka(),
	"--registry.schemas.dir=$schemas", '--log.format=text');

# A clock that can be set, for one process: t/chaos/clock.c.
my ($offset, $library) = map { "$ENV{TESTDATADIR}/$_" } 'offset', 'clock.so';
is(system('cc', '-shared', '-fPIC', '-O2', '-o', $library, "$root/t/chaos/clock.c", '-ldl'), 0, 'a clock');

sub clock_set
{
	my ($seconds) = @_;
	open my $file, '>:raw', $offset or die "open: $!";
	print $file pack 'q<', $seconds;
	close $file or die "close: $!";
	return;
}

sub start
{
	my ($name, @more) = @_;
	return relay_start(name => $name, args => [ @args, @more ],
		env => { LD_PRELOAD => $library, WALRELAY_CLOCK => $offset });
}

sub insert
{
	my ($id) = @_;
	$source->safe_psql('postgres', "INSERT INTO t VALUES ($id)");
	return;
}

$source->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY)');
is((relay_run('slot', 'create', @args))[0], 0, 'slot create');
clock_set(0);
my $relay = start('right');
insert(1);
wait_for_slot($source, 'clock');
is($relay->stop, 0, 'the right time');

# ---- three hours ahead: brokers take one ----
clock_set(3 * 3600);
insert(2);
for my $policy (qw(stop skip))
{
	$relay = start("ahead_$policy", "--on.error=$policy");
	is($relay->wait_exit, 78, "on.error=$policy: ends as for a wrong setting");
	like($relay->stderr, qr/error: E2006: Kafka refused the timestamp of a record for topic "clock\./, "on.error=$policy: says what");
	like($relay->stderr, qr/^DETAIL: .*clock of this machine.*message\.timestamp\.after\.max\.ms/m,
		"on.error=$policy: which clock, which setting");
	like($relay->stderr, qr/^HINT: +Compare the clocks/m, "on.error=$policy: what to do");
}

clock_set(0);
insert(3);
$relay = start('right_again');
wait_for_slot($source, 'clock');
is($relay->stop, 0, 'the right time again');
is_deeply([ map { $_->{value}{after}{id} } read_topic('clock.public.t', count => 3, schemas => $schemas) ], [ 1, 2, 3 ], 'nothing was passed over');
done_testing();
