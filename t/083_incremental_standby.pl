# 083_incremental_standby.pl: rows of an incremental snapshot that are read on a standby, whose
# replay lags and stops, while the tables are written, truncated and altered on the primary; and
# a standby that is streamed, with rows that are read on its primary.
# takes: 60 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Pipe;
use Walrelay;
use Test::More;

my $source = new_source(conf => "log_statement = all\nmax_replication_slots = 12\nmax_wal_senders = 20\n", allows_streaming => 'logical');

sub sql { return $source->safe_psql('postgres', $_[0]); }

# signal ID, TABLES: has them read
sub signal
{
	my ($id, $tables) = @_;
	sql(qq{SELECT pg_logical_emit_message(true, 'walrelay', 'signal {"id":"$id","type":"execute-snapshot","data":{"data-collections":["$tables"]}}')});
}

sql(<<'SQL');
CREATE TABLE a (id int PRIMARY KEY, v text);
INSERT INTO a SELECT i, 'old' FROM generate_series(1, 3000) i;
CREATE TABLE b (k text COLLATE "C", n int, v text, PRIMARY KEY (k, n));
INSERT INTO b SELECT 'k' || i % 7, i, 'old' FROM generate_series(1, 1000) i;
CREATE TABLE gone (id int PRIMARY KEY);
INSERT INTO gone SELECT generate_series(1, 2000);
SQL
$source->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($source, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\nmax_standby_streaming_delay = -1\n");
$standby->start;
$source->wait_for_catchup($standby);

my $relay = relay_start(
	name => 'standby', command => 'tail',
	args => [
		'--source.conninfo=' . $source->connstr('postgres'), '--snapshot.conninfo=' . $standby->connstr('postgres'),
		'--topic.prefix=p', '--admin.log.format=text', '--signal.enabled.channels=source', '--snapshot.chunk.size=100',
		'--snapshot.max.threads=2', '--skipped.operations=none' ]);
$relay->wait_for_log(qr/streaming database/);

# final EVENTS, TABLE: key => value of the rows that a consumer has in the end; and how many were read
sub final
{
	my ($events, $table) = @_;
	my (%rows, $reads);
	for my $event (grep { $_->{value} && $_->{value}{source}{table} eq $table } @$events)
	{
		my $value = $event->{value};
		$reads++ if $value->{op} eq 'r';
		%rows = () if $value->{op} eq 't';
		my $key = join '/', map { $event->{key}{$_} } sort keys %{ $event->{key} // {} };
		if ($value->{after}) { $rows{$key} = $value->{after}{v} // '' }
		else { delete $rows{$key} }
	}
	return \%rows, $reads;
}

# caught_up: all events, when a row that is written now has come
my $marks = 0;
sub caught_up
{
	my $mark = 'mark' . ++$marks;
	sql("INSERT INTO a VALUES (" . (100000 + $marks) . ", '$mark')");
	my @events;
	wait_until { @events = $relay->events; grep { $_->{value} && $_->{value}{after} && ($_->{value}{after}{v} // '') eq $mark } @events } 'the stream to catch up';
	return @events;
}

# ---- what is written meanwhile is newer than what the standby says ----
signal('one', 'public[.](a|b)');
for my $i (1 .. 200)
{
	sql("UPDATE a SET v = 'new$i' WHERE id = 1 + ($i * 17) % 3000; UPDATE b SET v = 'new$i' WHERE n = 1 + ($i * 13) % 1000; "
		. "DELETE FROM a WHERE id = 1 + ($i * 29) % 3000; INSERT INTO a VALUES (5000 + $i, 'made')");
}
$relay->wait_for_log(qr/incremental snapshot is done/);
unlike(slurp($source->logfile), qr/COPY \(SELECT/, 'no row was read on the primary');
like(slurp($standby->logfile), qr/COPY \(SELECT/, 'but on the standby');
my @events = caught_up();
for (['a', 'id'], ['b', q{k || '/' || n}])
{
	my ($table, $key) = @$_;
	my ($rows, $reads) = final(\@events, $table);
	my %there = map { split /\|/ } split /\n/, sql("SELECT $key, v FROM $table");
	is_deeply($rows, \%there, "$table: what a consumer has is what there is");
	cmp_ok($reads, '>', 900, "$table: rows were read");
}
# ---- a standby that replays nothing gives nothing old ----
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_pause()');
wait_until { $standby->safe_psql('postgres', 'SELECT pg_get_wal_replay_pause_state()') eq 'paused' } 'replay to pause';
sql("UPDATE a SET v = 'behind' WHERE id BETWEEN 1 AND 500; TRUNCATE gone; INSERT INTO gone VALUES (7)");
my $before = () = grep { $_->{value} && $_->{value}{op} eq 'r' } caught_up();
signal('two', 'public[.](a|gone)');
$relay->wait_for_log(qr/signal execute-snapshot two: 2 tables/);
my $still = () = grep { $_->{value} && $_->{value}{op} eq 'r' } caught_up();
is($still, $before, 'nothing is read while the standby has not got there');
$standby->safe_psql('postgres', 'SELECT pg_wal_replay_resume()');
wait_until { () = $relay->stderr =~ /incremental snapshot is done/g; (() = $relay->stderr =~ /incremental snapshot is done/g) == 2 } 'the second one to be done';
@events = caught_up();
my ($rows) = final(\@events, 'a');
is_deeply($rows, { map { split /\|/ } split /\n/, sql('SELECT id, v FROM a') }, 'a: what a consumer has is what there is');
my ($gone) = final(\@events, 'gone');
is_deeply([ keys %$gone ], [7], 'gone: nothing of what was truncated comes back');

# ---- a truncation between the rows and their watermark ----
sql('TRUNCATE gone; INSERT INTO gone SELECT generate_series(1, 20000)');
$source->wait_for_catchup($standby);
signal('three', 'public[.]gone');
sql("TRUNCATE gone; INSERT INTO gone VALUES ($_)") for 1 .. 30;
wait_until { (() = $relay->stderr =~ /incremental snapshot is done/g) == 3 } 'the third one to be done';
@events = caught_up();
($gone) = final(\@events, 'gone');
is_deeply([ keys %$gone ], [30], 'gone: nothing of what was truncated meanwhile comes back');
# On a busy machine no reading fits between two truncations, which is told.
unlike($relay->stderr =~ s/warn: E1243: table "public\.gone"//gr, qr/warn|error/, 'no warning');
is($relay->stop, 0, 'ends well');

# ---- a server that is not a standby of it ----
my $other = PostgreSQL::Test::Cluster->new('other');
$other->init;
$other->start;
$other->safe_psql('postgres', 'CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT i, $$other$$ FROM generate_series(1, 10) i');
$relay = relay_start(
	name => 'other', command => 'tail',
	args => [
		'--source.conninfo=' . $source->connstr('postgres'), '--snapshot.conninfo=' . $other->connstr('postgres'),
		'--topic.prefix=p', '--admin.log.format=text', '--signal.enabled.channels=source' ]);
$relay->wait_for_log(qr/streaming database/);
signal('four', 'public[.]a');
$relay->wait_for_log(qr/E1246.*another cluster.*HINT:  Point it at a standby of the source/s);
ok(!(grep { $_->{value} && $_->{value}{op} eq 'r' } caught_up()), 'nothing is read there, and changes go on');
is($relay->stop, 0, 'ends well');

# ---- a standby is streamed: its primary has the rows ----
sub streams_standby
{
	my ($name, @args) = @_;
	$relay = relay_start(
		name => $name, command => 'tail',
		args => [ '--source.conninfo=' . $standby->connstr('postgres'), '--topic.prefix=p', '--admin.log.format=text',
			'--signal.enabled.channels=source', '--snapshot.chunk.size=100', '--skipped.operations=none', @args ]);
	# a standby begins to decode at such a record
	wait_until { sql('SELECT pg_log_standby_snapshot()'); !$relay->is_running || $relay->stderr =~ /streaming database|E1241/ } "$name: to stream";
	return;
}

# written STATEMENT COUNT: while the relay reads
sub written
{
	my ($count) = @_;
	sql("UPDATE a SET v = 'while$_' WHERE id = 1 + ($_ * 31) % 3000; INSERT INTO a VALUES (200000 + $marks * 1000 + $_, 'made');"
		. "DELETE FROM a WHERE id = 5000 + $_") for 1 .. $count;
	return;
}

SKIP:
{
	skip 'standbys decode from PostgreSQL 16 on', 1
	  if $source->safe_psql('postgres', q{SELECT current_setting('server_version_num')}) < 160000;
	my @there = ("--snapshot.conninfo=" . $source->connstr('postgres'), '--snapshot.max.threads=2');
	my $all = sub { return { map { split /\|/ } split /\n/, sql('SELECT id, v FROM a') } };

	streams_standby('stream', '--snapshot.mode=never');
	signal('nowhere', 'public[.]a');
	$relay->wait_for_log(qr/E1241.*HINT:  source.conninfo is a standby: set snapshot.conninfo to its primary/s);
	ok(!(grep { $_->{value} && $_->{value}{op} eq 'r' } caught_up()), 'a standby without its primary: nothing is read, and changes go on');
	is($relay->stop, 0, 'ends well');

	streams_standby('watermarks', '--snapshot.mode=never', @there);
	signal('primary', 'public[.](a|b)');
	written(200);
	$relay->wait_for_log(qr/incremental snapshot is done/);
	($rows, my $reads) = final([ caught_up() ], 'a');
	is_deeply($rows, $all->(), 'a standby and its primary: what a consumer has is what there is');
	cmp_ok($reads, '>', 900, 'rows were read');
	unlike($relay->stderr, qr/warn|error/, 'no warning');
	is($relay->stop, 0, 'ends well');

	# its rows are of a position that the standby need not have replayed yet
	$standby->safe_psql('postgres', 'ALTER SYSTEM SET recovery_min_apply_delay = 300');
	$standby->reload;
	sql("SELECT pg_logical_emit_message(true, 'late', 'x')");
	streams_standby('first', '--snapshot.mode=initial', @there);
	written(200);
	$relay->wait_for_log(qr/snapshot is done/);
	($rows, $reads) = final([ caught_up() ], 'a');
	is_deeply($rows, $all->(), 'a first snapshot: what a consumer has is what there is');
	cmp_ok($reads, '>', 3000, 'rows were read');
	is($relay->stop, 0, 'ends well');

	streams_standby('refused', '--snapshot.mode=initial');
	is($relay->wait_exit, 78, 'a first snapshot on a standby alone: an error of the settings');
	like($relay->stderr, qr/E1241: a snapshot cannot be taken on a standby.*HINT:.*snapshot\.conninfo/s, 'that says what to set');
}
done_testing();
