# 085_check.pl: walrelay check.  A set-up that is right is OK in every line, and nothing is changed
# by looking; then it is broken in one way after the other (t/lib/Setups.pm), each is named, and what
# the remedy says, pasted as it stands, makes it right.
# needs: kafka
# takes: 80 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Select;
use IO::Socket::INET;
use IPC::Run ();
use Lab;
use Security;
use Setups;
use Walrelay;
use Test::More;

my $source = new_source(tcp => 1, conf => "max_slot_wal_keep_size = 1GB\n");
my $dir = "$ENV{TESTDATADIR}/pki";
mkdir $dir or die "$dir: $!\n";
authority($dir, $_) for qw(ca other);
certificate($dir, 'ca', $_, 'localhost') for qw(kafka registry);
my $kafka = kafka_start(KAFKA_AUTO_CREATE => 'false', KAFKA_SECURED => "$dir/kafka.pem", KAFKA_SCRAM => 'cdc=kafka-one');
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
CREATE ROLE walrelay LOGIN REPLICATION PASSWORD 'right';
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

# statements_of HINT, commands_of HINT: what is to be pasted into psql, or a shell
sub statements_of { return $_[0] =~ /\b((?:ALTER|CREATE|GRANT|ROLLBACK|SELECT pg_(?:reload|drop|terminate|stat_reset))[^;]*;)/g; }
sub commands_of
{
	my ($hint) = @_;
	return ($hint =~ /"((?:walrelay|make) [^"]+)"/g, $hint =~ /((?:kafka-(?:topics|configs)\.sh|curl|chown) [^;\n]*?)(?=[;\n]|\.?$)/g);
}

# paste HINT, NODE: the statements, as a superuser
sub paste
{
	my ($hint, $node) = @_;
	my @statements = statements_of($hint);
	for my $statement (@statements)
	{
		is($node->psql('postgres', $statement), 0, "pasted: $statement");
	}
	return scalar @statements;
}

# paste_shell HINT, ARGS: the commands, with these settings
$ENV{PATH} = kafka_tools() . ":$ENV{PATH}";
my $installed = "$ENV{TESTDATADIR}/installed";
sub paste_shell
{
	my ($hint, @args) = @_;
	my @commands = commands_of($hint);
	my $same = join ' ', map { my $quoted = s/'/'\\''/gr; "'$quoted'" } @args;
	for my $command (@commands)
	{
		my ($name) = $command =~ /(--[\w.]+)=/;		# what it says counts, not what there was
		my $run = $command =~ /^walrelay / ? "$command @{[ $name ? join ' ', grep { !/^'\Q$name\E=/ } split / (?=')/, $same : $same ]}" : $command;
		is(system("cd '$root' && DESTDIR='$installed' $run >'$ENV{TESTLOGDIR}/pasted' 2>&1"), 0, "pasted: $command") && note(slurp("$ENV{TESTLOGDIR}/pasted"))
		  or diag(slurp("$ENV{TESTLOGDIR}/pasted"));
	}
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
	is(paste_shell($found->{'kafka.topics'}{hint}), 4, 'a command for each');
}

# ---- all is right ----
my $good = looked();
is($good->{status}, 0, 'all is right: exit status') or diag(explain($good));
is_deeply([ map { "$_->{name} $_->{verdict}" } grep { $_->{verdict} ne 'ok' } @{ $good->{all} } ],
	['server.plugin_allowed skip'], 'all is right: every line, but for what the role may not read');
is_deeply([ map { $_->{name} } @{ $good->{all} } ],
	[ 'settings', 'server.connection', 'server.wal_level', 'server.plugin_allowed', 'server.room', 'server.long_transactions',
		'server.clock', 'slot.state', 'slot.retained_wal', 'slot.spill', 'server.plugin', 'tables.captured', 'tables.schemas',
		'tables.types', 'tables.identity', 'tables.rights', 'kafka.brokers', 'kafka.topics', 'kafka.progress', 'kafka.sizes', 'registry.connection',
		'registry.schemas', 'machine.admin_listen', 'machine.descriptors' ], 'all that is looked at');
is("$good->{sums}{ok} $good->{sums}{skip}", @{ $good->{all} } - 1 . ' 1', 'the sums');
like($good->{'kafka.sizes'}{message}, qr/^batches of up to 1000000 bytes fit .* more than 1048588, compressed/, 'what fits into topics');
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

# ---- tables, beyond what is broken below ----
{
	like(looked('--table.include.list=shopp\..*')->{'tables.captured'}{detail}, qr/shop\.orders/, 'a list that matches nothing: what there is');
	is_wrong('a list that is none', looked('--table.include.list=shop\.(orders'), 'server.plugin', 'fail', 'E1215');
	is(looked('--snapshot.mode=never')->{'tables.rights'}{verdict}, 'skip', 'rights: no rows are read');
	my $found = looked('--publish.via.partition.root=true');
	like($found->{'tables.captured'}{message}, qr/^3: shop\.items, shop\.orders, shop\.rooms$/, 'partitions as their root');
	like($found->{'kafka.topics'}{detail}, qr/^shop\.shop\.rooms\. /, 'partitions as their root: its topic');

	sql('CREATE TABLE shop.plain (id int); GRANT SELECT ON shop.plain TO walrelay');
	is(looked()->{'tables.identity'}{verdict}, 'warn', 'no identity: nothing was deleted so far');
	sql('DROP TABLE shop.plain');

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

# ---- one broken set-up after the other ----
delete $ENV{PGAPPNAME};		# of the tests: walrelay has its own, as anybody else
my ($holder, $taken);
my $hba_before = slurp($source->data_dir . '/pg_hba.conf');
my $superuser = sql('SELECT current_user');

# hba LINES: before what there was; undef: nobody but the superuser comes in
sub hba
{
	my ($lines) = @_;
	open my $file, '>', $source->data_dir . '/pg_hba.conf' or die "pg_hba.conf: $!\n";
	print $file defined $lines ? "$lines$hba_before" : "local all $superuser trust\nhost all $superuser 127.0.0.1/32 trust\n";
	close $file;
	sql('SELECT pg_reload_conf()');
	return;
}

# Somebody else at the slot, until he is ended.
sub hold
{
	$holder = IPC::Run::start([ 'pg_recvlogical', '--start', '--slot=shop', '--no-loop', '--file=/dev/null', '-d', $conninfo ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null');
	wait_until { $holder->pumpable && sql("SELECT active FROM pg_replication_slots WHERE slot_name = 'shop'") eq 't' } 'the slot to be held';
	return;
}

sub lose_slot
{
	sql($_) for "ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'", 'SELECT pg_reload_conf()';
	for (1 .. 3) { sql("SELECT count(pg_logical_emit_message(false, 'fill', repeat('x', 1000000))) FROM generate_series(1, 20); SELECT pg_switch_wal()"); }
	sql('CHECKPOINT');
	wait_until { sql("SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'shop'") eq 'lost' } 'the slot to be lost';
	return;
}

# Larger than a memory that is small.
sub spill
{
	sql("ALTER ROLE walrelay SET logical_decoding_work_mem = '64kB'");
	my $relay = relay_start(args => [ settings('shop', "--source.conninfo=$conninfo", '--table.include.list=shop\.items', '--snapshot.mode=never') ]);
	sql("INSERT INTO shop.items SELECT i, repeat('x', 100) FROM generate_series(1000, 3000) i");
	wait_until { sql("SELECT spill_txns > 0 FROM pg_stat_replication_slots WHERE slot_name = 'shop'") eq 't' } 'a transaction to go over the disk';
	is($relay->stop, 0, 'it ends well');
	return;
}

# deleted DEFINITION: of shop.t, in which a row is deleted
sub deleted
{
	my ($definition) = @_;
	return sub {
		sql("$definition; GRANT SELECT ON shop.t TO walrelay; INSERT INTO shop.t VALUES (1), (2); DELETE FROM shop.t WHERE id = 1; SELECT pg_stat_force_next_flush()");
		wait_until { sql("SELECT n_tup_del FROM pg_stat_all_tables WHERE relname = 't'") > 0 } 'the delete to be counted';
	};
}

# A level of the subject that does not take that a column goes.
sub incompatible
{
	my $reply = $http->put(registry() . '/config/shop.shop.orders-value',
		{ headers => { 'Content-Type' => 'application/json' }, content => $json->encode({ compatibility => 'FORWARD' }) });
	die "no level: $reply->{content}\n" if !$reply->{success};
	sql('ALTER TABLE shop.orders DROP v');
	return;
}

# crc32c BYTES: what closes the file of a prepared transaction
sub crc32c
{
	my ($crc, @table) = (0xFFFFFFFF);
	for my $i (0 .. 255)
	{
		my $value = $i;
		$value = $value & 1 ? 0x82F63B78 ^ ($value >> 1) : $value >> 1 for 1 .. 8;
		push @table, $value;
	}
	$crc = $table[ ($crc ^ $_) & 255 ] ^ ($crc >> 8) for unpack 'C*', $_[0];
	return $crc ^ 0xFFFFFFFF;
}

# A transaction prepared an hour ago: nobody waits for it, its file is told another time.
sub old_transaction
{
	my ($node) = @_;
	$node->safe_psql('postgres', q{CREATE TABLE p (id int); BEGIN; INSERT INTO p VALUES (1); PREPARE TRANSACTION 'long ago'; CHECKPOINT});
	my $at = $node->safe_psql('postgres', q{SELECT round(extract(epoch FROM prepared - '2000-01-01 00:00:00+00') * 1000000)::bigint FROM pg_prepared_xacts});
	$node->stop;
	my ($name) = glob $node->data_dir . '/pg_twophase/*';
	my $bytes = substr slurp($name), 0, -4;
	my $place = index $bytes, pack('q<', $at);
	die "no time in $name\n" if $place < 0;
	substr $bytes, $place, 8, pack('q<', $at - 3600 * 1_000_000);
	open my $file, '>:raw', $name or die "$name: $!\n";
	print $file $bytes, pack('V', crc32c($bytes));
	close $file;
	$node->start;
	return;
}

# A server that is as PostgreSQL comes, but for room and where plugins are looked for; and a plugin
# of a later protocol.
my $bare = PostgreSQL::Test::Cluster->new('bare');
my $tomorrow = "$ENV{TESTDATADIR}/tomorrow";
chomp(my $libdir = qx('$pg_bin/pg_config' --pkglibdir));
$bare->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
$bare->append_conf('postgresql.conf', "wal_level = replica\nmax_wal_senders = 4\nmax_replication_slots = 1\nmax_prepared_transactions = 1\n"
	  . "dynamic_library_path = '$installed$libdir:$tomorrow:\$libdir'\n");
$bare->append_conf('postgresql.conf', "output_plugin_libraries = 'walrelay, walrelay_tomorrow, pgoutput, test_decoding'\n")
  if qx('$pg_bin/postgres' --describe-config) =~ /^output_plugin_libraries\t/m;
$bare->start;
my $library = librdkafka();
my $closed = write_file("$dir/closed", "relay:registry-one\n", 0);
my $door = door("$ENV{TESTDATADIR}/door", certificate => "$dir/registry.pem", login => 'relay:registry-one');

my @setups = setups(source => $source, bare => $bare, kafka => $kafka, conninfo => $conninfo, dir => $dir, door => $door, closed => $closed,
	hba => \&hba, holder => \&hold, lose_slot => \&lose_slot, spill => \&spill, deleted => \&deleted, incompatible => \&incompatible,
	old_transaction => sub { old_transaction($bare) }, tomorrow => sub { plugin_of_tomorrow($tomorrow) },
	take_port => sub { $taken = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $port, ReuseAddr => 1) or die "port $port: $!\n" },
	leave_port => sub { close $taken },
	secured => sub { ('bootstrap.servers' => $kafka->env('KAFKA_SECURED'), 'security.protocol' => 'SASL_SSL', 'sasl.mechanism' => 'SCRAM-SHA-512',
		'sasl.username' => 'cdc', 'sasl.password' => 'kafka-one', 'kafka.ssl.ca.location' => "$dir/ca.crt", 'broker.address.family' => 'v4') });

# setup_looked SETUP, SETTINGS, PREFIX: (what the check of that name says, code and remedy of all
# that is said if none is named), where a shell does PREFIX first
sub setup_looked
{
	my ($setup, $set, $prefix) = @_;
	local $ENV{LD_LIBRARY_PATH} = $library if $setup->{library} && $library;
	my @args = setup_args($set);
	my $run = Walrelay::Relay->start($prefix ? (program => '/bin/sh', command => undef,
			args => [ '-c', "$prefix; exec \"\$0\" \"\$@\"", $walrelay, 'check', '--json', @args ])
		: (command => 'check', args => [ '--json', @args ]));
	$run->wait_exit;
	my ($code, $hint) = $run->stderr =~ /error: (E\d+): .*?(?:^HINT: +(.*))?\z/ms;
	return { verdict => $code ? 'fail' : 'ok', code => $code, hint => $hint } if !$setup->{check};
	my ($found) = json_lines($run->stdout);
	my ($worst) = sort { $rank{ $b->{verdict} } <=> $rank{ $a->{verdict} } } grep { $_->{name} eq $setup->{check} } @{ $found->{checks} // [] };
	return $worst // { verdict => 'absent', message => $run->stderr };
}

# setup_args SETTINGS: as arguments
sub setup_args
{
	my ($set) = @_;
	return map { "--$_=$set->{$_}" } grep { defined $set->{$_} } sort keys %$set;
}

# do_it WHAT: SQL, or a sub
sub do_it
{
	my ($what) = @_;
	if (ref $what) { $what->(); }
	elsif (defined $what) { sql($_) for split /; */, $what; }
	return;
}

my %base = map { /^--([^=]+)=(.*)/s } settings('shop'), @shared;
$base{'source.conninfo'} = $conninfo;
# of two names for one setting the shorter
$base{ s/^(?:kafka|admin)\.(?=topic|log)//r } = delete $base{$_} for grep { /^kafka\.topic|^admin\.log/ } keys %base;

my $count = 0;
for my $setup (@setups)
{
	my ($what, $wanted) = ($setup->{what}, $setup->{verdict} // 'fail');
	if ($setup->{unless})
	{
		SKIP: { skip "$what: $setup->{unless}", 1 }
		next;
	}
	my %set = (%base, %{ $setup->{set} // {} });
	my ($took, $prefix) = (0);
	do_it($setup->{break});
	my $found = setup_looked($setup, \%set, $setup->{limit} && "ulimit -n $setup->{limit}");
	is(join(' ', map { $_ // '-' } @$found{qw(verdict code)}), "$wanted $setup->{code}", "$what: @{[ $setup->{check} // 'settings' ]}") or diag(explain($found));
	my $hint = $found->{hint} // '';

	if (my $kind = $setup->{setting})
	{
		my ($key, $value) =
			$kind eq 'conninfo' ? $hint =~ /\b(dbname|application_name)=(\w+)/
		  : $kind eq 'to' ? $hint =~ /Set (\S+) to at least (\S+?)\.$/
		  : $kind eq 'value' ? ((sort keys %{ $setup->{set} })[0], $hint =~ /such as (\w+)/)
		  : $hint =~ /\b([a-z]+(?:\.[a-z]+)+)=(\S+?)[,;.]?(?=\s|$)/;
		if ($kind eq 'conninfo') { $set{'source.conninfo'} .= " $key=$value" if $key; }
		elsif ($key) { $set{$key} = $value; }
		ok($key && defined $value, "$what: a setting to take") and $took++;
	}
	if ($setup->{rename})
	{
		my ($wrong) = keys %{ $setup->{set} };
		my ($right) = $hint =~ /Perhaps you meant "([^"]+)"/;
		ok($right, "$what: the right name") and $took++;
		my $value = delete $set{$wrong};
		delete $set{ $right =~ s/^kafka\.//r } if $right;
		$set{$right} = $value if $right;
	}
	if (my $given = $setup->{given})
	{
		my $names = $setup->{names} // $given->[0];
		like($hint, qr/\Q$names\E/, "$what: it is named what is wrong") and $took++;
		$set{ $given->[0] } = $given->[1];
		$set{'kafka.ssl.ca.location'} = delete $set{'ssl.ca.location'} if $given->[0] eq 'ssl.ca.location';
	}
	if ($setup->{path} && $hint =~ m{\((/\S+) for Apicurio\)}) { $set{'registry.url'} .= $1; $took++; }
	if ($setup->{line} && $hint =~ /^(host|local)(.*)$/m) { hba("$1$2\n"); $took++; }
	if (($setup->{shell} // '') eq 'ulimit') { ($prefix) = $hint =~ /(ulimit -n \d+)/ and $took++; }
	elsif ($setup->{shell}) { $took += paste_shell($hint, setup_args(\%set)); }
	if ($setup->{sql}) { $took += paste($hint, $setup->{sql}); }
	if ($setup->{restart}) { like($hint, qr/restart PostgreSQL/, "$what: it is said that it takes a restart"); $setup->{sql}->restart; }
	ok($took, "$what: something to paste") or diag($hint);

	my $now;
	# who was ended may take a moment
	wait_until { $now = setup_looked($setup, \%set, $prefix); $now->{verdict} !~ /^(?:warn|fail)$/ || $now->{code} ne 'E1210' } "$what: the end of it";
	unlike($now->{verdict}, qr/^(?:warn|fail)$/, "$what: put right") or diag(explain([ $hint, $now ]));
	do_it($setup->{undo});
	note(sprintf 'figures: %2d. %-34s %-5s %s', ++$count, $setup->{check} // 'settings', $setup->{code}, $what);
}
$holder->finish if $holder;
cmp_ok($count, '>=', 50, "$count broken set-ups");
$bare->stop;

# ---- without settings, and not for Kafka ----
($status, $text) = relay_run('check');
is($status, 78, 'without settings');
like($text, qr/^FAIL  settings +E1003: /m, 'without settings: what is missing');
is(looked('--format.sink=stdout')->{'kafka.brokers'}{verdict}, 'skip', 'another sink: no broker');
done_testing();
