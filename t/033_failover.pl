# Failover and restarts without a person: failover slots, several hosts in the connection
# string, a standby that is promoted, everything restarted in any order.  What is printed
# is always all of it, in order; where that cannot be had, the relay says so.  No Kafka.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Runs;
use Walrelay;
use IO::Select;
use IO::Socket::INET;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $major = int(qx('$pg_bin/postgres' --version) =~ /\) (\d+)/ ? $1 : die 'no version');
my $has_failover_slots = $major >= 17;

# ---- helpers ----

# several NODE...: a connection string that names them all, in this order
sub several
{
	my @nodes = @_;
	return sprintf('host=%s port=%s dbname=postgres',
		join(',', map { $_->host } @nodes), join(',', map { $_->port } @nodes));
}

# start NAME, CONNINFO, ARGS...: its events go to a file that outlives it
sub start
{
	my ($name, $conninfo, @args) = @_;
	return relay_start(name => $name, args => [ settings($name, $conninfo, @args) ]);
}

sub settings
{
	my ($name, $conninfo, @args) = @_;
	return ('--sink=file', '--sink.file=' . events_file($name), '--topic.prefix=failover',
		"--source.conninfo=$conninfo", "--slot.name=$name", '--log.format=text',
		'--retry.backoff.ms=100ms', '--retry.backoff.max.ms=500ms', @args);
}

sub events_file { return "$ENV{TESTDATADIR}/$_[0].events"; }

# judged NAME: what was written, see Runs.pm
sub judged
{
	my ($name) = @_;
	return runs_judge(grep { defined } map { ($_->{value} // {})->{after}{id} } json_lines(slurp(events_file($name))));
}

# ids NAME: keys in the order in which they were first written
sub ids { return @{ judged($_[0])->{ids} }; }

# is_complete NAME, NODE, WHAT: the file has what the table has, in this order, and what came
# again came up to the end
sub is_complete
{
	my ($name, $node, $what) = @_;
	my @table = split /\n/, $node->safe_psql('postgres', 'SELECT id FROM t ORDER BY id');
	my $judged = wait_until
	{
		my $so_far = judged($name);
		my $has_last = grep { $_ == $table[-1] } @{ $so_far->{ids} };
		$so_far->{breach} || $so_far->{is_whole} && $has_last ? $so_far : undef
	}
	"$what: id $table[-1], and no run under way";
	is($judged->{breach}, '', "$what: what came again was whole runs");
	is("@{ $judged->{ids} }", "@table", "$what: every change, in order, and no other");
	return;
}

# load_start NODE: single-row transactions, some hundred a second, until the server goes away
sub load_start
{
	my ($node) = @_;
	my ($out, $err) = ('', '');
	return IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
			q{DO $$ BEGIN LOOP INSERT INTO t DEFAULT VALUES; COMMIT; PERFORM pg_sleep_for('2 ms'); END LOOP; END $$} ],
		'<', \undef, '>', \$out, '2>', \$err);
}

# pair NAME, CONF: a primary with the table and a standby that streams by a slot
sub pair
{
	my ($name, $conf) = @_;
	my $primary = new_source(name => "${name}_1", conf => $conf);
	my $standby = PostgreSQL::Test::Cluster->new("${name}_2");

	# Cached values of a sequence would be lost with the server.
	$primary->safe_psql('postgres', 'CREATE TABLE t (id serial PRIMARY KEY);'
		  . "SELECT pg_create_physical_replication_slot('standby', true)");
	$primary->backup('base');
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	$standby->append_conf('postgresql.conf', sprintf(<<'CONF', several($primary), $standby->name));
primary_slot_name = 'standby'
primary_conninfo = '%s application_name=%s'
hot_standby_feedback = on
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 500ms
CONF
	$standby->append_conf('postgresql.conf', "sync_replication_slots = on\nsynchronized_standby_slots = ''\n")
	  if $has_failover_slots;
	$standby->start;
	return ($primary, $standby);
}

sub slot_create
{
	my ($name, $conninfo, @args) = @_;
	my ($status, $stdout, $stderr) = relay_run('slot', 'create', "--source.conninfo=$conninfo",
		"--slot.name=$name", @args);
	is($status, 0, "slot $name is created") or diag $stderr;
	return $stdout;
}

# wait_for_copy STANDBY, SLOT: until the standby has a copy that a promotion keeps
sub wait_for_copy
{
	my ($standby, $slot) = @_;
	wait_until
	{
		$standby->safe_psql('postgres', "SELECT synced AND NOT temporary AND invalidation_reason IS NULL"
			  . " FROM pg_replication_slots WHERE slot_name = '$slot'") eq 't'
	}
	"the standby's copy of slot $slot";
	return;
}

# ---- a synchronized slot, a primary that dies under load, a standby that is promoted ----
SKIP:
{
	skip 'standbys keep copies of slots from PostgreSQL 17 on', 1 if !$has_failover_slots;
	my ($primary, $standby) = pair('sync', "synchronized_standby_slots = 'standby'\n");
	my $both = several($primary, $standby);

	like(slot_create('sync', $both), qr/^created failover slot "sync"/, 'a slot is a failover slot');
	my ($status, $stdout) = relay_run('slot', 'status', "--source.conninfo=$both", '--slot.name=sync');
	like($stdout, qr/^failover +yes$/m, 'slot status: failover');
	like($stdout, qr/^inactive since +\d{4}-/m, 'slot status: inactive since');

	my $relay = start('sync', $both);
	$relay->wait_for_log(qr/streaming database/);
	my $load = load_start($primary);
	wait_until { ids('sync') > 100 } 'some load';
	wait_for_copy($standby, 'sync');

	# The copy cannot be used yet, and says so; with both hosts the primary is taken.
	($status, $stdout) = relay_run('slot', 'status', '--json', '--slot.name=sync',
		'--source.conninfo=' . $standby->connstr('postgres'));
	my ($shown) = json_lines($stdout);
	ok($shown->{failover} && $shown->{synced}, 'slot status on the standby: a copy');
	($status, undef, my $stderr) = relay_run('run', settings('copy', $standby->connstr('postgres'), '--slot.name=sync'));
	is($status, 69, 'streaming from a copy: exit status 69, so a supervisor tries again');
	like($stderr, qr/E1230: the server is a standby and replication slot "sync" a copy\n.*\nHINT: .*several hosts/s,
		'streaming from a copy: what it is');
	($status, undef, $stderr) = relay_run('slot', 'alter', '--slot.name=sync',
		'--source.conninfo=' . $standby->connstr('postgres'));
	is($status, 69, 'slot alter on the standby: refused');
	like($stderr, qr/E1230/, 'slot alter on the standby: a copy');
	($status, undef, $stderr) = relay_run('slot', 'create', '--slot.name=other', '--slot.failover=true',
		'--source.conninfo=' . $standby->connstr('postgres'));
	is($status, 78, 'a failover slot on the standby: refused');
	like($stderr, qr/E1231: a standby cannot make failover slots\nHINT:.*primary/, 'a failover slot on the standby: why');
	($status, $stdout, $stderr) = relay_run('slot', 'status', '--slot.name=sync',
		'--source.conninfo=' . several($standby, $primary));
	is($status, 0, 'of several hosts the primary is asked') or diag $stderr;
	like($stdout, qr/^server +PostgreSQL .*, server "\Q@{[$primary->host]}\E", port @{[$primary->port]}$/m,
		'of several hosts: which it was');

	my $count = ids('sync');
	wait_until { ids('sync') > $count + 100 } 'more load';
	$primary->kill9;
	$load->finish;
	$relay->wait_for_log(qr/E1214.*\nDETAIL:.*It was server ".*", port @{[$primary->port]}\./);
	$standby->promote;
	$standby->safe_psql('postgres', 'INSERT INTO t DEFAULT VALUES') for 1 .. 3;
	is_complete('sync', $standby, 'promoted');
	ok($relay->is_running, 'promoted: the relay went on by itself');
	like($relay->stderr, qr/streaming database .*, server ".*", port @{[$standby->port]}$/m, 'promoted: streams from the other server');

	# The slot goes on there as it did here: a restart, nothing is known but the slot.
	wait_for_slot($standby, 'sync');
	is($relay->stop, 0, 'promoted: ends cleanly');
	$standby->safe_psql('postgres', 'INSERT INTO t DEFAULT VALUES');
	$relay = start('sync', $both);
	is_complete('sync', $standby, 'promoted, relay restarted');

	# The old primary comes back and believes that it still is one.
	$primary->start;
	$primary->safe_psql('postgres', 'INSERT INTO t DEFAULT VALUES');
	$standby->safe_psql('postgres', 'SELECT pg_terminate_backend(pid) FROM pg_stat_replication');
	is($relay->wait_exit, 78, 'the old primary is back: exit status 78');
	like($relay->stderr, qr/error: E1218: .*older timeline\nDETAIL:.*timeline 1\b.*It was server .*\nHINT: .*old primary/,
		'the old primary is back: named');
	$primary->stop;
	$standby->stop;
}

# ---- an asynchronous standby that lacks what was confirmed ----
SKIP:
{
	skip 'standbys keep copies of slots from PostgreSQL 17 on', 1 if !$has_failover_slots;
	my ($primary, $standby) = pair('async', '');
	my $both = several($primary, $standby);

	slot_create('async', $both);
	my $relay = start('async', $both);
	my $load = load_start($primary);
	wait_for_copy($standby, 'async');
	$standby->stop;
	my $count = ids('async');
	wait_until { ids('async') > $count + 100 } 'load that the standby does not have';
	my $lacking = wal_end($primary);
	wait_for_slot($primary, 'async', $lacking);
	$primary->kill9;
	$load->finish;
	$standby->start;
	$standby->promote;
	is($relay->wait_exit, 78, 'the standby lacks changes: exit status 78');
	like($relay->stderr, qr/error: E1218: the server's history has left what was streamed before\nDETAIL:.*timeline 2, which left timeline 1 at/,
		'the standby lacks changes: said so');
	$standby->stop;
}

# ---- a standby with a slot of its own that has not replayed yet what was confirmed ----
SKIP:
{
	skip 'standbys decode from PostgreSQL 16 on', 1 if $major < 16;
	my ($primary, $standby) = pair('late', '');
	my $both = several($primary, $standby);
	my $insert = sub { $_[0]->safe_psql('postgres', 'INSERT INTO t DEFAULT VALUES') for 1 .. 5; };
	my $set = sub { $standby->append_conf('postgresql.conf', "recovery_min_apply_delay = $_[0]\n"); };

	slot_create('late', $primary->connstr('postgres'), '--slot.failover=false');
	my $maker = relay_start(name => 'late_slot', command => undef, args => [ 'slot', 'create', '--slot.name=late',
			'--slot.failover=false', '--source.conninfo=' . $standby->connstr('postgres') ]);
	# A standby learns from its primary which transactions run.
	wait_until { $primary->safe_psql('postgres', 'SELECT pg_log_standby_snapshot()'); !$maker->is_running } 'a slot on the standby';
	is($maker->wait_exit, 0, 'a slot on the standby') or diag $maker->stderr;

	my $relay = start('late', "$both target_session_attrs=any", '--slot.failover=false');    # the first that answers
	$insert->($primary);
	is_complete('late', $primary, 'before');
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
	wait_until { $standby->safe_psql('postgres', 'SELECT pg_get_wal_replay_pause_state()') eq 'paused' } 'the standby to stand still';
	$insert->($primary);
	is_complete('late', $primary, 'the standby stands still');
	wait_for_slot($primary, 'late');
	$primary->wait_for_catchup($standby, 'flush', $primary->lsn('insert'));
	# It has all of it, shows after a restart how far it has replayed, and waits with the rest.
	$set->('1h');
	$standby->restart;
	$primary->kill9;
	$relay->wait_for_log(qr/E1218: the standby has not replayed up to the confirmed position\nDETAIL:\s+It has come to \S+; confirmed is \S+\..*\nHINT:\s+Wait until it has/);
	pass('the standby is late: said so');
	my ($status, undef, $stderr) = relay_run('slot', 'status', '--slot.name=late', '--source.conninfo=' . $standby->connstr('postgres'));
	is($status, 0, 'the standby is late: it has the slot') or diag $stderr;
	$set->('0');
	$standby->reload;
	$relay->wait_for_log(qr/streaming database [^\n]*, server "[^"]*", port @{[$standby->port]}\n/);
	pass('the standby has come up: the relay goes on by itself');
	$standby->promote;
	$insert->($standby);
	is_complete('late', $standby, 'promoted');
	is($relay->stop, 0, 'promoted: ends cleanly');
	$standby->stop;
}

# ---- failover slots by other ways ----
SKIP:
{
	skip 'standbys keep copies of slots from PostgreSQL 17 on', 1 if !$has_failover_slots;
	my $node = new_source(name => 'alter');
	my @at = ('--source.conninfo=' . $node->connstr('postgres'), '--slot.name=alter');
	my $failover = sub {
		return $node->safe_psql('postgres', "SELECT failover FROM pg_replication_slots WHERE slot_name = 'alter'");
	};

	unlike(slot_create('alter', $node->connstr('postgres'), '--slot.failover=false'), qr/failover/, 'slot.failover = false');
	is($failover->(), 'f', 'slot.failover = false: none');
	my $relay = start('alter', $node->connstr('postgres'), '--slot.failover=true');
	$relay->wait_for_log(qr/warn: replication slot "alter" is not copied to standbys although slot.failover = true; .*walrelay slot alter/);
	my ($status, undef, $stderr) = relay_run('slot', 'alter', @at);
	is($status, 75, 'slot alter while it is used: exit status 75');
	like($stderr, qr/E1210/, 'slot alter while it is used: by whom');
	is($relay->stop, 0, 'slot.failover = true on an ordinary slot: streams');
	($status, my $stdout) = relay_run('slot', 'alter', @at);
	is("$status $stdout", qq{0 replication slot "alter": failover is on\n}, 'slot alter');
	is($failover->(), 't', 'slot alter: it is one');
	($status, $stdout) = relay_run('slot', 'alter', @at);
	like($stdout, qr/failover is on, as before/, 'slot alter again');
	($status, $stdout) = relay_run('slot', 'alter', '--slot.failover=false', @at);
	is($failover->(), 'f', 'slot alter --slot.failover=false');
	$relay = relay_start(name => 'tail', command => 'tail', args => [ $at[0], '--slot.failover=true', '--log.format=text' ]);
	$relay->wait_for_log(qr/streaming database/);
	pass('tail has a temporary slot, which is none');
	is($relay->stop, 0, 'tail ends');
	$node->stop;
}

# ---- before 17: a promoted standby has the slot if somebody has put it there ----
SKIP:
{
	skip 'from PostgreSQL 17 on standbys keep copies', 1 if $has_failover_slots;
	my ($primary, $standby) = pair('plain', '');
	my $both = several($primary, $standby);
	my ($status, undef, $stderr) = relay_run('slot', 'create', "--source.conninfo=$both", '--slot.name=plain', '--slot.failover=true');
	is($status, 78, 'slot.failover = true: refused');
	like($stderr, qr/E1231: PostgreSQL $major has no failover slots\nHINT:\s+Set slot.failover = auto/, 'slot.failover = true: why');
	like(slot_create('plain', $both), qr/^created replication slot "plain"/, 'slot.failover = auto');
	($status, undef, $stderr) = relay_run('slot', 'alter', "--source.conninfo=$both", '--slot.name=plain');
	is($status, 78, 'slot alter: refused');
	like($stderr, qr/E1231/, 'slot alter: why');

	my $relay = start('plain', $both);
	my $load = load_start($primary);
	wait_until { ids('plain') > 100 } 'some load';

	# As Patroni does it: the slot's file, copied to a standby that does not run.
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	$standby->stop;
	is(system('cp', '-a', $primary->data_dir . '/pg_replslot/plain', $standby->data_dir . '/pg_replslot/'), 0, 'the slot is copied');
	$standby->start;
	my $count = ids('plain');
	wait_until { ids('plain') > $count + 100 } 'more load';
	# Nothing makes the relay wait for a standby here: it has to have all before the crash.
	$load->kill_kill;
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	$primary->kill9;
	$relay->wait_for_log(qr/E1214/);
	$standby->promote;
	$standby->safe_psql('postgres', 'INSERT INTO t DEFAULT VALUES') for 1 .. 3;
	is_complete('plain', $standby, 'promoted with the slot');
	is($relay->stop, 0, 'promoted with the slot: the relay went on by itself');
	$standby->stop;
}

# ---- a promoted server without the slot: never a new one in silence ----
{
	my ($primary, $standby) = pair('none', '');
	my $both = several($primary, $standby);

	my $relay = start('none', $both, '--slot.create=true', '--slot.failover=false');
	$relay->wait_for_log(qr/created replication slot "none"/);
	$primary->safe_psql('postgres', 'INSERT INTO t DEFAULT VALUES');
	is_complete('none', $primary, 'before');
	$primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
	$primary->kill9;
	$standby->promote;
	is($relay->wait_exit, 78, 'promoted without the slot: exit status 78');
	like($relay->stderr, qr/error: E1207: replication slot "none" does not exist any more\nDETAIL:.*promoted without a copy.*It was server.*\nHINT:.*load the tables downstream again/,
		'promoted without the slot: named, with what to do');
	is($standby->safe_psql('postgres', "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'none'"),
		0, 'promoted without the slot: none is made, although slot.create = true');
	$standby->stop;
}

# ---- hosts that are silent, away, or not what is wanted ----
{
	my $node = new_source(name => 'hosts');
	my $port = $node->port;
	my $host = $node->host;
	my $place = sub { my ($hosts, $ports, $more) = @_; return "--source.conninfo=host=$hosts port=$ports dbname=postgres $more"; };

	# These take connections, as the kernel does it for them, and never say a word.
	my @silent = map {
		IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'tcp', Listen => 8) // die "listen: $!"
	} 1 .. 2;
	my @ports = map { $_->sockport } @silent;
	$node->safe_psql('postgres', 'CREATE TABLE t (id serial PRIMARY KEY);'
		  . 'CREATE ROLE careful LOGIN REPLICATION; ALTER ROLE careful SET default_transaction_read_only = on');
	my ($status, $stdout, $stderr) = relay_run('slot', 'create', '--slot.name=hosts',
		$place->("127.0.0.1,127.0.0.1,$host", "$ports[0],$ports[1],$port", 'user=careful connect_timeout=1'));
	is($status, 0, 'two silent hosts: the third is taken, by a role that only reads') or diag $stderr;
	my $conninfo = "host=127.0.0.1,$host port=$ports[0],$port dbname=postgres connect_timeout=1";
	my $relay = start('hosts', $conninfo);
	$node->safe_psql('postgres', 'INSERT INTO t DEFAULT VALUES');
	is_complete('hosts', $node, 'a silent host');
	$node->restart;
	$node->safe_psql('postgres', 'INSERT INTO t DEFAULT VALUES');
	is_complete('hosts', $node, 'a silent host, later');
	is($relay->stop, 0, 'a silent host: streams from the next');

	# Defaults of the environment count as the connection string does.
	($status, $stdout, $stderr) = do
	{
		local %ENV = (%ENV, PGHOST => "127.0.0.1,$host", PGPORT => "$ports[0],$port", PGCONNECT_TIMEOUT => 1);
		relay_run('slot', 'status', '--source.conninfo=dbname=postgres', '--slot.name=hosts');
	};
	is($status, 0, 'hosts and patience from the environment') or diag $stderr;

	($status, undef, $stderr) = relay_run('run', settings('hosts',
			"host=127.0.0.1,127.0.0.1 port=$ports[0],$ports[1] dbname=postgres connect_timeout=1"));
	is($status, 69, 'all hosts silent: exit status 69');
	like($stderr, qr/E1201: PostgreSQL did not answer in time\nDETAIL:\s+Server "127\.0\.0\.1", port $ports[0], did not answer within 1 s\. Server "127\.0\.0\.1", port $ports[1], did not answer within 1 s\./,
		'all hosts silent: both are named');

	my $nobody = free_port();
	($status, undef, $stderr) = relay_run('run', settings('hosts',
			"host=127.0.0.1,127.0.0.1 port=$ports[0],$nobody dbname=postgres connect_timeout=1"));
	is($status, 69, 'one silent, one away: exit status 69');
	like($stderr, qr/DETAIL:\s+Server "127\.0\.0\.1", port $ports[0], did not answer.*port $nobody failed: Connection refused/,
		'one silent, one away: what became of each');

	# Whoever waits for a silent host still listens to us.
	my $fresh = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'tcp', Listen => 1) // die "listen: $!";
	$relay = start('hosts', sprintf('host=127.0.0.1 port=%d dbname=postgres connect_timeout=3000', $fresh->sockport));
	wait_until { IO::Select->new($fresh)->can_read(0) } 'a connection';
	my $caller = $fresh->accept;    # open until it has ended
	my $began = time;
	is($relay->stop, 0, 'SIGTERM while it connects: exit status 0');
	cmp_ok(time - $began, '<', 10, 'SIGTERM while it connects: at once');
	$node->stop;
}

# ---- everything is restarted, in any order ----
{
	my $node = new_source(name => 'order');
	my $conninfo = $node->connstr('postgres');
	my $insert = sub { $node->safe_psql('postgres', 'INSERT INTO t DEFAULT VALUES') for 1 .. 5; };

	$node->safe_psql('postgres', 'CREATE TABLE t (id serial PRIMARY KEY)');
	slot_create('order', $conninfo);
	$insert->();
	$node->stop;

	# The relay first: a supervisor starts it until the server is there.
	my ($status, undef, $stderr) = relay_run('run', settings('order', $conninfo));
	is($status, 69, 'relay before PostgreSQL: exit status 69');
	like($stderr, qr/E1201/, 'relay before PostgreSQL: why');
	my $relay = start('order', $conninfo);
	is($relay->wait_exit, 69, 'relay before PostgreSQL: again');
	$node->start;
	$relay = start('order', $conninfo);
	is_complete('order', $node, 'then PostgreSQL, then the relay');

	# While it runs: the server, both ways; then both, the relay first, the server first.
	for my $mode ('fast', 'immediate')
	{
		$node->stop($mode);
		$relay->wait_for_log(qr/trying again.*trying again/s);
		$node->start;
		$insert->();
		is_complete('order', $node, "PostgreSQL stopped ($mode), started");
	}
	for my $mode ('fast', 'immediate')
	{
		$relay->kill9;
		$insert->();
		$node->stop($mode);
		$node->start;
		$insert->();
		$relay = start('order', $conninfo);
		is_complete('order', $node, "relay killed, PostgreSQL restarted ($mode), relay started");
		$node->stop($mode);
		$relay->wait_for_log(qr/trying again/);
		$relay->kill9;
		$node->start;
		$insert->();
		$relay = start('order', $conninfo);
		is_complete('order', $node, "PostgreSQL stopped ($mode), relay killed, both started");
	}
	is($relay->stop, 0, 'ends cleanly');
	$node->stop;
}

done_testing();
