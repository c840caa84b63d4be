# 081_gentle_kafka.pl: rows that wait because the slot keeps too much WAL, in a real Kafka and both
# modes of delivery: the round ends, changes stream, a relay is killed meanwhile, and the rest comes
# at a new position.  And rows of a table that is read while changes stream.
# needs: kafka
# takes: 90 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Lab;
use Walrelay;
use Test::More;

my $source = new_source(conf => "max_replication_slots = 12\nmax_wal_senders = 20\n");
lab($source, kafka());

# The slots are looked at every 10 s: at this rate there is much left to be read then.
my %args = map {
	my $name = $_;
	$name => [ "--table.include.list=$name\\..*", '--snapshot.mode=initial', '--snapshot.chunk.size=100',
		'--snapshot.rate.limit=200', '--snapshot.max.retained.bytes=32MB', '--message.prefix.exclude.list=.*',
		$name eq 'kept_once' ? '--delivery=exactly-once' : () ]
} qw(kept_least kept_once);

sub metric { my ($relay, $name) = @_; my ($value) = page($relay, 'metrics')->{content} =~ /^walrelay_\Q$name\E (\S+)$/m; return $value // ''; }

my %relay;
for my $name (sort keys %args)
{
	sql("CREATE SCHEMA $name; CREATE TABLE $name.t (id int PRIMARY KEY, v text) WITH (fillfactor = 50); INSERT INTO $name.t SELECT i, 'before' FROM generate_series(1, 4000) i");
	slot_new($name);
	$relay{$name} = start($name, @{ $args{$name} });
}
for my $name (sort keys %args)
{
	wait_until { metric($relay{$name}, 'snapshot_rows') > 0 } "$name: the first rows";
}
sql("SELECT count(pg_logical_emit_message(false, 'fill', repeat('x', 1000000))) FROM generate_series(1, 48)");
for my $name (sort keys %args)
{
	$relay{$name}->wait_for_log(qr/slot "$name" keeps \d\d MB of WAL, more than snapshot.max.retained.bytes/);
	sql("UPDATE $name.t SET v = 'changed' WHERE id % 10 = 0; DELETE FROM $name.t WHERE id % 10 = 1; INSERT INTO $name.t VALUES (5000, 'new')");
	my $lsn = lsn();
	wait_until { sql("SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = '$name'") eq 't' } "$name: changes stream";
	my $rows = metric($relay{$name}, 'snapshot_rows');
	cmp_ok($rows, '<', 4000, "$name: in the middle, after $rows rows");
	is(metric($relay{$name}, 'snapshot_holds_stream'), 0, "$name: nothing holds the stream");
	$relay{$name}->kill9;
	$relay{$name} = start($name, @{ $args{$name} });
	$relay{$name}->wait_for_log(qr/the snapshot goes on with what is missing/);
	$relay{$name}->{before} = $rows;
}
for my $name (sort keys %args)
{
	my @opt = $name eq 'kept_once' ? (committed => 1) : ();
	$relay{$name}->wait_for_log(qr/snapshot is done: 1 tables, \d+ rows/);
	# While changes stream: the same rate.
	sql("CREATE TABLE $name.s (id int PRIMARY KEY); INSERT INTO $name.s SELECT generate_series(1, 1000)");
	my ($status, undef, $stderr) = relay_run('snapshot', 'start', "$name.s", settings($name, @{ $args{$name} }));
	is($status, 0, "$name: a signal") or diag $stderr;
	wait_until { metric($relay{$name}, 'snapshot_waiting{reason="rate"}') eq '1' } "$name: it waits";
	my $began = time;
	$relay{$name}->wait_for_log(qr/incremental snapshot is done/);
	cmp_ok(time - $began, '>=', 1, "$name: it took its time");
	sql("INSERT INTO $name.t VALUES (6000, 'end')");
	my $lsn = lsn();
	wait_until { sql("SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = '$name'") eq 't' } "$name: the end";
	is($relay{$name}->stop, 0, "$name: ends well");
	my (%there, $again);
	my $events = 0;
	for my $record (read_topic("$name.$name.t", @opt))
	{
		my ($id, $value) = ($record->{key}{id}, $record->{value});
		next if !defined $value;
		$events++ if $value->{op} eq 'r';
		if ($value->{op} eq 'd') { delete $there{$id}; next; }
		$again++ if $value->{op} eq 'r' && ($there{$id} // '') eq 'before';
		$there{$id} = $value->{after}{v};
	}
	is_deeply(\%there, { map { split /\|/ } split /\n/, sql("SELECT id, v FROM $name.t") }, "$name: what was sent is what there is");
	# At least once a chunk of each connection may come again.
	cmp_ok($again // 0, '<=', $name eq 'kept_once' ? 0 : 2 * 250, "$name: no more twice than may be");
	is_deeply([ sort { $a <=> $b } map { $_->{key}{id} } grep { $_->{value}{op} eq 'r' } read_topic("$name.$name.s", @opt) ], [ 1 .. 1000 ], "$name: and all its rows");
	cmp_ok($events, '>', $relay{$name}{before}, "$name: $events rows, of them some after the pause");
}
done_testing();
