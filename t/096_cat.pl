# 096_cat.pl: walrelay cat.  What it prints of a topic is what the independent reader finds there;
# from any place on, of one key or partition; of topics that have no schemas, too; and with what is
# missing it says so.
# needs: kafka
# takes: 40 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run ();
use JSON::PP ();
use Lab;
use MIME::Base64 qw(encode_base64);
use Walrelay;
use Test::More;

my $source = new_source();
my $bootstrap = kafka();
chomp(my $python = qx('$root/t/lib/venv'));
lab($source, $bootstrap);
my @servers = ("--bootstrap.servers=$bootstrap", '--registry.url=' . registry());

# cat TOPIC, ARGS: (exit status, records, stderr)
sub cat
{
	my ($topic, @args) = @_;
	my ($status, $stdout, $stderr) = relay_run('cat', $topic, @servers, @args);
	return ($status, [ json_lines($stdout) ], $stderr);
}
# records of several partitions come in any order
sub ordered { return [ sort { $a->{partition} <=> $b->{partition} || $a->{offset} <=> $b->{offset} } @_ ]; }
sub offsets { my ($topic, @args) = @_; my (undef, $records) = cat($topic, @args); return join ' ', map { $_->{offset} } @{ ordered(@$records) }; }

# plain VALUE: as the reader of read_topic.py marks what JSON lacks, so as cat prints it
sub plain
{
	my ($value) = @_;
	return [ map { plain($_) } @$value ] if ref $value eq 'ARRAY';
	return $value if ref $value ne 'HASH';
	return encode_base64(pack('H*', $value->{'$bytes'}), '') if exists $value->{'$bytes'};
	return { nan => 'NaN', inf => 'Infinity', '-inf' => '-Infinity' }->{ $value->{'$float'} } if exists $value->{'$float'};
	return { map { $_ => plain($value->{$_}) } keys %$value };
}

# produce TOPIC, KEY, VALUE, ARGS of kcat
sub produce
{
	my ($topic, $key, $value, @args) = @_;
	my $file = "$ENV{TESTDATADIR}/value";
	open my $out, '>:raw', $file or die "$file: $!\n";
	print $out $value;
	close $out;
	system('kcat', '-P', '-q', '-b', $bootstrap, '-t', $topic, defined $key ? ('-k', $key) : (), @args, $file) == 0 or die "kcat failed\n";
	return;
}

sub topic_create { return system($python, "$root/t/lib/kafka_admin.py", '--bootstrap', $bootstrap, 'create', @_) == 0 || die "no topic $_[0]\n"; }

# ---- values of all kinds, in Kafka transactions ----
topic_create('cat.shop.pairs', 3);
topic_create('cat.shop.kinds', 1, 'max.message.bytes=16777216');
sql(<<'SQL');
CREATE SCHEMA shop;
CREATE EXTENSION hstore;
CREATE TYPE shop.mood AS ENUM ('fine', 'bad');
CREATE TABLE shop.kinds (id bigint PRIMARY KEY, b bool, s smallint, i int, l bigint, f real, d double precision, n numeric(20,4),
	u numeric, t text, c char(5), by bytea, da date, ti time, ts timestamp, tz timestamptz, iv interval, uu uuid, j jsonb, m shop.mood,
	ia int[], ta text[], na numeric(10,2)[], h hstore, ip inet, p point, bi bit(5), x xml, mo money);
CREATE TABLE shop.pairs (a int, b text, v text, PRIMARY KEY (a, b));
SQL
slot_new('cat');
my $relay = start('cat', '--delivery=exactly-once');
sql(<<'SQL');
INSERT INTO shop.kinds VALUES (9007199254740993, true, -32768, 2147483647, -9223372036854775808, 'NaN', '-Infinity', 1234567890.1234, 0.1,
	E'quote " back \\ tab\t line\n ü 𝄞 \x01', 'abc', '\x00ff10', '2026-11-22', '10:30:00.5', '2026-11-22 10:30', '2026-11-22 10:30Z', '1 month 2 days',
	'00000000-0000-0000-0000-00000000000a', '{"a": [1, null]}', 'bad', '{1,NULL,3}', '{"a","ü"}', '{1.25}', 'k=>v, n=>NULL', '10.0.0.1', '(1,2)', B'10101', '<a/>', 12.5);
INSERT INTO shop.kinds (id) VALUES (1);
UPDATE shop.kinds SET t = 'x' WHERE id = 1;
DELETE FROM shop.kinds WHERE id = 1;
INSERT INTO shop.pairs SELECT i, 'b"' || i, 'v' FROM generate_series(1, 20) i;
SQL
sql("INSERT INTO shop.kinds (id, t) VALUES (7, repeat('long ', 600000))");
my @kinds = read_topic('cat.shop.kinds', bootstrap => $bootstrap, count => 6, committed => 1);
{
	my ($status, $records, $stderr) = cat('cat.shop.kinds');
	is("$status$stderr", '0', 'a topic to its end');
	is(@$records, @kinds, 'all records');
	for my $i (0 .. $#kinds)
	{
		my ($ours, $theirs) = ($records->[$i], $kinds[$i]);
		is_deeply($ours->{payload}, plain($theirs->{value}), "record $i: its value");
		is_deeply($ours->{key}, plain($theirs->{key}), "record $i: its key");
		is("@$ours{qw(topic partition offset tstype ts key_schema_id)}",
			"cat.shop.kinds 0 $theirs->{offset} create $theirs->{timestamp} $theirs->{key_schema}", "record $i: where it is");
		is($ours->{value_schema_id}, $theirs->{value_schema}, "record $i: its schema");
	}
	is($records->[0]{key}{id}, '9007199254740993', 'a number that no double holds');
	ok(exists $records->[4]{payload} && !defined $records->[4]{payload}, 'a tombstone');
	is(length $records->[5]{payload}{after}{t}, 3_000_000, 'a huge one');
	ok(!exists $records->[0]{headers}, 'no headers');
}
my ($status, $stdout) = relay_run('cat', 'cat.shop.kinds', @servers, '--value-only', '--limit=1');
is_deeply([ json_lines($stdout) ], [ plain($kinds[0]{value}) ], 'the value only, and one only');

# ---- from a place ----
# Each transaction ends with a mark that has an offset: some numbers are nobody's, also at the end.
my @at = map { $_->{offset} } @kinds;
is(offsets('cat.shop.kinds', '--offset=beginning'), "@at", 'from the beginning');
is(offsets('cat.shop.kinds', "--offset=$at[2]"), "@at[2..5]", 'from an offset');
is(offsets('cat.shop.kinds', '--offset', '100000'), '', 'from an offset behind the end');
is(offsets('cat.shop.kinds', '--offset=-1'), $at[5], 'the last one');
is(offsets('cat.shop.kinds', '--offset=-3'), "@at[3..5]", 'the last three');
is(offsets('cat.shop.kinds', '--offset=-1000'), "@at", 'the last of more than there are');
is(offsets('cat.shop.kinds', '--offset=end'), '', 'from the end');
is(offsets('cat.shop.kinds', '--offset=@0'), "@at", 'from a time long ago');
is(offsets('cat.shop.kinds', "--offset=\@$kinds[5]{timestamp}"), "$at[5]", 'from the time of the last one');
is(offsets('cat.shop.kinds', '--offset=2100-01-01T00:00:00+01:00'), '', 'from a time to come');
is(offsets('cat.shop.kinds', '--limit=2'), "@at[0,1]", 'two');

# ---- of a partition, of a key ----
{
	my @pairs = read_topic('cat.shop.pairs', bootstrap => $bootstrap, count => 20, committed => 1);
	my (undef, $records) = cat('cat.shop.pairs');
	is_deeply([ map { "$_->{partition}:$_->{offset} $_->{key}{a}" } @{ ordered(@$records) } ],
		[ map { "$_->{partition}:$_->{offset} $_->{key}{a}" } @pairs ], 'all partitions');
	(undef, $records) = cat('cat.shop.pairs', '--partition=1');
	is_deeply([ map { $_->{key}{a} } @$records ], [ map { $_->{partition} == 1 ? $_->{key}{a} : () } @pairs ], 'one partition');
	(undef, $records) = cat('cat.shop.pairs', '--offset=-1');
	is(@$records, 3, 'the last one of each');
	(undef, $records) = cat('cat.shop.pairs', '--key={"a": 3, "b": "b\"3"}');
	is_deeply([ map { $_->{payload}{after}{a} } @$records ], [3], 'one key');
	(undef, $records) = cat('cat.shop.pairs', '--key=3');
	is(@$records, 0, 'half a key is none');
	(undef, $records) = cat('cat.shop.kinds', '--key=9007199254740993');
	is_deeply([ map { $_->{offset} } @$records ], [ $at[0] ], 'a key of one column');
	my ($code, undef, $stderr) = cat('cat.shop.pairs', '--partition=3');
	is($code, 78, 'no such partition');
	like($stderr, qr/E2002: .* has no partition 3\nHINT:  Its partitions are 0 to 2\./, 'no such partition: which there are');
}

# ---- while a relay writes ----
{
	local $SIG{INT} = 'DEFAULT';    # a job in the background has none
	my $cat = relay_start(command => 'cat', args => [ 'cat.shop.kinds', '-f', '--offset=end', @servers ]);
	my $shown = 0;
	wait_until { sql('INSERT INTO shop.kinds (id) VALUES (' . (100 + $shown++) . ')'); $cat->stdout =~ /\n/ } 'the first record to be shown';
	sql('INSERT INTO shop.kinds (id) SELECT generate_series(1000, 1099)');
	wait_until { $cat->stdout =~ /"key":\{"id":1099\}.*\n/ } 'the last record to be shown';
	ok($cat->is_running, 'it goes on');
	$cat->signal('INT');
	is($cat->wait_exit, 130, 'until it is ended');
	my @ids = grep { $_ >= 1000 } map { $_->{key}{id} } $cat->events;
	is_deeply(\@ids, [ 1000 .. 1099 ], 'each once, in order');
	is($cat->stderr, '', 'without a word');
}
is($relay->stop, 0, 'the relay ends');

# somebody has seen enough
{
	my $said = qx(bash -c '"\$0" "\$@" | head -n 1; echo "\${PIPESTATUS[0]}"' '$walrelay' cat cat.shop.kinds @servers 2>&1);
	like($said, qr/^\{"topic":.*\}\n0\n\z/, 'head -n 1 ends it, quietly');
}

# ---- what has no schema ----
topic_create('cat.plain', 1);
is(offsets('cat.plain'), '', 'an empty topic');
produce('cat.plain', 'k', '{"a": 1}', '-H', 'one=ü', '-H', 'two=2');
produce('cat.plain', undef, "\xff\x00\xfe");
produce('cat.plain', 'k', "text \"\n");
{
	my ($code, $records, $stderr) = cat('cat.plain', '--registry.url=');
	is("$code$stderr", '0', 'no schemas, no registry');
	delete @$_{qw(topic partition offset tstype ts)} for @$records;
	is_deeply($records,
		[ { key => 'k', payload => '{"a": 1}', headers => [ 'one', "\x{fc}", 'two', '2' ] },
			{ key => undef, payload => '/wD+', payload_base64 => JSON::PP::true }, { key => 'k', payload => "text \"\n" } ],
		'text is a string, bytes are base64, headers as kcat has them');
	(undef, $records) = cat('cat.plain', '--key=k', '--registry.url=');
	is_deeply([ map { $_->{offset} } @$records ], [ 0, 2 ], 'a key that is a string');
}
# of another producer's schema: named types, an enum, fixed bytes
{
	my $id = register('cat.other-value', $json->encode({ type => 'record', name => 'n.R', fields => [
		{ name => 'e', type => { type => 'enum', name => 'E', symbols => [qw(A B)] } }, { name => 'f', type => { type => 'fixed', name => 'F', size => 2 } },
		{ name => 'g', type => [ 'null', 'F' ] }, { name => 'm', type => { type => 'map', values => 'E' } } ] }));
	produce('cat.other', undef, pack('CNCa2Ca2CCaCC', 0, $id, 2, "\x01\x02", 2, "\x03\x04", 2, 2, 'k', 0, 0));
	my (undef, $records) = cat('cat.other');
	is_deeply($records->[0]{payload}, { e => 'B', f => 'AQI=', g => 'AwQ=', m => { k => 'A' } }, 'types that ours do not have');
	is($records->[0]{value_schema_id}, $id, 'and its schema');
	produce('cat.other', undef, pack('CNC', 0, $id, 2));
	my ($code, $all, $stderr) = cat('cat.other');
	is(@$all, 1, 'a record that is cut off: what is ahead of it is shown');
	like($stderr, qr/error: E1603: a record's schema does not say what it holds\nDETAIL:  .* offset 1 of partition 0 of "cat\.other"\.\nHINT:  .*--raw/, 'and where it is');
	is($code != 0, 1, 'it fails');
	(undef, $all) = cat('cat.other', '--raw');
	is($all->[1]{payload}, encode_base64(pack('CNC', 0, $id, 2), ''), 'its bytes');
}
# without a registry: a folder
{
	my $folder = "$ENV{TESTDATADIR}/schemas";
	slot_new('catsingle');
	my $single = start('catsingle', '--registry.url=', "--registry.schemas.dir=$folder", '--table.include.list=shop\.pairs');
	sql("INSERT INTO shop.pairs VALUES (100, 'b', 'single')");
	wait_until { offsets('catsingle.shop.pairs', "--registry.schemas.dir=$folder") eq '0' } 'the record to be there';
	is($single->stop, 0, 'a relay without a registry');
	my (undef, $records) = cat('catsingle.shop.pairs', '--registry.url=', "--registry.schemas.dir=$folder");
	is($records->[0]{payload}{after}{v}, 'single', 'schemas of a folder');
	my ($code, undef, $stderr) = cat('catsingle.shop.pairs', '--registry.url=', "--registry.schemas.dir=$folder.none");
	like("$code $stderr", qr/^78 .*E1806: there is no schema with fingerprint [0-9a-f]{16} in \Q$folder\E\.none\n/, 'another folder');
}

# ---- what is missing ----
{
	my ($code, undef, $stderr) = cat('cat.none');
	like("$code $stderr", qr/^78 .*E2002: topic "cat\.none" does not exist\n/, 'no such topic');
	produce('cat.unknown', undef, pack('CN', 0, 4_000_000) . 'value');
	($code, undef, $stderr) = cat('cat.unknown');
	like("$code $stderr", qr/^78 .*E1806: schema registry \Q@{[ registry() ]}\E does not know schema id 4000000\n/, 'no such schema');
	my $port = free_port();
	($code, undef, $stderr) = cat('cat.shop.pairs', "--registry.url=http://user:secret\@127.0.0.1:$port");
	like("$code $stderr", qr/^69 .*E1801: schema registry http:\S*127\.0\.0\.1:$port\S* is unreachable\nDETAIL:  Asked for schema id \d+\. /, 'no registry');
	unlike($stderr, qr/secret/, 'no registry: and no password');
	($code, undef, $stderr) = cat('cat.shop.pairs', '--registry.url=');
	like("$code $stderr", qr/^78 .*E1003: registry\.url is not set, and a record has schema id \d+\n/, 'no setting');
	($code, undef, $stderr) = (relay_run('cat'))[ 0, 1, 2 ];
	like("$code $stderr", qr/^2 .*E1006: "cat" needs a topic\n/, 'no topic');
	($code, undef, $stderr) = cat('cat.plain', '--offset=yesterday');
	like("$code $stderr", qr/^2 .*E1006: invalid place for --offset\n/, 'no place');
}
done_testing();
