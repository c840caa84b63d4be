# Cancel and terminate in the middle of decoding a large transaction; what comes after.
# A filtered transaction that takes longer than wal_sender_timeout.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Frames;
use Test::More;
use Time::HiRes qw(time);

my $rows = 100_000;
my $node = new_source(conf => "logical_decoding_work_mem = 64kB\n");
$node->safe_psql('postgres', "CREATE TABLE big (id int PRIMARY KEY, a text); CREATE TABLE small (id int);"
	. "SELECT pg_create_logical_replication_slot(s, 'walrelay') FROM unnest('{sql,sender,skip}'::text[]) s");
$node->safe_psql('postgres', "INSERT INTO big SELECT i, 'row ' || i FROM generate_series(1, $rows) i");
$node->safe_psql('postgres', 'INSERT INTO small VALUES (1)');

# ---- SQL function, both with rows wanted and with none ----
for my $option ("'flush', 'commit'", "'exclude-tables', '.*big'")
{
	my ($stdout, $stderr) = ('', '');
	my $start = time;
	$node->psql('postgres', "SET statement_timeout = '50ms';"
		  . " SELECT count(*) FROM pg_logical_slot_peek_binary_changes('sql', NULL, NULL, $option)",
		stdout => \$stdout, stderr => \$stderr);
	like($stderr, qr/canceling statement due to statement timeout/, "cancelled: $option");
	cmp_ok(time - $start, '<', 5, 'soon');
}
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_logical_slot_get_changes('sql', NULL, NULL, 'format', 'text') WHERE data ~ '^INSERT'"),
	$rows + 1, 'afterwards the slot gives everything');

# ---- a walsender that is terminated while it sends ----
my $client = Frames->start($node, 'sender', {});
wait_until { (-s $client->{file} // 0) > 100_000 } 'some of the transaction';
my $ended = $node->safe_psql('postgres', "SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE slot_name = 'sender' AND active");
my ($status, $stderr) = $client->finish;
SKIP:
{
	skip 'it was through before', 2 if $ended ne 't' || $client->records('C');
	isnt($status, 0, 'the client was told');
	cmp_ok(scalar($client->records('I')), '<', $rows, 'in the middle');
}
$client = Frames->start($node, 'sender', {});
$client->wait_for(sub { @_ >= 2 }, 'both transactions', 'C');
is(scalar($client->records('I')), $rows + 1, 'the next client gets all of it, once');
is(($client->records('H'))[0]{frame}, 0, 'beginning with hello');
ok($client->stop, 'the client ended well');

# ---- a walsender that is cancelled with a frame open, and streams again on the same connection ----
$node->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('again', 'walrelay')");
$node->safe_psql('postgres', "UPDATE big SET a = 'again'");
my $capture = "$ENV{TESTDATADIR}/again.bin";
my $message = qx(python3 '$root/t/lib/cancel_walsender.py' '@{[$node->host]}/.s.PGSQL.@{[$node->port]}' again '$ENV{USER}' postgres '$capture');
is($?, 0, 'the second stream came to the end of the transaction');
like($message, qr/canceling statement due to user request/, 'the first one was cancelled');
my $records = qx(python3 '$root/t/lib/wire.py' --mask '$capture');
is(scalar(() = $records =~ /"kind": "U"/g), $rows, 'the second has every row once');
like($records, qr/\A\{[^\n]*"kind": "H"/, 'beginning with hello: nothing was left of the first');

# ---- nothing wanted, for longer than the timeout ----
$node->safe_psql('postgres', "INSERT INTO big SELECT i, 'row ' || i FROM generate_series($rows + 1, 700000) i");
$node->safe_psql('postgres', 'INSERT INTO small VALUES (2)');
$node->safe_psql('postgres', "ALTER ROLE CURRENT_USER SET wal_sender_timeout = '1s'");
my $offset = -s $node->logfile;
$client = Frames->start($node, 'skip', { 'include-tables' => 'public.small' });
my @inserts = $client->wait_for(sub { @_ >= 2 }, 'what is wanted', 'I');
is_deeply([ map { $_->{new}{id} } @inserts ], [ 1, 2 ], 'came through');
ok($client->stop, 'the client ended well');
my $log = substr slurp($node->logfile), $offset;
unlike($log, qr/terminating walsender process due to replication timeout/, 'no timeout on the way');

done_testing();
