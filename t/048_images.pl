# Row images: what each replica identity gives, keys that change, TOAST, partitions,
# generated columns, every way in which rows come.  Expected events are written out by
# hand, one line each (t/lib/Events.pm), or noted by a trigger where sessions compete.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Events;
use IPC::Run ();
use JSON::PP ();
use Test::More;

# fsync, so that sessions that commit row by row write no more than can be compared soon.
my $node = new_source(conf => "max_prepared_transactions = 5\nfsync = on\ndeadlock_timeout = 50ms\n");
my $version = $node->safe_psql('postgres', "SELECT current_setting('server_version_num')");
my $events = Events->start($node, 'images', 'postgres', '--skipped.operations=none');
my @others;    # relays that read the same WAL in another way

# expect WHAT, SQL, EXPECTED: the events of these statements, each its own transaction
# unless they say otherwise
sub expect
{
	my ($what, $sql, $expected) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$node->safe_psql('postgres', $sql);
	my @wanted = grep { /\S/ } map { s/^\s+|\s+$//gr } split /\n/, $expected;
	is(join("\n", $events->lines), join("\n", @wanted), $what);
	return;
}

# ---- replica identities ----
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE d (id int PRIMARY KEY, n text NOT NULL, q int NOT NULL DEFAULT 7, v text);
CREATE TABLE i (code text NOT NULL, id int PRIMARY KEY, v text);
CREATE UNIQUE INDEX i_code ON i (code);
ALTER TABLE i REPLICA IDENTITY USING INDEX i_code;
CREATE TABLE c (code text NOT NULL, id int PRIMARY KEY, v text);
CREATE UNIQUE INDEX c_both ON c (code, id);
ALTER TABLE c REPLICA IDENTITY USING INDEX c_both;
CREATE TABLE u (a int, code text NOT NULL, v text NOT NULL);
CREATE UNIQUE INDEX u_code ON u (code);
ALTER TABLE u REPLICA IDENTITY USING INDEX u_code;
CREATE TABLE f (v text, b int NOT NULL, a int NOT NULL, PRIMARY KEY (a, b));
ALTER TABLE f REPLICA IDENTITY FULL;
CREATE TABLE n (id int PRIMARY KEY, v text);
ALTER TABLE n REPLICA IDENTITY NOTHING;
CREATE TABLE k (a int, b text);
CREATE TABLE kf (a int, b text);
ALTER TABLE kf REPLICA IDENTITY FULL;
SQL
expect('DEFAULT', <<'SQL', <<'EVENTS');
INSERT INTO d (id, n) VALUES (1, 'one');
UPDATE d SET v = 'x';
UPDATE d SET id = 2, v = NULL;
DELETE FROM d;
SQL
d c {"id":1} - {"id":1,"n":"one","q":7,"v":null}
d u {"id":1} - {"id":1,"n":"one","q":7,"v":"x"}
d d {"id":1} {"id":1,"n":"","q":7,"v":null} - newkey={"id":2}
d x {"id":1} - - newkey={"id":2}
d c {"id":2} - {"id":2,"n":"one","q":7,"v":null} oldkey={"id":1}
d d {"id":2} {"id":2,"n":"","q":7,"v":null} -
d x {"id":2} - -
EVENTS
expect('USING INDEX that lacks the primary key: the index is the key', <<'SQL', <<'EVENTS');
INSERT INTO i VALUES ('a', 1, 'v');
UPDATE i SET v = 'w';
UPDATE i SET id = 2;
UPDATE i SET code = 'b';
DELETE FROM i;
SQL
i c {"code":"a"} - {"code":"a","id":1,"v":"v"}
i u {"code":"a"} - {"code":"a","id":1,"v":"w"}
i u {"code":"a"} - {"code":"a","id":2,"v":"w"}
i d {"code":"a"} {"code":"a","id":0,"v":null} - newkey={"code":"b"}
i x {"code":"a"} - - newkey={"code":"b"}
i c {"code":"b"} - {"code":"b","id":2,"v":"w"} oldkey={"code":"a"}
i d {"code":"b"} {"code":"b","id":0,"v":null} -
i x {"code":"b"} - -
EVENTS
expect('USING INDEX that covers the primary key: that stays the key', <<'SQL', <<'EVENTS');
INSERT INTO c VALUES ('a', 1, 'v');
UPDATE c SET v = 'w';
UPDATE c SET code = 'b';
UPDATE c SET id = 2;
DELETE FROM c;
SQL
c c {"id":1} - {"code":"a","id":1,"v":"v"}
c u {"id":1} - {"code":"a","id":1,"v":"w"}
c u {"id":1} {"code":"a","id":1,"v":null} {"code":"b","id":1,"v":"w"}
c d {"id":1} {"code":"b","id":1,"v":null} - newkey={"id":2}
c x {"id":1} - - newkey={"id":2}
c c {"id":2} - {"code":"b","id":2,"v":"w"} oldkey={"id":1}
c d {"id":2} {"code":"b","id":2,"v":null} -
c x {"id":2} - -
EVENTS
expect('USING INDEX without a primary key', <<'SQL', <<'EVENTS');
INSERT INTO u VALUES (1, 'a', 'v');
UPDATE u SET v = 'w';
UPDATE u SET code = 'b', a = NULL;
DELETE FROM u;
SQL
u c {"code":"a"} - {"a":1,"code":"a","v":"v"}
u u {"code":"a"} - {"a":1,"code":"a","v":"w"}
u d {"code":"a"} {"a":null,"code":"a","v":""} - newkey={"code":"b"}
u x {"code":"a"} - - newkey={"code":"b"}
u c {"code":"b"} - {"a":null,"code":"b","v":"w"} oldkey={"code":"a"}
u d {"code":"b"} {"a":null,"code":"b","v":""} -
u x {"code":"b"} - -
EVENTS
expect('FULL, a key of two columns in an order of its own', <<'SQL', <<'EVENTS');
INSERT INTO f VALUES ('v', 1, 2);
UPDATE f SET v = NULL;
UPDATE f SET b = 3, v = 'w';
DELETE FROM f;
SQL
f c {"a":2,"b":1} - {"a":2,"b":1,"v":"v"}
f u {"a":2,"b":1} {"a":2,"b":1,"v":"v"} {"a":2,"b":1,"v":null}
f d {"a":2,"b":1} {"a":2,"b":1,"v":null} - newkey={"a":2,"b":3}
f x {"a":2,"b":1} - - newkey={"a":2,"b":3}
f c {"a":2,"b":3} - {"a":2,"b":3,"v":"w"} oldkey={"a":2,"b":1}
f d {"a":2,"b":3} {"a":2,"b":3,"v":"w"} -
f x {"a":2,"b":3} - -
EVENTS
expect('NOTHING: no before, the delete is not told', <<'SQL', <<'EVENTS');
INSERT INTO n VALUES (1, 'v');
UPDATE n SET v = 'w';
UPDATE n SET id = 2;
DELETE FROM n;
SQL
n c {"id":1} - {"id":1,"v":"v"}
n u {"id":1} - {"id":1,"v":"w"}
n u {"id":2} - {"id":2,"v":"w"}
EVENTS
is($events->metric('values_unrepresentable_total', 'skipped_delete'), 1, 'and is counted');
expect('no key, and no identity', <<'SQL', <<'EVENTS');
INSERT INTO k VALUES (1, 'a'), (1, 'a');
UPDATE k SET b = 'b';
DELETE FROM k;
SQL
k c - - {"a":1,"b":"a"}
k c - - {"a":1,"b":"a"}
k u - - {"a":1,"b":"b"}
k u - - {"a":1,"b":"b"}
EVENTS
is($events->metric('values_unrepresentable_total', 'skipped_delete'), 3, 'deletes are counted');
expect('no key, FULL: complete images, a tombstone without a key as Debezium sends it', <<'SQL', <<'EVENTS');
INSERT INTO kf VALUES (1, NULL);
UPDATE kf SET a = 2;
DELETE FROM kf;
TRUNCATE kf, k;
SQL
kf c - - {"a":1,"b":null}
kf u - {"a":1,"b":null} {"a":2,"b":null}
kf d - {"a":2,"b":null} -
kf x - - -
kf t - - -
k t - - -
EVENTS

# ---- keys that go from row to row ----
expect('a chain and a swap of keys in one transaction', <<'SQL', <<'EVENTS');
INSERT INTO d (id, n) VALUES (1, 'A'), (2, 'B');
BEGIN;
UPDATE d SET id = 3 WHERE id = 1;
UPDATE d SET id = 1 WHERE id = 2;
UPDATE d SET id = 2 WHERE id = 3;
COMMIT;
DELETE FROM d WHERE id = 1;
SQL
d c {"id":1} - {"id":1,"n":"A","q":7,"v":null}
d c {"id":2} - {"id":2,"n":"B","q":7,"v":null}
d d {"id":1} {"id":1,"n":"","q":7,"v":null} - newkey={"id":3}
d x {"id":1} - - newkey={"id":3}
d c {"id":3} - {"id":3,"n":"A","q":7,"v":null} oldkey={"id":1}
d d {"id":2} {"id":2,"n":"","q":7,"v":null} - newkey={"id":1}
d x {"id":2} - - newkey={"id":1}
d c {"id":1} - {"id":1,"n":"B","q":7,"v":null} oldkey={"id":2}
d d {"id":3} {"id":3,"n":"","q":7,"v":null} - newkey={"id":2}
d x {"id":3} - - newkey={"id":2}
d c {"id":2} - {"id":2,"n":"A","q":7,"v":null} oldkey={"id":3}
d d {"id":1} {"id":1,"n":"","q":7,"v":null} -
d x {"id":1} - -
EVENTS
$node->safe_psql('postgres', 'CREATE TABLE s (id int PRIMARY KEY DEFERRABLE, v text); ALTER TABLE s REPLICA IDENTITY FULL');
expect('a swap in one statement: each old key goes before the new one comes', <<'SQL', <<'EVENTS');
INSERT INTO s VALUES (1, 'A'), (2, 'B');
UPDATE s SET id = 3 - id;
SQL
s c {"id":1} - {"id":1,"v":"A"}
s c {"id":2} - {"id":2,"v":"B"}
s d {"id":1} {"id":1,"v":"A"} - newkey={"id":2}
s x {"id":1} - - newkey={"id":2}
s c {"id":2} - {"id":2,"v":"A"} oldkey={"id":1}
s d {"id":2} {"id":2,"v":"B"} - newkey={"id":1}
s x {"id":2} - - newkey={"id":1}
s c {"id":1} - {"id":1,"v":"B"} oldkey={"id":2}
EVENTS

# ---- TOAST ----
# Digits that no compression makes short enough; as SQL and as an event has them.
sub digits { my ($n, $from) = @_; return "(SELECT string_agg(md5(i::text), '') FROM generate_series($from, $from + $n / 32 - 1) i)"; }
my $key = $node->safe_psql('postgres', 'SELECT ' . digits(2560, 1));
my %long = map { $_ => $node->safe_psql('postgres', 'SELECT ' . digits(9600, $_ * 1000)) } 1 .. 4;
sub said { my ($text) = @_; return '"' . brief($text) . '"'; }
my $gone = '"__debezium_unavailable_value"';
for my $storage (qw(EXTERNAL EXTENDED MAIN))
{
	for my $identity (qw(DEFAULT FULL))
	{
		my ($first, $second) = (said($long{1}), said($long{2}));
		my $kept = $identity eq 'FULL' ? $first : $gone;
		my $before = sub { $identity eq 'FULL' ? "{\"id\":1,\"t\":$_[0],\"v\":$_[1]}" : '-' };
		$node->safe_psql('postgres', "DROP TABLE IF EXISTS toast; CREATE TABLE toast (id int PRIMARY KEY, v int, t text);"
			  . "ALTER TABLE toast REPLICA IDENTITY $identity; ALTER TABLE toast ALTER t SET STORAGE $storage");
		expect("$storage, $identity: large values that updates touch and do not touch", <<"SQL", <<"EVENTS");
INSERT INTO toast VALUES (1, 1, '$long{1}');
UPDATE toast SET v = 2;
UPDATE toast SET t = '$long{2}';
UPDATE toast SET t = NULL;
UPDATE toast SET t = '$long{1}';
DELETE FROM toast;
SQL
toast c {"id":1} - {"id":1,"t":$first,"v":1}
toast u {"id":1} @{[$before->($first, 1)]} {"id":1,"t":$kept,"v":2}
toast u {"id":1} @{[$before->($first, 2)]} {"id":1,"t":$second,"v":2}
toast u {"id":1} @{[$before->($second, 2)]} {"id":1,"t":null,"v":2}
toast u {"id":1} @{[$before->('null', 2)]} {"id":1,"t":$first,"v":2}
toast d {"id":1} @{[$identity eq 'FULL' ? $before->($first, 2) : '{"id":1,"t":null,"v":null}']} -
toast x {"id":1} - -
EVENTS
	}
}
$node->safe_psql('postgres', 'CREATE TABLE tk (k text PRIMARY KEY, v int, t text NOT NULL); ALTER TABLE tk ALTER k SET STORAGE EXTERNAL, ALTER t SET STORAGE EXTERNAL');
my ($k, $t) = (said($key), said($long{3}));
expect('a key that is TOASTed: never a placeholder in a key', <<"SQL", <<"EVENTS");
INSERT INTO tk VALUES ('$key', 1, '$long{3}');
UPDATE tk SET v = 2;
UPDATE tk SET k = 'short';
UPDATE tk SET k = '$key';
DELETE FROM tk;
SQL
tk c {"k":$k} - {"k":$k,"t":$t,"v":1}
tk u {"k":$k} {"k":$k,"t":"","v":null} {"k":$k,"t":$gone,"v":2}
tk d {"k":$k} {"k":$k,"t":"","v":null} - newkey={"k":"short"}
tk x {"k":$k} - - newkey={"k":"short"}
tk c {"k":"short"} - {"k":"short","t":$gone,"v":2} oldkey={"k":$k}
tk d {"k":"short"} {"k":"short","t":"","v":null} - newkey={"k":$k}
tk x {"k":"short"} - - newkey={"k":$k}
tk c {"k":$k} - {"k":$k,"t":$gone,"v":2} oldkey={"k":"short"}
tk d {"k":$k} {"k":$k,"t":"","v":null} -
tk x {"k":$k} - -
EVENTS

# ---- generated columns ----
push @others, my $generated =
  Events->start($node, 'generated', 'postgres', '--generated.columns=include', '--table.include.list=public\.g');
$node->safe_psql('postgres', 'CREATE TABLE g (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED'
	  . ($version >= 180000 ? ', v int GENERATED ALWAYS AS (a * 3) VIRTUAL' : '') . '); ALTER TABLE g REPLICA IDENTITY FULL');
expect('generated columns are left out', <<'SQL', <<'EVENTS');
INSERT INTO g (id, a) VALUES (1, 5);
UPDATE g SET a = NULL;
SQL
g c {"id":1} - {"a":5,"id":1}
g u {"id":1} {"a":5,"id":1} {"a":null,"id":1}
EVENTS
is(join("\n", $generated->lines), join("\n",
	'g c {"id":1} - {"a":5,"id":1,"twice":10}',
	'g u {"id":1} {"a":5,"id":1,"twice":10} {"a":null,"id":1,"twice":null}'),
	'or are there, the stored ones');

# ---- partitions ----
push @others, my $root = Events->start($node, 'root', 'postgres', '--publish.via.partition.root=true');
# Leaves in column orders of their own, one with a dropped column in front, one below another.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE p (id int NOT NULL, region text NOT NULL, v text, w int DEFAULT 3, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE p_a (w int, gone text, v text, region text NOT NULL, id int NOT NULL);
ALTER TABLE p_a DROP gone;
ALTER TABLE p ATTACH PARTITION p_a FOR VALUES IN ('a');
CREATE TABLE p_b PARTITION OF p FOR VALUES IN ('b') PARTITION BY RANGE (id);
CREATE TABLE p_b1 (v text, id int NOT NULL, w int, region text NOT NULL);
ALTER TABLE p_b1 ADD also_gone int DEFAULT 1;
ALTER TABLE p_b1 DROP also_gone;
ALTER TABLE p_b ATTACH PARTITION p_b1 FOR VALUES FROM (0) TO (100);
CREATE TABLE p_b2 PARTITION OF p_b FOR VALUES FROM (100) TO (200);
SQL
$root->lines;
expect('partitions by leaf; a row that moves is deleted and created', my $moves = <<'SQL', <<'EVENTS');
INSERT INTO p VALUES (1, 'a', 'x', 1), (2, 'b', 'y', 2), (150, 'b', 'z', NULL);
UPDATE p SET v = 'xx', w = w + 1 WHERE id = 1;
UPDATE p SET region = 'b' WHERE id = 1;
UPDATE p SET id = 151 WHERE id = 2;
UPDATE p SET id = 152 WHERE id = 150;
DELETE FROM p WHERE id = 1;
SQL
p_a c {"id":1,"region":"a"} - {"id":1,"region":"a","v":"x","w":1}
p_b1 c {"id":2,"region":"b"} - {"id":2,"region":"b","v":"y","w":2}
p_b2 c {"id":150,"region":"b"} - {"id":150,"region":"b","v":"z","w":null}
p_a u {"id":1,"region":"a"} - {"id":1,"region":"a","v":"xx","w":2}
p_a d {"id":1,"region":"a"} {"id":1,"region":"a","v":null,"w":null} -
p_a x {"id":1,"region":"a"} - -
p_b1 c {"id":1,"region":"b"} - {"id":1,"region":"b","v":"xx","w":2}
p_b1 d {"id":2,"region":"b"} {"id":2,"region":"b","v":null,"w":null} -
p_b1 x {"id":2,"region":"b"} - -
p_b2 c {"id":151,"region":"b"} - {"id":151,"region":"b","v":"y","w":2}
p_b2 d {"id":150,"region":"b"} {"id":150,"region":"b","v":null,"w":null} - newkey={"id":152,"region":"b"}
p_b2 x {"id":150,"region":"b"} - - newkey={"id":152,"region":"b"}
p_b2 c {"id":152,"region":"b"} - {"id":152,"region":"b","v":"z","w":null} oldkey={"id":150,"region":"b"}
p_b1 d {"id":1,"region":"b"} {"id":1,"region":"b","v":null,"w":null} -
p_b1 x {"id":1,"region":"b"} - -
EVENTS
is(join("\n", $root->lines), <<'EVENTS' =~ s/\n\z//r, 'the same by root, in its column order');
p c {"id":1,"region":"a"} - {"id":1,"region":"a","v":"x","w":1}
p c {"id":2,"region":"b"} - {"id":2,"region":"b","v":"y","w":2}
p c {"id":150,"region":"b"} - {"id":150,"region":"b","v":"z","w":null}
p u {"id":1,"region":"a"} - {"id":1,"region":"a","v":"xx","w":2}
p d {"id":1,"region":"a"} {"id":1,"region":"a","v":null,"w":null} -
p x {"id":1,"region":"a"} - -
p c {"id":1,"region":"b"} - {"id":1,"region":"b","v":"xx","w":2}
p d {"id":2,"region":"b"} {"id":2,"region":"b","v":null,"w":null} -
p x {"id":2,"region":"b"} - -
p c {"id":151,"region":"b"} - {"id":151,"region":"b","v":"y","w":2}
p d {"id":150,"region":"b"} {"id":150,"region":"b","v":null,"w":null} - newkey={"id":152,"region":"b"}
p x {"id":150,"region":"b"} - - newkey={"id":152,"region":"b"}
p c {"id":152,"region":"b"} - {"id":152,"region":"b","v":"z","w":null} oldkey={"id":150,"region":"b"}
p d {"id":1,"region":"b"} {"id":1,"region":"b","v":null,"w":null} -
p x {"id":1,"region":"b"} - -
EVENTS
is(join("\n", map { my $raw = $_; join ',', sort { index($raw, "\"$a\":") <=> index($raw, "\"$b\":") } qw(id region v w) }
			map { /("after":\{.*?\})/ } (split /\n/, slurp($root->{file}))[0]),
	'id,region,v,w', 'columns stand in the order of the root');

# session SQL: one that runs it beside us; finished by sessions_end
my @sessions;
sub session
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	push @sessions, { out => \$out, err => \$err };
	$sessions[-1]{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', $sql ],
		'<', \undef, '>', \$out, '2>', \$err);
	return;
}

# sessions_end: tell them to end; whether all ended well
sub sessions_end
{
	$node->safe_psql('postgres', 'INSERT INTO stop VALUES (1)');
	my @bad = grep { !$_->{run}->finish } @sessions;
	diag(${ $_->{err} }) for @bad;
	@sessions = ();
	$node->safe_psql('postgres', 'TRUNCATE stop');
	return !@bad;
}
$node->safe_psql('postgres', "CREATE TABLE stop (a int); CREATE TABLE p_d PARTITION OF p FOR VALUES IN ('d')");
session(q{DO $$ BEGIN FOR n IN 1 .. 100000 LOOP
	INSERT INTO p VALUES (n, 'd', 'load'); COMMIT;
	EXIT WHEN EXISTS (SELECT FROM stop); END LOOP; END $$});
$node->poll_query_until('postgres', 'SELECT count(*) > 5 FROM p_d') or die 'the load does not start';
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE p_c (v text, w int, region text NOT NULL, id int NOT NULL);
INSERT INTO p_c VALUES ('before', 1, 'c', 1), ('before', 2, 'c', 2);
ALTER TABLE p ATTACH PARTITION p_c FOR VALUES IN ('c');
UPDATE p SET v = 'attached' WHERE id = 1 AND region = 'c';
ALTER TABLE p DETACH PARTITION p_c;
UPDATE p_c SET v = 'detached' WHERE id = 1;
BEGIN;
ALTER TABLE p ATTACH PARTITION p_c FOR VALUES IN ('c');
INSERT INTO p VALUES (3, 'c', 'again');
ALTER TABLE p DETACH PARTITION p_c;
DELETE FROM p_c WHERE id = 3;
COMMIT;
SQL
ok(sessions_end(), 'a session wrote all the time');
my $count = $node->safe_psql('postgres', 'SELECT count(*) FROM p_d');
my @by_leaf = $events->lines(qw(p p_c p_d));
my @by_root = $root->lines(qw(p p_c p_d));
# The index that ATTACH makes for the key stays with a table that is detached.
is(join("\n", grep { !/load/ } @by_leaf), <<'EVENTS' =~ s/\n\z//r, 'ATTACH and DETACH under load, by leaf');
p_c c - - {"id":1,"region":"c","v":"before","w":1}
p_c c - - {"id":2,"region":"c","v":"before","w":2}
p_c u {"id":1,"region":"c"} - {"id":1,"region":"c","v":"attached","w":1}
p_c u {"id":1,"region":"c"} - {"id":1,"region":"c","v":"detached","w":1}
p_c c {"id":3,"region":"c"} - {"id":3,"region":"c","v":"again","w":3}
p_c d {"id":3,"region":"c"} {"id":3,"region":"c","v":null,"w":null} -
p_c x {"id":3,"region":"c"} - -
EVENTS
is(join("\n", grep { !/load/ } @by_root), <<'EVENTS' =~ s/\n\z//r, 'by root: under its name while it is attached');
p_c c - - {"id":1,"region":"c","v":"before","w":1}
p_c c - - {"id":2,"region":"c","v":"before","w":2}
p u {"id":1,"region":"c"} - {"id":1,"region":"c","v":"attached","w":1}
p_c u {"id":1,"region":"c"} - {"id":1,"region":"c","v":"detached","w":1}
p c {"id":3,"region":"c"} - {"id":3,"region":"c","v":"again","w":3}
p_c d {"id":3,"region":"c"} {"id":3,"region":"c","v":null,"w":null} -
p_c x {"id":3,"region":"c"} - -
EVENTS
my @load = map { qq(c {"id":$_,"region":"d"} - {"id":$_,"region":"d","v":"load","w":3}) } 1 .. $count;
is(join("\n", grep { /load/ } @by_leaf), join("\n", map { "p_d $_" } @load), "the load, $count rows, by leaf");
is(join("\n", grep { /load/ } @by_root), join("\n", map { "p $_" } @load), 'and by root');

# ---- every way in which rows come ----
$node->safe_psql('postgres', 'CREATE TABLE w (id int PRIMARY KEY, v text)');
expect('ON CONFLICT', <<'SQL', <<'EVENTS');
INSERT INTO w VALUES (1, 'a');
INSERT INTO w VALUES (1, 'b'), (2, 'b') ON CONFLICT (id) DO UPDATE SET v = w.v || excluded.v;
INSERT INTO w VALUES (2, 'c'), (3, 'c') ON CONFLICT DO NOTHING;
SQL
w c {"id":1} - {"id":1,"v":"a"}
w u {"id":1} - {"id":1,"v":"ab"}
w c {"id":2} - {"id":2,"v":"b"}
w c {"id":3} - {"id":3,"v":"c"}
EVENTS
expect('COPY, also FREEZE into a table of the same transaction, and many rows at once', <<'SQL', <<'EVENTS' . join '', map { "w c {\"id\":$_} - {\"id\":$_,\"v\":\"many\"}\n" } 100 .. 400);
COPY w FROM STDIN;
10	copy
11	\N
\.
BEGIN;
CREATE TABLE frozen (a int, b text);
COPY frozen FROM STDIN (FREEZE);
1	x
2	y
\.
COMMIT;
INSERT INTO w SELECT n, 'many' FROM generate_series(100, 400) n;
SQL
w c {"id":10} - {"id":10,"v":"copy"}
w c {"id":11} - {"id":11,"v":null}
frozen c - - {"a":1,"b":"x"}
frozen c - - {"a":2,"b":"y"}
EVENTS
expect('savepoints, with schema changes that are undone', <<'SQL', <<'EVENTS');
BEGIN;
INSERT INTO w VALUES (20, 'kept');
SAVEPOINT a;
INSERT INTO w VALUES (21, 'undone');
ALTER TABLE w ADD x int DEFAULT 9;
INSERT INTO w VALUES (22, 'undone', 1);
ROLLBACK TO a;
INSERT INTO w VALUES (23, 'kept');
SAVEPOINT b;
ALTER TABLE w ADD y int DEFAULT 8;
UPDATE w SET v = 'changed' WHERE id = 20;
SAVEPOINT c;
DELETE FROM w WHERE id = 20;
ROLLBACK TO c;
RELEASE b;
COMMIT;
ALTER TABLE w DROP y;
UPDATE w SET v = 'after' WHERE id = 20;
SQL
w c {"id":20} - {"id":20,"v":"kept"}
w c {"id":23} - {"id":23,"v":"kept"}
w u {"id":20} - {"id":20,"v":"changed","y":8}
w u {"id":20} - {"id":20,"v":"after"}
EVENTS
expect('PREPARE TRANSACTION: at COMMIT PREPARED, in the shape that the rows were written in', <<'SQL', <<'EVENTS');
BEGIN;
INSERT INTO w VALUES (30, 'prepared');
PREPARE TRANSACTION 'one';
BEGIN;
INSERT INTO w VALUES (31, 'never');
PREPARE TRANSACTION 'two';
INSERT INTO w VALUES (32, 'between');
COMMIT PREPARED 'one';
ROLLBACK PREPARED 'two';
ALTER TABLE w ADD z int DEFAULT 1;
UPDATE w SET v = 'x' WHERE id = 30;
SQL
w c {"id":32} - {"id":32,"v":"between"}
w c {"id":30} - {"id":30,"v":"prepared"}
w u {"id":30} - {"id":30,"v":"x","z":1}
EVENTS

# ---- the identity is switched while two sessions write ----
# Each change is followed by what a trigger noted of it.
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE sw (id int PRIMARY KEY, code text NOT NULL, v text);
CREATE UNIQUE INDEX sw_code ON sw (code);
CREATE SEQUENCE numbers;
CREATE TABLE noted (n serial PRIMARY KEY, op text, identity text, was json, is_now json);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	INSERT INTO noted (op, identity, was, is_now) SELECT TG_OP, relreplident,
		CASE WHEN TG_OP <> 'INSERT' THEN to_json(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_json(NEW) END
		FROM pg_class WHERE oid = TG_RELID;
	RETURN NULL; END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON sw FOR EACH ROW EXECUTE FUNCTION note();
SQL
$events->lines;
session(q{DO $$ DECLARE n int; chosen int; BEGIN LOOP
	n := nextval('numbers');
	SELECT id INTO chosen FROM sw ORDER BY random() LIMIT 1;
	CASE WHEN n % 4 = 0 OR chosen IS NULL THEN INSERT INTO sw VALUES (n, 'c' || n, 'v');
		WHEN n % 7 = 0 THEN DELETE FROM sw WHERE id = chosen;
		WHEN n % 5 = 0 THEN UPDATE sw SET id = n WHERE id = chosen;
		WHEN n % 6 = 0 THEN UPDATE sw SET code = 'n' || n WHERE id = chosen;
		ELSE UPDATE sw SET v = 'v' || n WHERE id = chosen; END CASE;
	COMMIT;
	EXIT WHEN EXISTS (SELECT FROM stop); END LOOP; END $$}) for 1 .. 2;
my @identities = ('FULL', 'NOTHING', 'USING INDEX sw_code', 'DEFAULT');
for my $round (1 .. 4)
{
	my $from = $node->safe_psql('postgres', "ALTER TABLE sw REPLICA IDENTITY $identities[$round % 4]; SELECT last_value FROM numbers");
	$node->poll_query_until('postgres', "SELECT last_value > $from + 80 FROM numbers") or die 'the sessions do not write';
}
ok(sessions_end(), 'two sessions wrote all the time');

# What the identity in force makes of a change, as it is noted.
my $json = JSON::PP->new->canonical;
sub expected_lines
{
	my ($op, $identity, $was, $is) = @_;
	my @key = $identity eq 'i' ? 'code' : 'id';
	my $key = sub { $json->encode({ map { $_ => $_[0]{$_} } @key }) };
	my $image = sub { $json->encode({ map { $_ => $_[0]{$_} } qw(id code v) }) };
	my $before = !$was ? '-' : $identity eq 'f' ? $image->($was)
	  : $image->({ id => 0, code => '', v => undef, map { $_ => $was->{$_} } @key });
	return 'sw c ' . $key->($is) . ' - ' . $image->($is) if $op eq 'INSERT';
	if ($op eq 'DELETE')
	{
		return $identity eq 'n' ? () : ('sw d ' . $key->($was) . " $before -", 'sw x ' . $key->($was) . ' - -');
	}
	return 'sw u ' . $key->($is) . ' ' . ($identity eq 'f' ? $before : '-') . ' ' . $image->($is)
	  if $identity eq 'n' || $key->($was) eq $key->($is);
	my ($new, $old) = map { $key->($_) } $is, $was;
	return ("sw d $old $before - newkey=$new", "sw x $old - - newkey=$new", "sw c $new - " . $image->($is) . " oldkey=$old");
}
my (@got, @wanted, %seen);
for my $event ($events->raw)
{
	if ($event->{topic} eq 'p.public.sw') { push @got, Events::line($event); next; }
	next if $event->{topic} ne 'p.public.noted';
	my $note = $event->{value}{after};
	my @lines = expected_lines(@$note{qw(op identity)}, map { defined $_ ? JSON::PP::decode_json($_) : undef } @$note{qw(was is_now)});
	push @wanted, @lines;
	$seen{"$note->{op} $note->{identity} " . @lines}++;
}
is_deeply(\@got, \@wanted, scalar(@got) . ' events, each as the identity in force makes it');
# one line: a plain event; two: delete and tombstone; three: the key changed; none: not told
is_deeply([ grep { !$seen{$_} } map { my $i = $_; "INSERT $i 1", "UPDATE $i 1", $i eq 'n' ? 'DELETE n 0' : ("DELETE $i 2", "UPDATE $i 3") } qw(d f i n) ],
	[], 'every kind of change under every identity');

ok($_->stop, "$_->{slot}: one connection, nothing to complain about") for $events, @others;
my $log = slurp($node->logfile);
unlike($log, qr/PANIC|TRAP|terminated by signal/, 'the server lives');
is(join("\n", grep { !/stop/ } $log =~ /^.*(?:ERROR|WARNING): .*$/mg), '', 'and has nothing to complain about');
done_testing();
