# 061_snapshot.pl: rows that were there before, without a broker: a temporary slot, events as
# lines of JSON.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Walrelay;
use Test::More;

my $source = new_source();
my @args = ('--source.conninfo=' . $source->connstr('postgres'), '--topic.prefix=snap',
	'--snapshot.mode=initial');

$source->safe_psql('postgres', <<'SQL');
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id bigint PRIMARY KEY, customer text NOT NULL, total numeric(10,2), note text);
INSERT INTO shop.orders SELECT i, 'c' || i, i * 1.5, CASE WHEN i % 3 = 0 THEN NULL ELSE 'n' END FROM generate_series(1, 1000) i;
DELETE FROM shop.orders WHERE id % 10 = 0;
UPDATE shop.orders SET note = 'changed' WHERE id = 7;
CREATE TABLE shop.nothing (a int);
CREATE TABLE shop.one (a int PRIMARY KEY);
INSERT INTO shop.one VALUES (42);
CREATE TABLE shop.keyless (a int, t text);
INSERT INTO shop.keyless SELECT i, repeat('x', 3000) FROM generate_series(1, 50) i;
SQL

my $relay = relay_start(command => 'tail', args => [ @args, '--snapshot.chunk.size=100', '--snapshot.max.threads=3' ]);
$relay->wait_for_log(qr/snapshot is done/);
$source->safe_psql('postgres', 'INSERT INTO shop.one VALUES (43)');
$relay->wait_for_events(952);
my @events = $relay->events;
diag(scalar @events);
diag(JSON::PP->new->canonical->encode($events[0]));
diag(JSON::PP->new->canonical->encode($events[-1]));
diag($relay->stderr);
my %marks;
$marks{ $_->{value}{source}{snapshot} }++ for @events;
diag(explain(\%marks));
$relay->stop;
done_testing();
