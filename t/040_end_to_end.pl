# 040_end_to_end.pl: the main job whole: PostgreSQL, plugin, relay, a real Kafka and
# a real registry, read back by a client that shares no code with us.
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
my $prefix = "e2e$$";
my @args = (
	'--source.conninfo=' . $source->connstr('postgres'),
	'--slot.name=e2e', "--kafka.topic.prefix=$prefix",
	'--bootstrap.servers=' . kafka(), '--registry.url=' . registry(),
	'--avro.verify=1');

$source->safe_psql('postgres', <<'SQL');
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id bigint PRIMARY KEY, customer text NOT NULL, total numeric(10,2), note text);
CREATE TABLE shop.lines (b text, a int, v text, PRIMARY KEY (b, a));
ALTER TABLE shop.lines REPLICA IDENTITY FULL;
CREATE TABLE shop.log (at timestamptz, what text);
SQL
is((relay_run('slot', 'create', @args))[0], 0, 'slot create');
my $relay = relay_start(args => \@args);
$relay->wait_for_log(qr/streaming database/);

$source->safe_psql('postgres', $_) for (
	q{INSERT INTO shop.orders VALUES (1, 'Ada', 19.99, NULL), (2, 'Bob', -0.05, 'x')},
	q{UPDATE shop.orders SET note = 'paid' WHERE id = 1},
	q{UPDATE shop.orders SET id = 10 WHERE id = 1},
	q{DELETE FROM shop.orders WHERE id = 2},
	q{INSERT INTO shop.lines VALUES ('x', 1, 'v1')},
	q{UPDATE shop.lines SET v = 'v2'},
	q{DELETE FROM shop.lines},
	q{INSERT INTO shop.log VALUES ('2024-02-29 12:34:56.789012+02', 'no key')},
	q{BEGIN; INSERT INTO shop.log VALUES (now(), 'rolled back'); ROLLBACK},
	q{TRUNCATE shop.log},
	q{SELECT pg_logical_emit_message(true, 'outbox', 'hello')},
	q{SELECT pg_logical_emit_message(false, 'outbox', 'aside')});

# ---- orders: create, update, key change, delete ----
my @orders = read_topic("$prefix.shop.orders", count => 8);
is_deeply([ map { $_->{value} ? $_->{value}{op} : undef } @orders ],
	[ 'c', 'c', 'u', 'd', undef, 'c', 'd', undef ], 'ops of shop.orders, tombstones behind deletes');
is_deeply([ map { $_->{key}{id} } @orders ], [ 1, 2, 1, 1, 1, 10, 2, 2 ], 'their keys');
is_deeply($orders[0]{value}{after},
	{ id => 1, customer => 'Ada', total => { '$bytes' => '07cf' }, note => undef },
	'a row: decimal 19.99 as unscaled bytes, NULL as null');
is_deeply($orders[1]{value}{after}{total}, { '$bytes' => 'fb' }, 'decimal -0.05');
is($orders[2]{value}{before}, undef, 'no before under the default identity');
is($orders[2]{value}{after}{note}, 'paid', 'after of the update');
is_deeply([ map { $_->{headers} } @orders[ 3, 4, 5 ] ],
	[ [ [ '__debezium.newkey', '{"id":10}' ] ], [ [ '__debezium.newkey', '{"id":10}' ] ],
		[ [ '__debezium.oldkey', '{"id":1}' ] ] ],
	'a key change is delete and create, linked by headers');
is_deeply($orders[6]{value}{before}, { id => 2, customer => '', total => undef, note => undef },
	'before of a delete under the default identity: the key, fillers where NULL is not allowed');

my $src = $orders[0]{value}{source};
is_deeply([ @$src{qw(connector name db schema table snapshot xmin)} ],
	[ 'postgresql', $prefix, 'postgres', 'shop', 'orders', 'false', undef ], 'source block');
my ($xid, $lsn) = ($src->{txId}, $src->{lsn});
cmp_ok($xid, '>', 0, 'txId');
is($orders[1]{value}{source}{txId}, $xid, 'both rows of one INSERT are of one transaction');
cmp_ok($orders[1]{value}{source}{lsn}, '>', $lsn, 'LSNs ascend in it');
like($orders[2]{value}{source}{sequence}, qr/^\["\d+","$orders[2]{value}{source}{lsn}"\]$/, 'sequence');
is($src->{ts_us}, int($src->{ts_ns} / 1000), 'ts_us and ts_ns agree');
is($src->{ts_ms}, int($src->{ts_us} / 1000), 'ts_ms and ts_us agree');
my $committed = $source->safe_psql('postgres',
	q{SELECT (extract(epoch FROM now()) * 1000)::bigint});
cmp_ok($committed - $src->{ts_ms}, '<', 600_000, 'commit time is of today');
cmp_ok($orders[0]{value}{ts_ms}, '>=', $src->{ts_ms}, 'processed after it was committed');

# ---- the others ----
my @lines = read_topic("$prefix.shop.lines", count => 4);
is_deeply([ map { $_->{value} ? [ @{ $_->{value} }{qw(op before after)} ] : undef } @lines ],
	[
		[ 'c', undef, { b => 'x', a => 1, v => 'v1' } ],
		[ 'u', { b => 'x', a => 1, v => 'v1' }, { b => 'x', a => 1, v => 'v2' } ],
		[ 'd', { b => 'x', a => 1, v => 'v2' }, undef ],
		undef ], 'complete before images under REPLICA IDENTITY FULL');
my @log = read_topic("$prefix.shop.log", count => 1);
is($log[0]{key_hex}, undef, 'a table without a key has null keys');
is_deeply($log[0]{value}{after}, { at => '2024-02-29T10:34:56.789012Z', what => 'no key' },
	'timestamptz as ISO text in UTC');
my @messages = read_topic("$prefix.message", count => 2);
is_deeply([ map { [ $_->{value}{op}, $_->{value}{message}{content}{'$bytes'}, !!$_->{value}{source}{txId} ] } @messages ],
	[ [ 'm', unpack('H*', 'hello'), !!1 ], [ 'm', unpack('H*', 'aside'), !!0 ] ],
	'logical messages, in a transaction and outside');
wait_for_slot($source, 'e2e');
pass('the position reached the end of WAL');
is(scalar(read_topic("$prefix.shop.log")), 1, 'nothing of the rollback, and no truncate by default');

# ---- the registry ----
# one by one: a list of all would end at 1,000, of whatever other tests have registered
my $is_there = sub { return HTTP::Tiny->new->get(registry() . "/subjects/$_[0]/versions")->{status} == 200 };
is_deeply([ grep { $is_there->($_) } map { ("$prefix.$_-key", "$prefix.$_-value") } qw(message shop.lines shop.log shop.orders) ],
	[ map { "$prefix.$_" } qw(message-key message-value shop.lines-key shop.lines-value shop.log-value shop.orders-key shop.orders-value) ],
	'subjects by topic name; none for the key of a table without one');

# ---- DDL in the stream: the schema in force at each position ----
$source->safe_psql('postgres', <<'SQL');
BEGIN;
INSERT INTO shop.orders VALUES (20, 'old shape', 1, NULL);
ALTER TABLE shop.orders ADD COLUMN rank int;
INSERT INTO shop.orders VALUES (21, 'new shape', 2, NULL, 5);
COMMIT;
SQL
@orders = read_topic("$prefix.shop.orders", count => 10);
ok(!exists $orders[8]{value}{after}{rank}, 'a row from before the ALTER has the old schema');
is($orders[9]{value}{after}{rank}, 5, 'one from behind it, in the same transaction, the new');
isnt($orders[8]{value_schema}, $orders[9]{value_schema}, 'they are two schemas');

my $started = time;
is($relay->stop, 0, 'SIGTERM ends it with 0');
cmp_ok(time - $started, '<', 30, 'and soon');

# ---- without a registry: single-object encoding, schemas in a folder ----
my $folder = "$ENV{TESTDATADIR}/schemas";
my @alone = ((grep { !/registry|prefix/ } @args), "--kafka.topic.prefix=$prefix.so",
	"--registry.schemas.dir=$folder");
$relay = relay_start(args => \@alone);
$source->safe_psql('postgres', q{INSERT INTO shop.orders VALUES (30, 'single object', 3, NULL, 1)});
@orders = read_topic("$prefix.so.shop.orders", count => 1, schemas => $folder);
is_deeply($orders[0]{value}{after}{customer}, 'single object', 'decoded by its fingerprint');
like($orders[0]{value_hex}, qr/^c301/, 'marker of single-object encoding');
is($relay->stop, 0, 'ends with 0');
done_testing();
