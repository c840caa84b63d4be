# 084_incremental_ddl.pl: rows that are read while a relay streams, and tables that are altered,
# rewritten, truncated, renamed and dropped at random moments, under load.  No event says what
# is older than one before it, and whoever applies them has in the end what the tables have.
#   RACE_S=8 (seconds of it)  SEED=
# needs: kafka
# takes: 60 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Incremental;
use Lab;
use Time::HiRes ();
use Walrelay;
use Test::More;

my ($rows, $seconds, $seed) = (1000, $ENV{RACE_S} // 8, $ENV{SEED} // time);
my @tables = qw(a b c);
diag "SEED=$seed";
srand $seed;

# Columns go forth and back, which consumers of the schema before would not survive.
$ENV{REGISTRY_URL} = registry_start()->address;
my $answer = $http->put(registry() . '/config', { headers => { 'Content-Type' => 'application/json' }, content => '{"compatibility":"NONE"}' });
$answer->{success} or die "the registry's compatibility cannot be set: $answer->{content}\n";
incremental(new_source(conf => "max_connections = 60\nmax_wal_senders = 10\n"));

# n rises with each change of a row; step() makes one, if it can.
sql(<<'SQL');
CREATE SCHEMA race;
CREATE SEQUENCE race.n;
CREATE FUNCTION race.step(name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE i int := 1 + floor(random() * 1000); dice float := random();
BEGIN
	IF dice < 0.15 THEN
		EXECUTE format('DELETE FROM race.%I WHERE id = $1', name) USING i;
	ELSIF dice < 0.3 THEN
		EXECUTE format('INSERT INTO race.%I (id, n, x, y) VALUES ($1, nextval(''race.n''), ''x'' || $1, ''y'' || $1)', name) USING i;
	ELSE
		EXECUTE format('UPDATE race.%I SET n = nextval(''race.n'') WHERE id = $1', name) USING i;
	END IF;
EXCEPTION WHEN undefined_table OR unique_violation OR undefined_column OR feature_not_supported OR datatype_mismatch OR deadlock_detected THEN NULL;
END $$;
SQL
my $fill = "INSERT INTO T (id, n, x, y) SELECT i, nextval('race.n'), 'x' || i, 'y' || i FROM generate_series(1, $rows) i ON CONFLICT DO NOTHING";
my $make = "CREATE TABLE T (id int PRIMARY KEY, n bigint, x text, y text); $fill";
sql($make =~ s/\bT\b/race.$_/gr) for @tables;

# T: the table, N: its name.  What belongs together is one transaction; ~ is between two.
my %ddl = (
	add_column => q{ALTER TABLE T ADD z text DEFAULT 'z'~ALTER TABLE T DROP z},
	move_column => q{ALTER TABLE T DROP x; ALTER TABLE T ADD x text; UPDATE T SET x = 'x' || id, n = nextval('race.n')},
	rename_column => 'ALTER TABLE T RENAME y TO w~ALTER TABLE T RENAME w TO y',
	swap_columns => 'ALTER TABLE T RENAME x TO w; ALTER TABLE T RENAME y TO x; ALTER TABLE T RENAME w TO y;'
	  . "UPDATE T SET x = y, y = x, n = nextval('race.n')",
	alter_type => 'ALTER TABLE T ALTER x TYPE varchar(300)~ALTER TABLE T ALTER x TYPE text',
	alter_key => 'ALTER TABLE T ALTER id TYPE bigint~ALTER TABLE T ALTER id TYPE int',
	other_key => 'ALTER TABLE T DROP CONSTRAINT N_pkey; ALTER TABLE T ADD PRIMARY KEY (id)',
	truncate => "TRUNCATE T~$fill",
	truncate_refill => "TRUNCATE T; $fill",
	vacuum_full => '!VACUUM FULL T',
	cluster => 'CLUSTER T USING N_pkey',
	drop_and_make => "DROP TABLE T; $make",
	rename_table => 'ALTER TABLE T RENAME TO N_away~ALTER TABLE race.N_away RENAME TO N',
	exchange_tables => "ALTER TABLE T RENAME CONSTRAINT N_pkey TO N_old_pkey; ALTER TABLE T RENAME TO N_old; CREATE TABLE T (LIKE race.N_old INCLUDING ALL); $fill; DROP TABLE race.N_old",
	replica_full => 'ALTER TABLE T REPLICA IDENTITY FULL~ALTER TABLE T REPLICA IDENTITY DEFAULT',
	key_index => 'CREATE UNIQUE INDEX N_too ON T (id)~DROP INDEX race.N_too');

my $relay = captured('race', '--snapshot.chunk.size=20', '--snapshot.max.threads=2', '--skipped.operations=none',
	'--table.include.list=race\.[abc]');
my @loads = map { load_start("SELECT race.step('$_');\n", 100) } @tables;
my ($end, %done) = (Time::HiRes::time() + $seconds);
while (Time::HiRes::time() < $end)
{
	execute(map { "race\\.$_" } @tables) if rand() < 0.5;
	my $kind = (sort keys %ddl)[ rand keys %ddl ];
	my $table = $tables[ rand @tables ];
	for my $part (split /~/, $ddl{$kind})
	{
		my $sql = $part =~ s/\bT\b/race.$table/gr =~ s/\bN(?=_|\b)/$table/gr;
		sql($sql =~ s/^!// ? $sql : "SET lock_timeout = '60s'; BEGIN; $sql; COMMIT");
		Time::HiRes::sleep(rand 0.25);    # nothing is waited for: the next moment is drawn
	}
	$done{$kind}++;
}
load_end($_) for @loads;
note join ', ', map { "$_ $done{$_}" } sort keys %done;
read_done('race', $relay);
# An altered table's newest columns are in its newest events.
execute(map { "race\\.$_" } @tables);
read_done('race', $relay);

for my $table (@tables)
{
	my @records = records('race', $table);
	my (%newest, %partition, @older, @mixed);
	my $reads = 0;
	for my $record (grep { $_->{value} } @records)
	{
		my $value = $record->{value};
		next if $value->{op} eq 't';
		my $id = $record->{key} ? $record->{key}{id} : ($value->{after} // $value->{before})->{id};
		my ($after, $last) = ($value->{after}, $newest{$id} // 0);
		next if !$after;
		$reads++ if $value->{op} eq 'r';
		push @older, "$value->{op} of $id: $after->{n} behind $last" if $after->{n} < $last || ($after->{n} == $last && $value->{op} eq "c");
		push @mixed, "$value->{op} of $id" if grep { defined $after->{$_} && $after->{$_} !~ /^[xyz]\d*$/ } qw(x y w z);
		$newest{$id} = $after->{n};
	}
	is_deeply(\@older, [], "$table: nothing is told that is older than what was told before");
	is_deeply(\@mixed, [], "$table: no value in another column");
	cmp_ok($reads, '>=', sql("SELECT count(*) FROM race.$table"), "$table: $reads rows were read");
	is_there($table, "race.$table", 'id', @records);
}
unlike($relay->stderr, qr/error:|E1299/, 'no error');
is($relay->stop, 0, 'ends well');
done_testing();
