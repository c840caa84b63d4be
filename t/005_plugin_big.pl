# Values of hundreds of megabytes: in pieces, whole, within frames of ordinary size.
# slow: it moves gigabytes
# takes: 150 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Frames;
use Test::More;

my $node = new_source(conf => "max_wal_size = 8GB\nfsync = off\nwal_sender_timeout = 5min\n");
$node->safe_psql('postgres', <<'SQL');
CREATE TABLE big (id int PRIMARY KEY, t text, b bytea);
ALTER TABLE big ALTER t SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL;
CREATE TABLE squeezed (id int PRIMARY KEY, t text, j jsonb, js jsonb[]);
CREATE TABLE arrays (id int PRIMARY KEY, i int[], t text[], l int8[]);
ALTER TABLE arrays ALTER i SET STORAGE EXTERNAL, ALTER t SET STORAGE EXTERNAL, ALTER l SET STORAGE EXTERNAL;
SELECT pg_create_logical_replication_slot('big', 'walrelay');
INSERT INTO big VALUES (1, repeat('0123456789', 90000000), NULL);
ALTER TABLE big REPLICA IDENTITY FULL;
INSERT INTO big VALUES (2, NULL, convert_to(repeat('abcdefghij', 60000000), 'UTF8'));
UPDATE big SET b = convert_to(repeat('bcdefghija', 60000000), 'UTF8') WHERE id = 2;
-- compressed: small in the WAL, large when it is sent
INSERT INTO squeezed VALUES (1, repeat('abcdefgh', 25000000), NULL);
-- text form larger than 1 GB: cannot be sent, and stops nothing.  Every byte takes six.
INSERT INTO squeezed VALUES (2, 'after', to_jsonb(repeat(chr(1), 180000000)));
-- an array with such an element, after one that is fine
INSERT INTO squeezed VALUES (4, 'between', NULL, ARRAY['1', to_jsonb(repeat(chr(1), 180000000))]);
-- arrays: fixed width, variable width, and one that takes more than 1 GB on the wire, though less in the server
INSERT INTO arrays VALUES (1, array_fill(1000000000, ARRAY[15000000]), NULL, NULL);
INSERT INTO arrays VALUES (2, NULL, array_fill(repeat('x', 1000), ARRAY[60, 1000]), NULL);
INSERT INTO arrays VALUES (3, NULL, NULL, array_fill(-9223372036854775808, ARRAY[110000000]));
INSERT INTO squeezed VALUES (3, 'end', '{}');
SQL
my $client = Frames->start($node, 'big', {});
# The capture takes a while to read: not before it is there.
wait_until
{
	die "the client ended: $client->{err}" if $client->ended;
	(-s $client->{file} // 0) > 4_130_000_000;
}
'the long values', 600;
my @records = $client->wait_for(
	sub { grep { $_->{new} && $_->{table} eq 'public.squeezed' && $_->{new}{id} == 3 } @_ }, 'the last row', 'CRIU', 600);
my ($one, $two, $update, $squeezed, $huge, $element, $ints, $texts, $longs) = grep { $_->{new} } @records;
is($one->{new}{t}{long}, 900_000_000, '900 MB of text');
is("$one->{new}{t}{first} $one->{new}{t}{last}", '01234567 23456789', 'with its ends');
is($two->{new}{b}{long}, 600_000_000, '600 MB of bytea');
is($update->{old}{b}{long}, 600_000_000, 'the old 600 MB of an update');
is($update->{old}{b}{crc32}, $two->{new}{b}{crc32}, 'are those that were inserted');
is($update->{new}{b}{long}, 600_000_000, 'and the new 600 MB');
isnt($update->{new}{b}{crc32}, $two->{new}{b}{crc32}, 'are others');
is($squeezed->{new}{t}{long}, 200_000_000, '200 MB that were compressed');
is_deeply($huge->{new}, { id => 2, t => 'after', j => { state => 'unsendable' }, js => undef }, 'over 1 GB of text is marked');
is_deeply($element->{new}, { id => 4, t => 'between', j => undef, js => { state => 'unsendable' } }, 'and an array with such an element');
# heads: dimensions; for each length and lower bound; no map.  Elements: 5 bytes; 2 of length and 1000; 10 bytes
is($ints->{new}{i}{long}, 1 + 4 + 1 + 1 + 15_000_000 * 5, '60 MB of int4[]');
is("$ints->{new}{i}{first} $ints->{new}{i}{last}", '01c0c39307020080 d6b90780a8d6b907', 'with its ends');
is($texts->{new}{t}{long}, 1 + 1 + 1 + 2 + 1 + 1 + 60_000 * 1002, '60 MB of text[]');
is($longs->{new}{l}{long}, 1 + 4 + 1 + 1 + 110_000_000 * 10, '880 MB of int8[] are 1.1 GB here');
my ($longest) = sort { $b <=> $a } map { $_->{frame_length} } @records;
cmp_ok($longest, '<=', 16384 + 300, 'no frame was longer for it');
ok($client->stop, 'the client ended well');

done_testing();
