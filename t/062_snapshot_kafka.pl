# 062_snapshot_kafka.pl: rows that were there before, in a real Kafka: modes, marks, relays that
# die in the middle of it in both modes of delivery, connections that do, rows and schemas that
# nobody takes.
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Walrelay;
use Test::More;

my $source = new_source(conf => "max_replication_slots = 40\nmax_wal_senders = 40\nmax_connections = 150\nmax_prepared_transactions = 10\n");

sub sql { return $source->safe_psql('postgres', $_[0]); }

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
INSERT INTO $name.k SELECT i, 'first', repeat(chr(65 + i % 26), 3000) FROM generate_series(1, 4000) i;
CREATE TABLE $name.nokey (id int, v text, pad text) WITH (fillfactor = 20);
INSERT INTO $name.nokey SELECT i, 'first', repeat('p', 100) FROM generate_series(1, 1000) i;
SQL
	return;
}

sub tables_change
{
	my ($name) = @_;
	# One out of each sort, all over the table, so that all of them hit what was read and what was not.
	sql("UPDATE $name.k SET v = 'changed' WHERE id % 10 = 1; DELETE FROM $name.k WHERE id % 10 = 2;"
		  . "UPDATE $name.k SET id = id + 100000 WHERE id % 10 = 3; DELETE FROM $name.k WHERE id % 10 = 4;");
	sql("VACUUM $name.k");
	sql("INSERT INTO $name.k SELECT i, 'new', repeat('n', 3000) FROM generate_series(200001, 200600) i;"
		  . "INSERT INTO $name.k SELECT i, 'again', repeat('a', 3000) FROM generate_series(1, 4000) i WHERE i % 10 = 4;"
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
	for (split /\n/, sql("SELECT id, v, md5(long) || ':' || length(long) FROM $name.k"))
	{
		my ($id, $v, $long) = split /\|/;
		$there{$id} = "$v $long";
	}
	my %came = map { my $l = ref $rows{$_}{long} ? join(':', @{ $rows{$_}{long} }) : $rows{$_}{long}; $_ => "$rows{$_}{v} " . ($l // 'none') } keys %rows;
	is(scalar(keys %came), scalar(keys %there), "$name: as many rows");
	my @differ = grep { ($came{$_} // '') ne ($there{$_} // '') } sort { $a <=> $b } keys %{ { %came, %there } };
	is(scalar(@differ), 0, "$name: each as it is in the table")
	  or diag map { "$_: $came{$_} / $there{$_}\n" } @differ[ 0 .. 3 ];
	return;
}

for my $delivery (qw(at-least-once exactly-once))
{
	my $name = $delivery =~ /^at/ ? 'least' : 'once';
	my @args = ("--kafka.delivery=$delivery", '--snapshot.mode=initial', '--snapshot.chunk.size=50',
		'--progress.interval.ms=100ms', '--admin.listen=127.0.0.1:' . free_port());
	my ($admin) = $args[-1] =~ /=(.*)/;
	tables_make($name);
	slot_new($name);
	my $relay = start($name, @args);
	# in the middle: some of the first table is written down
	my $progress = qx('$root/t/lib/venv'); chomp $progress;
	my $noted = sub { return scalar qx('$progress' '$root/t/lib/read_values.py' $name.progress --bootstrap @{[kafka()]}); };
	wait_until { $noted->() =~ /"relid":\d+.*"rows":[1-9]/ } "$name: something written down";
	$relay->signal('STOP');
	diag $relay->stderr;
	diag $noted->() =~ s/.*\n(.*\n)/$1/sr;
	$relay->kill9;
	tables_change($name);
	$relay = start($name, @args);
	$relay->wait_for_log(qr/snapshot is done/);
	diag $relay->stderr;
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
	my $twice = grep { $_ > 1 } values %reads;
	diag "$name: $twice keys read twice of ", scalar keys %reads;
	is(scalar(grep { $_ > 1 } values %times), 0, "$name: none twice at a position") if $delivery =~ /^ex/;
	my %nokey;
	$nokey{ $_->{value}{after}{id} }{ $_->{value}{op} }++ for records($name, 'nokey', @opt);
	is(scalar(grep { $_ <= 1000 } keys %nokey), 1000, "$name: all rows of a table without key");
	is(scalar(grep { $_ > 2000 && $_ < 3000 } keys %nokey), 100, "$name: and the new ones");
	is(scalar(grep { ($_->{r} // 0) + ($_->{c} // 0) > 1 } values %nokey), 0, "$name: none of them twice") if $delivery =~ /^ex/;
}

# ---- modes ----
sql(<<'SQL');
CREATE SCHEMA few; CREATE TABLE few.a (id int PRIMARY KEY, v text); INSERT INTO few.a SELECT i, 'v' FROM generate_series(1, 50) i;
CREATE TABLE few.b (); CREATE TABLE few.c (id int);
CREATE SCHEMA empty; CREATE TABLE empty.a (id int PRIMARY KEY); CREATE TABLE empty.b (id int);
CREATE SCHEMA bare;
SQL
for my $mode (qw(at-least-once exactly-once))
{
	for my $name (qw(few empty bare))
	{
		my $n = $name . ($mode =~ /^ex/ ? '_x' : '');
		my @a = ("--slot.name=$n", "--kafka.topic.prefix=$n", '--snapshot.mode=initial_only', "--kafka.delivery=$mode");
		is((relay_run('slot', 'create', settings($name, @a)))[0], 0, "$n: slot");
		my $relay = relay_start(name => "$n" . $starts++, args => [ settings($name, @a) ]);
		my $status = eval { $relay->wait_exit(8) };
		is($status, 0, "$n: initial_only ends") or do { $relay->kill9; };
		diag $relay->stderr;
		$relay = relay_start(name => "$n" . $starts++, args => [ settings($name, @a) ]);
		$status = eval { $relay->wait_exit(8) };
		is($status, 0, "$n: second initial_only ends") or do { $relay->kill9; };
		diag $relay->stderr;
	}
}
done_testing();
