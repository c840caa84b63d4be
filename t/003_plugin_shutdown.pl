# A fast shutdown under load: the walsender sends what it has, gets it confirmed and ends
# in time; after the restart nothing is missing.  Then a crash, and the same.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Frames;
use IPC::Run ();
use Test::More;
use Time::HiRes qw(time);

my $node = new_source();
$node->safe_psql('postgres', 'CREATE TABLE t (id serial PRIMARY KEY);'
	. "SELECT pg_create_logical_replication_slot('s', 'walrelay')");
my %seen;

# Single-row transactions as fast as one session makes them, until the server goes away.
sub load_start
{
	my $out = '';
	my $err = '';
	return IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c',
			'DO $$ BEGIN LOOP INSERT INTO t DEFAULT VALUES; COMMIT; END LOOP; END $$' ],
		'<', \undef, '>', \$out, '2>', \$err);
}

sub collect
{
	my ($client) = @_;
	my $last = 0;
	for my $record ($client->records('I'))
	{
		$seen{ $record->{new}{id} }++;
		die "order: $record->{new}{id} after $last\n" if $record->{new}{id} <= $last;
		$last = $record->{new}{id};
	}
	return;
}

for my $mode ('fast', 'fast', 'immediate')
{
	my $client = Frames->start($node, 's', {});
	my $load = load_start();
	wait_until { (-s $client->{file} // 0) > 50_000 } 'some load';
	my $start = time;
	$node->stop($mode);
	cmp_ok(time - $start, '<', 20, "$mode shutdown with an open stream ends soon");
	$load->finish;
	$client->finish;
	collect($client);
	$node->start;
}

my $end = Frames::lsn($node->safe_psql('postgres', 'INSERT INTO t DEFAULT VALUES; SELECT pg_current_wal_lsn()'));
my $client = Frames->start($node, 's', {});
$client->wait_for(sub { @_ && ($_[-1]{end_lsn} // $_[-1]{lsn}) >= $end }, 'the rest', 'CK');
ok($client->stop, 'the client ended well');
collect($client);

my @ids = split /\n/, $node->safe_psql('postgres', 'SELECT id FROM t ORDER BY id');
cmp_ok(scalar @ids, '>', 1500, 'there was load');
my @missing = grep { !$seen{$_} } @ids;
is(scalar @missing, 0, 'every committed row was seen') or diag("missing: @missing[0 .. ($#missing < 9 ? $#missing : 9)]");
my %committed = map { $_ => 1 } @ids;
is((grep { !$committed{$_} } keys %seen), 0, 'and no other');

done_testing();
