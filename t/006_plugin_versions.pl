# What only newer servers have: decoding on a standby (16), failover slots (17), virtual
# generated columns and constraints that are NOT VALID (18).
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Frames;
use IPC::Run ();
use Test::More;

my $node = new_source(conf => "hot_standby_feedback = on\n");
my $major = $node->safe_psql('postgres', 'SHOW server_version_num') / 10000;
$node->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY, a text)');

SKIP:
{
	skip 'a standby can decode from PostgreSQL 16 on', 6 if $major < 16;
	$node->safe_psql('postgres', "SELECT pg_create_physical_replication_slot('standby')");
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->append_conf('postgresql.conf', "primary_slot_name = 'standby'\n");
	$standby->start;
	my ($out, $err) = ('', '');
	my $create = IPC::Run::start([ 'pg_recvlogical', '-d', $standby->connstr('postgres'), '-S', 's', '-P', 'walrelay', '--create-slot' ],
		'<', \undef, '>', \$out, '2>', \$err);
	# It waits for a record of running transactions, which the primary has to write.
	wait_until
	{
		$node->safe_psql('postgres', 'SELECT pg_log_standby_snapshot()');
		$standby->safe_psql('postgres', "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 's' AND confirmed_flush_lsn IS NOT NULL") eq '1';
	}
	'the slot on the standby';
	ok($create->finish, 'slot created on the standby') or diag($err);

	my $client = Frames->start($standby, 's', {});
	$node->safe_psql('postgres', "INSERT INTO t SELECT i, 'row' FROM generate_series(1, 100) i");
	my @rows = $client->wait_for(sub { @_ >= 100 }, 'rows from the standby', 'I', 60);
	is(scalar @rows, 100, 'rows come, without more WAL to push them');
	is(($client->records('H'))[0]{flush}, 'idle', 'frames stay open there, too');
	$node->safe_psql('postgres', 'CREATE TABLE noise (a int)');
	my $end = Frames::lsn($node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()'));
	$client->wait_for(sub { @_ && $_[-1]{lsn} >= $end }, 'marks', 'K', 60);
	pass('marks as well');

	# A promotion under the stream: the same connection may go on or end, nothing is lost.
	$standby->promote;
	$standby->safe_psql('postgres', "INSERT INTO t SELECT i, 'new' FROM generate_series(101, 200) i");
	my %seen = map { $_->{new}{id} => 1 } $client->records('I');
	wait_until
	{
		if ($client->ended) { $client->finish; $client = Frames->start($standby, 's', {}); }
		$seen{ $_->{new}{id} } = 1 for $client->records('I');
		keys %seen >= 200;
	}
	'rows after the promotion', 60;
	is(scalar keys %seen, 200, 'everything after the promotion');
	ok($client->stop, 'the client ended well');
	$standby->stop;
	$node->safe_psql('postgres', "SELECT pg_drop_replication_slot('standby'); DROP TABLE noise; TRUNCATE t");
}

SKIP:
{
	skip 'failover slots exist from PostgreSQL 17 on', 6 if $major < 17;
	$node->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('f', 'walrelay', false, false, true)");
	$node->safe_psql('postgres', "DO \$\$ BEGIN FOR i IN 1 .. 500 LOOP INSERT INTO t VALUES (i, 'row'); COMMIT; END LOOP; END \$\$");
	my $client = Frames->start($node, 'f', { flush => 'idle' });
	my @records = $client->wait_for(sub { (grep { $_->{kind} eq 'C' } @_) >= 500 }, 'rows', undef, 60);
	is($records[0]{flush}, 'idle', 'hello says that frames stay open');
	my %frames = map { $_->{frame} => 1 } grep { $_->{kind} eq 'C' } @records;
	cmp_ok(scalar keys %frames, '<', 20, 'hundreds of transactions in a few frames');

	# A standby that gets on only when it is told to: what it has not does not leave.
	$node->safe_psql('postgres', "SELECT pg_create_physical_replication_slot('ghost', true)");
	$node->append_conf('postgresql.conf', "synchronized_standby_slots = 'ghost'\n");
	$node->reload;
	my ($rows, $early) = (500, 0);
	for my $round (1 .. 10)
	{
		$node->safe_psql('postgres', join ';', map { "INSERT INTO t VALUES (1000 * $round + $_, 'row')" } 1 .. 5);
		$rows += 5;
		# The name has blanks, underscores or neither, by version.
		wait_until
		{
			$node->safe_psql('postgres', q{SELECT 1 FROM pg_stat_activity WHERE backend_type = 'walsender'
				AND wait_event ~* 'wait_?for_?standby_?confirmation'}) eq '1';
		}
		"the walsender to wait for the standby, round $round";
		$early++ if (grep { $_->{kind} eq 'I' } $client->records) > $rows - 5;
		$node->safe_psql('postgres', "SELECT pg_replication_slot_advance('ghost', pg_current_wal_flush_lsn())");
		wait_until
		{
			# what the server itself writes now and then is also to be at the standby
			$node->safe_psql('postgres', "SELECT pg_replication_slot_advance('ghost', pg_current_wal_flush_lsn())");
			(grep { $_->{kind} eq 'I' } $client->records) >= $rows;
		}
		"the rows, round $round";
	}
	is($early, 0, 'nothing leaves before the standby has it');
	is((grep { $_->{kind} eq 'I' } $client->records), $rows, 'everything leaves once it has');
	$node->append_conf('postgresql.conf', "synchronized_standby_slots = ''\n");
	$node->reload;
	$node->safe_psql('postgres', "INSERT INTO t VALUES (-1, 'last')");
	wait_until { (grep { $_->{kind} eq 'I' } $client->records) > $rows } 'a row without any standby';
	pass('and without standbys nothing waits for one');
	ok($client->stop, 'the client ended well');
	$node->safe_psql('postgres', "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name IN ('f', 'ghost')");
}

SKIP:
{
	skip 'virtual generated columns exist from PostgreSQL 18 on', 2 if $major < 18;
	$node->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('v', 'walrelay');"
		. 'CREATE TABLE v (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) VIRTUAL, kept int GENERATED ALWAYS AS (id * 3) STORED, z int);'
		. 'INSERT INTO v VALUES (1, DEFAULT, DEFAULT, 9)');
	my $lines = $node->safe_psql('postgres', "SELECT data FROM pg_logical_slot_get_changes('v', NULL, NULL, 'format', 'text', 'include-lsn', 'false')");
	like($lines, qr/^INSERT public\.v: id=1 kept=3 z=9$/m, 'a virtual column is not there, a stored one is');
	unlike($lines, qr/twice/, 'and is not announced');
}

SKIP:
{
	skip 'a NOT NULL constraint can be NOT VALID from PostgreSQL 18 on', 2 if $major < 18;
	$node->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('n', 'walrelay');"
		. 'CREATE TABLE n (id int PRIMARY KEY, a int, b int NOT NULL); INSERT INTO n VALUES (1, NULL, 2);'
		. 'ALTER TABLE n ADD CONSTRAINT n_a NOT NULL a NOT VALID; DELETE FROM n');
	my $lines = $node->safe_psql('postgres', "SELECT data FROM pg_logical_slot_get_changes('n', NULL, NULL, 'format', 'text', 'include-lsn', 'false')");
	my ($described) = $lines =~ /.*^(RELATION public\.n .*)$/ms;
	unlike($described, qr/ 2 a int4 form\(i\) not-null/, 'a constraint that is NOT VALID promises nothing');
	like($described, qr/ 3 b int4 form\(i\) not-null/, 'a valid one does');
}

pass('went through what this major has');
done_testing();
