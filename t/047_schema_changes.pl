# 047_schema_changes.pl: the schema-change topic in a real Kafka, read by a client that
# shares no code with us: kinds of change, positions, and what a relay that starts
# knows of what an earlier one told: no change is missed, none invented.
# needs: kafka
# takes: 80 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use HTTP::Tiny;
use JSON::PP ();
use POSIX ();
use SchemaChanges;
use Walrelay;
use Test::More;

my $seed = $ENV{SEED} // time;
srand $seed;
note("SEED=$seed");

my $source = new_source();
my $broker = kafka_start();
my $registry = registry_start()->address;
# The tables change in ways that consumers of their old schemas would not survive.
my $none = HTTP::Tiny->new->put("$registry/config",
	{ headers => { 'Content-Type' => 'application/json' }, content => '{"compatibility":"NONE"}' });
die "the registry's compatibility cannot be set: $none->{content}" if !$none->{success};
my $prefix = "chg$$";
my $topic = "$prefix.schema-changes";
my @common = (
	'--source.conninfo=' . $source->connstr('postgres'), '--bootstrap.servers=' . $broker->address,
	"--registry.url=$registry", '--include.schema.changes=true', '--skipped.operations=none',
	'--retry.backoff.max.ms=200', '--status.interval.ms=100', '--avro.verify=1');
my @args = (@common, '--slot.name=changes', "--topic.prefix=$prefix");

sub records { return read_topic(shift // $topic, bootstrap => $broker->address, registry => $registry, @_); }

$source->safe_psql('postgres', setup_sql());
is((relay_run('slot', 'create', @args))[0], 0, 'slot create');
$broker->topic_create($topic, 1, 'cleanup.policy=compact');
my $relay = relay_start(args => \@args);
$relay->wait_for_log(qr/streaming database/);

# ---- every kind ----
my @steps = steps();
my (@expected, $half_way);
for my $i (0 .. $#steps)
{
	my ($what, $sql, @lines) = @{ $steps[$i] };
	$source->safe_psql('postgres', $sql);
	push @expected, @lines;
	next if $i != int(@steps / 2);
	# A position from which everything can be sent again: what kill -9 before a
	# confirmation leaves behind.
	wait_for_slot($source, 'changes');
	$source->safe_psql('postgres', q{SELECT pg_copy_logical_replication_slot('changes', 'again')});
	$half_way = @expected;
}
my @records = records($topic, count => scalar @expected);
wait_for_slot($source, 'changes');
@records = records();
is_deeply([ change_lines(@records) ], \@expected, 'all steps, in order, and nothing else');
like($relay->stderr, qr/read 0 records of topic \S*\Q$topic\E\S* back/, 'it was empty before');

# ---- positions: behind the last row before, not behind the first row with it ----
my @wrong;
for my $table ('shop.orders', 'shop.bills', 'attic.bills', 'cellar.bills', 'shop.plain', 'shop.simple')
{
	my @rows = grep { $_->{value} && $_->{value}{after} } records("$prefix.$table");
	my @changes = grep { $_->{value} && "$_->{key}{schema}.$_->{key}{table}" eq $table } @records;

	@wrong = (@wrong, "$table: no rows") if !@rows || !@changes;
	for my $row (@rows)
	{
		my $lsn = $row->{value}{source}{lsn};
		my ($latest) = reverse grep { $_->{value}{position}{lsn} <= $lsn } @changes;
		my $columns = join ' ', sort map { $_->{name} } @{ $latest->{value}{after}{columns} };
		my $has = join ' ', sort keys %{ $row->{value}{after} };
		push @wrong, "$table at $lsn: $has, not $columns" if $has ne $columns;
	}
	for my $change (@changes)
	{
		my $lsn = $change->{value}{position}{lsn};
		next if grep { "@{ $change->{value}{kinds} }" eq $_ } 'column_dropped', 'column_added';
		push @wrong, "$table: no row at $lsn" if !grep { $_->{value}{source}{lsn} == $lsn } @rows;
	}
}
is_deeply(\@wrong, [], 'each row is described by the latest record that is not behind it');
my ($first) = @records;
is_deeply($first->{key}, { schema => 'shop', table => 'orders' }, 'key');
is($first->{value}{before}, undef, 'nothing is known before the first');
my @broken;
my %last;
for my $record (grep { $_->{value} } @records)
{
	my ($value, $relid) = ($record->{value}, $record->{value}{relation}{relid});
	my $json = JSON::PP->new->canonical;
	push @broken, $relid
	  if $last{$relid} && $json->encode($last{$relid}) ne $json->encode($value->{before});
	$last{$relid} = $value->{after};
}
is_deeply(\@broken, [], 'before is what the record before said, for each table');

my $subjects = JSON::PP::decode_json(HTTP::Tiny->new->get("$registry/subjects")->{content});
is_deeply([ grep { /^\Q$topic\E/ } sort @$subjects ], [ "$topic-key", "$topic-value" ], 'subjects');
my $schema = JSON::PP::decode_json(JSON::PP::decode_json(
	HTTP::Tiny->new->get("$registry/subjects/$topic-value/versions/1")->{content})->{schema});
is($schema->{'connect.name'}, 'io.walrelay.SchemaChange', 'Connect sees a name');

# ---- everything from half way on once more: the same bytes ----
is($relay->stop, 0, 'SIGTERM ends it with 0');
$relay = relay_start(args => [ @common, '--slot.name=again', "--topic.prefix=$prefix" ]);
wait_for_slot($source, 'again');
is($relay->stop, 0, 'and the one that repeats');
my @both = records();
is_deeply([ map { [ @$_{qw(key_hex value_hex)} ] } @both[ @records .. $#both ] ],
	[ map { [ @$_{qw(key_hex value_hex)} ] } @records[ $half_way .. $#records ] ],
	'what is sent again is the same, byte by byte, and nothing is invented');
like($relay->stderr, qr/read @{[ scalar @records ]} records of topic/, 'after what was there had been read back');

# ---- changes while no relay runs ----
$relay = relay_start(args => \@args);
$source->safe_psql('postgres', q{INSERT INTO shop.simple VALUES (90)});
wait_for_slot($source, 'changes');
is(scalar records(), scalar @both, 'a table that is as it was is no news after a restart');
$relay->kill9;
$source->safe_psql('postgres', $_) for (
	q{ALTER TABLE shop.simple ADD COLUMN g int; INSERT INTO shop.simple VALUES (91)},
	q{ALTER TABLE shop.simple RENAME TO single; INSERT INTO shop.single VALUES (92)},
	q{ALTER TABLE cellar.bills ALTER COLUMN note SET DEFAULT 'n'; INSERT INTO cellar.bills (nr) VALUES (93)});
$relay = relay_start(args => \@args);
wait_for_slot($source, 'changes');
my @now = records();
is_deeply([ change_lines(@now[ @both .. $#now ]) ],
	[ 'shop.simple column_added g/6:  -> integer', 'shop.single table_renamed : simple -> single',
		'shop.simple TOMBSTONE', q{cellar.bills column_default_changed note/2:  -> 'n'::character varying} ],
	'changes while it was dead, before is what the topic said');

# ---- the broker goes away and comes back: the same memory goes on ----
$broker->kill9;
$source->safe_psql('postgres', q{ALTER TABLE shop.single ADD COLUMN h int; INSERT INTO shop.single VALUES (94)});
$broker->restart;
wait_for_slot($source, 'changes');
my @later = records();
my %once;
is_deeply([ grep { !$once{$_}++ } change_lines(@later[ @now .. $#later ]) ],
	[ 'shop.single column_added h/7:  -> integer' ], 'over an outage of the broker');
is($relay->stop, 0, 'ends with 0');

# ---- kill -9 at random moments, three partitions, tables that are renamed ----
my $storm = "${prefix}k";
my $kills = $ENV{KILLS} // 6;
my @storm_args = (@common, '--slot.name=storm', "--topic.prefix=$storm");
$broker->topic_create("$storm.schema-changes", 3);
$source->safe_psql('postgres', <<'SQL');
CREATE TABLE storm_a (id int); CREATE TABLE storm_b (id int); CREATE TABLE storm_c (id int);
CREATE PROCEDURE storm(steps int, pause float8) LANGUAGE plpgsql AS $$
DECLARE
	t text;
	suffix text := '';
BEGIN
	FOR i IN 1 .. steps LOOP
		FOREACH t IN ARRAY ARRAY['storm_a', 'storm_b', 'storm_c'] LOOP
			EXECUTE format('INSERT INTO %I (id) VALUES (%s)', t || suffix, i);
			COMMIT;
			EXECUTE format('ALTER TABLE %I ADD COLUMN c%s int', t || suffix, i);
			EXECUTE format('INSERT INTO %I (id) VALUES (%s)', t || suffix, i);
			IF i % 3 = 0 THEN
				EXECUTE format('ALTER TABLE %I RENAME TO %I', t || suffix, t || '_' || i);
				EXECUTE format('INSERT INTO %I (id) VALUES (%s)', t || '_' || i, i);
			END IF;
			COMMIT;
			PERFORM pg_sleep(pause); -- paced, so that relays die while changes come in
		END LOOP;
		IF i % 3 = 0 THEN
			suffix := '_' || i;
		END IF;
	END LOOP;
END $$;
SQL
is((relay_run('slot', 'create', @storm_args))[0], 0, 'slot create');
my $rounds = $kills * 6;
my $pid = fork() // die "cannot fork: $!";
if ($pid == 0)
{
	exec("$pg_bin/psql", '-X', '-q', '-d', $source->connstr('postgres'), '-c', "CALL storm($rounds, 0.25)");
}
my $loaded;
my $loading = sub {
	$loaded = $? if !defined $loaded && waitpid($pid, POSIX::WNOHANG) == $pid;
	return !defined $loaded;
};
my $while_loading = 0;
for my $kill (1 .. $kills)
{
	my $before = slot_lsn($source, 'storm');
	my $storm_relay = relay_start(args => \@storm_args, name => "storm$kill");
	my $end = next_xid($source) + int rand(12); # of 36
	# Every other one has told something; those between may die while they read back.
	wait_until { slot_lsn($source, 'storm') ne $before || !$loading->() } 'the position to move'
	  if $kill % 2;
	wait_until { next_xid($source) >= $end || !$loading->() } 'a random part of the changes';
	$while_loading++ if $loading->();
	$storm_relay->kill9;
}
wait_until { !$loading->() } 'the load to end', 300;
is($loaded, 0, 'all DDL was done');
cmp_ok($while_loading, '>=', $kills / 2, 'relays were killed while it went on');
$relay = relay_start(args => \@storm_args, name => 'storm_last');
wait_for_slot($source, 'storm');
is($relay->stop, 0, 'the last relay ends with 0');

my (%told, %seen);
my @storm = records("$storm.schema-changes");
for my $record (sort { $a->{value}{position}{lsn} <=> $b->{value}{position}{lsn} } grep { $_->{value} } @storm)
{
	next if $seen{ $record->{value_hex} }++;
	push @{ $told{ $record->{value}{relation}{relid} } }, (change_lines($record))[0];
}
my $expect = sub {
	my ($table) = @_;
	my ($name, @lines) = ($table, "public.$table table_first_seen");
	for my $i (1 .. $rounds)
	{
		push @lines, "public.$name column_added c$i/" . ($i + 1) . ':  -> integer';
		next if $i % 3;
		push @lines, "public.${table}_$i table_renamed : $name -> ${table}_$i";
		$name = "${table}_$i";
	}
	return \@lines;
};
is_deeply([ map { $told{$_} } sort { $a <=> $b } keys %told ],
	[ map { $expect->($_) } qw(storm_a storm_b storm_c) ],
	'kill -9: no change missed, none invented, repeats are the same bytes');
note(scalar(@storm) . ' records, ' . scalar(grep { $_ > 1 } values %seen) . ' of them repeated');

# ---- a topic that holds something else: the rows of a table ----
$source->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('strange', 'walrelay');
	INSERT INTO shop.single VALUES (95)});
my ($status, undef, $stderr) = relay_run('run', @common, '--slot.name=strange', "--topic.prefix=$prefix",
	'--topic.schema.changes=shop.orders');
isnt($status, 0, 'a topic with records that are not ours is refused');
like($stderr, qr/E2008.*did not write/, 'and the log says which');
done_testing();
