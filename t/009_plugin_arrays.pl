# Arrays of every type, element by element, against the server's own text of the whole:
# by the reader that shares no code with the plugin, and by the relay, whose text must be
# the server's to the byte.  Random shapes and elements; SEED=n repeats a run.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Frames;
use JSON::PP ();
use Test::More;

my $seed = $ENV{SEED} // int(rand(2**31));
srand $seed;
note "SEED=$seed";

# ---- types, and texts that elements of them are made of ----
my @texts = ('', ' ', 'a', 'a b', 'NULL', 'null', 'nUlL', 'NULLs', ',', ';', '{', '}', '{}', '"', '""', '\\', '\\"', "'", "it's", "\t", "\n",
	"a\r\n", "\x{b}\x{c}", 'é', '日本', '(1,"a")', '[1:2]={1,2}', '%', '$1', 'x' x 300);
my @ints = (0, 1, -1, 63, 64, -64, -65, 8191, 8192, 32767, -32768);
my %types = (
	bool => [qw(t f)],
	int2 => \@ints,
	int4 => [ @ints, 2147483647, -2147483648, sub { int(rand(2**32)) - 2**31 } ],
	int8 => [ @ints, '9223372036854775807', '-9223372036854775808', sub { int(rand(2**53)) } ],
	oid => [ 0, 127, 128, 2147483648, 4294967295 ],
	float4 => [ 0, '-0', 1.5, 0.1, 3.4e38, '1e-45', 'NaN', 'Infinity', '-Infinity', 1e6, 123456 ],
	float8 => [ 0, '-0', 1.5, 0.1, 1e300, '5e-324', 'NaN', 'Infinity', '-Infinity', 1e15, 1e23, sub { rand } ],
	numeric => [ 0, '0.00', 1, '-1.50', 'NaN', 'Infinity', '-Infinity', '1e100', '1e-20', '12345678.90123456789', sub { int(rand(1e9)) / 1000 } ],
	'numeric(12,2)' => [ 0, 1, -1.5, 'NaN', 9999999999.99 ],
	text => \@texts,
	varchar => \@texts,
	'varchar(5)' => [ '', 'abc', 'NULL', '日本' ],
	'char(7)' => [ '', 'abc', 'null', 'a,b' ],
	name => [ grep { length $_ < 60 } @texts ],
	'"char"' => [ '', 'a', ',', '{', '"', '\\', ' ' ],
	bytea => [ '', '\x', '\x00ff', '\x5c22', '\x' . '61' x 500 ],
	date => [qw(2000-01-01 1999-12-31 2024-02-29 infinity -infinity 5874897-12-31), '4713-01-01 BC' ],
	time => [qw(00:00 24:00 12:34:56.789 23:59:59.999999)],
	timetz => [qw(00:00+00 12:34:56.7+05:30 23:59:59.999999-15:59:59)],
	timestamp => [ '2000-01-01', '2024-02-29 12:34:56.789', 'infinity', '-infinity', '4713-01-01 BC', '294276-12-31 23:59:59.999999' ],
	timestamptz => [ '2000-01-01 00:00+00', '2024-02-29 12:34:56.789+05', 'infinity', '-infinity', '0044-03-15 12:00+00 BC' ],
	interval => [ '0', '1 year -2 mons 3 days -04:05:06.7', '-178000000 years', '1 day', '00:00:00.000001' ],
	uuid => [qw(a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 00000000-0000-0000-0000-000000000000)],
	json => [ '{}', '[]', 'null', '"x"', '{"a" : [1, "b\"c"]}' ],
	jsonb => [ '{}', '[]', 'null', '"x"', '{"a" : [1, "b\"c"]}' ],
	xml => [ '<a/>', '<?xml version="1.0" encoding="UTF-8"?><b/>', "\n<c/>", 'text, "quoted"' ],
	inet => [qw(10.0.0.1/8 ::1)],
	cidr => [qw(10.0.0.0/8 ::/0)],
	macaddr => [qw(08:00:2b:01:02:03)],
	macaddr8 => [qw(08:00:2b:01:02:03:04:05)],
	'bit(3)' => [qw(101 000)],
	varbit => [ '', '1', '0110' ],
	point => [ '(1,2)', '(-0.5,1e100)' ],
	lseg => ['[(1,2),(3,4)]'],
	box => [ '(3,4),(1,2)', '(1,1),(0,0)' ],
	path => [ '((1,2),(3,4))', '[(1,2)]' ],
	polygon => ['((1,2),(3,4),(5,6))'],
	line => ['{1,2,3}'],
	circle => ['<(1,2),3>'],
	tsvector => [ '', "a fat cat", "'it''s':1" ],
	tsquery => ["'a' & 'b'"],
	pg_lsn => ['16/B374D848'],
	xid => [ 0, 4294967295 ],
	regclass => [ 'pg_class', '-' ],
	jsonpath => ['$.a[*]'],
	int2vector => [ '', '1', '1 2' ],
	oidvector => [ '', '1 2' ],
	int4range => [ '[1,5)', 'empty', '(,)' ],
	tstzrange => ['[2000-01-01 00:00+00,)'],
	int4multirange => [ '{}', '{[1,3),[5,7)}' ],
	mood => [ 'sad', 'so-so', 'NULL', 'a "b"', '' ],
	feeling => [ 'sad', 'so-so', 'NULL' ],
	price => [ 0, 1.5, -0.01 ],
	small => [ 0, 99, -5 ],
	ints => [ '{}', '{1,2}', '{NULL}', '[0:0]={7}' ],
	pair => [ '(1,a)', '(,)', '(1,"a b")', '(2,"a,""b""")' ],
	span => [ '[1.5,2.5]', 'empty' ],
	odd => [ 'a', 'b c', '' ]);
my @types = sort keys %types;

sub pick { my ($value) = $_[ int(rand @_) ]; return ref $value ? $value->() : $value; }

# element TYPE: as it stands in an array's text, always in quotes
sub element
{
	my ($type) = @_;
	return 'NULL' if rand() < 0.15;
	my $text = pick(@{ $types{$type} });
	$text =~ s/(["\\])/\\$1/g;
	return qq("$text");
}

# nested TYPE, DELIMITER, LENGTHS...
sub nested
{
	my ($type, $delimiter, $length, @rest) = @_;
	return '{' . join($delimiter, map { @rest ? nested($type, $delimiter, @rest) : element($type) } 1 .. $length) . '}';
}

# array TYPE: the text of a random one
sub array
{
	my ($type) = @_;
	my $delimiter = $type eq 'box' ? ';' : $type eq 'odd' ? '/' : ',';
	my @lengths = map { 1 + int(rand 4) } 1 .. pick(1, 1, 1, 2, 2, 3, 4);
	$lengths[0] = 1 + int(rand 40) if @lengths == 1;
	my $bounds = '';
	if (rand() < 0.25)
	{
		for my $length (@lengths)
		{
			my $lower = int(rand 7) - 3;
			$bounds .= sprintf '[%d:%d]', $lower, $lower + $length - 1;
		}
		$bounds .= '=';
	}
	return $bounds . nested($type, $delimiter, @lengths);
}

sub literal { my ($text) = @_; return 'NULL' if !defined $text; $text =~ s/'/''/g; return "'$text'"; }
my $column = 0;
my %column = map { $_ => 'c' . $column++ } @types;

# ---- a table with an array column of each, and rows ----
my $node = new_source(conf => "max_wal_size = 4GB\nfsync = off\ntimezone = UTC\nlc_monetary = C\n");
$node->safe_psql('postgres', <<'SQL');
CREATE TYPE mood AS ENUM ('sad', 'NULL', 'a "b"', '');
ALTER TYPE mood ADD VALUE 'so-so' BEFORE 'NULL';
CREATE DOMAIN feeling AS mood;
CREATE DOMAIN price AS numeric(12,2);
CREATE DOMAIN small AS int CHECK (VALUE < 100);
CREATE DOMAIN ints AS int[];
CREATE TYPE pair AS (x int, y text);
CREATE TYPE span AS RANGE (subtype = float8);
CREATE TYPE odd;
CREATE FUNCTION odd_in(cstring) RETURNS odd LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out, LIKE = text, DELIMITER = '/');
SELECT pg_create_logical_replication_slot('arrays', 'walrelay');
SQL
my $sql = 'CREATE TABLE arrays (id int PRIMARY KEY, ' . join(', ', map { "$column{$_} $_\[]" } @types) . ");\n";
my $rows = 12;
for my $id (1 .. $rows)
{
	my @values = map { $id == 1 ? '{}' : $id == 2 ? '{NULL}' : array($_) } @types;
	$sql .= "INSERT INTO arrays VALUES ($id, " . join(', ', map { literal($_) } @values) . ");\n";
}
$node->safe_psql('postgres', $sql . <<'SQL');
-- compressed, TOASTed, longer than a frame, left alone by an update
CREATE TABLE long_arrays (id int PRIMARY KEY, n int, i int[], t text[], b box[], m mood[]);
INSERT INTO long_arrays SELECT 1, 1, array_agg(i), array_agg(CASE WHEN i % 7 > 0 THEN repeat('t" ', i % 50) END),
	array_agg(box(point(i, i), point(0, 0))), array_agg((enum_range(NULL::mood))[i % 5 + 1]) FROM generate_series(1, 30000) i;
INSERT INTO long_arrays SELECT 2, 1, array_agg(7), array_agg('same'::text), NULL, NULL FROM generate_series(1, 30000) i;
UPDATE long_arrays SET n = 2 WHERE id = 1;
-- money is compared by its integers: the relay leaves the currency's text to others
CREATE TABLE moneys (id int PRIMARY KEY, m money[]);
INSERT INTO moneys VALUES (1, '{0,1.23,-4.56,NULL}'), (2, '[0:0]={-92233720368547758.08}'), (3, '{{92233720368547758.07}}');
SQL
my $end = Frames::lsn($node->safe_psql('postgres', 'SELECT pg_current_wal_lsn()'));
my $client = Frames->start($node, 'arrays', {});
$client->wait_for(sub { @_ && ($_[-1]{lsn} // $_[-1]{end_lsn}) >= $end }, 'everything', 'CK');
my @records = $client->records('HIU');
ok($client->stop, 'the client ended well');

# ---- the relay's text is the server's ----
my ($decoded, $stderr) = ('', '');
IPC::Run::run([ $walrelay, 'decode', $client->{file} ], '<', \undef, '>', \$decoded, '2>', \$stderr) or die "walrelay decode: $stderr";
utf8::decode($decoded);

# row LINE: its values as texts, by column; none for NULL
sub row_of
{
	my ($line) = @_;
	my %escapes = (n => "\n", t => "\t", '\\' => '\\');
	my %row;
	while ($line =~ /\G ?(\w+)=/gc)
	{
		my ($name, $text) = ($1, '');
		if ($line =~ /\G(E?)'/gc)
		{
			my $plain = $1 eq 'E' ? qr/[^'\\]+/ : qr/[^']+/;
			while (1)
			{
				if ($line =~ /\G($plain)/gc) { $text .= $1; }
				elsif ($line =~ /\G''/gc) { $text .= "'"; }
				elsif ($line =~ /\G\\(?:x(..)|(.))/gc) { $text .= defined $1 ? chr hex $1 : $escapes{$2}; }
				else { last; }
			}
			$line =~ /\G'/gc or die "no end of $name\n";
			$row{$name} = $text;
		}
		elsif ($line =~ /\G(\S+)/gc) { $row{$name} = $1 if $1 ne 'null'; }
	}
	return \%row;
}

sub server_rows
{
	my ($query) = @_;
	my $json = JSON::PP->new->utf8->allow_nonref;
	return map { $json->decode($_) } split /\n/, $node->safe_psql('postgres', $query);
}

my %ours;
while ($decoded =~ /^INSERT public\.(\w+) \S+: (.*)$/mg)
{
	my ($table, $row) = ($1, row_of($2));
	$ours{$table}{ $row->{id} } = $row;
}

# compare TABLE, QUERY, { column => what it is }: the relay's text with the server's; how many
sub compare
{
	my ($table, $query, $what) = @_;
	my ($count, @wrong) = (0);
	for my $theirs (server_rows($query))
	{
		for my $name (sort keys %$what)
		{
			my ($have, $want) = ($ours{$table}{ $theirs->{id} }{$name}, $theirs->{$name});
			$count++ if defined $want;
			push @wrong, "$what->{$name} of row $theirs->{id}:\n  " . substr($have // 'null', 0, 200) . "\n  " . substr($want // 'null', 0, 200)
			  if ($have // 'null') ne ($want // 'null');
		}
	}
	is(scalar @wrong, 0, "$table: the relay's text of $count arrays is the server's")
	  or diag(join "\n", "SEED=$seed", @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ]);
	return $count;
}

my %type_of = reverse %column;
cmp_ok(compare('arrays', 'SELECT row_to_json(r) FROM (SELECT id, ' . join(', ', map { "$_\::text" } sort keys %type_of) . ' FROM arrays) r', \%type_of),
	'>=', 500, 'that were many');
is(compare('long_arrays', 'SELECT row_to_json(r) FROM (SELECT id, i::text, t::text, b::text, m::text FROM long_arrays) r',
		{ map { $_ => "$_\[]" } qw(i t b m) }), 6, 'and long ones');
is(compare('moneys', q{SELECT row_to_json(r) FROM (SELECT id, replace(m::numeric[]::text, '.', '') AS m FROM moneys) r WHERE id > 1},
		{ m => 'money[]' }), 2, 'and money');

# ---- the independent reader's elements are the server's ----
my ($hello) = grep { $_->{kind} eq 'H' } @records;
is($hello->{settings}{money_fraction_digits}, 2, 'hello says how many digits money has');
my %seen;
$seen{ $_->{table} }{ $_->{new}{id} } = $_->{new} for grep { $_->{kind} eq 'I' } @records;

# flat VALUE: all elements as texts, NULL as undef
sub flat
{
	my ($value) = @_;
	return map { ref $_ eq 'ARRAY' ? flat($_) : defined $_ ? "$_" : undef } @$value;
}

my ($count, @wrong) = (0);
for my $type (qw(int2 int4 int8 oid numeric text varchar name bytea uuid box jsonb mood feeling small price pair int4range ints))
{
	my $name = $column{$type};
	for my $theirs (server_rows(qq{SELECT json_build_object('id', id, 'elements', array(SELECT x FROM unnest($name\::text[]) x),
			'lower', array(SELECT array_lower($name, d) FROM generate_series(1, array_ndims($name)) d),
			'lengths', array(SELECT array_length($name, d) FROM generate_series(1, array_ndims($name)) d)) FROM arrays}))
	{
		my $array = $seen{'public.arrays'}{ $theirs->{id} }{$name};
		my $lower = ref $array eq 'HASH' ? $array->{lower} : [ map { 1 } @{ $theirs->{lower} } ];
		$array = $array->{array} if ref $array eq 'HASH';
		my @lengths;
		for (my $level = $array; ref $level eq 'ARRAY' && @$level; $level = $level->[0]) { push @lengths, scalar @$level; }
		my $json = JSON::PP->new->canonical;
		my ($have, $want) = ($json->encode([ $lower, \@lengths, [ flat($array) ] ]), $json->encode([ @{$theirs}{qw(lower lengths elements)} ]));
		s/(?<=[[,])"?(-?\d+)"?(?=[],])/$1/g for $have, $want;
		$count++;
		push @wrong, "$type\[] of row $theirs->{id}:\n  $have\n  $want" if $have ne $want;
	}
}
is(scalar @wrong, 0, "bounds and elements of $count arrays") or diag(join "\n", "SEED=$seed", @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ]);
cmp_ok($count, '>=', 200, 'that were many, too');
is_deeply($seen{'public.moneys'}, { 1 => { id => 1, m => [ 0, 123, -456, undef ] },
		2 => { id => 2, m => { lower => [0], array => ['-9223372036854775808'] } }, 3 => { id => 3, m => [ ['9223372036854775807'] ] } }, 'money');
my ($update) = grep { $_->{kind} eq 'U' } @records;
is_deeply([ @{ $update->{new} }{qw(n i t b)} ], [ 2, map { { state => 'unchanged' } } qw(i t b) ], 'what an update leaves alone is unchanged');

done_testing();
