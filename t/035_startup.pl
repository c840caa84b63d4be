# What the relay looks at before it streams, where the server or its slot is not what it
# was, or not what it has to be: each situation is named, with what to do, and no stream
# begins.  030_bad_input.pl has those that one setting makes.  No Kafka.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Test::More;

sub settings
{
	my ($conninfo, $slot, @args) = @_;
	return ('--sink=stdout', '--topic.prefix=startup', "--source.conninfo=$conninfo", "--slot.name=$slot",
		'--log.format=text', '--retry.backoff.ms=100ms', '--retry.backoff.max.ms=500ms', @args);
}

# refused WHAT, STATUS, REGEX, RELAY: it ends with this status, saying that
sub refused
{
	my ($what, $status, $regex, $relay) = @_;
	is($relay->wait_exit, $status, "$what: exit status $status");
	like($relay->stderr, $regex, "$what: said so, and what to do");
	return;
}

my $node = new_source(name => 'one');
my $conninfo = $node->connstr('postgres');
my $major = $node->pg_version->major;
my $create = sub {
	my ($at, $slot, @args) = @_;
	my ($status, undef, $stderr) = relay_run('slot', 'create', "--source.conninfo=$at", "--slot.name=$slot", @args);
	is($status, 0, "slot $slot") or diag $stderr;
};
$node->safe_psql('postgres', 'CREATE TABLE t (id serial PRIMARY KEY)');

# ---- a plugin of another protocol version ----
{
	my $dir = "$ENV{TESTDATADIR}/tomorrow";
	plugin_of_tomorrow($dir);
	$node->append_conf('postgresql.conf', "dynamic_library_path = '$dir:$plugin_dir:\$libdir'\n");
	$node->append_conf('postgresql.conf', "output_plugin_libraries = 'walrelay, walrelay_tomorrow'\n")
	  if qx('$pg_bin/postgres' --describe-config) =~ /^output_plugin_libraries\t/m;
	$node->restart;
	$create->($conninfo, 'tomorrow', '--slot.plugin=walrelay_tomorrow');
	refused('another protocol version', 78,
		qr/error: E1403: the server's plugin speaks another protocol version\nDETAIL:.*versions 2 to 2.*\nHINT:.*same release/,
		relay_start(name => 'tomorrow', args => [ settings($conninfo, 'tomorrow', '--slot.plugin=walrelay_tomorrow') ]));
	is((relay_run('slot', 'drop', "--source.conninfo=$conninfo", '--slot.name=tomorrow', '--slot.plugin=walrelay_tomorrow'))[0],
		0, 'its slot can be dropped');
}

# ---- commits that would wait for us, by name ----
{
	$create->($conninfo, 'named');
	$node->append_conf('postgresql.conf', "synchronous_standby_names = 'FIRST 1 (other, \"cdc\")'\n");
	$node->reload;
	my $relay = relay_start(name => 'named', args => [ settings("$conninfo application_name=CDC", 'named') ]);
	$relay->wait_for_log(qr/warn: synchronous_standby_names = .* includes walrelay \(application_name "CDC"\): .*another application_name/);
	is($relay->stop, 0, 'listed in synchronous_standby_names: warned of');
	$node->append_conf('postgresql.conf', "synchronous_standby_names = ''\n");
	$node->reload;
}

# ---- another cluster behind the same connection string ----
{
	my $other = new_source(name => 'two');
	$create->($other->connstr('postgres'), 'swap');
	$create->($conninfo, 'swap');
	my $relay = relay_start(name => 'swap', args => [ settings(sprintf('host=%s,%s port=%d,%d dbname=postgres',
				$node->host, $other->host, $node->port, $other->port), 'swap') ]);
	$relay->wait_for_log(qr/streaming database/);
	$node->stop;
	refused('another cluster', 78,
		qr/error: E1218: this is not the server that was streamed before\nDETAIL:.*system identifier is \d+; it was \d+\. It was server .*\nHINT:.*source\.conninfo/,
		$relay);
	$other->stop;
}

# ---- the same cluster as it was a while ago, on the same timeline ----
{
	my $data = $node->data_dir;
	is(system('cp', '-a', $data, "$data.old"), 0, 'a copy of the stopped server');
	$node->start;
	my $relay = relay_start(name => 'back', args => [ settings($conninfo, 'swap') ]);
	$node->safe_psql('postgres', 'INSERT INTO t SELECT FROM generate_series(1, 1000)');
	$relay->wait_for_events(1000);
	wait_for_slot($node, 'swap');
	$node->stop;
	rename $data, "$data.new" or die "rename: $!";
	rename "$data.old", $data or die "rename: $!";
	$node->start;
	refused('restored to a point before', 78,
		qr/error: E1218: the server's WAL ends before the confirmed position\nDETAIL:.*It ends at \S+; confirmed is \S+\.\nHINT:.*restored from a backup/,
		$relay);
}

# ---- a slot that rested for too long ----
SKIP:
{
	skip 'servers give up slots that rest from PostgreSQL 18 on', 2 if $major < 18;
	$node->append_conf('postgresql.conf', "idle_replication_slot_timeout = 1s\n");
	$node->reload;
	wait_until
	{
		$node->safe_psql('postgres', 'CHECKPOINT');
		$node->safe_psql('postgres', "SELECT invalidation_reason FROM pg_replication_slots WHERE slot_name = 'swap'") eq 'idle_timeout'
	}
	'the server to give up the slot';
	refused('rested for too long', 78, qr/error: E1211: replication slot "swap" is lost\nDETAIL:.*invalidated it: idle_timeout\..*\nHINT:.*walrelay slot drop/,
		relay_start(name => 'idle', args => [ settings($conninfo, 'swap') ]));
}

# ---- a standby on a server that cannot decode there ----
SKIP:
{
	skip 'standbys decode from PostgreSQL 16 on', 2 if $major >= 16;
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	is(system('cp', '-a', $node->data_dir . '/pg_replslot/swap', $standby->data_dir . '/pg_replslot/'), 0, 'a copy of the slot');
	$standby->start;
	refused('a standby before 16', 69, qr/error: E1230: the server is a standby and does not decode\nDETAIL:.*\nHINT:.*several hosts/,
		relay_start(name => 'standby', args => [ settings($standby->connstr('postgres'), 'swap') ]));
	$standby->stop;
}

done_testing();
