# 065_snapshot_values.pl: rows of a snapshot, blocking or incremental, have the values that the
# stream has for the same rows: of every type, and where the server cannot print one.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Walrelay;
use Test::More;

my $source = new_source();
my $json = JSON::PP->new->canonical->allow_nonref;

sub sql { return $source->safe_psql('postgres', $_[0]); }

# The last after of each key of a table; without a key, of each event, in order.
sub rows_of
{
	my ($relay, $table) = @_;
	my %rows;
	for my $event ($relay->events)
	{
		next if !$event->{value} || $event->{value}{source}{table} ne $table;
		my $key = $json->encode($event->{key} // scalar keys %rows);
		$rows{$key} = $json->encode($event->{value}{after});
		delete $rows{$key} if !$event->{value}{after};
	}
	return \%rows;
}

# The rows three times: as changes that are made while one relay looks on, as rows that another one
# reads before it streams, and that a third one reads while it streams, of tables that have a key.
my @args = ('--source.conninfo=' . $source->connstr('postgres'), '--topic.prefix=values',
	'--include.unknown.datatypes=true', '--avro.verify=1');

sub both
{
	my ($name, @statements) = @_;
	my $stream = relay_start(command => 'tail', args => [ @args, '--snapshot.mode=never' ]);
	$stream->wait_for_log(qr/streaming database/);
	sql($_) for @statements;
	sql(q{SELECT pg_logical_emit_message(true, 'looked', 'on')});
	wait_until { $stream->stdout =~ /"looked"/ } "$name: the changes";
	$stream->stop;
	my $snapshot = relay_start(command => 'tail', args => [ @args, '--snapshot.mode=initial' ]);
	$snapshot->wait_for_log(qr/snapshot is done/);
	$snapshot->stop;
	my $incremental = relay_start(command => 'tail',
		args => [ @args, '--snapshot.mode=never', '--signal.enabled.channels=source', '--snapshot.chunk.size=3' ]);
	$incremental->wait_for_log(qr/streaming database/);
	sql(q{SELECT pg_logical_emit_message(true, 'walrelay',
		'signal {"id":"v","type":"execute-snapshot","data":{"data-collections":[".*"]}}')});
	$incremental->wait_for_log(qr/incremental snapshot is done/);
	$incremental->stop;
	my %tables = map { $_->{value}{source}{table} => 1 } grep { $_->{value} } $stream->events;
	delete $tables{''};    # logical messages
	is_deeply(rows_of($snapshot, $_), rows_of($stream, $_), "$name: $_") for sort keys %tables;
	my %keyed = map { $_->{value}{source}{table} => 1 } grep { $_->{value} && defined $_->{key} } $stream->events;
	delete $keyed{''};
	cmp_ok(scalar keys %keyed, '>', 0, "$name: there are tables with a key");
	is_deeply(rows_of($incremental, $_), rows_of($stream, $_), "$name: $_, incrementally") for sort keys %keyed;
	is_deeply([ grep { $_->{value}{op} ne 'r' } grep { $_->{value} && $_->{value}{source}{table} ne '' } $incremental->events ],
		[], "$name: rows that are read, no changes");
	unlike($incremental->stderr, qr/E1243|E1299/, "$name: and no table was given up");
	return ($stream, $snapshot);
}

# ---- what the server cannot print ----
sql(<<'SQL');
CREATE TYPE broken;
CREATE FUNCTION broken_in(cstring) RETURNS broken LANGUAGE internal IMMUTABLE STRICT AS 'oidin';
CREATE FUNCTION broken_out(broken) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'enum_out';
CREATE TYPE broken (INPUT = broken_in, OUTPUT = broken_out, LIKE = oid);
CREATE TABLE unsendable (id int PRIMARY KEY, b broken, c text, d broken, n int);
CREATE TABLE keyless (b broken[], n int);
CREATE TYPE mood_not_there AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE moods (id int PRIMARY KEY, m mood_not_there, a mood_not_there[]);
SQL
my (undef, $snapshot) = both(
	'values that cannot be printed',
	q{INSERT INTO unsendable SELECT i, CASE WHEN i % 100 = 7 THEN '1'::broken END, 'c' || i,
		CASE WHEN i % 200 = 7 THEN '1'::broken END, NULLIF(i % 3, 0) FROM generate_series(1, 500) i},
	q{INSERT INTO keyless VALUES ('{}', 1), ('{NULL,1}', 2), (NULL, 3)},
	q{INSERT INTO moods VALUES (1, 'sad', '{ok,happy}'), (2, 'happy', NULL)});
like($snapshot->stderr, qr/snapshot is done: 3 tables, 505 rows/, 'every row is there');
unlike($snapshot->stderr, qr/E124/, 'and no table was given up');
sql('DROP TABLE unsendable, keyless, moods');

# ---- every type, and what its values may be ----
for my $set (qw(types arrays defaults more names notnull))
{
	my @setup = slurp("$FindBin::Bin/golden/$set.sql");
	my $dml = slurp("$FindBin::Bin/golden/$set.dml.sql");

	sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
	sql($_) for @setup;
	both($set, $dml);
}

done_testing();
