# Frames of a walsender: many transactions in one, out as soon as the walsender waits,
# marks over WAL that holds nothing for the client, and what flush=commit changes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Frames;
use Test::More;

my $node = new_source();
$node->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY, a text); CREATE TABLE other (a text);'
	. "SELECT pg_create_logical_replication_slot(s, 'walrelay') FROM unnest('{idle,commit,marks,opts}'::text[]) s");

sub insert_singly
{
	my ($from, $to) = @_;
	return $node->safe_psql('postgres', "DO \$\$ BEGIN FOR i IN $from .. $to LOOP"
		. " INSERT INTO t VALUES (i, 'row'); COMMIT; END LOOP; END \$\$");
}
my $rows_are = sub { my ($n) = @_; return sub { (grep { $_->{kind} eq 'C' } @_) >= $n } };

# ---- a backlog of single-row transactions ----
insert_singly(1, 2000);
my $idle = Frames->start($node, 'idle', {});
my @records = $idle->wait_for($rows_are->(2000), 'the backlog');
my ($hello) = @records;
is($hello->{kind}, 'H', 'hello is first');
is($hello->{flush}, 'idle', 'and says that frames stay open');
is_deeply([ map { $_->{new}{id} } grep { $_->{kind} eq 'I' } @records ], [ 1 .. 2000 ], 'every row, in order');
my %frames = map { $_->{frame} => $_->{frame_length} } @records;
cmp_ok(scalar keys %frames, '<', 20, 'thousands of transactions in a few frames');
is((grep { $_ > 16384 + 200 } values %frames), 0, 'none much longer than frame-bytes');
is((grep { $_->{kind} eq 'R' } @records), 1, 'the relation is announced once');

# ---- a single transaction does not wait for a full frame ----
insert_singly(2001, 2001);
@records = $idle->wait_for($rows_are->(2001), 'one transaction more, at once', undef, 10);
is($records[-1]{kind} eq 'K' ? $records[-2]{kind} : $records[-1]{kind}, 'C', 'it came by itself');

# ---- WAL of other tables: marks, and the slot follows ----
my $before = $node->safe_psql('postgres', 'INSERT INTO other VALUES (1); SELECT pg_current_wal_lsn()');
$node->safe_psql('postgres', 'CREATE TABLE noise (a int); DROP TABLE noise');
my $end = Frames::lsn($node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()'));
$idle->wait_for(sub { @_ && $_[-1]{lsn} >= Frames::lsn($before) }, 'a mark', 'K', 30);
wait_for_slot($node, 'idle');
ok($idle->stop, 'the client ended well');

# ---- flush=commit ----
my $commit = Frames->start($node, 'commit', { flush => 'commit' });
@records = $commit->wait_for($rows_are->(2002), 'the same once more');
is($records[0]{flush}, 'commit', 'hello says so');
my %commits;
$commits{ $_->{frame} }++ for grep { $_->{kind} eq 'C' } @records;
is((grep { $_ != 1 } values %commits), 0, 'a frame holds one transaction');
$node->safe_psql('postgres', 'CREATE TABLE noise (a int)');
$end = Frames::lsn($node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()'));
$commit->wait_for(sub { @_ && $_[-1]{lsn} >= $end }, 'marks as well', 'K', 30);
ok($commit->stop, 'the client ended well');

# ---- marks while the walsender never waits: one per 16 MB ----
$node->safe_psql('postgres', "INSERT INTO other SELECT repeat('x', 1000) FROM generate_series(1, 100000)");
$end = Frames::lsn($node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()'));
my $marks = Frames->start($node, 'marks', { 'include-tables' => 'public.t' });
@records = $marks->wait_for(sub { @_ && $_[-1]{lsn} >= $end }, 'the end', 'K');
cmp_ok(scalar @records, '>=', 5, '100 MB of WAL gave marks on the way');
is((grep { $records[$_]{lsn} <= $records[ $_ - 1 ]{lsn} } 1 .. $#records), 0, 'that grow');
ok($marks->stop, 'the client ended well');

# ---- what only a replication command can get wrong: an option without a value ----
my $wrong = Frames->start($node, 'opts', { 'include-lsn' => undef });
my ($status, $stderr) = $wrong->finish;
isnt($status, 0, 'refused');
like($stderr, qr/option "include-lsn" needs a value/, 'with its name');
$wrong = Frames->start($node, 'opts', { 'frame_bytes' => 1 });
($status, $stderr) = $wrong->finish;
like($stderr, qr/unrecognized option "frame_bytes".*Perhaps you meant the option "frame-bytes"/s,
	'an unknown option and the nearest known one');

done_testing();
