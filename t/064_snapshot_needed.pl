# 064_snapshot_needed.pl: snapshot.mode = no_data and when_needed: schemas and topics before there
# is a row; rows where the stream cannot go on from the position that is known.
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use HTTP::Tiny;
use JSON::PP ();
use Walrelay;
use Test::More;

my $source = new_source();

sub sql { return $source->safe_psql('postgres', $_[0]); }

sub settings
{
	my ($name, @more) = @_;
	return ('--source.conninfo=' . $source->connstr('postgres'), "--slot.name=$name",
		"--kafka.topic.prefix=$name$$", '--bootstrap.servers=' . kafka(), '--registry.url=' . registry(), @more);
}

# What a topic has: op and id of each record, and gap for a record that tells of one.
sub records
{
	my ($topic, $count) = @_;
	return map {
		my ($gap) = grep { $_->[0] eq '__walrelay.gap' } @{ $_->{headers} // [] };
		$gap ? 'gap' : "$_->{value}{op}$_->{key}{id}"
	} read_topic($topic, count => $count);
}

sub subjects { return JSON::PP->new->decode(HTTP::Tiny->new->get(registry() . '/subjects')->{content}); }

sql('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, v text); CREATE TABLE c (v text);
	INSERT INTO a VALUES (1), (2)');

# ---- no_data ----
{
	my @args = settings('bare', '--snapshot.mode=no_data');

	relay_run('slot', 'create', @args);
	my $relay = relay_start(args => \@args);
	$relay->wait_for_log(qr/snapshot is done: 3 tables, 0 rows/);
	my @ours = sort grep { /^bare$$\./ } @{ subjects() };
	is_deeply(\@ours, [ map { "bare$$.public.$_" } qw(a-key a-value b-key b-value c-value) ],
		'no_data registers the schemas of every table');
	# The broker makes them when it is asked about them, and answers before it has.
	for my $table (qw(a b c))
	{
		wait_until { qx(kcat -b @{[ kafka() ]} -L) =~ /topic "bare$$\.public\.$table"/ } "the topic of $table";
		pass("no_data creates the topic of $table");
	}
	sql('INSERT INTO a VALUES (3)');
	is_deeply([ records("bare$$.public.a", 1) ], ['c3'], 'no row that was there, every change behind it');
	$relay->stop;
	my $again = relay_start(args => \@args);
	sql('INSERT INTO a VALUES (4)');
	is_deeply([ records("bare$$.public.a", 2) ], [qw(c3 c4)], 'the next start has nothing to read');
	unlike($again->stderr, qr/snapshot/, 'and says nothing of it');
	$again->stop;
	relay_run('slot', 'drop', @args);
}

# ---- when_needed ----
for my $delivery ('at-least-once', 'exactly-once')
{
	my $name = $delivery eq 'at-least-once' ? 'least' : 'once';
	my @args = settings($name, "--delivery=$delivery", '--table.include.list=public\.b');

	sql("TRUNCATE b; INSERT INTO b VALUES (1, 'x'), (2, 'y')");
	relay_run('slot', 'create', @args);
	my $relay = relay_start(args => [ @args, '--snapshot.mode=when_needed' ]);
	$relay->wait_for_log(qr/snapshot is done/);
	sql("INSERT INTO b VALUES (3, 'z')");
	is_deeply([ records("$name$$.public.b", 3) ], [qw(r1 r2 c3)], "$delivery: a slot without position needs one");
	$relay->stop;

	# What happens meanwhile is not kept for anybody.
	relay_run('slot', 'drop', @args);
	sql("UPDATE b SET v = 'missed' WHERE id = 1; DELETE FROM b WHERE id = 2");
	relay_run('slot', 'create', @args);
	my ($status, undef, $err) = relay_run('run', @args, '--snapshot.mode=initial');
	is($status, 78, 'a slot that was made anew is refused');
	like($err, qr/E1218/, 'with its code');

	$relay = relay_start(args => [ @args, '--snapshot.mode=when_needed' ]);
	$relay->wait_for_log(qr/gap passed by snapshot\.mode=when_needed/);
	$relay->wait_for_log(qr/snapshot is done/);
	sql("INSERT INTO b VALUES (4, 'w')");
	is_deeply([ records("$name$$.public.b", 7) ], [qw(r1 r2 c3 gap r3 r1 c4)],
		"$delivery: consumers are told of the gap, and have all rows behind it, in the order of the table");
	$relay->stop;
	$relay = relay_start(args => [ @args, '--snapshot.mode=when_needed' ]);
	sql("INSERT INTO b VALUES (5, 'w')");
	is_deeply([ (records("$name$$.public.b", 8))[7] ], ['c5'], 'the next start goes on');
	unlike($relay->stderr, qr/snapshot|gap/, 'without a snapshot');
	$relay->stop;
	relay_run('slot', 'drop', @args);
}

done_testing();
