# 058_accept_gap_once.pl: a gap is passed by a relay that dies at each moment of it, at least
# once and exactly once: what is told may be told twice, exactly once not, and no change behind
# it is lost.  Topics that refuse the record, topics without keys, gap.records.  And a part
# of a transaction that does not come again, or under other settings.
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Gaps;
use Walrelay;
use PostgreSQL::Test::Utils;
use Test::More;

my $crash = "$root/build-crash/walrelay";
-x $crash or die "there is no $crash; run make crash\n";
my $node = new_source();
my $data = $node->data_dir;
my $schemas = "$ENV{TESTDATADIR}/schemas";
my ($name, $once);    # slot and prefix of the mode

# insert_all COUNT: rows of t, and one of each other table
sub insert_all
{
	my ($count) = @_;
	my $key = $last + ($count // 10);
	return insert($count, "INSERT INTO c SELECT $key; INSERT INTO n SELECT $key");
}

# dies POINT, WHAT, ARGS: a relay that kills itself there
sub dies
{
	my ($point, $what, @args) = @_;
	local $Walrelay::walrelay = $crash;
	my $relay = relay_start(args => [ settings(@args) ], env => { WALRELAY_CRASH_POINT => $point });
	is($relay->wait_exit, 137, "$what: dies") or diag $relay->stderr;
	return;
}

sub token
{
	my ($what, @args) = @_;
	my $token = token_of(refused($what, @args));
	like($token, qr/^[0-9a-f]{8}$/, "$what: a token");
	return $token;
}

sub token_moved
{
	advance();
	return token("$name: slot advanced", qr/error: E1218: somebody else has moved replication slot/);
}

# records TABLE: of its topic, as far as they are committed where that counts
sub records
{
	return read_topic("$name.public.$_[0]", bootstrap => kafka(), schemas => $schemas, committed => $once);
}

# ids RECORD...: key => how often
sub ids
{
	my %ids;
	$ids{ $_->{key}{id} }++ for grep { $_->{key} } @_;
	return \%ids;
}

sub begin
{
	($name, $once) = @_;
	gaps($node, $name, kafka(), '--delivery=' . ($once ? 'exactly-once' : 'at-least-once'));
	$node->safe_psql('postgres', 'DROP TABLE IF EXISTS t, c, n; CREATE TABLE t (id int PRIMARY KEY);'
		  . 'CREATE TABLE c (id int PRIMARY KEY); CREATE TABLE n (id int)');
	kafka_admin(kafka(), 'create', "$name.public.t", 2);
	kafka_admin(kafka(), 'create', "$name.public.c", 1, 'cleanup.policy=compact');
	kafka_admin(kafka(), 'create', "$name.public.n", 3);
	is((relay_run('slot', 'create', settings()))[0], 0, "$name: slot create");
	through(insert_all(), "$name: before");
	return;
}

for my $mode ([ 'gapleast', 0 ], [ 'gaponce', 1 ])
{
	begin(@$mode);
	my @known = records('t');
	for my $point (qw(gap_passed gap_told gap_closed gap_begin_anew))
	{
		my $what = "$name, $point";
		my $closed = $point eq 'gap_closed' || $point eq 'gap_begin_anew';
		my $token = token_moved();
		dies($point, $what, "--accept-gap=$token");
		my $from = $last + 1;
		my $stderr = through(insert_all(), "$what, again", "--accept-gap=$token");
		if ($closed)
		{
			like($stderr, qr/--accept-gap=$token fits no gap/, "$what, again: it is closed");
		}
		else
		{
			like($stderr, qr/gap passed by --accept-gap=$token/, "$what, again: it is not closed");
			like($stderr, qr/warn: topic "$name\.public\.c" does not take a gap record/, "$what, again: a compacted topic is named");
		}
		my @records = records('t');
		my $new = new_records(\@known, \@records);
		for my $p (0, 1)
		{
			my @told = gap_records(@{ $new->{$p} });
			is(scalar(@told), $point eq 'gap_told' && !$once ? 2 : 1, "$what: partition $p is told");
			ok(gap_of($new->{$p}[0]), "$what: partition $p is told first");
			is($told[0]{reason}, 'slot_moved', "$what: partition $p is told why");
		}
		is_deeply(ids(map { @$_ } values %$new), { map { $_ => 1 } $from .. $last }, "$what: nothing behind it is lost");
		@known = @records;
	}
	is(scalar(gap_records(records('c'))), 0, "$name: the compacted topic has none");
	my %told;
	$told{ $_->{partition} }++ for grep { gap_of($_) } records('n');
	is_deeply(\%told, { map { $_ => $once ? 4 : 5 } 0 .. 2 }, "$name: a topic without keys is told in each partition");

	my $token = token_moved();
	through(insert_all(), "$name, gap.records=false", "--accept-gap=$token", '--gap.records=false');
	is(scalar(gap_records(records('t'))), scalar(gap_records(@known)), "$name, gap.records=false: nobody is told");
}

# --- a part of a transaction, then other settings ---
my @small = ('--transaction.max.messages=100');
my @before = records('t');
my $from = $last + 1;
my $lsn = insert_all(1000);
dies('part_written', 'part', @small);
my $token = token('part, other settings', qr/error: E1220: a transaction was delivered in part under other settings\n/,
	@small, '--tombstones.on.delete=false');
my $stderr = through($lsn, 'part, other settings, token', @small, '--tombstones.on.delete=false', "--accept-gap=$token");
like($stderr, qr/E1220: gap passed by --accept-gap=$token: from (\S+) to \1, reason part_settings$/m, 'part, other settings: said');
my @after = records('t');
my $new = new_records(\@before, \@after);
my $ids = ids(map { @$_ } values %$new);
my $twice = grep { $_ == 2 } values %$ids;
is(scalar(keys %$ids), 1000, 'part, other settings: the transaction is there');
cmp_ok($twice, '>=', 100, 'part, other settings: with the part twice, as it was said');
is(scalar(grep { $_ > 2 } values %$ids), 0, 'part, other settings: and no more');
is(scalar(grep { $_->{reason} eq 'part_settings' } gap_records(@after)), 2, 'part, other settings: told');

# --- a part of a transaction that the server does not have any more ---
$node->stop;
is(system('cp', '-a', $data, "$data.early"), 0, 'a copy');
$node->start;
insert_all(1000);
dies('part_written', 'part', @small);
$node->stop;
rename $data, "$data.late" or die "rename: $!";
rename "$data.early", $data or die "rename: $!";
$node->start;
$node->safe_psql('postgres', 'SELECT pg_switch_wal(); INSERT INTO n VALUES (0)') for 1 .. 3;
@before = records('t');
$from = $last + 1;
$lsn = insert_all();
$token = token('part is missing', qr/error: E1219: a transaction that is delivered in part does not come again\n/, @small);
$stderr = through($lsn, 'part is missing, token', @small, "--accept-gap=$token");
like($stderr, qr/E1219: gap passed by --accept-gap=$token: from (\S+) to \1, reason part_missing$/m, 'part is missing: said');
$stderr = through(insert_all(), 'part is missing, same token again', @small, "--accept-gap=$token");
like($stderr, qr/--accept-gap=$token fits no gap/, 'part is missing: it fits nothing any more');
@after = records('t');
$new = new_records(\@before, \@after);
is_told($new, 2, { reason => 'part_missing', code => 'E1219' }, 'part is missing');
is_deeply(ids(map { @$_ } values %$new), { map { $_ => 1 } $from .. $last }, 'part is missing: goes on');
done_testing();
