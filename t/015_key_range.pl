# Tables are walked through by their keys, three rows at a time, and each row comes
# exactly once: keys of every type that has an order, with the values at its edges;
# several columns; indexes that compare otherwise than their columns would; in databases
# of other encodings.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Basename qw(dirname);
use Walrelay;
use Test::More;

# from 19 on there are no other strings
my ($major) = qx('$pg_bin/postgres' --version) =~ /\) (\d+)/ or die "no version\n";
my $strings = $major < 19 ? "standard_conforming_strings = off\n" : '';
my $node = new_source(conf => "fsync = off\n${strings}TimeZone = 'Asia/Kolkata'\n");
my $walk_keys = dirname($walrelay) . '/t/lib/walk_keys';

# walked DATABASE, SLOT: what walk_keys says of each table
sub walked
{
	my ($database, $slot) = @_;
	my ($stdout, $stderr) = ('', '');
	my $lived = IPC::Run::run([ $walk_keys, $node->connstr($database), $slot ], '<', \undef, '>', \$stdout, '2>', \$stderr);
	my %tables = map { /^(\w+) (\S+) (.*)$/ ? ($2 => "$1 $3") : () } split /\n/, $stdout;
	ok($lived, "$database: every row of every table once") or diag((join '', grep { !/^(ok|no) / } split /^/m, $stdout) . $stderr);
	return \%tables;
}

# Name of a table, its type, its values.  "expressions" may be a whole SELECT.
my %kinds = (
	int2 => [ 'int2', "VALUES (-32768), (32767), (0), (-1), (1), (300), (299)" ],
	int4 => [ 'int4', 'SELECT i * 7919 - 40000 FROM generate_series(1, 100) i' ],
	int8 => [ 'int8', "VALUES (-9223372036854775808), (9223372036854775807), (0), (-1), (42)" ],
	texts => [ 'text', "VALUES (''), (' '), ('a'), ('A'), ('a '), ('it''s'), (E'\\\\'), (E'\\\\''x'), (E'a\\nb'), ('\$1'), ('é'), ('ж'), ('🐘'), ('Z'), ('\"'), ('%s')" ],
	c_texts => [ 'text COLLATE "C"', "VALUES (''), ('a'), ('A'), ('b'), ('B'), ('_'), ('é')" ],
	icu_texts => [ 'text COLLATE "und-x-icu"', "VALUES (''), ('a'), ('A'), ('b'), ('B'), ('_'), ('é'), ('e'), ('f')" ],
	no_case => [ 'text COLLATE no_case', "VALUES ('a'), ('B'), ('c'), ('D'), ('é'), ('e'), ('F'), ('aB')" ],
	varchars => [ 'varchar(3)', "VALUES ('a'), ('abc'), ('ab '), (''), ('b'), ('''')" ],
	bpchars => [ 'char(5)', "VALUES ('a'), ('ab'), ('abcde'), (''), (E'a\\t'), ('b')" ],
	chars => [ '"char"', 'SELECT i::"char" FROM generate_series(-128, 127) i' ],
	name => [ 'name', "VALUES ('a'), ('A'), ('x\"y'), (''), ('b')" ],
	bytes => [ 'bytea', "SELECT decode(x, 'hex') FROM unnest(ARRAY['', '00', 'ff', '0000', '5c27', '80']) x" ],
	numerics => [ 'numeric', "VALUES ('NaN'), ('Infinity'), ('-Infinity'), (0), (1.10), (-1), (1e-1000), (1e1000), (0.1), (123456789.123456789)" ],
	numeric_scaled => [ 'numeric(10,2)', 'SELECT i / 8.0 FROM generate_series(-20, 20) i' ],
	floats => [ 'float8', "VALUES ('NaN'), ('Infinity'), ('-Infinity'), ('-0'), (1e308), (5e-324), (0.1), (0.30000000000000004), (1e23)" ],
	float4s => [ 'float4', "VALUES ('NaN'), ('Infinity'), ('-Infinity'), ('-0'), (3e38), (1e-45), (0.1), (16777216), (1.0000001)" ],
	bools => [ 'bool', 'VALUES (true), (false)' ],
	dates => [ 'date', "VALUES ('infinity'), ('-infinity'), ('4713-01-01 BC'), ('5874897-12-31'), ('2000-01-01'), ('0001-12-31 BC'), ('1999-12-31')" ],
	times => [ 'time(3)', "VALUES ('24:00'), ('00:00'), ('00:00:00.001'), ('12:00'), ('23:59:59.999')" ],
	timetzs => [ 'timetz', "VALUES ('12:00+00'), ('12:00+02'), ('12:00-02'), ('00:00+15:59:59'), ('24:00-15:59:59'), ('14:00+02')" ],
	timestamps => [ 'timestamp', "VALUES ('infinity'), ('-infinity'), ('4713-01-01 BC'), ('294276-12-31 23:59:59.999999'), ('2000-01-01 00:00:00.000001'), ('2000-01-01')" ],
	timestamptzs => [ 'timestamptz', "VALUES ('infinity'), ('-infinity'), ('4713-01-01 BC UTC'), ('294276-12-31 23:59:59.999999 UTC'), ('2000-01-01 00:00+5:30'), ('1900-01-01')" ],
	intervals => [ 'interval', "VALUES ('0'), ('1 mon'), ('31 days'), ('-1 year +3 days -04:05:06.7'), ('00:00:00.000001'), ('178956970 years 7 mons'), ('-178956970 years -8 mons'), ('-1 mon 40 days')" ],
	uuids => [ 'uuid', "SELECT md5(i::text)::uuid FROM generate_series(1, 20) i" ],
	enums => [ 'mood', "VALUES ('sad'), ('it''s ok'), ('happy'), ('new'), ('NULL'), (''), (E'\\\\')" ],
	inets => [ 'inet', "VALUES ('10.0.0.1'), ('10.0.0.1/8'), ('::1'), ('::/0'), ('10.0.0.0/8'), ('0.0.0.0/0')" ],
	cidrs => [ 'cidr', "VALUES ('10.0.0.0/8'), ('10.0.0.0/16'), ('::/0'), ('10.1.0.0/16'), ('::1')" ],
	macaddrs => [ 'macaddr', "SELECT lpad(to_hex(i * 99999), 12, '0')::macaddr FROM generate_series(1, 10) i" ],
	macaddr8s => [ 'macaddr8', "SELECT lpad(to_hex(i * 99999), 16, '0')::macaddr8 FROM generate_series(1, 10) i" ],
	int_ranges => [ 'int4range', "VALUES ('empty'), ('(,)'), ('[1,5)'), ('[1,6)'), ('(,5)'), ('[1,)'), ('[0,1)')" ],
	text_ranges => [ 'textrange', "VALUES ('empty'), ('(,)'), ('[a,b)'), ('[a,b]'), ('(a,b]'), ('[\"\",\"x,y\")'), ('[A,b]')" ],
	multiranges => [ 'int4multirange', "VALUES ('{}'), ('{[1,2)}'), ('{[1,2),[5,6)}'), ('{(,)}'), ('{[0,2)}')" ],
	int_arrays => [ 'int[]', "VALUES ('{}'), ('{1}'), ('{1,2}'), ('{NULL}'), ('{1,NULL}'), ('[0:1]={1,2}'), ('{{1,2},{3,4}}'), ('{2}')" ],
	text_arrays => [ 'text[]', "SELECT ARRAY[a, b] FROM (VALUES ('', 'NULL'), (NULL, 'x'), ('a,b', '{}'), ('\"', E'\\\\'), ('A', 'a '), ('a', 'b')) v (a, b)" ],
	case_arrays => [ 'text[] COLLATE no_case', "VALUES ('{a}'), ('{B}'), ('{b,a}'), ('{C}'), ('{a,C}')" ],
	money_arrays => [ 'money[]', "SELECT ARRAY[i::numeric::money] FROM generate_series(-5, 5) i" ],
	composites => [ 'pair', "VALUES ((1, 'a')::pair), ((1, 'B')::pair), ((1, NULL)::pair), ((NULL, NULL)::pair), ((2, '(\",')::pair), ((1, '')::pair), ((0, E'\\\\')::pair)" ],
	oids => [ 'oid', "VALUES (0), (1), (4294967295), (2147483648), (42)" ],
	bits => [ 'bit(3)', "VALUES (B'000'), (B'001'), (B'111'), (B'100'), (B'010')" ],
	one_bit => [ 'bit', "VALUES (B'0'), (B'1')" ],
	varbits => [ 'varbit', "VALUES (B''), (B'0'), (B'00'), (B'1'), (B'10'), (B'01')" ],
	moneys => [ 'money', "VALUES (0::money), ('-92233720368547758.08'::numeric::money), (92233720368547758.07::numeric::money), (0.01::numeric::money), ('-0.01'::numeric::money), (1::money)" ],
	tsvectors => [ 'tsvector', "VALUES ('a'), ('b'), ('a:1A b:2'), ('''it''''s'''), ('')" ],
	tsqueries => [ 'tsquery', "VALUES ('a'), ('b & a'), ('!a | b'), ('c:*'), ('')" ],
	jsonbs => [ 'jsonb', qq{VALUES ('null'), ('1'), ('1.5'), ('"a"'), ('{}'), ('[]'), ('{"a": "\\u00e9\\\\"}'), ('[1]'), ('true'), ('"A"')} ],
	lsns => [ 'pg_lsn', "VALUES ('0/0'), ('FFFFFFFF/FFFFFFFF'), ('1/0'), ('0/FFFFFFFF')" ],
	xid8s => [ 'xid8', "VALUES ('0'), ('18446744073709551615'), ('4294967296'), ('5')" ],
	tids => [ 'tid', "VALUES ('(0,1)'), ('(0,2)'), ('(4294967295,65535)'), ('(1,0)')" ],
	oidvectors => [ 'oidvector', "VALUES ('1 2'), (''), ('3'), ('1')" ],
	domains => [ 'word', "VALUES ('a'), ('B'), ('c'), ('é'), ('')" ],
	c_domains => [ 'c_word', "VALUES ('a'), ('B'), ('A'), ('b'), ('')" ],
	deep_domains => [ 'deep', "VALUES (1.5), (-1), (0), (2), (99)" ],
	enum_domains => [ 'good_mood', "VALUES ('sad'), ('happy'), ('new'), ('it''s ok')" ],
	array_domains => [ 'ints', "VALUES ('{}'), ('{1}'), ('{1,2}'), ('{2}')" ],
	pair_domains => [ 'couple', "VALUES ((1, 'a')::pair), ((1, 'B')::pair), ((2, NULL)::pair), ((0, 'b')::pair)" ],
	citexts => [ 'other.citext', "VALUES ('a'), ('B'), ('c'), ('D'), ('e'), ('F'), ('ab')" ],
	# compressed, it is in the index, and LONG in the stream's form
	longs => [ 'text', "SELECT repeat(chr(97 + i), 100000) FROM generate_series(1, 8) i" ],
	long_bytes => [ 'bytea', "SELECT convert_to(repeat(chr(97 + i), 70000), 'UTF8') FROM generate_series(1, 8) i" ],
	long_arrays => [ 'int[]', "SELECT array_fill(i, ARRAY[50000]) FROM generate_series(1, 8) i" ],
);

my $setup = <<'SQL';
CREATE SCHEMA other;
CREATE EXTENSION citext SCHEMA other;
CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'happy', 'NULL', '', E'\\');
CREATE TYPE pair AS (a int, b text COLLATE "und-x-icu");
CREATE TYPE textrange AS RANGE (subtype = text, collation = "und-x-icu");
CREATE DOMAIN word AS text COLLATE "und-x-icu";
CREATE DOMAIN c_word AS text COLLATE "C";
CREATE DOMAIN shallow AS numeric(10,2);
CREATE DOMAIN deep AS shallow;
CREATE DOMAIN good_mood AS mood;
CREATE DOMAIN ints AS int[];
CREATE DOMAIN couple AS pair;
SQL
# A value that came later stands where it was put, not at the end.
$setup .= "ALTER TYPE mood ADD VALUE 'new' BEFORE 'happy';\n";

# Several columns; indexes that are not as their columns are.
my $several = <<'SQL';
CREATE TABLE two (a int, b text, n serial, PRIMARY KEY (a, b));
INSERT INTO two SELECT i % 4, chr(65 + i % 13) || chr(97 + i % 7) FROM generate_series(1, 91) i;
CREATE TABLE swapped (a int, b text, n serial, PRIMARY KEY (b, a));
INSERT INTO swapped SELECT a, b FROM two;
CREATE TABLE three (a date, b mood, c numeric, n serial, PRIMARY KEY (c, a, b));
INSERT INTO three SELECT '2020-01-01'::date + i % 3, (ARRAY['sad', 'happy', 'new'])[1 + i % 2 + i / 7 % 2]::mood, i % 5 FROM generate_series(1, 40) i ON CONFLICT DO NOTHING;
CREATE TABLE mixed (a int, b text COLLATE "C", c timestamptz, d uuid, n serial, PRIMARY KEY (a, b, c, d));
INSERT INTO mixed SELECT i % 2, 'x' || i % 3, '2020-01-01'::timestamptz + i % 2 * interval '1 us', md5((i % 9)::text)::uuid FROM generate_series(1, 60) i ON CONFLICT DO NOTHING;
CREATE TABLE composites_too (a pair NOT NULL, b int NOT NULL, n serial, UNIQUE (a, b));
INSERT INTO composites_too SELECT (i % 3, 'x')::pair, i FROM generate_series(1, 20) i;
CREATE TABLE included (a int, b int, n serial, PRIMARY KEY (a) INCLUDE (b));
INSERT INTO included SELECT i, -i FROM generate_series(1, 10) i;
-- the primary key counts, whatever comes before it by name
CREATE TABLE two_keys (z int NOT NULL, id int CONSTRAINT zzz PRIMARY KEY, n serial);
CREATE UNIQUE INDEX aaa ON two_keys (z);
INSERT INTO two_keys SELECT 100 - i, i FROM generate_series(1, 10) i;

CREATE TABLE unique_index (a text NOT NULL, n serial);
CREATE UNIQUE INDEX ON unique_index (a);
INSERT INTO unique_index SELECT md5(i::text) FROM generate_series(1, 20) i;
CREATE TABLE falling (a int NOT NULL, n serial);
CREATE UNIQUE INDEX ON falling (a DESC);
INSERT INTO falling SELECT i FROM generate_series(1, 20) i;
CREATE TABLE nulls_first (a int NOT NULL, b int NOT NULL, n serial);
CREATE UNIQUE INDEX ON nulls_first (a NULLS FIRST, b NULLS FIRST);
INSERT INTO nulls_first SELECT i % 3, i FROM generate_series(1, 20) i;
CREATE TABLE both_ways (a int NOT NULL, b text NOT NULL, c int NOT NULL, n serial);
CREATE UNIQUE INDEX ON both_ways (a, b DESC NULLS LAST, c);
INSERT INTO both_ways SELECT i % 3, 'x' || i % 5, i FROM generate_series(1, 60) i;
-- its column takes 'a' and 'A' for one, its index does not
CREATE TABLE stricter (a text COLLATE no_case NOT NULL, n serial);
CREATE UNIQUE INDEX ON stricter (a COLLATE "C");
INSERT INTO stricter VALUES ('a'), ('A'), ('b'), ('B'), ('c'), ('C'), ('D'), ('d');
CREATE TABLE stricter_two (k int NOT NULL, a text COLLATE no_case NOT NULL, n serial);
CREATE UNIQUE INDEX ON stricter_two (k, a COLLATE "C");
INSERT INTO stricter_two SELECT k, a FROM stricter, generate_series(1, 3) k;
CREATE TABLE looser (a text COLLATE "C" NOT NULL, n serial);
CREATE UNIQUE INDEX ON looser (a COLLATE no_case);
INSERT INTO looser VALUES ('a'), ('B'), ('c'), ('D'), ('e');
CREATE TABLE patterns (a text COLLATE "und-x-icu" NOT NULL, n serial);
CREATE UNIQUE INDEX ON patterns (a text_pattern_ops);
INSERT INTO patterns VALUES ('a'), ('A'), ('b'), ('B'), ('c'), ('C'), ('é'), ('f');
CREATE TABLE varchar_patterns (a varchar(9) NOT NULL, b varchar(9) NOT NULL, n serial);
CREATE UNIQUE INDEX ON varchar_patterns (a varchar_pattern_ops, b varchar_pattern_ops);
INSERT INTO varchar_patterns SELECT a, a FROM patterns;
CREATE TABLE half_patterns (a text NOT NULL, b int NOT NULL, n serial);
CREATE UNIQUE INDEX ON half_patterns (a text_pattern_ops, b);
INSERT INTO half_patterns SELECT 'x' || i % 3, i FROM generate_series(1, 20) i;
CREATE TABLE images (a pair NOT NULL, n serial);
CREATE UNIQUE INDEX ON images (a record_image_ops);
INSERT INTO images VALUES ((1, 'a')::pair), ((1, 'A')::pair), ((2, NULL)::pair), ((0, '')::pair), ((3, 'x')::pair);
CREATE TYPE scaled AS (a numeric);
CREATE TABLE scales (a scaled NOT NULL, n serial);
CREATE UNIQUE INDEX ON scales (a record_image_ops);
INSERT INTO scales VALUES (ROW(1.0)::scaled), (ROW(1.00)::scaled), (ROW(1)::scaled), (ROW(2.0)::scaled), (ROW(2)::scaled), (ROW(0)::scaled);
-- an extension's type, compared as another type would be
CREATE TABLE cased (a other.citext NOT NULL, n serial);
CREATE UNIQUE INDEX ON cased (a text_ops);
INSERT INTO cased VALUES ('a'), ('A'), ('b'), ('B'), ('c'), ('C');
CREATE TABLE citext_two (k int, a other.citext, n serial, PRIMARY KEY (k, a));
INSERT INTO citext_two SELECT k, a FROM (VALUES ('a'), ('B'), ('c')) v (a), generate_series(1, 4) k;

CREATE TABLE "Odd""name" ("a'b" int, "c""d" text, "%I" int, "\" int, PRIMARY KEY ("a'b", "c""d", "%I", "\"));
INSERT INTO "Odd""name" SELECT i % 2, 'x' || i % 3, i % 5, i FROM generate_series(1, 30) i;
CREATE TABLE one_row (a int PRIMARY KEY);
INSERT INTO one_row VALUES (1);
CREATE TABLE emptied (a int PRIMARY KEY);
INSERT INTO emptied VALUES (1);

CREATE TABLE no_key (a int NOT NULL);
INSERT INTO no_key VALUES (1);
CREATE TABLE may_be_null (a int UNIQUE);
INSERT INTO may_be_null VALUES (1);
CREATE DOMAIN present AS int NOT NULL;
CREATE TABLE domain_only (a present UNIQUE);
INSERT INTO domain_only VALUES (1);
CREATE TABLE aliases (a regclass PRIMARY KEY);
INSERT INTO aliases VALUES ('pg_class');
CREATE TABLE deferred (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
INSERT INTO deferred SELECT generate_series(1, 10);
CREATE TABLE gone_index (a int NOT NULL, n serial);
CREATE UNIQUE INDEX gone ON gone_index (a);
INSERT INTO gone_index SELECT i FROM generate_series(1, 10) i;
SQL

sub tables_of
{
	my (%of) = @_;
	return join '', map {
		my ($type, $values) = @{ $of{$_} };
		# n: a row has something that is not its key
		"CREATE TABLE $_ (n serial, k $type PRIMARY KEY);\nINSERT INTO $_ (k) SELECT v::" . $type =~ s/ COLLATE .*//r . " FROM ($values) v (v);\n"
	} sort keys %of;
}

# ---- UTF8 ----
$node->safe_psql('postgres', "SET standard_conforming_strings = on; SET client_min_messages = warning;\n$setup");
$node->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('s', 'walrelay')");
$node->safe_psql('postgres', "SET standard_conforming_strings = on;\n" . tables_of(%kinds) . $several);
# Told by the stream, and no more by the server.
$node->safe_psql('postgres', 'DELETE FROM emptied; DROP INDEX gone');
my $tables = walked('postgres', 's');
my %refused = (
	no_key => 'no it has neither a primary key nor a unique index',
	may_be_null => 'no a column of its unique index may be NULL',
	domain_only => 'no a column of its unique index may be NULL',
	aliases => 'no a column of its key holds names of other objects',
	gone_index => 'no no index has its key in an order',
);
is_deeply({ map { $_ => $tables->{$_} } grep { $tables->{$_} =~ /^no/ } keys %$tables }, \%refused, 'what is refused, and why');
my %plans = map { $_ => $tables->{$_} =~ /^ok \d+ \d+ (\w+)/ ? $1 : $tables->{$_} } keys %$tables;
my @missing = grep { !defined $tables->{$_} } keys %kinds;
is("@missing", '', 'no kind was left out');
# mixed directions and operators pass over rows of the first column; one piece has no second
my %not_index = map { $_ => $plans{$_} } grep { $plans{$_} ne 'index' && !$refused{$_} } keys %plans;
is_deeply(\%not_index, {
	(map { $_ => 'none' } qw(bools one_bit one_row emptied)),
	(map { $_ => 'filter' } qw(both_ways half_patterns citext_two)),
}, 'the others are read in the order of the index, from where the last piece ended');

# ---- the order of a table is another, and nothing else ----
my $file = $node->safe_psql('postgres', "SELECT pg_relation_filenode('c_texts')");
$node->safe_psql('postgres', <<'SQL');
ALTER TABLE c_texts ALTER k TYPE text COLLATE "und-x-icu";
INSERT INTO c_texts (k) VALUES ('more');
ALTER INDEX texts_pkey RENAME TO renamed;
REINDEX TABLE texts;
INSERT INTO texts (k) VALUES ('more');
SQL
is($node->safe_psql('postgres', "SELECT pg_relation_filenode('c_texts')"), $file, 'a collation is another, the file the same');
my $again = walked('postgres', 's');
my %hash = map { $_ => [ map { /(\w+)$/ } $tables->{$_}, $again->{$_} ] } qw(c_texts texts);
isnt($hash{c_texts}[1], $hash{c_texts}[0], 'but not the hash');
is($hash{texts}[1], $hash{texts}[0], 'an index made anew is in the same order');

# ---- another encoding: texts that JSON cannot hold as they are ----
for my $case ([ LATIN1 => "convert_from('\\xe9'::bytea, 'LATIN1')" ], [ EUC_JP => "convert_from('\\xa4a2'::bytea, 'EUC_JP')" ], [ SQL_ASCII => "convert_from('\\xe9'::bytea, 'SQL_ASCII')" ])
{
	my ($encoding, $letter) = @$case;
	my $database = lc $encoding;
	$node->safe_psql('postgres', "CREATE DATABASE $database ENCODING '$encoding' TEMPLATE template0 LOCALE 'C'");
	$node->safe_psql($database, <<"SQL");
SET standard_conforming_strings = on;
SELECT pg_create_logical_replication_slot('s_$database', 'walrelay');
CREATE TABLE letters (k text PRIMARY KEY, n serial);
INSERT INTO letters SELECT $letter || i FROM generate_series(1, 10) i;
CREATE TABLE letter_arrays (k text[] PRIMARY KEY, n serial);
INSERT INTO letter_arrays SELECT ARRAY[k, k] FROM letters;
DO \$\$ BEGIN EXECUTE format('CREATE TABLE %1\$I (%1\$I text PRIMARY KEY); INSERT INTO %1\$I SELECT k FROM letters', 'x' || $letter); END \$\$;
SQL
	is(scalar(grep { /^ok 10 4 index/ } values %{ walked($database, "s_$database") }), 3, "$encoding: by the index");
}

done_testing();
