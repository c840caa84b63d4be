# Every type and every value at its edge, written to PostgreSQL, streamed into a real
# Kafka, read by an independent Avro reader, cast back and compared in PostgreSQL with
# IS NOT DISTINCT FROM; in the default modes, the exact ones and each other one.  Then
# random values in rounds: SEED=n repeats a run, PROPERTY_S=s makes it longer.
# ROUND_TRIP=property: only those.
# needs: kafka
# takes: 80 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run ();
use JSON::PP ();
use Walrelay;
use Test::More;

my $seed = $ENV{SEED} || 1 + int rand 1e9;
my $seconds = $ENV{PROPERTY_S} || 8;
note("SEED=$seed");

# Settings that sessions must not take over: text would say less, or the same otherwise.
my $source = new_source(name => 'round_trip', conf => <<'CONF');
max_replication_slots = 20
DateStyle = 'German, DMY'
TimeZone = 'Asia/Kolkata'
IntervalStyle = 'sql_standard'
extra_float_digits = -15
bytea_output = 'escape'
xmlbinary = 'hex'
xmloption = 'document'
max_wal_size = 4GB
CONF
my $conninfo = $source->connstr('postgres');
my $kafka = kafka_start(KAFKA_PROPERTIES => 'message.max.bytes=16777216 replica.fetch.max.bytes=16777216 log.index.size.max.bytes=65536');
my $python = qx('$root/t/lib/venv');
die "no Python for the reader\n" if $? != 0;
chomp $python;

# round_trip COMMAND, ARGS...: its output; each of its checks is one of ours
sub round_trip
{
	my ($command, @args) = @_;
	my ($stdout, $stderr) = ('', '');
	my $lived = IPC::Run::run([ $python, "$root/t/lib/round_trip.py", $command, '--conninfo', $conninfo,
		'--bootstrap', $kafka->address, @args ], '<', \undef, '>', \$stdout, '2>', \$stderr);
	my $failed = 0;
	for ($stdout =~ /^((?:ok|FAIL) .*(?:\n {5}.*)*)/mg)
	{
		my ($state, $what, $detail) = /^(\w+) +(.*)\n?(.*)/s;
		$failed++ if $state ne 'ok';
		ok($state eq 'ok', $what) or diag($detail);
	}
	note($_) for $stdout =~ /^#(.*)/mg;
	ok($lived || $failed, "$command comes to its end") or diag(substr $stderr, -3000);
	return $stdout;
}

my @settings = json_lines(round_trip('settings'));
round_trip('prepare');
for my $setting (@settings)
{
	($setting->{slot} = "round_trip_$setting->{name}") =~ tr/a-z0-9_/_/c;
	$source->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('$setting->{slot}', 'walrelay')");
}

# start SETTING: a relay with its slot; what round_trip.py must know of it
sub start
{
	my ($setting) = @_;
	my $port = free_port();
	my $folder = "$ENV{TESTDATADIR}/schemas_$setting->{slot}";
	$setting->{relay} = relay_start(args => [
		"--source.conninfo=$conninfo", "--slot.name=$setting->{slot}", "--topic.prefix=$setting->{slot}",
		'--bootstrap.servers=' . $kafka->address, "--registry.schemas.dir=$folder", '--avro.verify=5',
		"--admin.listen=127.0.0.1:$port",
		# hundreds of topics at once: a busy broker takes its time to create them
		'--kafka.topic.metadata.propagation.max.ms=240000', @{ $setting->{args} } ]);
	$setting->{relay}->wait_for_log(qr/streaming database/);
	return ('--setting', $setting->{name}, '--prefix', $setting->{slot}, '--schemas', $folder,
		'--admin', "127.0.0.1:$port", '--slot', $setting->{slot});
}

# slot_passed SLOT, LSN
sub slot_passed
{
	my ($slot, $lsn) = @_;
	return $source->safe_psql('postgres', "SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = '$slot'") eq 't';
}

if (($ENV{ROUND_TRIP} // '') ne 'property')
{
	round_trip('stream');
	my $lsn = wal_end($source);
	for my $setting (@settings)
	{
		my @args = start($setting);
		my $relay = $setting->{relay};
		wait_until { slot_passed($setting->{slot}, $lsn) || !$relay->is_running } "$setting->{name}: the position to pass $lsn";
		# behind a relay that has ended nothing can be checked, now or later
		die "$setting->{name}: the relay has ended\n" . $relay->stderr if !$relay->is_running;
		round_trip('verify', @args);
		is($relay->stop, 0, "$setting->{name}: the relay ends with 0");
	}
}

my @two = @settings[ 0, 1 ];
round_trip('property', '--seed', $seed, '--seconds', $seconds, map { start($_) } @two);
is($_->{relay}->stop, 0, "$_->{name}: the relay ends with 0") for @two;
done_testing();
