# The same WAL through walrelay (text and binary), test_decoding and pgoutput: the same
# transactions, the same changes in the same order, the same values as text.  Where they
# differ by design, the difference is undone here, with its reason.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Changes;
use Frames;
use Test::More;

my $node = new_source(conf => "max_prepared_transactions = 5\nfsync = off\ntimezone = 'UTC'\n");
my $version = $node->safe_psql('postgres', "SELECT current_setting('server_version_num')");

$node->safe_psql('postgres', <<'SQL');
CREATE SCHEMA "Odd "" schema";
CREATE TYPE mood AS ENUM ('sad', 'it''s ok');
CREATE TABLE d (id int PRIMARY KEY, v text, n numeric(12,3), b bool, y bytea, m mood);
CREATE TABLE f (id int PRIMARY KEY, v text, w text);
ALTER TABLE f REPLICA IDENTITY FULL;
CREATE TABLE i (a int, code text NOT NULL, v text, b int NOT NULL);
CREATE UNIQUE INDEX i_code ON i (code, b);
ALTER TABLE i REPLICA IDENTITY USING INDEX i_code;
CREATE TABLE n (id int PRIMARY KEY, v text);
ALTER TABLE n REPLICA IDENTITY NOTHING;
CREATE TABLE k (a int, b text);
CREATE TABLE g (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE toast (id int PRIMARY KEY, v int, e text, x text);
ALTER TABLE toast ALTER e SET STORAGE EXTERNAL;
CREATE TABLE types (id int PRIMARY KEY, d date, t time, tz timetz, ts timestamp, tsz timestamptz, iv interval, u uuid, f4 float4,
	f8 float8, a int[], ta text[], j json, jb jsonb, bt bit(5), vb varbit, ip inet, r int4range, mny money, oc "char", nm name, c char(6));
CREATE TABLE "Odd "" schema"."Odd "" table" (id int PRIMARY KEY, "Odd "" column" text, "select" int);
CREATE TABLE p (id int NOT NULL, r text NOT NULL, v text, PRIMARY KEY (id, r)) PARTITION BY LIST (r);
CREATE TABLE p_a (v text, gone int, r text NOT NULL, id int NOT NULL);
ALTER TABLE p_a DROP gone;
ALTER TABLE p ATTACH PARTITION p_a FOR VALUES IN ('a');
CREATE TABLE p_b PARTITION OF p FOR VALUES IN ('b');
CREATE TABLE parent (id serial PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent);
CREATE MATERIALIZED VIEW mv AS SELECT id, v FROM d;
CREATE UNIQUE INDEX ON mv (id);
CREATE UNLOGGED TABLE unlogged (a int);
-- pgoutput refuses updates and deletes of tables whose rows nothing identifies, so those
-- two are not published.
CREATE PUBLICATION peers FOR TABLE d, f, i, g, toast, types, "Odd "" schema"."Odd "" table", p, parent, child;
SELECT pg_create_logical_replication_slot('ours', 'walrelay');
SELECT pg_create_logical_replication_slot('test_decoding', 'test_decoding');
SELECT pg_create_logical_replication_slot('pgoutput', 'pgoutput');

-- ---- the workload ----
INSERT INTO d VALUES (1, 'one', 1.5, true, '\x00ff', 'sad'), (2, E'quote '' back \\ line \n tab \t é', -0.125, false, '', 'it''s ok'), (3, NULL, NULL, NULL, NULL, NULL);
UPDATE d SET v = 'two' WHERE id = 2;
UPDATE d SET id = 4, v = NULL WHERE id = 2;
DELETE FROM d WHERE id = 3;
INSERT INTO f VALUES (1, 'a', NULL), (2, NULL, 'b');
UPDATE f SET v = 'c';
UPDATE f SET id = id + 10;
DELETE FROM f;
INSERT INTO i VALUES (1, 'a', 'v', 1);
UPDATE i SET v = 'w';
UPDATE i SET code = 'b', a = NULL;
UPDATE i SET b = 2;
DELETE FROM i;
INSERT INTO n VALUES (1, 'a');
UPDATE n SET id = 2;
DELETE FROM n;
INSERT INTO k VALUES (1, 'a');
UPDATE k SET b = NULL;
DELETE FROM k;
INSERT INTO g (id, a) VALUES (1, 2), (2, NULL);
UPDATE g SET a = 3;
DELETE FROM g WHERE id = 1;
INSERT INTO toast SELECT 1, 1, string_agg(md5(i::text), ''), string_agg(md5((i * 2)::text), '') FROM generate_series(1, 300) i;
UPDATE toast SET v = 2;
UPDATE toast SET x = 'short';
UPDATE toast SET id = 2;
ALTER TABLE toast REPLICA IDENTITY FULL;
UPDATE toast SET v = 3;
DELETE FROM toast;
INSERT INTO types VALUES (1, '2024-02-29', '12:34:56.789', '12:00+05:30', '2024-02-29 1:2:3.000004', '2024-02-29 1:2:3.4+02', '1 year -2 days 3:04:05.6',
	'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1.5e-7, 0.1, '{{1,NULL},{3,4}}', '{"a b",NULL,"q\"\\",NULL,""}', '{"a": 1}', '{"b": [1, 2.50]}', B'10101', B'1',
	'10.0.0.1/8', '[1,5)', 12.34, 'x', 'name', 'ab');
INSERT INTO types (id, d, ts, f8, f4) VALUES (2, 'infinity', '4713-01-01 BC', 'NaN', '-Infinity'), (3, '5874897-12-31', 'infinity', -0.0, 3.4e38);
UPDATE types SET a = '[0:1]={7,8}' WHERE id = 1;
INSERT INTO "Odd "" schema"."Odd "" table" VALUES (1, 'x=y, z:''(q)''', 2);
UPDATE "Odd "" schema"."Odd "" table" SET id = 3;
INSERT INTO p VALUES (1, 'a', 'x'), (2, 'b', 'y');
UPDATE p SET v = 'z';
UPDATE p SET r = 'b' WHERE id = 1;
UPDATE p SET id = 5 WHERE id = 2;
DELETE FROM p WHERE id = 5;
TRUNCATE p;
INSERT INTO parent DEFAULT VALUES;
INSERT INTO child VALUES (1, 1);
TRUNCATE parent CASCADE;
TRUNCATE d, f, k RESTART IDENTITY;
INSERT INTO unlogged VALUES (1);
BEGIN;
INSERT INTO d VALUES (10, 'kept');
SAVEPOINT a;
INSERT INTO d VALUES (11, 'undone');
SAVEPOINT b;
UPDATE d SET v = 'undone';
ROLLBACK TO a;
SAVEPOINT c;
INSERT INTO d VALUES (12, 'kept');
RELEASE c;
SELECT pg_logical_emit_message(true, 'inside', 'of a transaction');
SELECT pg_logical_emit_message(false, 'aside', 'at once');
ALTER TABLE d ADD late int DEFAULT 5, DROP b;
UPDATE d SET late = 6;
TRUNCATE f;
ALTER TABLE d ALTER n TYPE text;
INSERT INTO d (id, n) VALUES (13, 'n');
COMMIT;
SELECT pg_logical_emit_message(true, 'alone', 'x');
BEGIN;
SELECT pg_logical_emit_message(true, 'undone', 'x');
SELECT pg_logical_emit_message(false, 'of a rollback', 'stays');
INSERT INTO d (id) VALUES (99);
ROLLBACK;
REFRESH MATERIALIZED VIEW CONCURRENTLY mv;
BEGIN;
DO $$ BEGIN FOR i IN 100 .. 400 LOOP
	BEGIN INSERT INTO d (id) VALUES (i); IF i % 3 = 0 THEN RAISE division_by_zero; END IF; EXCEPTION WHEN division_by_zero THEN NULL; END;
END LOOP; END $$;
COMMIT;
COPY f FROM STDIN;
1	a	\N
2	b	c
\.
INSERT INTO f VALUES (2, 'x', 'y'), (3, 'x', 'y') ON CONFLICT (id) DO UPDATE SET v = excluded.v;
BEGIN;
INSERT INTO f VALUES (20, 'prepared');
PREPARE TRANSACTION 'p';
INSERT INTO f VALUES (21, 'between');
COMMIT PREPARED 'p';
CREATE TABLE made_of AS SELECT 1 AS a;
ALTER TABLE f RENAME TO "F";
INSERT INTO "F" VALUES (30);
SQL

# lines SLOT, OPTIONS...: what the slot gives, left in place for the next
sub lines
{
	my ($slot, @options) = @_;
	my $options = join '', map { ", '$_'" } @options;
	my @hex = split /\n/, $node->safe_psql('postgres', "SELECT encode(convert_to(data, 'UTF8'), 'hex')"
		  . " FROM pg_logical_slot_peek_changes('$slot', NULL, NULL$options)");
	return map { pack 'H*', $_ } @hex;
}

# agree WHAT, GOT, WANTED: the same lines; if not, where they part
sub agree
{
	my ($what, $got, $wanted) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my ($at) = grep { ($got->[$_] // '') ne ($wanted->[$_] // '') } 0 .. ($#$got > $#$wanted ? $#$got : $#$wanted);
	ok(@$wanted > 100 && !defined $at, "$what: " . @$wanted . ' lines') and return;
	my ($from, $to) = defined $at ? ($at > 2 ? $at - 2 : 0, $at + 3) : (0, -1);
	diag("$_->[0], from line $from on:\n", map { substr($_ // '(nothing)', 0, 600) . "\n" } @{ $_->[1] }[ $from .. $to ])
	  for [ ours => $got ], [ theirs => $wanted ];
	return;
}

# without TABLES: these lines without the changes of these tables, and without the
# transactions that have nothing else
sub without
{
	my ($tables, @lines) = @_;
	my $of = join '|', map { quotemeta } @$tables;
	@lines = grep { defined } map {
		my $line = $_;
		if ($line =~ /^truncate (.*?)((?: cascade)?(?: restart-identity)?)$/)
		{
			my ($names, $flags) = ($1, $2);
			my @left = grep { !/^(?:$of)$/ } split /, /, $names;
			$line = @left ? 'truncate ' . join(', ', @left) . $flags : undef;
		}
		$line = undef if defined $line && $line =~ /^\w+ (?:$of):/;
		$line;
	} @lines;
	my @kept;
	for my $line (@lines)
	{
		if ($line eq 'commit' && $kept[-1] =~ /^begin/) { pop @kept; next; }
		push @kept, $line;
	}
	return @kept;
}

my @text = ('format', 'text', 'include-lsn', 'false', 'include-timestamp', 'false', 'include-relations', 'false');
my @ours = Changes::of_walrelay(lines('ours', @text, 'generated-columns', 'false'));
my @ours_generated = Changes::of_walrelay(lines('ours', @text));

# ---- test_decoding ----
# It shows materialized views as tables: their content is that of a query, which no
# consumer should take for a change.  It names partitioned tables that are truncated,
# whose rows are in their partitions.  It shows generated columns, and transactions
# that hold nothing.
my @theirs = without([ 'public.mv', 'public.p' ],
	Changes::of_test_decoding(lines('test_decoding')));
# It leaves NULLs out of old rows, and does not say whether they are complete.
my @ours_plainly = map { s/ (?:key|full)\((.*?)\)(?= |$)/' old(' . ($1 =~ s{ ?[^ "=]+=null(?= |$)}{}gr =~ s{^ }{}r) . ')'/er } @ours_generated;
agree('test_decoding', \@ours_plainly, \@theirs);

# ---- pgoutput ----
# Of tables that are not in its publication it says nothing: those that it could not
# publish, and those that were made later.  Generated columns it leaves out, like us.
my @published = without([ 'public.n', 'public.k', 'public.made_of' ], @ours);
my $highest = $version >= 160000 ? 4 : 3;
for my $protocol (1 .. $highest)
{
	my @messages = map { pack 'H*', $_ } split /\n/, $node->safe_psql('postgres',
		"SELECT encode(data, 'hex') FROM pg_logical_slot_peek_binary_changes('pgoutput', NULL, NULL,"
		  . " 'proto_version', '$protocol', 'publication_names', 'peers', 'messages', 'true')");
	agree("pgoutput, protocol $protocol", \@published, [ without([], Changes::of_pgoutput(@messages)) ]);
}

# ---- our own binary frames ----
# Fixed-width values travel as numbers, which t/002 compares with their text; long ones
# show as length and checksum.  Here the other tables must be the same to the letter.
my $end = Frames::lsn($node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()'));
my $client = Frames->start($node, 'ours', { 'generated-columns' => 'false' });
$client->wait_for(sub { @_ && ($_[-1]{lsn} // $_[-1]{end_lsn}) >= $end }, 'everything', 'CK');
my @odd = ('public.types', 'public.toast');
agree('binary frames', [ without(\@odd, Changes::of_wire($client->records('BCRIUDTM'))) ], [ without(\@odd, @ours) ]);
ok($client->stop, 'the client ended well');
unlike(slurp($node->logfile), qr/ERROR|PANIC|TRAP/, 'the server has nothing to complain about');

done_testing();
