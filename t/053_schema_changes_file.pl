# 053_schema_changes_file.pl: the schema-change topic where its place among the rows
# shows: in the file of sink=file.  Kinds of change, order, and a stream that breaks
# and begins again: what comes again is the same, and nothing is invented.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use SchemaChanges;
use Walrelay;
use Test::More;

my $source = new_source();
my $file = "$ENV{TESTDATADIR}/changes.json";
my @args = ('--source.conninfo=' . $source->connstr('postgres'), '--slot.name=changes',
	'--sink=file', "--sink.file=$file", '--topic.prefix=p', '--status.interval.ms=100',
	'--skipped.operations=none');

# records: all lines that are written by the time that everything is confirmed
sub records
{
	wait_for_slot($source, 'changes');
	return json_lines(slurp($file));
}

sub is_change { my ($record) = @_; return $record->{topic} eq 'p.schema-changes'; }

$source->safe_psql('postgres', setup_sql());
is((relay_run('slot', 'create', @args))[0], 0, 'slot create');
my $relay = relay_start(args => [ @args, '--include.schema.changes=true' ]);
$relay->wait_for_log(qr/streaming database/);

my $seen = 0;
for (steps())
{
	my ($what, $sql, @expected) = @$_;
	$source->safe_psql('postgres', $sql);
	my @changes = grep { is_change($_) } records();
	is_deeply([ change_lines(@changes[ $seen .. $#changes ]) ], \@expected, $what);
	$seen = @changes;
}

# ---- order: each change right before the first row that has it ----
my @all = records();
my (%relation, @late, @early);
for my $record (@all)
{
	my $value = $record->{value} or next;
	if (is_change($record))
	{
		$relation{"$value->{relation}{schema}.$value->{relation}{table}"} = $value;
		next;
	}
	next if $value->{op} eq 't';
	my $source_block = $value->{source};
	my $change = $relation{"$source_block->{schema}.$source_block->{table}"};
	my $columns = join ',', sort map { $_->{name} } @{ $change->{after}{columns} };
	push @late, $record if $columns ne join ',', sort keys %{ $value->{after} };
	push @early, $record if $change->{position}{lsn} > $source_block->{lsn};
}
is_deeply(\@late, [], 'every row has the columns of the latest description before it');
is_deeply(\@early, [], 'no description is of a position behind its rows');

my ($added) = grep { is_change($_) && $_->{value} && "@{ $_->{value}{kinds} }" eq 'column_added' } @all;
my $value = $added->{value};
is($value->{source}{name}, 'p', 'source');
is($value->{source}{db}, 'postgres', 'database');
my ($row) = grep { !is_change($_) && $_->{value} && $_->{value}{source}{txId} == $value->{position}{txId} } @all;
is($value->{position}{lsn}, $row->{value}{source}{lsn}, 'position: that of the first row with it');
is($value->{position}{ts_us}, $row->{value}{source}{ts_us}, 'commit time');
cmp_ok($value->{position}{commit_lsn}, '>', $value->{position}{lsn}, 'commit record');
is_deeply([ map { $_->{name} } @{ $value->{before}{columns} } ],
	[qw(id note total feel feels at span)], 'columns before');
is_deeply($value->{before}{columns}[2], { name => 'total', attnum => 3, type => 'shop.price',
		base_type => 'numeric(10,2)', element_type => undef, not_null => JSON::PP::false(), default => undef,
		generated => JSON::PP::false(), identity => JSON::PP::false(), labels => undef }, 'a domain');
is_deeply([ @{ $value->{before}{columns}[4] }{qw(type element_type labels)} ],
	[ 'shop.mood[]', 'shop.mood', [ 'sad', 'ok' ] ], 'an array of an enum');
is($value->{before}{columns}[6]{type}, 'interval day to second', 'an interval');
is_deeply([ @{ $value->{after} }{qw(kind key_kind key replica_identity replica_identity_columns)} ],
	[ 'table', 'primary', ['id'], 'default', ['id'] ], 'key and replica identity');

# ---- the stream breaks: what was not confirmed comes again ----
# The relay cannot confirm while it is stopped, so the server sends it all once more.
my $lost = $source->safe_psql('postgres', q{SELECT pid FROM pg_stat_replication});
$relay->signal('STOP');
$source->safe_psql('postgres', q{ALTER TABLE shop.swap_a ADD COLUMN one int; INSERT INTO shop.swap_a VALUES (50)});
$source->safe_psql('postgres', q{ALTER TABLE shop.swap_a ADD COLUMN two int; INSERT INTO shop.swap_a VALUES (51)});
$source->safe_psql('postgres', "SELECT pg_terminate_backend($lost)");
$relay->signal('CONT');
$source->safe_psql('postgres', q{ALTER TABLE shop.swap_a DROP COLUMN one; INSERT INTO shop.swap_a VALUES (52)});
my @again = grep { is_change($_) } records();
my %once;
my @lines = grep { !$once{$_}++ } change_lines(@again[ $seen .. $#again ]);
is_deeply(\@lines,
	[ 'shop.swap_a column_added one/3:  -> integer', 'shop.swap_a column_added two/4:  -> integer',
		'shop.swap_a column_dropped one/3: integer -> ' ], 'all changes, and no other, over a broken stream');
is($relay->stop, 0, 'SIGTERM ends it with 0');

# ---- partitions through their root: one table, whatever each partition's identity ----
$source->safe_psql('postgres', <<'SQL');
CREATE TABLE parts (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (200);
ALTER TABLE parts_2 REPLICA IDENTITY FULL;
SQL
$relay = relay_start(args => [ @args, '--include.schema.changes=true', '--publish.via.partition.root=true' ]);
$relay->wait_for_log(qr/streaming database/);
my $before = records();
$source->safe_psql('postgres', $_)
  for (q{INSERT INTO parts VALUES (1), (101), (2), (102)}, q{UPDATE parts SET v = 'x'},
	q{ALTER TABLE parts ADD COLUMN w int; INSERT INTO parts VALUES (3), (103), (4)});
@all = records();
my @root = grep { is_change($_) } @all[ $before .. $#all ];
is_deeply([ change_lines(@root) ],
	[ 'public.parts table_first_seen', 'public.parts column_added w/3:  -> integer' ],
	'one record for a partitioned table, not one for each partition');
is($root[0]{value}{after}{kind}, 'partitioned_table', 'it says that it is partitioned');
is($root[0]{value}{after}{replica_identity}, undef, 'its partitions have the replica identity');
is($relay->stop, 0, 'ends with 0');

# ---- off ----
$relay = relay_start(args => \@args);
$relay->wait_for_log(qr/streaming database/);
$before = grep { is_change($_) } records();
$source->safe_psql('postgres', q{ALTER TABLE shop.swap_a ADD COLUMN three int; INSERT INTO shop.swap_a VALUES (60)});
is(scalar(grep { is_change($_) } records()), $before, 'nothing unless it is asked for');
is($relay->stop, 0, 'ends with 0');
done_testing();
