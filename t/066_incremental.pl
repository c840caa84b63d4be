# 066_incremental.pl: rows that are read while a relay streams, because a signal asks for them:
# of which tables, which rows, in which order of signals; what is refused; tables that are new.
# What happens to tables meanwhile, and to the relay, is in 080_incremental_races.pl.
# needs: kafka
# takes: 110 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Incremental;
use Lab;
use Walrelay;
use Test::More;

incremental(new_source(conf => "max_replication_slots = 30\nmax_wal_senders = 30\n"));

# ids RECORDS: of rows, sorted
sub ids_of { return [ sort { $a <=> $b } map { $_->{value}{after}{id} } @_ ]; }

# ---- keys of many kinds, several tables by one signal ----
# v says of which row it is; the table is read while it is written.
my %keys = (
	big => [ 'id bigint', 'i::bigint * 1000000007 - 50000000000' ],
	uuids => [ 'id uuid', 'md5(i::text)::uuid' ],
	icu => [ 'id text COLLATE "und-x-icu"', q{chr(64 + i % 26) || chr(97 + i % 26) || i} ],
	no_case => [ 'id text COLLATE no_case', q{CASE WHEN i % 2 = 0 THEN 'k' ELSE 'K' END || i} ],
	padded => [ 'id char(8)', 'i::text' ],
	bytes => [ 'id bytea', q{int4send(i * 7919)} ],
	numbers => [ 'id numeric', 'i / 8.0 - 5' ],
	days => [ 'id date', q{date '1999-12-01' + i} ],
	moments => [ 'id timestamptz', q{timestamptz '1999-12-31' + i * interval '1 hour 1 us'} ],
	moods => [ 'id mood', q{(ARRAY['sad', 'ok', 'it''s', 'happy'])[i]::mood}, 4 ],
	composite => [ 'a int, id text COLLATE "C", PRIMARY KEY (id, a)', q{i % 7, 'x' || i / 7} ],
	three => [ 'id date, b mood, c int, PRIMARY KEY (c, b, id)', q{date '2020-01-01' + i % 3, (ARRAY['sad', 'ok'])[1 + i % 2]::mood, i} ]);
sql(<<'SQL');
CREATE SCHEMA keys;
SET search_path = keys;
CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s', 'happy');
CREATE TABLE empty (id int PRIMARY KEY, v text);
CREATE TABLE one (id int PRIMARY KEY, v text); INSERT INTO one VALUES (1, 'one');
CREATE TABLE exactly (id int PRIMARY KEY, v text); INSERT INTO exactly SELECT i, 'v' || i FROM generate_series(1, 50) i;
CREATE TABLE by_unique (id int NOT NULL, v text); CREATE UNIQUE INDEX u ON by_unique (id);
ALTER TABLE by_unique REPLICA IDENTITY USING INDEX u; INSERT INTO by_unique SELECT i, 'v' || i FROM generate_series(1, 120) i;
CREATE TABLE nokey (id int, v text); INSERT INTO nokey VALUES (1, 'n');
CREATE TABLE nullable (id int UNIQUE, v text); INSERT INTO nullable VALUES (NULL, 'n');
CREATE TABLE "Od d.""name" (id int PRIMARY KEY, v text, "ü" int); INSERT INTO "Od d.""name" SELECT i, 'v' || i, i FROM generate_series(1, 120) i;
CREATE TABLE gone_columns (id int PRIMARY KEY, gone int, v text, g int GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO gone_columns SELECT i, i, 'v' || i FROM generate_series(1, 120) i; ALTER TABLE gone_columns DROP gone;
SQL
for my $name (sort keys %keys)
{
	my ($columns, $values, $rows) = @{ $keys{$name} };
	$columns .= ' PRIMARY KEY' if $columns !~ /PRIMARY/;
	sql("SET search_path = keys; CREATE TABLE $name (v text, $columns);"
		  . "INSERT INTO $name SELECT 'v' || i, $values FROM generate_series(1, " . ($rows // 120) . ') i');
}
{
	my $relay = captured('keys', '--snapshot.chunk.size=50', '--snapshot.max.threads=3');
	sql("UPDATE keys.one SET v = 'streamed'");
	# not all of them in the case in which they are written
	execute('KEYS\..*');
	read_done('keys', $relay);
	for my $table (sort keys %keys, qw(empty one exactly by_unique gone_columns), 'Od d."name')
	{
		my $topic = $table =~ s/[^a-z_.]/_/gir;
		my @reads = $table eq 'empty' ? () : reads($table, records('keys', $topic));
		my @have = sort map { $_->{value}{after}{v} } @reads;
		my $quoted = $table =~ s/"/""/gr;
		is_deeply(\@have, [ sort split /\n/, sql(qq{SELECT v FROM keys."$quoted"}) ], "$table: each row once, $#have and one");
		# the order of each partition is that of the key, as the server sees it
		my @order = split /\n/, sql(qq{SELECT v FROM keys."$quoted" ORDER BY } . ($keys{$table} && $keys{$table}[0] =~ /KEY \((.*)\)/ ? $1 : 'id'));
		my %place = map { $order[$_] => $_ } 0 .. $#order;
		my @wrong = grep { $reads[$_]{partition} == $reads[ $_ - 1 ]{partition}
			  && $place{ $reads[$_]{value}{after}{v} } < $place{ $reads[ $_ - 1 ]{value}{after}{v} } } 1 .. $#reads;
		is(scalar @wrong, 0, "$table: in the order of its key");
	}
	is_deeply([ sort keys %{ (reads('gone columns', records('keys', 'gone_columns')))[0]{value}{after} } ], [qw(id v)],
		'neither generated columns nor such as are gone, as in the stream');
	# what has no key is refused by name, and keeps nobody else from being read
	like($relay->stderr, qr/keys[."]+$_\b/, "$_: refused, and named") for qw(nokey nullable);
	unlike(qx(kcat -b @{[ kafka() ]} -L), qr/topic "keys\.keys\.(nokey|nullable|empty)"/, 'and nothing came of it');
	is($relay->stop, 0, 'keys: ends well');
}

# ---- conditions, tables that nobody captures, names that none has, the same table again ----
sql(<<'SQL');
CREATE SCHEMA wish; CREATE SCHEMA other;
CREATE TABLE wish.a (id int PRIMARY KEY, state text); INSERT INTO wish.a SELECT i, CASE i % 3 WHEN 0 THEN 'open' WHEN 1 THEN 'it''s done' END FROM generate_series(1, 300) i;
CREATE TABLE wish.b (id int PRIMARY KEY, state text); INSERT INTO wish.b SELECT i, 'b' FROM generate_series(1, 100) i;
CREATE TABLE wish.ab (id int PRIMARY KEY); INSERT INTO wish.ab VALUES (1);
CREATE TABLE other.x (id int PRIMARY KEY); INSERT INTO other.x VALUES (1);
SQL
{
	my $relay = captured('wish', '--snapshot.chunk.size=20');
	# the first condition that fits counts
	execute('wish\.a', 'wish\.b', { 'wish\.a' => q{state = 'it''s done' OR id = 3}, 'wish\.b|WISH.*' => 'id > 90' });
	read_done('wish', $relay);
	is_deeply(ids_of(reads('a', records('wish', 'a'))), [ grep { $_ == 3 || $_ % 3 == 1 } 1 .. 300 ], 'rows that meet a condition');
	is_deeply(ids_of(reads('b', records('wish', 'b'))), [ 91 .. 100 ], 'and of another table');
	# three at once, in their order, of which the second asks for what there is not, and the same table twice
	execute('wish\.b');
	execute('other\.x', 'wish\.nobody');
	execute('wish\.b', { 'wish\.b' => 'id = 1' });
	execute('wish\.ab?', 'wish\.a');
	read_done('wish', $relay);
	my @b = reads('b', records('wish', 'b'));
	my %b = map { $_->{key}{id} => 1 } @b[ 10 .. $#b ];
	is(scalar keys %b, 100, 'a table that is asked for again, for fewer rows, while it is read: all that anybody asked for');
	is(scalar reads('a', records('wish', 'a')), 101 + 300, 'whole names: a');
	is(scalar reads('ab', records('wish', 'ab')), 1, 'and ab, each once though two expressions mean it');
	unlike(qx(kcat -b @{[ kafka() ]} -L), qr/topic "wish\.other\.x"|wish\.message/, 'no topic of what is not captured, nor of our messages');
	like($relay->stderr, qr/other\\\.x|signal2\b|wish\\\.nobody/, 'it is told that there is no such table');
	sql('INSERT INTO wish.a VALUES (1000, NULL)');
	caught_up('wish', $relay);
	is((records('wish', 'a'))[-1]{value}{op}, 'c', 'the stream goes on');
	is($relay->stop, 0, 'wish: ends well');
}

# ---- bad signals: each is named, and nothing is lost by it ----
{
	my $relay = captured_again('wish', '--snapshot.chunk.size=20', '--signal.enabled.channels=source');
	my %bad = (
		'no JSON' => '{"id":"bad1",',
		'unknown type' => '{"id":"bad2","type":"explode-snapshot","data":{}}',
		'no tables' => '{"id":"bad3","type":"execute-snapshot","data":{}}',
		'bad regex' => '{"id":"bad4","type":"execute-snapshot","data":{"data-collections":["wish[.](a"]}}',
		'surrogate key' => '{"id":"bad5","type":"execute-snapshot","data":{"data-collections":["wish[.]a"],"surrogate-key":"id"}}',
		'two statements' => '{"id":"bad6","type":"execute-snapshot","data":{"data-collections":["wish[.]a"],'
		  . '"additional-conditions":[{"data-collection":"wish[.]a","filter":"true); DROP TABLE wish.b; SELECT (1"}]}}',
		'comment' => '{"id":"bad11","type":"execute-snapshot","data":{"data-collections":["wish[.]a"],'
		  . '"additional-conditions":[{"data-collection":"wish[.]a","filter":"true -- DROP TABLE"}]}}',
		'no such column' => '{"id":"bad7","type":"execute-snapshot","data":{"data-collections":["wish[.]a"],'
		  . '"additional-conditions":[{"data-collection":"wish[.]a","filter":"secret_column = 1"}]}}',
		'fails for a row' => '{"id":"bad8","type":"execute-snapshot","data":{"data-collections":["wish[.]a"],'
		  . '"additional-conditions":[{"data-collection":"wish[.]a","filter":"1 / (id - 250) > 5"}]}}',
		'unknown kind' => '{"id":"bad9","type":"execute-snapshot","data":{"data-collections":["wish[.]a"],"type":"sideways"}}');
	my $before = () = records('wish', 'b');
	emit("signal $bad{$_}") for sort keys %bad;
	emit('signal');
	emit('signal 00112233445566778899aabbccddeeff {"id":"bad10","type":"pause-snapshot"}');
	emit('chunk 00 7');
	emit('something else');
	caught_up('wish', $relay);
	for my $what (sort keys %bad)
	{
		next if $what eq 'fails for a row';
		my ($id) = $bad{$what} =~ /"id":"(\w+)"/;
		$relay->wait_for_log($what eq 'no JSON' ? qr/E1244/ : qr/\b$id\b/);
		ok(1, "$what: named");
	}
	unlike($relay->stderr, qr/secret_column|DROP TABLE/, 'no word of a filter is in the log');
	execute('wish\.b', { 'wish\.b' => 'id <= 3' });
	wait_until { my @b = records('wish', 'b'); @b == $before + 3 } 'a good one behind them';
	signal('stop', {});
	read_done('wish', $relay);
	is(sql('SELECT count(*) FROM wish.b'), 100, 'nothing was done to a table');
	is($relay->stop, 0, 'bad signals: ends well');
}

# ---- who may ask ----
{
	my $relay = captured_again('wish');
	my $before = () = records('wish', 'ab');
	signal('execute', { 'data-collections' => ['wish\.ab'] }, 'anybody', 'open');
	caught_up('wish', $relay);
	my $key = command_key();
	like($key, qr/^[0-9a-f]{32}$/, 'a key for commands');
	signal('execute', { 'data-collections' => ['wish\.ab'] }, 'by key');
	read_done('wish', $relay);
	my $after = () = records('wish', 'ab');
	is($after - $before, 1, 'where the channel is not open only who knows the key is heard');
	unlike($relay->stderr, qr/$key/, 'which is not in the log');
	is($relay->stop, 0, 'who may ask: ends well');

	# what was asked while no relay ran is heard by the next
	signal('execute', { 'data-collections' => ['wish\.ab'] }, 'while it was away');
	sql('SELECT pg_switch_wal()');
	$relay = captured_again('wish', '--signal.enabled.channels=source');
	is(caught_up('wish', $relay)->{'/incremental'}{key}, $key, 'the key stays the same');
	read_done('wish', $relay);
	is(scalar(() = records('wish', 'ab')) - $after, 1, 'asked while no relay ran');
	signal('execute', { 'data-collections' => ['wish\.ab'] }, 'anybody', 'open');
	read_done('wish', $relay);
	is(scalar(() = records('wish', 'ab')) - $after, 2, 'where the channel is open anybody may');
	is($relay->stop, 0, 'while it was away: ends well');
}

# ---- blocking, by a signal: what has no key, too ----
{
	my $relay = captured('keys2', '--table.include.list=keys\.(nokey|one)');
	signal('execute', { 'data-collections' => ['keys\.(nokey|one)'], type => 'blocking' });
	wait_until { grep { $_ eq 'keys2.keys.nokey' } qx(kcat -b @{[ kafka() ]} -L) =~ /topic "([^"]+)"/g } 'rows of a blocking snapshot';
	my @reads = read_topic('keys2.keys.nokey', count => 1);
	is_deeply([ map { "$_->{value}{op} $_->{value}{after}{v}" } @reads ], ['r n'], 'a blocking snapshot reads what has no key');
	unlike($reads[0]{value}{source}{snapshot}, qr/incremental|false/, 'and is marked as one');
	sql("INSERT INTO keys.nokey VALUES (2, 'm')");
	is((read_topic('keys2.keys.nokey', count => 2))[1]{value}{op}, 'c', 'and the stream goes on');
	is($relay->stop, 0, 'blocking: ends well');
}

# ---- partitions ----
sql(<<'SQL');
CREATE SCHEMA parts;
CREATE TABLE parts.root (id int, region text, v text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE parts.eu PARTITION OF parts.root FOR VALUES IN ('eu');
CREATE TABLE parts.us (extra int, v text, region text NOT NULL, id int NOT NULL); ALTER TABLE parts.us DROP extra;
ALTER TABLE parts.root ATTACH PARTITION parts.us FOR VALUES IN ('us');
CREATE TABLE parts.sub PARTITION OF parts.root FOR VALUES IN ('as', 'au') PARTITION BY LIST (region);
CREATE TABLE parts.au PARTITION OF parts.sub DEFAULT;
INSERT INTO parts.root SELECT i, (ARRAY['eu', 'us', 'au'])[1 + i % 3], 'v' || i FROM generate_series(1, 900) i;
CREATE TABLE parts.parent (id int PRIMARY KEY, v text); CREATE TABLE parts.child (PRIMARY KEY (id)) INHERITS (parts.parent);
INSERT INTO parts.parent VALUES (1, 'p'); INSERT INTO parts.child VALUES (2, 'c');
SQL
for my $root ('false', 'true')
{
	my $name = $root eq 'true' ? 'by_root' : 'by_leaf';
	my $relay = captured($name, '--table.include.list=parts\..*', "--publish.via.partition.root=$root", '--snapshot.chunk.size=40',
		'--skipped.operations=none');
	my $load = load_start("\\set i random(1, 900)\nUPDATE parts.root SET region = (ARRAY['eu', 'us', 'au'])[1 + (random() * 2.9)::int % 3], v = v || 'x' WHERE id = :i;\n");
	execute('parts\..*');
	read_done($name, $relay);
	load_end($load);
	caught_up($name, $relay);
	my $topic = sub { return read_topic("$name.parts.$_[0]"); };
	for my $table ($root eq 'true' ? 'root' : qw(eu us au))
	{
		my @records = $topic->($table);
		cmp_ok(scalar reads("$name: $table", @records), '>', $table eq 'root' ? 300 : 100, "$name: $table: rows were read");
		is_there("$name: $table", "parts.$table", 'id,region', @records);
	}
	is_deeply([ map { $_->{value}{after}{v} } $topic->('parent') ], ['p'], "$name: of a parent its own rows");
	is_deeply([ map { $_->{value}{after}{v} } $topic->('child') ], ['c'], "$name: of a child its own");
	is($relay->stop, 0, "$name: ends well");
}

# ---- rights, row level security ----
sql(<<'SQL');
CREATE SCHEMA rights;
CREATE ROLE relay LOGIN REPLICATION; GRANT USAGE ON SCHEMA rights TO relay;
CREATE TABLE rights.ok (id int PRIMARY KEY, v text); INSERT INTO rights.ok VALUES (1, 'v');
CREATE TABLE rights.closed (id int PRIMARY KEY, v text); INSERT INTO rights.closed VALUES (1, 'v');
CREATE TABLE rights.rls (id int PRIMARY KEY, v text); INSERT INTO rights.rls VALUES (1, 'mine'), (2, 'not mine');
ALTER TABLE rights.rls ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON rights.rls USING (v = 'mine');
GRANT SELECT ON rights.ok, rights.rls TO relay;
SQL
{
	my ($conninfo) = grep { /^--source\.conninfo/ } settings('rights');
	my $relay = captured('rights', "$conninfo user=relay");
	execute('rights\..*');
	$relay->wait_for_log(qr/\bclosed\b/);
	$relay->wait_for_log(qr/\brls\b/);
	is_deeply([ map { $_->{value}{after}{v} } read_topic('rights.rights.ok', count => 1) ], ['v'], 'a table that may be read is read');
	unlike(qx(kcat -b @{[ kafka() ]} -L), qr/topic "rights\.rights\.(rls|closed)"/, 'of others there is no row, not even some');
	sql('GRANT SELECT ON rights.closed TO relay; ALTER ROLE relay BYPASSRLS');
	execute('rights\.(closed|rls)');
	is(scalar(read_topic('rights.rights.rls', count => 2)), 2, 'all rows, once it may');
	is(scalar(read_topic('rights.rights.closed', count => 1)), 1, 'all rows, once it may');
	read_done('rights', $relay);
	is($relay->stop, 0, 'rights: ends well');
}

# ---- pause, resume, stop ----
sql(join ';', 'CREATE SCHEMA pause', map { "CREATE TABLE pause.$_ (id int PRIMARY KEY, v text);"
	  . "INSERT INTO pause.$_ SELECT i, 'v' || i FROM generate_series(1, 3000) i" } qw(a b));
{
	my $relay = captured('pause', '--snapshot.chunk.size=10', '--snapshot.max.threads=1');
	# in one transaction, so that not a row is read between them
	my $both = sub { sql(join ';', map { "SELECT pg_logical_emit_message(true, 'walrelay', 'signal " . command_key() . " $_')" } @_); };
	my $execute = '{"id":"e","type":"execute-snapshot","data":{"data-collections":["pause\\\\.a","pause\\\\.b"],'
	  . '"additional-conditions":[{"data-collection":"pause\\\\.a","filter":"public.gate(id)"}]}}';
	gate_to(1000);
	$both->('{"id":"p","type":"pause-snapshot"}', $execute);
	my $progress = caught_up('pause', $relay);
	ok($progress->{'/incremental'}{paused}, 'paused: written down');
	ok(%{ reading($progress) } || @{ $progress->{'/incremental'}{signals} // [] }, 'paused: so is what was asked for');
	# the stream goes on, and nothing is read; nor does a restart change that
	sql("UPDATE pause.a SET v = 'changed' WHERE id = 1");
	caught_up('pause', $relay);
	is_deeply([ map { $_->{value}{op} } records('pause', 'a') ], ['u'], 'paused: the stream goes on, and nothing is read');
	is($relay->stop, 0, 'paused: ends well');
	$relay = captured_again('pause', '--snapshot.chunk.size=10', '--snapshot.max.threads=1');
	sql("UPDATE pause.a SET v = 'changed' WHERE id = 2");
	caught_up('pause', $relay);
	is_deeply([ map { $_->{value}{op} } records('pause', 'a') ], [qw(u u)], 'paused: so it is behind a restart');
	$relay->wait_for_log(qr/incremental snapshot: 0 of 2 tables, 0 rows.*, waits: walrelay snapshot resume/);
	signal('resume');
	read_some('pause', $relay, 'a', 50);
	signal('pause');
	wait_until { caught_up('pause', $relay)->{'/incremental'}{paused} } 'paused in the middle';
	gate_open();
	caught_up('pause', $relay);
	my $some = () = reads('pause in the middle', records('pause', 'a'));
	cmp_ok($some, '<', 3000, 'paused in the middle: not all rows are there');
	caught_up('pause', $relay);
	is(scalar(() = grep { $_->{value}{op} eq 'r' } records('pause', 'a')), $some, 'and no more of them come');
	# one table is not wanted any more, and the other one is read to its end
	signal('stop', { 'data-collections' => ['pause\.a'], type => 'incremental' });
	signal('resume');
	read_done('pause', $relay);
	is(scalar(() = grep { $_->{value}{op} eq 'r' } records('pause', 'a')), $some, 'stopped: no more rows of that table');
	is(scalar reads('b', records('pause', 'b')), 3000, 'and all of the other one');
	# all of them, and then anew
	gate_to(1000);
	execute('pause\.a', 'pause\.b', gated('pause\.a'));
	read_some('pause', $relay, 'a', 50);
	signal('stop');
	caught_up('pause', $relay);
	gate_open();
	read_done('pause', $relay);
	cmp_ok(scalar(() = grep { $_->{value}{op} eq 'r' } records('pause', 'b')), '<', 6000, 'all are stopped');
	my $a = () = grep { $_->{value}{op} eq 'r' } records('pause', 'a');
	execute('pause\.a');
	read_done('pause', $relay);
	is(scalar(() = grep { $_->{value}{op} eq 'r' } records('pause', 'a')), $a + 3000, 'behind a stop it begins from the first row');
	is_there('pause', 'pause.a', 'id', records('pause', 'a'));
	is($relay->stop, 0, 'pause: ends well');
}

# ---- a table that is captured from now on ----
sql(<<'SQL');
CREATE SCHEMA added;
CREATE TABLE added.a (id int PRIMARY KEY, v text); INSERT INTO added.a SELECT i, 'v' || i FROM generate_series(1, 100) i;
CREATE TABLE added.b (id int PRIMARY KEY, v text); INSERT INTO added.b SELECT i, 'v' || i FROM generate_series(1, 500) i;
CREATE TABLE added.nokey (id int, v text); INSERT INTO added.nokey SELECT i, 'n' FROM generate_series(1, 30) i;
SQL
{
	my @args = ('--snapshot.mode=initial', '--snapshot.chunk.size=20');
	my $relay = captured('added', '--table.include.list=added\.a', @args);
	$relay->wait_for_log(qr/snapshot is done/);
	sql("UPDATE added.b SET v = 'before' WHERE id = 7");
	caught_up('added', $relay);
	is($relay->stop, 0, 'added: ends well');
	sql("UPDATE added.b SET v = 'between' WHERE id = 8");
	my $load = load_start("\\set i random(1, 500)\nUPDATE added.b SET v = v || 'x' WHERE id = :i;\n");
	$relay = captured_again('added', '--table.include.list=added\.(a|b|nokey)', @args);
	wait_until { qx(kcat -b @{[ kafka() ]} -L) =~ /topic "added\.added\.b"/ } 'the topic of a new table';
	wait_until { keys %{ folded(records('added', 'b')) } == 500 } 'its rows, without a word';
	read_done('added', $relay);
	load_end($load);
	caught_up('added', $relay);
	is_there('added', 'added.b', 'id', records('added', 'b'));
	is(scalar(() = grep { $_->{value}{op} eq 'r' } read_topic('added.added.nokey', count => 30)), 30, 'added: so are those of a table without a key');
	is(scalar(() = grep { $_->{value}{op} eq 'r' } records('added', 'a')), 100, 'added: what was there before is not read again');
	# nor is the new one, at the next start
	my $rows = () = grep { $_->{value}{op} eq 'r' } records('added', 'b');
	is($relay->stop, 0, 'added: ends well');
	$relay = captured_again('added', '--table.include.list=added\.(a|b|nokey)', @args);
	read_done('added', $relay);
	is(scalar(() = grep { $_->{value}{op} eq 'r' } records('added', 'b')), $rows, 'added: it is read once');
	# one that is created while it streams has no rows yet, or its events have them
	sql("CREATE TABLE added.c (id int PRIMARY KEY); INSERT INTO added.c VALUES (1)");
	caught_up('added', $relay);
	is($relay->stop, 0, 'added: ends well');
}

done_testing();
