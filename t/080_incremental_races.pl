# 080_incremental_races.pl: what happens to tables, and to the relay, while rows are read because a
# signal asks for them (066_incremental.pl): changes of every kind, also such as are in the stream
# before anybody can see them; values out of line, and such as cannot be printed; DDL; deaths.
# Whoever applies the records has in the end what the table has.
# needs: kafka
# takes: 220 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Incremental;
use Lab;
use Walrelay;
use Test::More;

my $source = new_source(conf => "max_replication_slots = 40\nmax_wal_senders = 40\nmax_connections = 150\nmax_prepared_transactions = 10\n");
incremental($source);

sub ops { return join ' ', map { $_->{value} ? "$_->{value}{op}$_->{key}{id}" : () } @_; }

# ---- deaths in the middle: it goes on where it was ----
for my $delivery (qw(at-least-once exactly-once))
{
	my $name = $delivery =~ /^at/ ? 'die_least' : 'die_once';
	my ($chunk, $threads, $rows) = (20, 2, 6000);
	my @args = ("--delivery=$delivery", "--snapshot.chunk.size=$chunk", "--snapshot.max.threads=$threads");
	my @slow = '--snapshot.rate.limit=400';    # there is much left when it dies
	my @opt = $delivery =~ /^ex/ ? (committed => 1) : ();
	sql(join ';', "CREATE SCHEMA $name", map { "CREATE TABLE $name.$_ (id int PRIMARY KEY, v text);"
		  . "INSERT INTO $name.$_ SELECT i, 'v' FROM generate_series(1, $rows) i" } qw(a b));
	my $relay = captured($name, @args, @slow);
	my $load = load_start("\\set i random(1, $rows)\nUPDATE $name.a SET v = v || 'x' WHERE id = :i;\n");
	execute("$name\\..*", { "$name\\.b" => 'id % 2 = 0' });
	my @before;
	for (1 .. 2)
	{
		read_some($name, $relay, 'a', ($before[-1] // 0) + 300);
		$relay->kill9;
		my $notes = reading(progress($name));
		push @before, $notes->{"$name.a"}{rows};
		is($notes->{"$name.b"}{filter}, 'id % 2 = 0', "$name: the condition is written down");
		$relay = captured_again($name, @args, @before < 2 ? @slow : ());
	}
	read_done($name, $relay);
	load_end($load);
	caught_up($name, $relay);
	cmp_ok($before[1], '>', $before[0], "$name: it went on from $before[0], and then $before[1] rows");
	my @a = records($name, 'a', @opt);
	is_there("$name.a", "$name.a", 'id', @a);
	for my $table (qw(a b))
	{
		my %times;
		$times{ $_->{key}{id} }++ for reads("$name: $table", $table eq 'a' ? @a : records($name, $table, @opt));
		my $again = grep { $_ > 1 } values %times;
		is_deeply([ sort { $a <=> $b } keys %times ], [ map { 2 * $_ } 1 .. $rows / 2 ], "$name: rows that meet the condition") if $table eq 'b';
		# what is in flight, of each connection, and what was not written down in the last moments
		cmp_ok($again, '<=', $delivery =~ /^ex/ ? 0 : 2 * 20 * $chunk * $threads, "$name: $table: $again rows come again");
	}
	is($relay->stop, 0, "$name: ends well");
}

# ---- values out of line that changes leave alone, all the time ----
# Most changes do not have the value: the row that was read must not give way to one of them.
sql(<<'SQL');
CREATE SCHEMA toast;
CREATE TABLE toast.t (id int PRIMARY KEY, n int, long text, other text);
ALTER TABLE toast.t ALTER long SET STORAGE EXTERNAL, ALTER other SET STORAGE EXTERNAL;
INSERT INTO toast.t SELECT i, 0, repeat(md5(i::text), 100), repeat(md5('o' || i), 100) FROM generate_series(1, 400) i;
CREATE TABLE toast.wide (id int PRIMARY KEY, v text); ALTER TABLE toast.wide ALTER v SET STORAGE EXTERNAL;
INSERT INTO toast.wide SELECT i, repeat(chr(65 + i % 26), 1000000) FROM generate_series(1, 150) i;
SQL
{
	my $relay = captured('toast', '--snapshot.chunk.size=50');
	my @loads = map { load_start($_) } "\\set i random(1, 400)\nUPDATE toast.t SET n = n + 1 WHERE id = :i;\n",
	  "\\set i random(1, 40)\nUPDATE toast.t SET n = n + 1 WHERE id = :i;\n",
	  "\\set i random(1, 400)\nUPDATE toast.t SET other = repeat(md5(random()::text), 100) WHERE id = :i;\n";
	my $wal = lsn();
	wait_until { sql("SELECT min(n) FROM toast.t") > 0 } 'each row to be changed';
	execute('toast\.t');
	read_done('toast', $relay);
	load_end($_) for @loads;
	caught_up('toast', $relay);
	my @records = records('toast', 't', cut => undef);
	# of a topic that somebody reads from here on, too: the first row that was read is where it begins
	my ($first) = sort { $a <=> $b } map { $_->{value}{op} eq 'r' ? $_->{value}{source}{lsn} : () } @records;
	ok($first, 'toast: rows were read');
	is_there('toast', 'toast.t', 'id', @records);
	my @unknown = grep { /unavailable|\(unknown\)/ } values %{ folded(@records) };
	is(scalar @unknown, 0, 'toast: no value is unknown in the end');
	execute('toast\.wide');
	read_done('toast', $relay);
	my @wide = records('toast', 'wide', cut => 100);
	is(scalar @wide, 150, 'wide rows: each once');
	is(scalar(grep { $_->{value}{after}{v}{'$length'} != 1_000_000 } @wide), 0, 'wide rows: all of them');
	cmp_ok(($relay->rss_kb)[1], '<', memory_kb(160), 'wide rows: memory');
	is($relay->stop, 0, 'toast: ends well');
}

# ---- values that the server cannot print ----
sql(<<'SQL');
CREATE SCHEMA broken;
SET search_path = broken;
CREATE TYPE broken;
CREATE FUNCTION broken_in(cstring) RETURNS broken LANGUAGE internal IMMUTABLE STRICT AS 'oidin';
CREATE FUNCTION broken_out(broken) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'enum_out';
CREATE TYPE broken (INPUT = broken_in, OUTPUT = broken_out, LIKE = oid);
CREATE TABLE t (id int PRIMARY KEY, b broken, v text);
INSERT INTO t SELECT i, CASE WHEN i % 40 = 7 THEN '1'::broken END, 'v' || i FROM generate_series(1, 200) i;
CREATE TABLE fine (id int PRIMARY KEY); INSERT INTO fine VALUES (1);
SQL
{
	my $relay = captured('broken', '--include.unknown.datatypes=true', '--snapshot.chunk.size=30');
	execute('broken\..*');
	read_done('broken', $relay);
	my @reads = reads('broken', records('broken', 't'));
	is_deeply([ sort { $a <=> $b } map { $_->{value}{after}{id} } @reads ], [ 1 .. 200 ], 'broken: every row is there, once');
	is(scalar reads('broken: another table', records('broken', 'fine')), 1, 'broken: so is another table');
	is($relay->stop, 0, 'broken: ends well');
}

# ---- DDL while a table is read ----
# Paused in the middle of a and before the first row of b; the change, T is the table, N its name; resumed.
# gone: there are no more rows of it; told: which is said.
my %ddl = (
	add_column => [ q{ALTER TABLE T ADD z text DEFAULT 'z'} ],
	drop_column => [ 'ALTER TABLE T DROP x' ],
	rename_column => [ 'ALTER TABLE T RENAME x TO w' ],
	swap_columns => [ 'ALTER TABLE T RENAME x TO w; ALTER TABLE T RENAME y TO x; ALTER TABLE T RENAME w TO y' ],
	alter_type => [ 'ALTER TABLE T ALTER x TYPE varchar(300)' ],
	alter_key => [ 'ALTER TABLE T ALTER id TYPE bigint' ],
	drop_key => [ 'ALTER TABLE T DROP CONSTRAINT N_pkey', told => 1, gone => 1 ],
	other_key => [ 'ALTER TABLE T DROP CONSTRAINT N_pkey; ALTER TABLE T ADD CONSTRAINT N_other PRIMARY KEY (id)' ],
	truncate => [ 'TRUNCATE T' ],
	truncate_refill => [ q{TRUNCATE T; INSERT INTO T SELECT i, 'x' || i, 'y' || i FROM generate_series(1, 300) i} ],
	vacuum_full => [ 'VACUUM FULL T' ],
	drop => [ 'DROP TABLE T', told => 1, gone => 1 ],
	drop_and_make => [ q{DROP TABLE T; CREATE TABLE T (id int PRIMARY KEY, x text, y text); INSERT INTO T SELECT i, 'x' || i, 'y' || i FROM generate_series(1, 50) i}, told => 1 ],
	rename_table => [ 'ALTER TABLE T RENAME TO N_new', as => '_new' ],
	replica_full => [ 'ALTER TABLE T REPLICA IDENTITY FULL' ],
	row_security => [ 'ALTER TABLE T ENABLE ROW LEVEL SECURITY; ALTER TABLE T FORCE ROW LEVEL SECURITY' ]);
{
	my $rows = 300;
	for my $name (sort keys %ddl)
	{
		sql(join ';', "CREATE SCHEMA d_$name", map { "CREATE TABLE d_$name.$_ (id int, x text, y text, CONSTRAINT ${_}_pkey PRIMARY KEY (id));"
			  . "INSERT INTO d_$name.$_ SELECT i, 'x' || i, 'y' || i FROM generate_series(1, $rows) i" } qw(a b c));
	}
	my $relay = captured('ddl', '--table.include.list=d_.*', '--snapshot.chunk.size=10', '--snapshot.max.threads=1',
		'--skipped.operations=none');
	for my $name (sort keys %ddl)
	{
		my ($sql, %opt) = @{ $ddl{$name} };
		my $at = length $relay->stderr;
		gate_to(100);
		execute((map { "d_$name\\.$_" } qw(a b c)), gated("d_$name\\.a"));
		wait_until
		{
			die "ddl: the relay ended\n" . $relay->stderr if !$relay->is_running;
			my $note = reading(progress('ddl'))->{"d_$name.a"};
			$note && $note->{rows} >= 30;
		}
		"ddl: $name: some rows of a";
		signal('pause');
		wait_until { caught_up('ddl', $relay)->{'/incremental'}{paused} } "ddl: $name: paused";
		gate_open();
		my $notes = reading(progress('ddl'));
		ok($notes->{"d_$name.a"} && $notes->{"d_$name.a"}{rows} < $rows, "$name: in the middle of a table");
		for my $table (qw(a b)) { sql($_) for split /;/, $sql =~ s/\bT\b/d_$name.$table/gr =~ s/\bN_/${table}_/gr; }
		signal('resume');
		read_done('ddl', $relay);
		my $log = substr $relay->stderr, $at;
		like($log, qr/d_$name.*\b$_\b/, "$name: $_: told") for $opt{told} ? qw(a b) : ();
		is(scalar(() = grep { $_->{value} && $_->{value}{op} eq 'r' } read_topic("ddl.d_$name.c")), $rows, "$name: another table is read");
		for my $table ($opt{gone} ? () : qw(a b))
		{
			# a table that has got another name has another topic
			my $as = $table . ($opt{as} // '');
			my @records = map { read_topic("ddl.d_$name.$_") } $table eq 'a' && $opt{as} ? ('a', $as) : $as;
			# what was sent before has the columns there were, and the key
			my (%rows, %bad);
			for my $record (@records)
			{
				my $value = $record->{value} or next;
				if ($value->{op} eq 't') { %rows = (); next; }
				next if $value->{op} eq 'd';
				my ($id, $after) = ($value->{after}{id}, $value->{after});
				$rows{$id} = $after;
				my ($x, $y) = $name eq 'swap_columns' && $value->{source}{lsn} > 0 && exists $after->{x} && $after->{x} =~ /^y/ ? qw(y x) : qw(x y);
				$bad{$id} = $json->encode($after) if exists $after->{y} && $after->{y} ne "$y$id"
				  || exists $after->{x} && $after->{x} ne "$x$id" || exists $after->{z} && $after->{z} ne 'z';
			}
			is_deeply(\%bad, {}, "$name: $table: no value in another column");
			my @there = split /\n/, sql("SELECT id FROM d_$name.$as ORDER BY id");
			# rows of a table that was dropped are not taken back
			my @missing = grep { !$rows{$_} } @there;
			is(scalar @missing, 0, "$name: $table: all rows");
			is(scalar keys %rows, scalar @there, "$name: $table: and no others") if $name ne 'drop_and_make';
		}
	}
	is($relay->stop, 0, 'ddl: ends well');
}

# ---- a table is altered, what was read of it is written down later than it is looked at again, and nothing else happens ----
{
	sql("CREATE SCHEMA quiet; CREATE TABLE quiet.t (id int PRIMARY KEY, v text); INSERT INTO quiet.t SELECT i, 'v' FROM generate_series(1, 300) i");
	my $relay = captured('quiet', '--snapshot.chunk.size=50', '--snapshot.max.threads=1', '--progress.interval.ms=2s');
	gate_to(100);
	execute('quiet\\.t', gated('quiet\\.t'));
	wait_until { sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") } 'quiet: a reader at the gate';
	my $altering = session_start("ALTER TABLE quiet.t ADD z text DEFAULT 'z'");
	wait_until { sql("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'quiet.t'::regclass") } 'quiet: who waits to alter it';
	gate_to('9223372036854775807');
	$altering->{process}->finish;
	$relay->wait_for_log(qr/"quiet\.t" has changed: what it is like is looked up again/);
	$relay->wait_for_log(qr/incremental snapshot is done/);
	is(scalar(reads('quiet', records('quiet', 't'))), 300, 'quiet: every row, each once');
	is($relay->stop, 0, 'quiet: ends well');
}

# ---- the key is changed, in the middle of the table, by what compares as equal, and otherwise ----
sql(<<'SQL');
CREATE SCHEMA equal;
CREATE COLLATION equal.no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE equal.texts (id text COLLATE equal.no_case PRIMARY KEY, n int);
INSERT INTO equal.texts SELECT 'key' || lpad(i::text, 4, '0'), 0 FROM generate_series(1, 500) i;
CREATE TABLE equal.numbers (id numeric PRIMARY KEY, n int);
INSERT INTO equal.numbers SELECT i, 0 FROM generate_series(1, 500) i;
CREATE TABLE equal.moves (id int PRIMARY KEY, n int); INSERT INTO equal.moves SELECT 2 * i, 0 FROM generate_series(1, 1000) i;
SQL
{
	my $relay = captured('equal', '--snapshot.chunk.size=25', '--decimal.handling.mode=string');
	my @loads = map { load_start($_) }
	  "\\set i random(1, 500)\nUPDATE equal.texts SET id = CASE WHEN id COLLATE \"C\" < 'a' THEN lower(id) ELSE upper(id) END, n = n + 1 WHERE id = 'key' || lpad((:i)::text, 4, '0');\n",
	  "\\set i random(1, 500)\nUPDATE equal.numbers SET id = CASE WHEN scale(id) > 1 THEN trim_scale(id) ELSE id * 1.00 END, n = n + 1 WHERE id = :i;\n",
	  "\\set i random(1, 2000)\n\\set k random(1, 2000)\nUPDATE equal.moves SET id = :k, n = n + 1 WHERE id = :i AND NOT EXISTS (SELECT FROM equal.moves WHERE id = :k);\n";
	execute('equal\..*');
	read_done('equal', $relay);
	load_end($_) for @loads;
	caught_up('equal', $relay);
	is_there("equal: $_", "equal.$_", 'id', records('equal', $_)) for qw(moves);
	for my $table (qw(texts numbers))
	{
		# Of keys that are one to the server and two to whoever reads the topic, one is deleted.
		my %n = map { my $row = $json->decode($_); ("$row->{id}" => $row->{n}) } values %{ folded(records('equal', $table)) };
		my %there = map { split /\|/ } split /\n/, sql("SELECT id, n FROM equal.$table");
		is_deeply(\%n, \%there, "equal: $table: applied, it is the table");
	}
	is($relay->stop, 0, 'equal: ends well');
}

# ---- what is in the stream before anybody sees it ----
# No standby answers: whoever commits hangs, and its changes go out, but no snapshot sees them.
sql(<<'SQL');
CREATE SCHEMA hang;
CREATE TABLE hang.t (id int PRIMARY KEY, v text); INSERT INTO hang.t SELECT i, 'old' FROM generate_series(1, 30) i;
CREATE TABLE hang.u (id int PRIMARY KEY, v text); INSERT INTO hang.u SELECT i, 'old' FROM generate_series(1, 3000) i;
SELECT pg_create_logical_replication_slot('spy', 'test_decoding');
SQL
{
	my $relay = captured('hang', '--snapshot.chunk.size=10', '--snapshot.rate.limit=100');
	sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
	sql('SELECT pg_reload_conf()');
	wait_until { sql('SHOW synchronous_standby_names') eq 'nobody' } 'the setting';
	my $hanging = session_start("UPDATE hang.t SET v = 'new' WHERE id IN (3, 15); DELETE FROM hang.t WHERE id = 17; INSERT INTO hang.t VALUES (100, 'new')");
	# the brokers have it, and nobody sees it
	wait_until { my @have = qx(kcat -b @{[ kafka() ]} -L) =~ /"hang\.hang\.t"/ ? read_topic('hang.hang.t') : (); @have == 5 } 'what hangs in the stream';
	is(sql("SELECT count(*) FROM hang.t WHERE v = 'new'"), 0, 'hang: nobody sees it');
	execute('hang\.t');
	# in progress when it begins: it waits, and says so
	$relay->wait_for_log(qr/E1299: transactions under way/);
	my @records = read_topic('hang.hang.t');
	is(scalar(grep { $_->{value} && $_->{value}{op} eq 'r' } @records), 0, 'hang: a row as it was is not sent behind its change');
	ok($hanging->{process}->pumpable, 'hang: still');
	sql('ALTER SYSTEM RESET synchronous_standby_names');
	sql('SELECT pg_reload_conf()');
	$hanging->{process}->finish;
	read_done('hang', $relay);
	@records = read_topic('hang.hang.t');
	is_there('hang', 'hang.t', 'id', @records);
	is(scalar(grep { $_->{value} && $_->{value}{op} eq 'r' && $_->{value}{after}{v} eq 'old' && $_->{key}{id} =~ /^(3|15|17)$/ } @records), 0,
		'hang: none of them went back');
	# the row with the largest key was committed before anybody asked: it is one of those that were asked for
	is(scalar(grep { $_->{value} && $_->{value}{op} eq 'r' && $_->{key}{id} == 100 } @records), 1, 'hang: the largest key that there was is not the largest that was seen');

	# and one that hangs once it has begun: it reads, and finds that it may not send what it has
	execute('hang\\.u');
	read_some('hang', $relay, 'u', 20);
	signal('pause');
	wait_until { caught_up('hang', $relay)->{'/incremental'}{paused} } 'hang: paused';
	sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
	sql('SELECT pg_reload_conf()');
	wait_until { sql('SHOW synchronous_standby_names') eq 'nobody' } 'the setting';
	$hanging = session_start("UPDATE hang.u SET v = 'new' WHERE id >= 2990");
	wait_until { 11 == grep { $_->{value}{op} eq 'u' } read_topic('hang.hang.u') } 'what hangs in the stream';
	my $marks = sub { return sql("SELECT count(*) FROM pg_logical_slot_peek_changes('spy', NULL, NULL) WHERE data LIKE '%content:chunk %'"); };
	my $before = $marks->();
	my $rows = () = grep { $_->{value}{op} eq 'r' } read_topic('hang.hang.u');
	signal('resume');
	wait_until { $marks->() >= $before + 6 } 'several attempts';
	is(scalar(() = grep { $_->{value}{op} eq 'r' } read_topic('hang.hang.u')), $rows, 'hang: in the middle, nothing is sent meanwhile');
	ok($hanging->{process}->pumpable, 'hang: still');
	sql('ALTER SYSTEM RESET synchronous_standby_names');
	sql('SELECT pg_reload_conf()');
	$hanging->{process}->finish;
	is($relay->stop, 0, 'hang: ends well in the middle');
	$relay = captured_again('hang');    # as fast as it can
	read_done('hang', $relay);
	is_there('hang: in the middle', 'hang.u', 'id', read_topic('hang.hang.u'));
	is($relay->stop, 0, 'hang: ends well');
}

# The newest transaction of all hangs: no snapshot has it on its list of those in progress, which
# ends at the newest that has completed.  So nobody may begin another one: it is told to go on by Kafka.
sql("CREATE SCHEMA newest; CREATE TABLE newest.w (id int PRIMARY KEY, v text); INSERT INTO newest.w SELECT i, 'old' FROM generate_series(1, 1000) i");
{
	my $tell = sub {
		my ($to, $type) = @_;
		open(my $kcat, '|-', 'kcat', '-b', kafka(), '-P', '-t', 'newest-signal', '-p', '0', '-K', '|') or die "kcat: $!\n";
		print $kcat qq($to|{"id":"$type","type":"$type-snapshot","data":{}}\n);
		close $kcat or die "kcat failed\n";
	};
	$tell->('nobody', 'pause');
	my $relay = captured('newest', '--snapshot.chunk.size=10', '--snapshot.rate.limit=100',
		'--signal.enabled.channels=source,kafka');
	wait_until { qx(kcat -b @{[ kafka() ]} -C -e -q -t newest.progress) =~ /"offsets":\{"0":1\}/ } 'where signals begin';
	execute('newest\.w');
	read_some('newest', $relay, 'w', 20);
	$tell->('newest', 'pause');
	wait_until { caught_up('newest', $relay)->{'/incremental'}{paused} } 'newest: paused';
	sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
	sql('SELECT pg_reload_conf()');
	wait_until { sql('SHOW synchronous_standby_names') eq 'nobody' } 'the setting';
	my $rows = () = grep { $_->{value}{op} eq 'r' } read_topic('newest.newest.w');
	my $hanging = session_start("UPDATE newest.w SET v = 'new'");
	wait_until { 1000 == grep { $_->{value}{op} eq 'u' } read_topic('newest.newest.w') } 'what hangs in the stream';
	my $marks = sub { return sql("SELECT count(*) FROM pg_logical_slot_peek_changes('spy', NULL, NULL) WHERE data LIKE '%content:chunk %'"); };
	my $before = $marks->();
	$tell->('newest', 'resume');
	wait_until { $marks->() >= $before + 3 } 'several attempts';
	is(scalar(() = grep { $_->{value}{op} eq 'r' } read_topic('newest.newest.w')), $rows, 'newest: no row is sent as it was before');
	ok($hanging->{process}->pumpable, 'newest: still');
	sql('ALTER SYSTEM RESET synchronous_standby_names');
	sql('SELECT pg_reload_conf()');
	$hanging->{process}->finish;
	read_done('newest', $relay);
	is_there('newest', 'newest.w', 'id', read_topic('newest.newest.w'));
	is($relay->stop, 0, 'newest: ends well');
}

# ---- a transaction that was under way when the relay began ----
sql("CREATE SCHEMA early; CREATE TABLE early.t (id int PRIMARY KEY, v text); INSERT INTO early.t VALUES (1, 'first'), (2, 'first')");
{
	slot_new('early');
	sql("BEGIN; UPDATE early.t SET v = 'late' WHERE id = 2; INSERT INTO early.t VALUES (9, 'late'); PREPARE TRANSACTION 'late'");
	my $relay = captured_again('early');
	execute('early\\.t');
	$relay->wait_for_log(qr/E1299: transactions under way.*pg_prepared_xacts/s);
	unlike(qx(kcat -b @{[ kafka() ]} -L), qr/"early\.early\.t"/, 'early: nothing is read before it has ended');
	sql("COMMIT PREPARED 'late'");
	read_done('early', $relay);
	my @records = records('early', 't');
	is_there('early', 'early.t', 'id', @records);
	is(scalar reads('early', @records), 3, 'early: all rows, once it has ended');
	is($relay->stop, 0, 'early: ends well');
}
done_testing();
