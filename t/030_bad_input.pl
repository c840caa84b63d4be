# What a person sees who got something wrong: for each mistake one message with its
# code, the remedy in words that can be pasted, and the exit code.  No Kafka needed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = new_source(name => 'bad', conf => <<'CONF');
max_replication_slots = 8
max_wal_senders = 8
CONF
my $host = $source->host;
my $port = $source->port;
my $server = "host=$host port=$port";
my $secret = 'hunter2-is-no-password';
my $settings = qx('$pg_bin/postgres' --describe-config);
my $has_allow_list = $settings =~ /^output_plugin_libraries\t/m;

$source->safe_psql('postgres', <<SQL);
CREATE TABLE t (id int PRIMARY KEY, v text);
CREATE DATABASE other;
CREATE DATABASE closed;
REVOKE CONNECT ON DATABASE closed FROM PUBLIC;
CREATE ROLE "Odd ""role" LOGIN REPLICATION;
CREATE ROLE plain LOGIN;
CREATE ROLE pw LOGIN REPLICATION PASSWORD 'right';
SELECT pg_create_logical_replication_slot('ours', 'walrelay');
SELECT pg_create_logical_replication_slot('foreign', 'test_decoding');
SELECT pg_create_physical_replication_slot('physical');
SQL
$source->safe_psql('other', "SELECT pg_create_logical_replication_slot('faraway', 'walrelay')");

# conninfo NAME => VALUE...: for libpq, quoted
sub conninfo
{
	my %opt = (host => $host, port => $port, dbname => 'postgres', @_);
	return join ' ', map { (my $v = $opt{$_}) =~ s/(['\\])/\\$1/g; "$_='$v'" } sort keys %opt;
}

# refused WHAT, STATUS, CODE, MESSAGE, HINT, ARGS...: walrelay ends with STATUS, and says
# exactly one thing, of this code, with this message and hint.  Returns stderr.
sub refused
{
	my ($what, $status, $code, $message, $hint, @args) = @_;
	my ($got, $stdout, $stderr) = relay_run(@args);

	is($got, $status, "$what: exit status $status");
	like($stderr, qr/^walrelay: error: $code: .*$message/m, "$what: message");
	like($stderr, qr/^HINT:  .*$hint/ms, "$what: hint");
	my @errors = $stderr =~ /^walrelay: error: /mg;
	is(scalar @errors, 1, "$what: said once");
	my @noise = grep { !/^(walrelay: |DETAIL:  |HINT:  |ACTION:  |or |Give )/ } split /\n/, $stderr;
	is_deeply(\@noise, [], "$what: nothing else on stderr");
	is($stdout, '', "$what: nothing on stdout");
	unlike($stderr, qr/\Q$secret\E/, "$what: no secret");
	return $stderr;
}

# run ARGS...: the command with which most cases begin
sub run
{
	return ('run', '--sink=stdout', '--topic.prefix=bad', '--log.format=text', @_);
}

sub slot { return run("--source.conninfo=" . conninfo(), "--slot.name=$_[0]", @_[1 .. $#_]); }

# ---- the command line and settings ----
delete @ENV{qw(PGDATABASE PGHOST PGPORT PGAPPNAME)};    # set by PostgreSQL::Test
refused('no such command', 2, 'E1006', 'unknown command "rnu"', '"run"', 'rnu');
refused('no such option', 2, 'E1001', 'unknown configuration key "slot.nmae"', '"slot.name"',
	'run', '--slot.nmae=x');
refused('no such property', 2, 'E1001', '"kafka.bootstrap.server"', '"kafka.bootstrap.servers"',
	'run', '--kafka.bootstrap.server=x');
refused('weaker delivery', 78, 'E1005', 'acks', '', run('--kafka.acks=0'));
my $missing = refused('nothing set', 78, 'E1003', '"source.conninfo" is missing',
	'WALRELAY_SOURCE_CONNINFO', 'run');
like($missing, qr/--kafka\.bootstrap\.servers=.*\[kafka\]/, 'nothing set: brokers are asked for, too');
like($missing, qr/--kafka\.topic\.prefix=/, 'nothing set: topic.prefix is asked for, too');
refused('no prefix', 78, 'E1003', '"kafka.topic.prefix" is missing', 'WALRELAY_KAFKA_TOPIC_PREFIX',
	'run', '--sink=stdout', "--source.conninfo=$server");
refused('broken conninfo', 78, 'E1002', 'source.conninfo', 'quote values',
	run("--source.conninfo=host=x password=$secret oops"));

refused('split value', 2, 'E1006', 'unexpected argument behind "--source.conninfo"',
	'Quote a value', 'run', '--source.conninfo', 'host=x password=open', $secret);
refused('conninfo in the wrong place', 2, 'E1006', 'unknown command "password\.\.\."', '--help',
	"password=$secret");
refused('settings without a command', 2, 'E1006', 'unknown option "--source.conninfo\.\.\."', '--help',
	"--source.conninfo=password=$secret");

my $file = "$ENV{TESTDATADIR}/bad.conf";
append_to_file($file, "[slot]\nname = ours\n\n[kafka]\ntopic.prefx = x\n");
like(refused('key in a file', 78, 'E1001', 'topic.prefx', '"kafka.topic.prefix"',
		'run', '-c', $file),
	qr/\Q$file\E, line 5/, 'key in a file: file and line');
refused('no such file', 78, 'E1004', 'cannot be read', 'exists', 'run', '--config=/nonexistent/x');

my ($status, $stdout, $stderr) = relay_run('config',
	"--source.conninfo=postgresql://pw:$secret\@$host/postgres", "--kafka.sasl.password=$secret",
	"--registry.url=http://me:$secret\@r/", "--bearer.auth.token=$secret");
unlike($stdout . $stderr, qr/\Q$secret\E/, 'config: secrets are masked');
like($stdout, qr/^conninfo = .*user=pw.*# command line/m, 'config: value and origin');

# ---- the server ----
my $closed = free_port();
refused('nobody listens', 69, 'E1201', 'cannot connect', 'source\.conninfo',
	run("--source.conninfo=host=127.0.0.1 port=$closed dbname=postgres"));
refused('no such database', 78, 'E1203', 'database "shopp" does not exist', 'dbname',
	run('--source.conninfo=' . conninfo(dbname => 'shopp')));
refused('no such role', 77, 'E1202', 'login of role "nobody_here"', 'pg_hba\.conf',
	run('--source.conninfo=' . conninfo(user => 'nobody_here')));
refused('refused for another reason', 78, 'E1299', 'refused the connection \(SQLSTATE 42704\)',
	'Put right', run('--source.conninfo=' . conninfo(options => '-c nonsense=1')));
refused('role without REPLICATION', 77, 'E1212', 'role plain lacks',
	'ALTER ROLE plain REPLICATION;',
	run('--source.conninfo=' . conninfo(user => 'plain'), '--slot.name=ours'));
refused('role without CONNECT', 77, 'E1212', 'role "Odd ""role" lacks',
	'GRANT CONNECT ON DATABASE closed TO "Odd ""role";',
	run('--source.conninfo=' . conninfo(user => 'Odd "role', dbname => 'closed')));

my $hba = slurp($source->data_dir . '/pg_hba.conf');
unlink $source->data_dir . '/pg_hba.conf';
append_to_file($source->data_dir . '/pg_hba.conf', "local all pw scram-sha-256\n$hba");
$source->reload;
refused('wrong password', 77, 'E1202', 'login of role "pw"', 'password file',
	run('--source.conninfo=' . conninfo(user => 'pw', password => $secret)));
refused('no password', 77, 'E1202', 'login of role "pw"', 'password file',
	run('--source.conninfo=' . conninfo(user => 'pw')));

# ---- the slot ----
refused('slot missing', 78, 'E1207', 'slot "nothere" does not exist',
	'walrelay slot create --slot\.name=nothere', slot('nothere'));
refused('slot missing, status', 78, 'E1207', 'slot "nothere" does not exist', 'slot create',
	'slot', 'status', '--source.conninfo=' . conninfo(), '--slot.name=nothere');
like(refused('slot of another plugin', 78, 'E1208', '"foreign" belongs to another plugin',
		'another slot\.name', slot('foreign')),
	qr/DETAIL:.*"test_decoding"/, 'slot of another plugin: which');
refused('physical slot', 78, 'E1208', '"physical" belongs to', 'slot\.name', slot('physical'));
like(refused('slot in another database', 78, 'E1209', '"faraway" is in another database',
		'dbname=other', slot('faraway')),
	qr/DETAIL:.*"other".*"postgres"/, 'slot in another database: both are named');
refused('slot exists', 78, 'E1217', 'slot "ours" exists already', 'slot status',
	'slot', 'create', '--source.conninfo=' . conninfo(), '--slot.name=ours');
refused('drop of a foreign slot', 78, 'E1208', '"foreign"', '',
	'slot', 'drop', '--source.conninfo=' . conninfo(), '--slot.name=foreign');
refused('plugin option', 78, 'E1215', 'rejected an option', 'Correct the setting',
	slot('ours', '--table.include.list=public.(t'));

# Somebody else holds it: at once with slot.wait.ms=0, or when he has gone.
my $holder = relay_start(name => 'holder', args => [
		'--sink=stdout', '--topic.prefix=holder', '--source.conninfo=' . conninfo(),
		'--slot.name=ours', '--log.format=text' ]);
$source->poll_query_until('postgres',
	"SELECT active FROM pg_replication_slots WHERE slot_name = 'ours'")
  or die 'the slot did not become active';
my $pid = $source->safe_psql('postgres',
	"SELECT active_pid FROM pg_replication_slots WHERE slot_name = 'ours'");
like(refused('slot active elsewhere', 75, 'E1210', 'slot "ours" is active elsewhere',
		"pg_terminate_backend\\($pid\\)", slot('ours', '--slot.wait.ms=0')),
	qr/DETAIL:.*process $pid \(walrelay\)/, 'slot active elsewhere: by whom');
refused('drop of an active slot', 75, 'E1210', 'active elsewhere', "$pid",
	'slot', 'drop', '--source.conninfo=' . conninfo(), '--slot.name=ours');
($status, $stdout) = relay_run('slot', 'status', '--json', '--source.conninfo=' . conninfo(),
	'--slot.name=ours');
my ($shown) = json_lines($stdout);
is($shown->{active_pid}, $pid, 'status of an active slot');
my $waiting = relay_start(name => 'waiting', args => [
		'--sink=stdout', '--topic.prefix=waiting', '--source.conninfo=' . conninfo(),
		'--slot.name=ours', '--log.format=text', '--slot.wait.ms=10min' ]);
$waiting->wait_for_log(qr/E1210.*active elsewhere/);
is($holder->stop, 0, 'the holder ends cleanly');
$source->safe_psql('postgres', "INSERT INTO t VALUES (1, 'x')");
$waiting->wait_for_events(1);
is($waiting->stop, 0, 'the one who waited has streamed');

# ---- the allow-list ----
SKIP:
{
	skip 'this server has no output_plugin_libraries', 1 if !$has_allow_list;
	$source->safe_psql('postgres', 'ALTER SYSTEM SET output_plugin_libraries = pgoutput, wal2json');
	$source->reload;
	$source->poll_query_until('postgres',
		"SELECT current_setting('output_plugin_libraries') = 'pgoutput, wal2json'")
	  or die 'the setting did not change';
	my $said = refused('plugin not allowed', 78, 'E1204', 'output plugin "walrelay" is not allowed',
		'SET output_plugin_libraries = pgoutput, wal2json, walrelay;', slot('ours'));
	like($said, qr/keeps \d+ .B of WAL/, 'plugin not allowed: what the slot keeps');

	# A role that may not read the setting; its statements, pasted, help.
	$said = refused('plugin not allowed, unreadable', 78, 'E1204', 'is not allowed',
		'ALTER ROLE "Odd ""role" SET output_plugin_libraries', 'slot', 'create',
		'--source.conninfo=' . conninfo(user => 'Odd "role'), '--slot.name=fresh');
	my ($for_role) = $said =~ /(ALTER ROLE [^;]*;)/;
	my ($for_all) = $said =~ /(ALTER SYSTEM [^;]*;)/;
	$source->safe_psql('postgres', $for_role);
	($status) = relay_run('slot', 'create', '--source.conninfo=' . conninfo(user => 'Odd "role'),
		'--slot.name=fresh');
	is($status, 0, 'plugin not allowed: the statement for the role helps');
	$source->safe_psql('postgres', $for_all);
	$source->reload;
	$source->poll_query_until('postgres',
		"SELECT current_setting('output_plugin_libraries') LIKE '%walrelay'")
	  or die 'the setting did not change';
	($status) = relay_run('slot', 'drop', '--source.conninfo=' . conninfo(), '--slot.name=fresh');
	is($status, 0, 'a slot can be dropped');
	($status) = relay_run('slot', 'create', '--source.conninfo=' . conninfo(), '--slot.name=fresh');
	is($status, 0, 'plugin not allowed: the statement for all helps');
	$source->safe_psql('postgres',
		'ALTER SYSTEM SET output_plugin_libraries = walrelay, walrelay_missing, test_decoding');
	$source->reload;
	$source->poll_query_until('postgres',
		"SELECT current_setting('output_plugin_libraries') LIKE '%missing%'")
	  or die 'the setting did not change';
}
refused('plugin not installed', 78, 'E1205', 'plugin "walrelay_missing" is not installed',
	'make install', 'slot', 'create', '--source.conninfo=' . conninfo(), '--slot.name=unmade',
	'--slot.plugin=walrelay_missing');

# ---- limits ----
my $free = 8 - $source->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots');
$source->safe_psql('postgres',
	"SELECT pg_create_physical_replication_slot('fill' || i) FROM generate_series(1, $free) i");
refused('no free slot', 78, 'E1213', 'no free replication slot', 'max_replication_slots',
	'slot', 'create', '--source.conninfo=' . conninfo(), '--slot.name=onemore');
$source->safe_psql('postgres',
	"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name LIKE 'fill%'");

# The server removes WAL that the slot needs.
$source->safe_psql('postgres', "ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'");
$source->reload;
$source->safe_psql('postgres', "INSERT INTO t VALUES (-$_); SELECT pg_switch_wal()") for 1 .. 3;
$source->safe_psql('postgres', 'CHECKPOINT');
$source->poll_query_until('postgres',
	"SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = 'ours'")
  or die 'the slot was not lost';
refused('slot lost', 78, 'E1211', 'slot "ours" is lost', 'walrelay slot drop --slot\.name=ours',
	slot('ours'));
($status, $stdout) = relay_run('slot', 'status', '--source.conninfo=' . conninfo(),
	'--slot.name=ours');
is($status, 0, 'status of a lost slot');
like($stdout, qr/^WAL status +lost/m, 'status of a lost slot: says so');
($status) = relay_run('slot', 'drop', '--source.conninfo=' . conninfo(), '--slot.name=ours');
is($status, 0, 'a lost slot can be dropped');

# Settings that need a restart.
$source->safe_psql('postgres',
	'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots');
$source->append_conf('postgresql.conf', "max_wal_senders = 0\nwal_level = minimal\n");
$source->restart;
refused('no walsender', 69, 'E1213', 'no free connection', 'max_wal_senders',
	'slot', 'create', '--source.conninfo=' . conninfo());
$source->append_conf('postgresql.conf', "max_wal_senders = 4\nwal_level = replica\n");
$source->restart;
if ($source->pg_version->major >= 19)
{
	($status) = relay_run('slot', 'create', '--source.conninfo=' . conninfo());
	is($status, 0, 'wal_level = replica: it rises by itself here');
}
else
{
	refused('wal_level too low', 78, 'E1206', 'wal_level is too low',
		'ALTER SYSTEM SET wal_level = logical;', 'slot', 'create', '--source.conninfo=' . conninfo());
}
$source->stop;
refused('server stopped', 69, 'E1201', 'cannot connect', 'server runs',
	'slot', 'status', '--source.conninfo=' . conninfo());

# ---- captures ----
my $garbage = "$ENV{TESTDATADIR}/garbage";
append_to_file($garbage, "PK\x03\x04 this is not a capture\n");
refused('garbage to decode', 1, 'E1401', 'frame', '', 'decode', $garbage);
refused('no such capture', 2, 'E1006', 'cannot be read', 'pg_recvlogical', 'decode',
	'/nonexistent/capture');

done_testing();
