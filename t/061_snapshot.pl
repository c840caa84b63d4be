# 061_snapshot.pl: rows that were there before, without a broker: a temporary slot, events as
# lines of JSON.  What the rows look like, which tables they are of, who may read them, how large
# they may be, and what of the server may fail meanwhile.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run ();
use JSON::PP ();
use Marks;
use Pipe;
use Walrelay;
use Test::More;

my $source = new_source(conf => "max_replication_slots = 12\nmax_wal_senders = 20\nmax_prepared_transactions = 4\n");

sub sql { return $source->safe_psql($_[1] // 'postgres', $_[0]); }

# tail NAME, ARGS: a relay that reads the tables of a schema
my $tails = 0;
sub tail
{
	my ($name, @args) = @_;
	return relay_start(
		name => $name . ++$tails, command => 'tail',
		args => [
			'--source.conninfo=' . $source->connstr('postgres'), '--topic.prefix=p',
			'--snapshot.mode=initial', "--table.include.list=$name\\..*", '--admin.log.format=text', @args ]);
}

# all RELAY: its events, once the snapshot is done; it has ended
sub all
{
	my ($relay) = @_;
	$relay->wait_for_log(qr/snapshot is done: \d+ tables, (\d+) rows/);
	my ($rows) = $relay->stderr =~ /snapshot is done: \d+ tables, (\d+) rows/;
	my @events = $relay->wait_for_events($rows);
	is($relay->stop, 0, "$relay->{name}: ends well");
	return @events;
}

# tables EVENTS: table => how many
sub tables
{
	my %count;
	$count{ $_->{value}{source}{table} }++ for @_;
	return \%count;
}

# ---- what a row looks like: as Debezium's ----
sql(<<'SQL');
CREATE SCHEMA marks;
CREATE TABLE marks.a (id int PRIMARY KEY); INSERT INTO marks.a VALUES (1);
CREATE TABLE marks.b (id int PRIMARY KEY, v text); INSERT INTO marks.b VALUES (1, 'x'), (2, NULL), (3, 'y');
CREATE TABLE marks.c (id int);
CREATE TABLE marks.d (v int); INSERT INTO marks.d VALUES (7), (7);
CREATE TABLE marks.e (id int PRIMARY KEY); INSERT INTO marks.e VALUES (1);
CREATE TABLE marks.f (id int PRIMARY KEY); INSERT INTO marks.f VALUES (1), (2), (3);
CREATE TABLE marks.g ();
SQL
for my $threads (1, 3)
{
	my @events = all(tail('marks', "--snapshot.max.threads=$threads", '--provide.transaction.metadata=true'));
	my $first = $events[0]{value};
	is_deeply(
		[ sort map { "$_->{value}{source}{table} $_->{value}{source}{snapshot}" } @events ],
		[ sort 'a first', 'b first_in_data_collection', 'b true', 'b last_in_data_collection',
			'd first_in_data_collection', 'd last_in_data_collection', 'e last_in_data_collection',
			'f first_in_data_collection', 'f true', 'f last' ],
		"$threads threads: marks") if $threads == 1;
	is($events[0]{value}{source}{snapshot}, 'first', "$threads threads: the first");
	is($events[-1]{value}{source}{snapshot}, 'last', "$threads threads: the last");
	is_deeply([ grep { $_->{value}{op} ne 'r' || defined $_->{value}{transaction} || defined $_->{value}{before} } @events ], [], "$threads threads: r, no transaction");
	for my $field (qw(ts_ms ts_us txId lsn sequence xmin))
	{
		is_deeply([ map { $_->{value}{source}{$field} } @events ], [ map { $first->{source}{$field} } @events ], "$threads threads: $field is the same");
	}
	is($first->{source}{sequence}, "[null,\"$first->{source}{lsn}\"]", "$threads threads: sequence");
	is_deeply([ map { $_->{key} } grep { $_->{value}{source}{table} eq 'd' } @events ], [ undef, undef ], "$threads threads: no key");
}

# ---- which tables ----
sql(<<'SQL');
CREATE EXTENSION file_fdw; CREATE SERVER f FOREIGN DATA WRAPPER file_fdw;
CREATE SCHEMA kinds;
CREATE TABLE kinds.t (id int PRIMARY KEY, gone int, v text, g int GENERATED ALWAYS AS (id * 2) STORED, "odd ""name" int);
INSERT INTO kinds.t VALUES (1, 2, 'v', DEFAULT, 5); ALTER TABLE kinds.t DROP gone;
ALTER TABLE kinds.t ADD late int DEFAULT 9;
CREATE TABLE kinds.nocolumns (); INSERT INTO kinds.nocolumns DEFAULT VALUES; INSERT INTO kinds.nocolumns DEFAULT VALUES;
CREATE TABLE kinds.parted (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE kinds.p1 PARTITION OF kinds.parted FOR VALUES FROM (0) TO (10);
CREATE TABLE kinds.p2 (extra int, v text, id int NOT NULL); ALTER TABLE kinds.p2 DROP extra;
ALTER TABLE kinds.parted ATTACH PARTITION kinds.p2 FOR VALUES FROM (10) TO (20);
INSERT INTO kinds.parted VALUES (1, 'one'), (11, 'eleven');
CREATE TABLE kinds.parent (id int); CREATE TABLE kinds.child (c int) INHERITS (kinds.parent);
INSERT INTO kinds.parent VALUES (1); INSERT INTO kinds.child VALUES (2, 3);
CREATE UNLOGGED TABLE kinds.unlogged (id int); INSERT INTO kinds.unlogged VALUES (1);
CREATE MATERIALIZED VIEW kinds.mv AS SELECT 1 AS id; CREATE VIEW kinds.v AS SELECT 1 AS id;
CREATE FOREIGN TABLE kinds.ft (id int) SERVER f OPTIONS (filename '/dev/null');
CREATE SEQUENCE kinds.seq;
SQL
{
	my @events = all(tail('kinds'));
	is_deeply(tables(@events), { t => 1, nocolumns => 2, p1 => 1, p2 => 1, parent => 1, child => 1 }, 'kinds');
	my ($t) = grep { $_->{value}{source}{table} eq 't' } @events;
	is($t->{value}{after}{late}, 9, 'column that is not in the row');
	@events = all(tail('kinds', '--publish.via.partition.root=true'));
	is_deeply(tables(@events), { t => 1, nocolumns => 2, parted => 2, parent => 1, child => 1 }, 'kinds by root');
	is_deeply([ sort map { "$_->{value}{after}{id} $_->{value}{after}{v}" } grep { $_->{value}{source}{table} eq 'parted' } @events ], [ '1 one', '11 eleven' ], 'partitions as root');
}

# ---- rights ----
sql(<<'SQL');
CREATE ROLE "Re lay" LOGIN REPLICATION;
CREATE SCHEMA "ri ghts"; CREATE TABLE "ri ghts"."T ""1" (id int PRIMARY KEY); INSERT INTO "ri ghts"."T ""1" VALUES (1);
CREATE SCHEMA rights2; CREATE TABLE rights2.by_column (id int PRIMARY KEY, v text); INSERT INTO rights2.by_column VALUES (1, 'v');
GRANT USAGE ON SCHEMA rights2 TO "Re lay"; GRANT SELECT (id, v) ON rights2.by_column TO "Re lay";
CREATE TABLE rights2.rls (id int PRIMARY KEY); INSERT INTO rights2.rls VALUES (1), (2);
GRANT SELECT ON rights2.rls TO "Re lay"; ALTER TABLE rights2.rls ENABLE ROW LEVEL SECURITY;
SQL
{
	my @role = ('--source.conninfo=' . $source->connstr('postgres') . " user='Re lay'", '--table.include.list=ri ghts\..*,rights2\..*');
	my $relay = tail('rights', @role);
	is($relay->wait_exit, 77, 'rights: status');
	is($relay->stdout, '', 'rights: no row');
	like($relay->stderr, qr/E1240: role Re lay may not read 3 tables/, 'rights: E1240');
	my ($remedy) = $relay->stderr =~ /As their owner or superuser: (.*;)$/m;
	ok(defined $remedy, 'rights: remedy') or diag $relay->stderr;
	sql($remedy);
	is_deeply(tables(all(tail('rights_b', @role))), { 'T "1' => 1, by_column => 1, rls => 2 }, 'rights: as the hint says');
	sql(q{REVOKE SELECT ON rights2.by_column FROM "Re lay"; GRANT SELECT (id, v, ctid, tableoid, xmin) ON rights2.by_column TO "Re lay"});
	is_deeply(tables(all(tail('rights_c', @role))), { 'T "1' => 1, by_column => 1, rls => 2 }, 'rights: columns are enough if all are granted');
}

# ---- size ----
# Rows of a megabyte that lie on two blocks, each of them elsewhere: pieces become smaller, and
# what waits in memory stays within bounds.
sql(<<'SQL');
CREATE SCHEMA size; CREATE TABLE size.large (id int PRIMARY KEY, v text); ALTER TABLE size.large ALTER v SET STORAGE EXTERNAL;
INSERT INTO size.large SELECT i, repeat(chr(65 + i % 26), 1000000) FROM generate_series(1, 200) i;
CREATE SCHEMA huge; CREATE TABLE huge.t (id int PRIMARY KEY, v text); INSERT INTO huge.t VALUES (1, repeat('x', 30000000)), (2, 'y');
CREATE SCHEMA many;
SQL
{
	my $relay = tail('size');
	$relay->wait_for_log(qr/snapshot is done: 1 tables, 200 rows/);
	my %ids;
	wait_until { %ids = map { $_ => 1 } $relay->stdout =~ /"key":\{"id":(\d+)\}/g; keys %ids == 200 } 'large rows';
	is(scalar(() = $relay->stdout =~ /"key":\{"id":\d+\}/g), 200, 'large rows: each once');
	cmp_ok(($relay->rss_kb)[1], '<', memory_kb(128), 'large rows: memory');
	is($relay->stop, 0, 'large rows: ends well');
	$relay = tail('huge');
	$relay->wait_for_log(qr/snapshot is done/);
	wait_until { ($relay->stdout =~ tr/\n//) == 2 } 'a row of 30 MB';
	is(length join('', $relay->stdout =~ /"v":"(x+|y)"/g), 30_000_001, 'a row of 30 MB');
	is($relay->stop, 0, 'a row of 30 MB: ends well');
	for my $part (0 .. 9) { sql(join ';', map { "CREATE TABLE many.t$_ (id int)" . ($_ % 10 ? '' : "; INSERT INTO many.t$_ VALUES (1)") } $part * 300 .. $part * 300 + 299); }
	$relay = tail('many');
	is(scalar(all($relay)), 300, '3,000 tables');
}
$source->safe_psql('postgres', "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'");
sql(q{SET client_encoding = 'UTF8'; CREATE SCHEMA latin; CREATE TABLE latin."größe" ("schlüssel" int PRIMARY KEY, v text); INSERT INTO latin."größe" VALUES (1, 'äöü')}, 'latin');
{
	my @events = all(tail('latin', '--source.conninfo=' . $source->connstr('latin')));
	is($events[0]{topic}, 'p.latin.gr____e', 'a database in LATIN1: topic');
	is_deeply([ map { $_->{value}{after} } @events ], [ { 'schl__ssel' => 1, v => "\x{e4}\x{f6}\x{fc}" } ], 'a database in LATIN1');
}

# ---- connections that end in the middle ----
sql(join ';', map { "CREATE SCHEMA $_; CREATE TABLE $_.t (id int PRIMARY KEY, v text) WITH (fillfactor = 10);"
	. "INSERT INTO $_.t SELECT i, repeat('v', 300) FROM generate_series(1, 1000) i" } qw(reader control slots));
# all of it is in memory, and some of it sent, when the rest fails
sql('CREATE TABLE control.a (id int PRIMARY KEY, v text) WITH (fillfactor = 10);'
	  . q{INSERT INTO control.a SELECT i, repeat('v', 30000) FROM generate_series(1001, 1020) i});
# faulted NAME, ROWS, WHAT, LOG: what of a relay's server ends while it is in the middle
sub faulted
{
	my ($name, $rows, $what, $log) = @_;
	my $pipe = Pipe->new($name . ($tails + 1));
	my $relay = tail($name, '--snapshot.chunk.size=10', '--snapshot.max.threads=1', '--max.in.flight.bytes=64KB');
	$pipe->wait_full($relay);
	wait_until
	{
		sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'postgres' AND state <> 'idle'"
			  . " AND backend_type = 'client backend'") == 1
	}
	'readers at rest';
	is(sql("SELECT count(*) > 0 FROM (SELECT $what) s"), 't', "$name: done");
	$pipe->open;
	$relay->wait_for_log(qr/snapshot is done/);
	like($relay->stderr, $log, "$name: told");
	my $ids = sub { return $pipe->text =~ /"key":\{"id":(\d+)\}/g; };
	wait_until { my %ids = map { $_ => 1 } $ids->(); keys %ids == $rows } "$name: all rows";
	is($relay->stop, 0, "$name: ends well");
	$pipe->close;
	is(scalar(() = $ids->()), $rows, "$name: each row once");
	marks_are($name, [], map { [ $_->{value}{source}{table}, $_->{value}{source}{snapshot} ] } json_lines($pipe->text));
	return;
}
my $readers = q{FROM pg_stat_activity WHERE backend_type = 'client backend' AND query LIKE 'BEGIN ISOLATION%'};
faulted('reader', 1000, "pg_terminate_backend(pid) $readers", qr/E1214.*a connection of the snapshot is made again/s);
faulted('control', 1020, q{pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'walsender' AND query LIKE 'CREATE_REPLICATION%SNAPSHOT%'},
	qr/E1214.*the snapshot goes on in 1 s with what is missing/s);
# ---- a snapshot needs a slot more ----
sql(q{SELECT pg_create_physical_replication_slot('s' || i) FROM generate_series(1, 11) i});
{
	my $relay = tail('slots');
	isnt($relay->wait_exit, 0, 'no slot left: ends');
	like($relay->stderr, qr/E1213: the server has no free replication slot/, 'no slot left: E1213');
	is($relay->stdout, '', 'no slot left: no row');
}
done_testing();
