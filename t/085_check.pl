# 085_check.pl: walrelay check.  A set-up that is right is OK in every line, and nothing is changed
# by looking; then it is broken in one way after the other, each is named, and what the remedy
# says, pasted as it stands, makes it right.
# needs: kafka
# takes: 50 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Select;
use IO::Socket::INET;
use IPC::Run ();
use Lab;
use Walrelay;
use Test::More;

my $source = new_source(tcp => 1, conf => "max_slot_wal_keep_size = 1GB\n");
my $kafka = kafka_start(KAFKA_AUTO_CREATE => 'false');
lab($source, $kafka->address);
my $port = free_port();
my @shared = ("--admin.listen=127.0.0.1:$port", '--snapshot.mode=initial', '--table.include.list=shop\..*');

sql(<<'SQL');
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id int PRIMARY KEY, v text NOT NULL);
CREATE TABLE shop.items (id int PRIMARY KEY, v text);
CREATE TABLE shop.rooms (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE shop.rooms_2026 PARTITION OF shop.rooms FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE shop.rooms_2027 PARTITION OF shop.rooms FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
INSERT INTO shop.orders VALUES (1, 'v'); INSERT INTO shop.items VALUES (1, 'v');
INSERT INTO shop.rooms VALUES (1, '2026-01-01'), (1, '2027-01-01');
CREATE ROLE walrelay LOGIN REPLICATION;
GRANT USAGE ON SCHEMA shop TO walrelay;
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO walrelay;
CREATE DATABASE other;
SQL
my $conninfo = $source->connstr('postgres') . ' user=walrelay';

# ---- looking, and pasting ----

# looked ARGS: what check says: {status}, {stderr}, {all} checks in order, and each by its name, of
# several the worst
my %rank = (ok => 0, skip => 1, warn => 2, fail => 3);
sub looked
{
	my (@args) = @_;
	my ($status, $stdout, $stderr) = relay_run('check', '--json', settings('shop', "--source.conninfo=$conninfo", @shared, @args));
	my ($found) = json_lines($stdout) or die "no answer: $stderr\n";
	my %by = (status => $status, stderr => $stderr, all => $found->{checks}, sums => $found);
	for my $check (@{ $found->{checks} })
	{
		my $before = $by{ $check->{name} };
		$by{ $check->{name} } = $check if !$before || $rank{ $check->{verdict} } > $rank{ $before->{verdict} };
	}
	return \%by;
}

# is_wrong WHAT, FOUND, NAME, VERDICT, CODE: and nothing else is; the check
sub is_wrong
{
	my ($what, $found, $name, $verdict, $code) = @_;
	my $check = $found->{$name} // {};
	is($check->{verdict}, $verdict, "$what: $name") or diag(explain($found->{all}));
	is($check->{code}, $code, "$what: its code");
	my @others = grep { $_->{name} ne $name && $_->{verdict} =~ /warn|fail/ } @{ $found->{all} };
	is_deeply(\@others, [], "$what: nothing else");
	ok(length($check->{hint} // ''), "$what: and what to do");
	like($found->{stderr}, qr/error: $code: 1 of the checks failed/, "$what: it fails") if $verdict eq 'fail' && $code;
	is($found->{status} != 0, $verdict eq 'fail', "$what: exit status $found->{status}");
	return $check;
}

# paste CHECK, NODE: the statements of its remedy, as a superuser
sub paste
{
	my ($check, $node) = @_;
	my @statements = $check->{hint} =~ /\b((?:ALTER|GRANT|SELECT pg_(?:reload|drop|terminate))[^;]*;)/g;
	($node // $source)->safe_psql('postgres', $_) for @statements;
	return scalar @statements;
}

# paste_shell CHECK: its commands, the programs being where their packages put them
my $bin = kafka_tools();
sub paste_shell
{
	my ($check, $all) = @_;
	my @commands = $check->{hint} =~ /((?:kafka-(?:topics|configs)\.sh|curl) [^;\n]*?)(?=[;\n]|\.?$)/g;
	local $ENV{PATH} = "$bin:$ENV{PATH}";
	is(system("$_ >/dev/null"), 0, "pasted: $_") for @commands;
	return scalar @commands;
}

# ---- nothing is there yet ----
{
	my $found = looked();
	my $check = $found->{'slot.state'};
	is("$check->{verdict} $check->{code}", 'fail E1207', 'a slot that is not there');
	my ($command) = $check->{hint} =~ /"(walrelay slot create[^"]*)"/;
	ok($command, 'the command that makes it');
	my ($status) = relay_run((split ' ', $command)[ 1, 2, 3 ], settings('shop', "--source.conninfo=$conninfo"));
	is($status, 0, 'which makes it');

	# its topics
	is("$found->{'kafka.topics'}{verdict} $found->{'kafka.topics'}{code}", 'fail E2002', 'topics that are not there');
	is($found->{status}, 78, 'exit status');
	is(paste_shell($found->{'kafka.topics'}), 4, 'a command for each');
}

# ---- all is right ----
my $good = looked();
is($good->{status}, 0, 'all is right: exit status') or diag(explain($good));
is_deeply([ map { "$_->{name} $_->{verdict}" } grep { $_->{verdict} ne 'ok' } @{ $good->{all} } ],
	['server.plugin_allowed skip'], 'all is right: every line, but for what the role may not read');
is_deeply([ map { $_->{name} } @{ $good->{all} } ],
	[ 'settings', 'server.connection', 'server.wal_level', 'server.plugin_allowed', 'server.room', 'server.long_transactions',
		'server.clock', 'slot.state', 'slot.retained_wal', 'slot.spill', 'server.plugin', 'tables.captured', 'tables.schemas',
		'tables.types', 'tables.identity', 'tables.rights', 'kafka.brokers', 'kafka.topics', 'kafka.progress', 'registry.connection',
		'registry.schemas', 'machine.admin_listen', 'machine.descriptors' ], 'all that is looked at');
is("$good->{sums}{ok} $good->{sums}{skip}", @{ $good->{all} } - 1 . ' 1', 'the sums');
like($good->{'tables.captured'}{message}, qr/^4: shop\.items, shop\.orders, shop\.rooms_2026, shop\.rooms_2027/, 'the tables');
# that was looked has left nothing
is(sql("SELECT string_agg(slot_name, ',') FROM pg_replication_slots"), 'shop', 'no slot is left');
is_deeply($json->decode($http->get(registry() . '/subjects')->{content}), [], 'nothing is registered') if !$ENV{REGISTRY_URL};
unlike(qx(kcat -b @{[ $kafka->address ]} -L), qr/shop\.progress/, 'no topic is made');
# for people
my ($status, $text) = relay_run('check', settings('shop', "--source.conninfo=$conninfo", @shared));
is($status, 0, 'as text');
like($text, qr/^OK    server\.connection        PostgreSQL \d+\.\d+, primary, database "postgres", role "walrelay", without TLS$/m, 'a line');
like($text, qr/^\d\d ok, \d skipped, 0 warnings, 0 failed\n\z/m, 'and the sums');
# while a relay runs there is nothing to complain of but its own address
{
	my $relay = relay_start(args => [ settings('shop', "--source.conninfo=$conninfo", @shared) ]);
	$relay->wait_for_log(qr/snapshot is done/);
	my $found = looked();
	is_wrong('a relay runs', $found, 'machine.admin_listen', 'warn', 'E1002');
	like($found->{'slot.state'}{message}, qr/is streamed by process \d+/, 'a relay runs: it is told');
	like($found->{'kafka.progress'}{message}, qr/keeps positions/, 'its position');
	is($relay->stop, 0, 'it ends well');
	like(looked('--auto.register.schemas=false')->{'registry.schemas'}{message}, qr/are registered/, 'what it has registered is found');
}

# ---- the server ----
is_wrong('nobody is there', looked("--source.conninfo=host=127.0.0.1 port=@{[ free_port() ]} dbname=postgres"), 'server.connection', 'fail', 'E1201');
is_wrong('no such database', looked("--source.conninfo=$conninfo dbname=none"), 'server.connection', 'fail', 'E1203');
sql('ALTER ROLE walrelay NOREPLICATION');
{
	my $found = looked();
	my $check = $found->{'server.connection'};
	is("$check->{verdict} $check->{code} $found->{status}", 'fail E1212 77', 'no right to replicate');
	is($found->{'slot.state'}{verdict}, 'ok', 'no right to replicate: the rest is looked at');
	is(paste($check), 1, 'no right to replicate: pasted');
	is(looked()->{status}, 0, 'no right to replicate: put right');
}
SKIP:
{
	skip 'the server has no output_plugin_libraries', 15 if qx('$ENV{PG_BIN}/postgres' --describe-config) !~ /^output_plugin_libraries\t/m;
	sql('ALTER ROLE walrelay SET output_plugin_libraries = pgoutput, test_decoding');
	is_wrong('not allowed, and not to be seen', looked(), 'server.plugin', 'fail', 'E1204');
	sql('GRANT pg_read_all_settings TO walrelay');
	my $check = is_wrong('not allowed', looked(), 'server.plugin_allowed', 'fail', 'E1204');
	ok(paste($check), 'not allowed: pasted');
	my $found = looked();
	is($found->{status}, 0, 'not allowed: put right');
	like($found->{'server.plugin_allowed'}{message}, qr/walrelay/, 'not allowed: now it is');
	sql('REVOKE pg_read_all_settings FROM walrelay; ALTER ROLE walrelay RESET output_plugin_libraries');
	sql($_) for 'ALTER SYSTEM RESET output_plugin_libraries', 'SELECT pg_reload_conf()';
}
{
	my $bare = PostgreSQL::Test::Cluster->new('bare');
	$bare->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
	$bare->append_conf('postgresql.conf', "wal_level = replica\nmax_wal_senders = 4\nmax_replication_slots = 1\n");
	$bare->append_conf('postgresql.conf', "output_plugin_libraries = 'walrelay, pgoutput, test_decoding'\n")
	  if qx('$ENV{PG_BIN}/postgres' --describe-config) =~ /^output_plugin_libraries\t/m;
	$bare->start;
	my @bare = ('--source.conninfo=' . $bare->connstr('postgres'), '--table.include.list=', '--slot.create=true');
	SKIP:
	{
		skip 'PostgreSQL 19 raises it by itself', 3 if $bare->safe_psql('postgres', 'SHOW server_version_num') >= 190000;
		my $check = looked(@bare)->{'server.wal_level'};
		is("$check->{verdict} $check->{code}", 'fail E1206', 'wal_level');
		is(paste($check, $bare), 1, 'wal_level: pasted');
		$bare->restart;
		is(looked(@bare)->{'server.wal_level'}{verdict}, 'ok', 'wal_level: put right');
	}
	my $found = looked(@bare);
	is("$found->{'server.plugin'}{verdict} $found->{'server.plugin'}{code}", 'fail E1205', 'not installed');
	$bare->append_conf('postgresql.conf', "dynamic_library_path = '$ENV{PLUGIN_DIR}:\$libdir'\n");
	$bare->reload;
	$found = looked(@bare);
	is($found->{'server.plugin'}{verdict}, 'ok', 'installed');
	is($found->{'tables.captured'}{verdict}, 'warn', 'a database without tables');
	is($found->{status}, 0, 'is no failure');
	$bare->safe_psql('postgres', "SELECT pg_create_physical_replication_slot('taken')");
	is_deeply([ @{ looked(@bare)->{'server.room'} }{qw(verdict code)} ], [qw(fail E1213)], 'no slot is free');
	$bare->stop;
}

# ---- the slot ----
{
	my $check = looked("--source.conninfo=$conninfo dbname=other", '--table.include.list=')->{'slot.state'};
	is("$check->{verdict} $check->{code}", 'fail E1209', 'another database');
	like($check->{hint}, qr/dbname=postgres/, 'another database: which');
	sql("SELECT pg_create_logical_replication_slot('theirs', 'test_decoding')");
	is_wrong('another plugin', looked('--slot.name=theirs'), 'slot.state', 'fail', 'E1208');
	sql("SELECT pg_drop_replication_slot('theirs')");
	sql("ALTER SYSTEM SET max_slot_wal_keep_size = '48MB'; ");
	sql('SELECT pg_reload_conf()');
	sql("SELECT count(pg_logical_emit_message(false, 'fill', repeat('x', 1000000))) FROM generate_series(1, 40)");
	$check = is_wrong('much is kept', looked(), 'slot.retained_wal', 'warn', 'E1252');
	ok(paste($check), 'much is kept: pasted');
	is(looked()->{'slot.retained_wal'}{verdict}, 'ok', 'much is kept: put right');
	sql("ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'");
	sql('SELECT pg_reload_conf()');
	for (1 .. 3) { sql("SELECT count(pg_logical_emit_message(false, 'fill', repeat('x', 1000000))) FROM generate_series(1, 20); SELECT pg_switch_wal()"); }
	sql('CHECKPOINT');
	wait_until { sql("SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'shop'") eq 'lost' } 'the slot to be lost';
	my $found = looked();
	is("$found->{'slot.state'}{verdict} $found->{'slot.state'}{code} $found->{status}", 'fail E1211 78', 'a slot that is lost');
	sql('ALTER SYSTEM RESET max_slot_wal_keep_size');
	sql('SELECT pg_reload_conf()');
	relay_run('slot', $_, settings('shop')) for qw(drop create);
	is(looked()->{status}, 0, 'a slot that is lost: put right');
}

# ---- the tables ----
{
	my $check = is_wrong('a list that matches nothing', looked('--table.include.list=shopp\..*'), 'tables.captured', 'fail', 'E1250');
	like($check->{detail}, qr/shop\.orders/, 'a list that matches nothing: what there is');
	is_wrong('a list that is none', looked('--table.include.list=shop\.(orders'), 'server.plugin', 'fail', 'E1215');

	sql('CREATE TABLE shop.plain (id int); GRANT SELECT ON shop.plain TO walrelay');
	my $found = looked();
	is($found->{'tables.identity'}{verdict}, 'warn', 'no identity: nothing was deleted so far');
	sql('INSERT INTO shop.plain VALUES (1), (2); DELETE FROM shop.plain WHERE id = 1');
	wait_until { sql("SELECT n_tup_del FROM pg_stat_all_tables WHERE relname = 'plain'") > 0 } 'the delete to be counted';
	$found = looked();
	is($found->{'tables.identity'}{verdict}, 'fail', 'no identity: a row was');
	like($found->{'tables.identity'}{detail}, qr/Rows were changed or deleted in: shop\.plain/, 'no identity: which');
	is(paste($found->{'tables.identity'}), 1, 'no identity: pasted');
	is(looked()->{'tables.identity'}{verdict}, 'ok', 'no identity: put right');
	# and its topic
	paste_shell($found->{'kafka.topics'});
	$kafka->topic_alter('shop.shop.plain', 'cleanup.policy=compact');
	$check = is_wrong('compacted', looked(), 'kafka.compaction', 'fail', 'E2006');
	is(paste_shell($check), 1, 'compacted: one command');
	is(looked()->{status}, 0, 'compacted: put right');
	sql('DROP TABLE shop.plain');

	sql('REVOKE SELECT ON shop.orders FROM walrelay; ALTER TABLE shop.items ENABLE ROW LEVEL SECURITY');
	$check = is_wrong('rights', looked(), 'tables.rights', 'fail', 'E1240');
	like($check->{detail}, qr/Without SELECT or USAGE: shop\.orders\. With row security that hides rows: shop\.items\./, 'rights: of which');
	is(paste($check), 3, 'rights: pasted');
	is(looked()->{status}, 0, 'rights: put right');
	is(looked('--snapshot.mode=never')->{'tables.rights'}{verdict}, 'skip', 'rights: no rows are read');
	$found = looked('--publish.via.partition.root=true');
	like($found->{'tables.captured'}{message}, qr/^3: shop\.items, shop\.orders, shop\.rooms$/, 'partitions as their root');
	like($found->{'kafka.topics'}{detail}, qr/^shop\.shop\.rooms\. /, 'partitions as their root: its topic');

	sql('CREATE TYPE shop.pair AS (a int, b int); ALTER TABLE shop.items ADD two shop.pair, ADD more shop.pair[]');
	$check = is_wrong('types', looked(), 'tables.types', 'warn', 'E1257');
	like($check->{detail}, qr/shop\.items\.two \(pair\), shop\.items\.more \(_pair\)/, 'types: which columns');
	my ($setting) = $check->{hint} =~ /(include\.unknown\.datatypes=true)/;
	is(looked("--$setting")->{'tables.types'}{verdict}, 'ok', 'types: put right');
	sql('ALTER TABLE shop.items DROP two, DROP more');

	sql('CREATE TABLE shop."a b" (id int PRIMARY KEY); CREATE TABLE shop."a_b" (id int PRIMARY KEY); GRANT SELECT ON ALL TABLES IN SCHEMA shop TO walrelay');
	$found = looked();
	is("$found->{'tables.schemas'}{verdict} $found->{'tables.schemas'}{code}", 'fail E1605', 'two tables for one topic');
	sql('DROP TABLE shop."a b", shop.a_b');
}

# ---- by a relay that runs ----
{
	sql(<<'SQL');
CREATE TABLE shop.marks (id int, v text); INSERT INTO shop.marks VALUES (1, 'a'); DELETE FROM shop.marks;
GRANT SELECT ON shop.marks TO walrelay; SELECT pg_stat_force_next_flush();
SQL
	slot_new('beside');
	$kafka->topic_create("beside.shop.$_", 1) for qw(orders marks);
	my @args = (settings('beside', "--source.conninfo=$conninfo", @shared, '--table.include.list=shop\.(orders|marks)'),
		'--check.at.start=true', '--log.format=json');
	my $warned = sub { my ($relay) = @_; return [ map { $_->{code} // () } grep { $_->{level} eq 'warn' } json_lines($relay->stderr) ] };
	my $relay = relay_start(args => \@args);
	$relay->wait_for_log(qr/checked the set-up: \d+ ok, \d+ skipped, 0 warnings, 1 failed; changes are streamed all the same/);
	is_deeply($warned->($relay), ['E1251'], 'a relay tells what check tells, once');
	like($relay->stderr, qr/"hint":"[^"]*ALTER TABLE shop\.marks REPLICA IDENTITY FULL/, 'and what to do');
	is($source->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots WHERE temporary'), 0, 'and leaves no slot');
	my @children = glob "/proc/@{[ $relay->pid ]}/task/*/children";
	is(join('', map { slurp($_) } @children), '', 'nor a process');
	sql("INSERT INTO shop.orders VALUES (77, 'after')");
	wait_until { grep { (($_->{key} // {})->{id} // 0) == 77 } read_topic('beside.shop.orders', bootstrap => $kafka->address) } 'changes are streamed';
	is($relay->stop, 0, 'and it ends');

	# signals are for the relay, not for who looks beside it, and waits for a registry that says nothing
	my $mute = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => 0) or die "no socket: $!\n";
	$relay = relay_start(args => [ @args, '--snapshot.mode=never', '--registry.url=http://127.0.0.1:' . $mute->sockport ]);
	ok(IO::Select->new($mute)->can_read($PostgreSQL::Test::Utils::timeout_default), 'who looks asks the registry');
	for my $count (1 .. 20)
	{
		$relay->signal('HUP');
		wait_until { $count == (() = $relay->stderr =~ /SIGHUP: /g) } "signal $count to be taken";
	}
	is($relay->stop, 0, 'no signal is lost while somebody looks beside the relay');
	close $mute;

	# killed while it looks: the slot that it asks the plugin by waits for this transaction
	my ($in, $out, $why) = ("BEGIN; INSERT INTO shop.items VALUES (99, 'open');\n", '', '');
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $source->connstr('postgres') ], '<', \$in, '>', \$out, '2>', \$why);
	$session->pump while length $in;
	wait_until { $source->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND backend_xid IS NOT NULL") } 'a transaction is open';
	$relay = relay_start(args => \@args);
	my $child;
	wait_until { ($child) = map { split ' ', slurp($_) } glob "/proc/@{[ $relay->pid ]}/task/*/children"; $child } 'it looks';
	$relay->kill9;
	wait_until { slurp("/proc/$child/stat") !~ /\) [^ZX]/ } 'whoever looks ends with it';
	$session->finish;
	is((relay_run('slot', 'drop', settings('beside')))[0], 0, 'its slot is free');
	sql('DROP TABLE shop.marks');
}

# ---- brokers and registry ----
is_wrong('no broker', looked('--bootstrap.servers=127.0.0.1:' . free_port()), 'kafka.brokers', 'fail', 'E2001');
$kafka->topic_create('wide.progress', 2, 'cleanup.policy=compact');
{
	my $found = looked('--topic.prefix=wide');
	is("$found->{'kafka.progress'}{verdict} $found->{'kafka.progress'}{code}", 'fail E2010', 'positions in two partitions');
	$kafka->topic_create('short.progress', 1);
	$found = looked('--topic.prefix=short');
	is("$found->{'kafka.progress'}{verdict} $found->{'kafka.progress'}{code}", 'fail E2010', 'positions that are forgotten');
	is(system("kcat -b @{[ $kafka->address ]} -L | grep -q 'wide.shop'"), 256, 'no topic is made by looking');
}
is_wrong('no registry', looked('--registry.url=http://127.0.0.1:' . free_port()), 'registry.connection', 'fail', 'E1801');
is_wrong('a wrong path', looked('--registry.url=' . registry() . '/nowhere'), 'registry.connection', 'fail', 'E1805');
{
	my $found = looked('--topic.prefix=absent', '--auto.register.schemas=false');
	is("$found->{'registry.schemas'}{verdict} $found->{'registry.schemas'}{code}", 'fail E1806', 'schemas that are not registered');
	# a column that readers of before would miss
	my $set = sub {
		my ($level) = @_;
		my $reply = $http->put(registry() . '/config/shop.shop.orders-value',
			{ headers => { 'Content-Type' => 'application/json' }, content => $json->encode({ compatibility => $level }) });
		die "no level: $reply->{content}\n" if !$reply->{success};
	};
	$set->('FORWARD');
	sql('ALTER TABLE shop.orders DROP v');
	my $check = is_wrong('incompatible', looked(), 'registry.schemas', 'fail', 'E1802');
	like($check->{detail} . $check->{hint}, qr/FORWARD/, 'incompatible: the level');
	$set->('NONE');
	is(looked()->{status}, 0, 'incompatible: put right');
}

# ---- this machine ----
{
	my $taken = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $port, ReuseAddr => 1) or die "port $port: $!\n";
	is_wrong('an address that is taken', looked(), 'machine.admin_listen', 'fail', 'E1002');
}

# ---- without settings, and not for Kafka ----
($status, $text) = relay_run('check');
is($status, 78, 'without settings');
like($text, qr/^FAIL  settings +E1003: /m, 'without settings: what is missing');
is(looked('--format.sink=stdout')->{'kafka.brokers'}{verdict}, 'skip', 'another sink: no broker');
done_testing();
