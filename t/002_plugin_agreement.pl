# The binary format against the server's own text of the same values: a reader that shares
# no code with the plugin turns forms back into text, for every form and at its limits.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Frames;
use Test::More;

my $node = new_source();
$node->safe_psql('postgres', <<'SQL');
ALTER SYSTEM SET timezone = 'UTC';
SELECT pg_reload_conf();
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
ALTER TYPE mood ADD VALUE 'so-so' BEFORE 'ok';
CREATE DOMAIN price AS numeric(12,2);
CREATE TABLE numbers (id serial PRIMARY KEY, n numeric, p numeric(12,2), i2 int2, i4 int4, i8 int8, o oid, b bool);
CREATE TABLE values_t (id serial PRIMARY KEY, d date, t time, ts timestamp, tz timestamptz, z timetz, v interval, u uuid, m money,
	e mood, dom price, y bytea, tx text, vc varchar, c char(7), nm name, oc "char", j json, jb jsonb, f4 float4, f8 float8);
SELECT pg_create_logical_replication_slot('agree', 'walrelay');
-- numerics: both header forms, all kinds of weight and scale
INSERT INTO numbers (n) SELECT v::numeric FROM unnest('{0,0.0,0.000000,-0.5,0.5,1,-1,9999,10000,10001,99999999,100000000,
	1e100,1e-100,-1e100,-1e-100,123456789.987654321,0.0001,0.00001,0.00009999,1000000.0000001,1e4000,1e-4000,-3.14159265358979323846264338327950288,
	NaN,Infinity,-Infinity,1.0,1.10,1.100,100000,0.1234567890123456789012345678901234567890123456789012345678901234567890}'::text[]) v;
INSERT INTO numbers (n) SELECT (random() * 10 ^ (i % 30))::numeric * (CASE WHEN i % 2 = 0 THEN 1 ELSE -1 END) / 10 ^ (i % 17)::numeric FROM generate_series(1, 2000) i;
INSERT INTO numbers (n) SELECT round((i * 7919)::numeric / 10 ^ (i % 12)::numeric, i % 40) FROM generate_series(1, 1000) i;
INSERT INTO numbers (n) SELECT ('1' || repeat('0', i) || '7')::numeric FROM generate_series(0, 200) i;
INSERT INTO numbers (n) SELECT ('0.' || repeat('0', i) || '7')::numeric FROM generate_series(0, 200) i;
INSERT INTO numbers (n) SELECT repeat('9', 131072)::numeric;
INSERT INTO numbers (n) SELECT ('0.' || repeat('123', 5000))::numeric;
INSERT INTO numbers (p) SELECT (i - 500)::numeric * 1.37 FROM generate_series(1, 1000) i;
INSERT INTO numbers (i2, i4, i8, o, b) VALUES (0, 0, 0, 0, false), (-1, -1, -1, 1, true), (32767, 2147483647, 9223372036854775807, 4294967295, true),
	(-32768, -2147483648, -9223372036854775808, 2147483648, NULL), (63, 64, -64, 127, NULL), (-65, 8191, 8192, 128, NULL);
INSERT INTO values_t (d, t, ts, tz, z, v, u, m, e, dom, y, tx, vc, c, nm, oc, j, jb, f4, f8) VALUES
	('2024-02-29', '12:34:56.789', '2024-02-29 12:34:56.789', '2024-02-29 12:34:56.789+05', '12:00:00+05:30', '1 year -2 months 3 days -04:05:06.7',
	 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 12.34, 'so-so', 7, '\x00ff10', 'tEXt', 'vc', 'ch', 'nm', 'q', '{"a": 1}', '{"b": 2}', 1.5, -2.25),
	('1970-01-01', '00:00', '1970-01-01', '1970-01-01', '00:00-15:59', '0', '00000000-0000-0000-0000-000000000000', -92233720368547758.08, 'sad', -0.01, '', '', '', '', '', '', '[]', 'null', 0, 0),
	('4713-01-01 BC', '24:00', '4713-01-01 BC', '4713-01-02 BC', '23:59:59.999999+15:59', '-178000000 years', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 92233720368547758.07, 'happy', 9999999999.99,
	 decode(repeat('ab', 3000), 'hex'), repeat('long', 100000), 'x', 'exactly', repeat('n', 63), 'Z', '"j"', '{"k": [1, 2.50, null, true]}', 3.4e38, 1.7976931348623157e308),
	('5874897-12-31', NULL, '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59+00', NULL, '178000000 years', NULL, NULL, 'ok', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1.17549435e-38, 5e-324);
SQL

my $end = Frames::lsn($node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()'));
my $client = Frames->start($node, 'agree', {});
$client->wait_for(sub { @_ && ($_[-1]{lsn} // $_[-1]{end_lsn}) >= $end }, 'everything', 'CK');
my %seen;
$seen{ $_->{table} }{ $_->{new}{id} } = $_->{new} for $client->records('I');
ok($client->stop, 'the client ended well');

# What the server says, shaped as the reader's: one JSON object per row.
sub server_rows
{
	my ($sql) = @_;
	my $json = JSON::PP->new->utf8->allow_nonref->allow_bignum;
	return map { $json->decode($_) } split /\n/, $node->safe_psql('postgres', $sql);
}

sub compare
{
	my ($table, $what, $columns, @rows) = @_;
	my @wrong;
	for my $row (@rows)
	{
		my $ours = $seen{"public.$table"}{ $row->{id} };
		for my $column (@$columns)
		{
			my ($have, $want) = ($ours->{$column}, $row->{$column});
			push @wrong, "id $row->{id} $column: " . substr($have // 'null', 0, 60) . ' for ' . substr($want // 'null', 0, 60)
			  if defined $have != defined $want || (defined $want && "$have" ne "$want");
		}
	}
	is(scalar @wrong, 0, "$what: " . @rows . ' rows') or diag(join "\n", @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ]);
	cmp_ok(scalar @rows, '>', 0, "$what: there were rows");
	return;
}

compare('numbers', 'numeric', [ 'n', 'p' ],
	server_rows('SELECT json_build_object($$id$$, id, $$n$$, n::text, $$p$$, p::text) FROM numbers'));
compare('numbers', 'integers', [qw(i2 i4 i8 o)],
	server_rows('SELECT json_build_object($$id$$, id, $$i2$$, i2, $$i4$$, i4, $$i8$$, i8::text, $$o$$, o::text) FROM numbers WHERE i2 IS NOT NULL'));
is_deeply([ map { $seen{'public.numbers'}{$_} ? ($seen{'public.numbers'}{$_}{b} ? 1 : 0) : () }
		map { $_->{id} } server_rows('SELECT json_build_object($$id$$, id) FROM numbers WHERE b IS NOT NULL ORDER BY id') ],
	[ 0, 1, 1 ], 'bool');
compare('values_t', 'text forms', [qw(e dom vc c nm oc j jb)],
	server_rows(q{SELECT json_build_object('id', id, 'e', e::text, 'dom', dom::text, 'vc', vc, 'c', bpcharout(c)::text, 'nm', nm, 'oc', oc,
		'j', j::text, 'jb', jb::text) FROM values_t}));
compare('values_t', 'counts of microseconds and days', [qw(d t ts tz m u)],
	server_rows(q{SELECT json_build_object('id', id, 'd', d - '2000-01-01'::date, 't', (extract(epoch from t) * 1000000)::bigint::text,
		'ts', ((ts::date - '2000-01-01'::date)::bigint * 86400000000 + (extract(epoch from ts::time) * 1000000)::bigint)::text,
		'tz', ((tz::timestamp::date - '2000-01-01'::date)::bigint * 86400000000 + (extract(epoch from tz::timestamp::time) * 1000000)::bigint)::text,
		'm', (m::numeric * 100)::bigint::text, 'u', u::text) FROM values_t}));
my %by_id = map { $_->{id} => $_ } server_rows(q{SELECT json_build_object('id', id,
	'z', json_build_array((extract(epoch from z::time) * 1000000)::bigint, - extract(timezone from z)),
	'v', json_build_array(((extract(hour from v) * 3600 + extract(minute from v) * 60) * 1000000 + extract(microseconds from v))::bigint,
		extract(day from v), extract(year from v) * 12 + extract(month from v))) FROM values_t WHERE z IS NOT NULL});
for my $id (sort keys %by_id)
{
	for my $column (qw(z v))
	{
		is_deeply([ map { "$_" } @{ $seen{'public.values_t'}{$id}{$column} } ], [ map { "$_" } @{ $by_id{$id}{$column} } ], "$column of row $id");
	}
}
for my $row (server_rows(q{SELECT json_build_object('id', id, 'f4', f4, 'f8', f8) FROM values_t}))
{
	my $ours = $seen{'public.values_t'}{ $row->{id} };
	ok(unpack('N', pack('f>', $ours->{f4})) == unpack('N', pack('f>', $row->{f4})), "float4 of row $row->{id}, to the bit");
	ok(pack('d>', $ours->{f8}) eq pack('d>', $row->{f8}), "float8 of row $row->{id}, to the bit");
}
is($seen{'public.values_t'}{1}{y}, '\x00ff10', 'bytea');
is($seen{'public.values_t'}{3}{y}, '\x' . 'ab' x 3000, 'bytea of 3000 bytes');
is($seen{'public.values_t'}{3}{tx}{long}, 400000, 'a long text');
is($seen{'public.values_t'}{1}{tx}, 'tEXt', 'a short one');

done_testing();
