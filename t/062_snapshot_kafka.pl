# 062_snapshot_kafka.pl: rows that were there before, in a real Kafka: modes, marks, relays that
# die in the middle of it in both modes of delivery, connections that do, rows and schemas that
# nobody takes.
# needs: kafka
# takes: 40 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP ();
use Marks;
use Walrelay;
use Test::More;

my $source = new_source(conf => "max_replication_slots = 40\nmax_wal_senders = 40\n");

sub sql { return $source->safe_psql('postgres', $_[0]); }

my $run = $ENV{RUN} // '';    # tells runs apart that share a broker

# settings NAME, ARGS: of a relay with a slot, topics and a schema of tables of that name
sub settings
{
	my ($name, @args) = @_;
	return ('--source.conninfo=' . $source->connstr('postgres'), "--slot.name=$name",
		"--kafka.topic.prefix=$name", '--bootstrap.servers=' . kafka(), '--registry.url=' . registry(),
		'--retry.backoff.max.ms=300ms', '--status.interval.ms=200ms', '--admin.log.format=text',
		"--table.include.list=$name\\..*", @args);
}

sub slot_new { my ($name) = @_; is((relay_run('slot', 'create', settings($name)))[0], 0, "$name: slot"); return; }

# start NAME, ARGS: a relay
my $starts = 0;
sub start { my ($name, @args) = @_; return relay_start(name => "$name" . $starts++, args => [ settings($name, @args) ]); }

# records NAME, TABLE, COMMITTED: of a table's topic
sub records { my ($name, $table, @opt) = @_; return read_topic("$name.$name.$table", cut => 100, @opt); }

# ---- a transaction under way keeps the snapshot from beginning ----
# It is told after ten seconds: the rest of this file goes on meanwhile, on another server.
my $other = new_source(name => 'other', conf => "max_prepared_transactions = 2\n");
my $waits = "${run}waits";
my @elsewhere = ('--source.conninfo=' . $other->connstr('postgres'), '--snapshot.mode=initial');
$other->safe_psql('postgres', "CREATE SCHEMA $waits; CREATE TABLE $waits.k (id int PRIMARY KEY); INSERT INTO $waits.k VALUES (1)");
is((relay_run('slot', 'create', settings($waits, @elsewhere)))[0], 0, "$waits: slot");
$other->safe_psql('postgres', "BEGIN; INSERT INTO $waits.k VALUES (2); PREPARE TRANSACTION 'old'");
my $waiting = start($waits, @elsewhere);

# ---- what dies in the middle ----
# Rows are changed, deleted, inserted, moved and given other keys between the two processes;
# long values lie elsewhere and are not touched by most changes.
sub tables_make
{
	my ($name) = @_;
	sql(<<"SQL");
CREATE SCHEMA $name;
CREATE TABLE $name.k (id int PRIMARY KEY, v text, long text) WITH (fillfactor = 20);
ALTER TABLE $name.k ALTER long SET STORAGE EXTERNAL;
INSERT INTO $name.k SELECT i, 'first', repeat(chr(65 + i % 26), 3000) FROM generate_series(1, 1500) i;
CREATE TABLE $name.nokey (id int, v text, pad text) WITH (fillfactor = 20);
INSERT INTO $name.nokey SELECT i, 'first', repeat('p', 100) FROM generate_series(1, 500) i;
SQL
	return;
}

sub tables_change
{
	my ($name) = @_;
	# One out of each sort, all over the table, so that all of them hit what was read and what was not.
	sql("UPDATE $name.k SET v = 'changed' WHERE id % 10 = 1; DELETE FROM $name.k WHERE id % 10 = 2;"
		  . "UPDATE $name.k SET id = id + 100000, long = long || '' WHERE id % 10 = 3; DELETE FROM $name.k WHERE id % 10 = 4;");
	sql("VACUUM $name.k");
	sql("INSERT INTO $name.k SELECT i, 'new', repeat('n', 3000) FROM generate_series(200001, 200600) i;"
		  . "INSERT INTO $name.k SELECT i, 'again', repeat('a', 3000) FROM generate_series(1, 1500) i WHERE i % 10 = 4;"
		  . "UPDATE $name.k SET v = 'twice' WHERE id % 20 = 1; UPDATE $name.k SET v = 'last' WHERE id % 40 = 1;"
		  . "INSERT INTO $name.nokey SELECT i, 'new', 'q' FROM generate_series(2001, 2100) i;"
		  . "BEGIN; UPDATE $name.k SET v = 'never' WHERE id % 7 = 0; ROLLBACK");
	return;
}

# What whoever folds the records has, by id, and what the table has.
sub is_folded
{
	my ($name, @records) = @_;
	my %rows;
	my %newest;
	my $bad = 0;
	for my $record (@records)
	{
		my $id = $record->{key}{id};
		if (!defined $record->{value} || $record->{value}{op} eq 'd') { delete $rows{$id}; next; }
		my $after = $record->{value}{after};
		my $long = $after->{long};
		# A value that an update has left alone stays what it was.
		if (($long // '') eq '__debezium_unavailable_value') { $long = $rows{$id}{long}; $bad++ if !defined $long; }
		$rows{$id} = { v => $after->{v}, long => $long };
	}
	my %there;
	for (split /\n/, sql("SELECT id, v, CASE WHEN length(long) > 100 THEN md5(long) || ':' || length(long) ELSE long END FROM $name.k"))
	{
		my ($id, $v, $long) = split /\|/;
		$there{$id} = "$v $long";
	}
	my %came = map { my $l = $rows{$_}{long}; $l = "$l->{'$md5'}:$l->{'$length'}" if ref $l; $_ => "$rows{$_}{v} " . ($l // 'none') } keys %rows;
	is(scalar(keys %came), scalar(keys %there), "$name: as many rows");
	my @differ = grep { ($came{$_} // '') ne ($there{$_} // '') } sort { $a <=> $b } keys %{ { %came, %there } };
	is(scalar(@differ), 0, "$name: each as it is in the table")
	  or diag map { "$_: $came{$_} / $there{$_}\n" } @differ[ 0 .. 3 ];
	return;
}

for my $delivery (qw(at-least-once exactly-once))
{
	my $name = $delivery =~ /^at/ ? "${run}least" : "${run}once";
	my @args = ("--kafka.delivery=$delivery", '--snapshot.mode=initial', '--snapshot.chunk.size=50',
		'--progress.interval.ms=100ms', '--admin.listen=127.0.0.1:' . free_port());
	my ($admin) = $args[-1] =~ /=(.*)/;
	tables_make($name);
	slot_new($name);
	my $relay = start($name, @args, '--snapshot.rate.limit=50');
	# in the middle: some of the first table is written down; at that rate all takes 40 s
	my $progress = qx('$root/t/lib/venv'); chomp $progress;
	my $noted = sub { return scalar qx('$progress' '$root/t/lib/read_values.py' $name.progress --bootstrap @{[kafka()]}); };
	wait_until { $noted->() =~ /"relid":\d+.*"rows":[1-9]/ } "$name: something written down";
	$relay->signal('STOP');
	unlike($relay->stderr, qr/snapshot is done/, "$name: in the middle");
	$relay->kill9;
	tables_change($name);
	$relay = start($name, @args);
	$relay->wait_for_log(qr/the snapshot goes on with what is missing.*snapshot is done/s);
	sql("INSERT INTO $name.k VALUES (999999, 'end', 'x'); INSERT INTO $name.nokey VALUES (999999, 'end', 'x')");
	wait_for_slot($source, $name);
	is($relay->stop, 0, "$name: ends well");
	my @opt = $delivery =~ /^ex/ ? (committed => 1) : ();
	my @k = records($name, 'k', @opt);
	is_folded($name, @k);
	my %times;
	$times{ ($_->{key}{id} // '') . '/' . $_->{value}{source}{lsn} }++ for grep { $_->{value} } @k;
	my %reads;
	$reads{ $_->{key}{id} }++ for grep { $_->{value} && $_->{value}{op} eq 'r' } @k;
	# Those that changed meanwhile come again on purpose.
	my $again = grep { $_ <= 1500 && ($_ % 10) !~ /[1234]/ && $reads{$_} > 1 } keys %reads;
	cmp_ok($again, '<=', $delivery =~ /^ex/ ? 0 : 2 * 60, "$name: no more than a chunk of each thread comes again");
	is(scalar(grep { $_ > 1 } values %times), 0, "$name: none twice at a position") if $delivery =~ /^ex/;
	my %nokey;
	$nokey{ $_->{value}{after}{id} }{ $_->{value}{op} }++ for records($name, 'nokey', @opt);
	is(scalar(grep { $_ <= 500 } keys %nokey), 500, "$name: all rows of a table without key");
	is(scalar(grep { $_ > 2000 && $_ < 3000 } keys %nokey), 100, "$name: and the new ones");
	is(scalar(grep { $_ <= 500 && $nokey{$_}{r} != 1 } keys %nokey), 0, "$name: none of them twice") if $delivery =~ /^ex/;
}

# ---- modes ----
for my $delivery (qw(at-least-once exactly-once))
{
	my $suffix = $run . ($delivery =~ /^ex/ ? '_once' : '');
	my @delivery = ("--kafka.delivery=$delivery", '--progress.interval.ms=100ms');
	sql(<<"SQL");
CREATE SCHEMA few$suffix; CREATE TABLE few$suffix.a (id int PRIMARY KEY, v text); INSERT INTO few$suffix.a SELECT i, 'v' FROM generate_series(1, 50) i;
CREATE TABLE few$suffix.b (); CREATE TABLE few$suffix.c (id int);
CREATE SCHEMA empty$suffix; CREATE TABLE empty$suffix.a (id int PRIMARY KEY); CREATE TABLE empty$suffix.b (id int);
CREATE SCHEMA bare$suffix;
SQL
	for my $name ("few$suffix", $suffix =~ /once/ ? () : ("empty$suffix", "bare$suffix"))
	{
		slot_new($name);
		for my $start ('first', 'second')
		{
			my $relay = start($name, @delivery, '--snapshot.mode=initial_only');
			is($relay->wait_exit, 0, "$name: initial_only ends, $start start");
			like($relay->stderr, $start eq 'first' ? qr/snapshot is done/ : qr/there is nothing to be read/, "$name: says so");
		}
	}
	my $name = "few$suffix";
	my @opt = $delivery =~ /^ex/ ? (committed => 1) : ();
	for (['initial', 0], ['never', 0], ['always', 50], ['always', 50])
	{
		my ($mode, $rows) = @$_;
		my $relay = start($name, @delivery, "--snapshot.mode=$mode");
		$relay->wait_for_log($rows ? qr/snapshot is done: 3 tables, $rows rows/ : qr/streaming database/);
		sql("UPDATE $name.a SET v = v || 'x' WHERE id = 1");
		wait_for_slot($source, $name);
		is($relay->stop, 0, "$name: $mode ends well");
	}
	my $rows = 'r' x 50;
	is(join('', map { $_->{value}{op} } records($name, 'a', @opt)), "${rows}uu${rows}u${rows}u",
		"$name: rows by initial_only, none by initial and never, again by always");
}

# ---- what fails meanwhile: the stream's connection, then the whole server ----
my $lost = "${run}lost";
tables_make($lost);
slot_new($lost);
{
	my $relay = start($lost, '--snapshot.mode=initial', '--snapshot.chunk.size=10');
	my $streams = sub { return scalar(() = $relay->stderr =~ /streaming database/g); };
	$relay->wait_for_log(qr/snapshot of 2 tables begins/);
	sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '$lost'");
	wait_until { $streams->() == 2 } 'the stream again';
	$source->stop('immediate');
	$source->start;
	$relay->wait_for_log(qr/snapshot is done/);
	wait_until { $streams->() >= 3 } 'the stream again';
	wait_for_slot($source, $lost);
	is($relay->stop, 0, "$lost: ends well");
	is_folded($lost, records($lost, 'k'));
}

# ---- exactly once, a Kafka transaction with the first rows is given up ----
# They come again, marked as they were.  A table keeps it open whose rows are not sent until told;
# a lock on it would be waited for ahead of the snapshot.
my $given = "${run}given";
sql("CREATE SCHEMA $given; CREATE TABLE $given.k (id int PRIMARY KEY, v text) WITH (fillfactor = 10);"
	  . "INSERT INTO $given.k SELECT i, repeat('v', 300) FROM generate_series(1, 40) i;"
	  . "CREATE FUNCTION $given.send(bigint) RETURNS bytea LANGUAGE plpgsql AS 'BEGIN"
	  . " LOOP EXIT WHEN pg_try_advisory_xact_lock_shared(62); PERFORM pg_sleep_for(''10 ms''); END LOOP; RETURN int8send(\$1); END';"
	  . "CREATE DOMAIN $given.big AS bigint; CREATE TABLE $given.slow (id int PRIMARY KEY, v $given.big); INSERT INTO $given.slow VALUES (1, 1);"
	  . "UPDATE pg_type SET typsend = '$given.send(bigint)'::regprocedure WHERE oid = '$given.big'::regtype");
slot_new($given);
{
	my $holder = "FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND objid = 62";
	my $lock = IPC::Run::start([ 'psql', '-XAtq', '-d', $source->connstr('postgres'), '-c',
			'SELECT pg_advisory_lock(62); SELECT pg_sleep_for($$1 hour$$)' ], '<', \undef, '>', \my $out, '2>', \my $err);
	wait_until { sql("SELECT count(*) $holder") } "$given: the lock";
	my $admin = '127.0.0.1:' . free_port();
	my $relay = start($given, '--kafka.delivery=exactly-once', '--progress.interval.ms=60s',
		'--kafka.transaction.timeout.ms=600000', '--snapshot.mode=initial',
		'--snapshot.chunk.size=10', "--admin.listen=$admin");
	wait_until { die $relay->stderr if !$relay->is_running; HTTP::Tiny->new->get("http://$admin/metrics")->{content} =~ /^walrelay_snapshot_rows(?:\{.*\})? [1-9]/m } "$given: rows are sent";
	is(scalar(records($given, 'k', committed => 1)), 0, "$given: and not committed");
	# somebody else has the slot meanwhile, who confirms nothing
	my $active = "FROM pg_replication_slots WHERE slot_name = '$given' AND active_pid IS NOT NULL";
	$relay->signal('STOP');
	sql("SELECT pg_terminate_backend(active_pid) $active");
	wait_until { !sql("SELECT count(*) $active") } "$given: the slot is free";
	my $thief = IPC::Run::start([ 'pg_recvlogical', '-d', $source->connstr('postgres'), '-S', $given, '--start', '--no-loop',
			'-f', '/dev/null', '-s', '0', '-F', '0', '-o', 'format=text' ], '<', \undef, '>', \$out, '2>', \$err);
	wait_until { sql("SELECT count(*) $active") } "$given: the slot is taken";
	$relay->signal('CONT');
	$relay->wait_for_log(qr/E1210/);
	$thief->signal('KILL');
	$thief->finish;
	wait_until { (() = $relay->stderr =~ /streaming database/g) == 2 } "$given: the stream again";
	sql("SELECT pg_terminate_backend(pid) $holder");
	$relay->wait_for_log(qr/snapshot is done: 2 tables, 41 rows/);
	is($relay->stop, 0, "$given: ends well");
	$lock->finish;
	my @rows = map { my $table = $_; map { [ $table, $_->{value}{source}{snapshot} ] } records($given, $table, committed => 1) } qw(k slow);
	is(scalar(@rows), 41, "$given: each row once");
	marks_are($given, [], @rows);
}

$waiting->wait_for_log(qr/E1299: transactions under way keep the snapshot from beginning.*pg_prepared_xacts/s);
unlike($waiting->stderr, qr/snapshot is done/, 'a transaction under way: told');
$other->safe_psql('postgres', "COMMIT PREPARED 'old'");
$waiting->wait_for_log(qr/snapshot is done: 1 tables, 2 rows/);
is($waiting->stop, 0, 'a transaction under way: then it goes on by itself');
my %ids = map { $_->{key}{id} => 1 } records($waits, 'k');
is_deeply(\%ids, { 1 => 1, 2 => 1 }, 'a transaction under way: all rows');
done_testing();
