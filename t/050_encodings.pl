# Databases that are not UTF-8, end to end: names, labels, defaults, values of every kind
# of text, and each character of each encoding that a database can have, compared with
# the server's own conversion.  Bytes that are no text are replaced and counted, or
# refused where they are a key; the server never meets an error on our account.
# slow: a database for each of 33 encodings.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Encode ();
use Walrelay;
use Events;
use Test::More;
use utf8;

my $node = new_source(conf => "fsync = off\nmax_replication_slots = 60\nmax_wal_senders = 20\n");
my $has_hstore = $node->safe_psql('postgres', "SELECT count(*) FROM pg_available_extensions WHERE name = 'hstore'");

sub database
{
	my ($encoding) = @_;
	my $name = lc $encoding;
	$node->safe_psql('postgres', "CREATE DATABASE $name ENCODING '$encoding' TEMPLATE template0 LOCALE 'C'");
	return $name;
}

# sql DATABASE, TEXT: from UTF-8, which the server converts to the database's encoding
sub sql
{
	my ($database, $text) = @_;
	local $ENV{PGCLIENTENCODING} = 'UTF8';
	return $node->safe_psql($database, Encode::encode('UTF-8', $text));
}

# ---- one table with everything, in words of each language ----
my %words = (
	utf8 => [ 'größe', 'żółw€', 'дом', '日本𝄞' ],
	latin1 => [ 'größe', 'öde', 'ÄÖÜß', "caf\x{e9} \x{a0}\x{ff}" ],
	win1252 => [ 'größe', '€uro', '„Zitat“', "Žž… \x{a0}\x{ff}" ],
	euc_jp => [ '大きさ', '日本語', 'ｱｲｳ', '丂ア漢' ]);
for my $encoding (qw(UTF8 LATIN1 WIN1252 EUC_JP))
{
	my $database = database($encoding);
	my ($name, $a, $b, $c) = @{ $words{$database} };
	# Debezium takes names byte by byte, and what is no ASCII as "_".
	my $ascii = Encode::encode('UTF-8', $name) =~ s/[^\x00-\x7f]/_/gr;
	my $field = "c_$ascii";
	my $events = Events->start($node, $database, $database);
	sql($database, <<"SQL");
@{[$has_hstore ? 'CREATE EXTENSION hstore' : 'CREATE DOMAIN hstore AS text']};
CREATE TYPE "$name" AS ENUM ('$a', '$b');
CREATE TABLE "t_$name" (id text PRIMARY KEY, "c_$name" text NOT NULL DEFAULT '$a', vc varchar(20) DEFAULT '$b',
	e "$name" NOT NULL DEFAULT '$b', ch char(8), j json, jb jsonb, ta text[], ea "$name"\[], h hstore, n name, long text);
INSERT INTO "t_$name" VALUES ('$a', '$b', '$c', '$a', '$c', '{"$a": "$b"}', '{"$b": ["$c"]}', ARRAY['$a', NULL, '$b,"', ''],
	ARRAY['$b', '$a']::"$name"\[], '"$a"=>"$b"', '$c', repeat('$c', 20000));
UPDATE "t_$name" SET id = '$c', long = NULL;
DELETE FROM "t_$name";
SELECT pg_logical_emit_message(true, '$name', '$a');
SQL
	my @events = $events->raw;
	is(scalar @events, 7, "$encoding: create, key change, delete, message");
	my $after = $events[0]{value}{after};
	is($events[0]{topic}, "p.public.t_$ascii", "$encoding: a topic's name has no such characters");
	is($events[0]{value}{source}{table}, "t_$name", "$encoding: but the table has its own");
	is_deeply($after, {
			id => $a, $field => $b, vc => $c, e => $a, ch => $c . ' ' x (8 - length $c), n => $c, long => $c x 20000,
			j => qq({"$a": "$b"}), jb => qq({"$b": ["$c"]}), ta => [ $a, undef, "$b,\"", '' ], ea => [ $b, $a ],
			h => $has_hstore ? qq({"$a":"$b"}) : qq("$a"=>"$b")
		}, "$encoding: column names and values") or diag(explain $after);
	is_deeply([ map { $_->{key} } @events[ 0 .. 5 ] ], [ map { { id => $_ } } $a, $a, $a, $c, $c, $c ], "$encoding: keys");
	is_deeply([ map { $_->{headers} } @events[ 1, 3 ] ],
		[ { '__debezium.newkey' => qq({"id":"$c"}) }, { '__debezium.oldkey' => qq({"id":"$a"}) } ], "$encoding: headers");
	is_deeply([ @{ $events[4]{value}{before} }{ $field, 'e', 'vc' } ], [ $a, $b, undef ],
		"$encoding: what stands for unknown values is the default");
	is($events[6]{key}{prefix}, $name, "$encoding: a message's prefix");
	is($events->metric('values_unrepresentable_total', 'replaced'), 0, "$encoding: nothing was replaced");
	ok($events->stop, "$encoding: the relay ended well");
}

# ---- each character, as the server itself converts it ----
# Every sequence of bytes that such a database could take, in hex; of more than one byte
# they go together by all but the last one.  Each of one byte is a value of its own,
# because converters may hold a character back to see what follows.
sub characters
{
	my ($encoding) = @_;
	my $pair = "lpad(to_hex(i), 2, '0') || lpad(to_hex(j), 2, '0')";
	my $pairs = 'FROM generate_series(161, 254) i, generate_series(161, 254) j';
	return "SELECT b AS lead, ARRAY[b] AS bytes FROM (SELECT lpad(to_hex(i), 2, '0') AS b FROM generate_series(1, 255) i) AS one"
	  if $encoding !~ /^EUC/;
	my $sql = "SELECT $pair AS b $pairs";
	$sql .= " UNION ALL SELECT '8e' || lpad(to_hex(i), 2, '0') FROM generate_series(161, 223) i UNION ALL SELECT '8f' || $pair $pairs"
	  if $encoding =~ /EUC_J/;
	$sql .= " UNION ALL SELECT '8ea2' || $pair $pairs" if $encoding eq 'EUC_TW';
	return "SELECT left(b, -2) AS lead, array_agg(b ORDER BY b) AS bytes FROM ($sql) AS every GROUP BY 1";
}

# Where the C library and the server know different characters: overline and yen sign.
my %known = (EUC_JIS_2004 => { "\x{203e}" => "\x{ffe3}", "\x{a5}" => "\x{ffe5}" });

my @encodings = qw(EUC_JP EUC_CN EUC_KR EUC_TW EUC_JIS_2004 LATIN1 LATIN2 LATIN3 LATIN4 LATIN5 LATIN6 LATIN7 LATIN8
  LATIN9 LATIN10 ISO_8859_5 ISO_8859_6 ISO_8859_7 ISO_8859_8 WIN866 WIN874 WIN1250 WIN1251 WIN1252 WIN1253 WIN1254
  WIN1255 WIN1256 WIN1257 WIN1258 KOI8R KOI8U);
for my $encoding (@encodings)
{
	my $database = $words{ lc $encoding } ? lc $encoding : database($encoding);
	$node->safe_psql($database, "SELECT pg_create_logical_replication_slot('${database}_all', 'walrelay')");
	# bad: those that the server cannot convert, each with an x behind it
	sql($database, <<"SQL");
CREATE TABLE characters (lead text PRIMARY KEY, c text, u text, bad text);
DO \$\$ DECLARE part record; byte text; c text; all_c text; u text; bad text; BEGIN
	FOR part IN @{[characters($encoding)]} LOOP
		all_c := ''; u := ''; bad := '';
		FOREACH byte IN ARRAY part.bytes LOOP
			c := NULL;
			BEGIN
				c := convert_from(decode(byte, 'hex'), '$encoding');
				u := u || encode(convert_to(c, 'UTF8'), 'hex');
				all_c := all_c || c;
			EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
				bad := bad || coalesce(c || 'x', '');
			END;
		END LOOP;
		INSERT INTO characters VALUES (part.lead, all_c, u, bad);
	END LOOP;
END \$\$;
SQL
	my $endpos = wal_end($node);
	sql($database, 'CREATE TABLE last (a int); INSERT INTO last VALUES (1)');
	my $file = "$ENV{TESTDATADIR}/$database.all";
	my ($status, undef, $err) = relay_run('run', '--source.conninfo=' . $node->connstr($database), "--slot.name=${database}_all",
		'--sink=file', "--sink.file=$file", '--topic.prefix=p', "--endpos=$endpos", '--table.include.list=public\.characters');
	my (@wrong, $good, $bad);
	for my $row (map { $_->{value}{after} } json_lines(slurp($file)))
	{
		my @want = split //, Encode::decode('UTF-8', pack 'H*', $row->{u});
		my @have = split //, $row->{c};
		$good += @want;
		push @wrong, sprintf '%s..: %d characters, not %d', $row->{lead}, scalar @have, scalar @want if @have != @want;
		push @wrong, map { sprintf '%s..: %vX, not %vX', $row->{lead}, $have[$_] // '', $want[$_] }
		  grep { ($have[$_] // '') ne ($known{$encoding}{ $want[$_] } // $want[$_]) } 0 .. $#want;
		# One character that only the C library knows, or replacements; but not what is
		# left of it taken for others.
		my @left = split /x/, $row->{bad};
		$bad += @left;
		push @wrong, map { sprintf '%s..: %vX, which the server cannot convert', $row->{lead}, $_ } grep { !/^(?:\x{fffd}+|.)$/s } @left;
	}
	is($status, 0, "$encoding: the relay came to the end") or diag($err);
	cmp_ok($good, '>', 127, "$encoding: $good characters, and $bad that the server cannot convert");
	is(scalar @wrong, 0, "$encoding: each is what the server makes of it")
	  or diag(join "\n", @wrong[ 0 .. ($#wrong > 15 ? 15 : $#wrong) ]);
}

# ---- SQL_ASCII: whatever the client sent ----
my $ascii = database('SQL_ASCII');
my $events = Events->start($node, 'ascii', $ascii);
$node->safe_psql($ascii, <<'SQL');
CREATE TYPE mood AS ENUM ('fine');
DO $$ BEGIN EXECUTE E'ALTER TYPE mood ADD VALUE ''gr\xfcn'''; END $$;
DO $$ BEGIN EXECUTE E'CREATE TABLE t (id int PRIMARY KEY, "n\xe9" text NOT NULL DEFAULT ''d\xe9'', m mood, a text[], j json)'; END $$;
INSERT INTO t VALUES (1, E'valid \xc3\xa9', 'fine', '{}', '{}');
SQL
is_deeply([ map { $_->{value}{after} } $events->raw ], [ { id => 1, n___ => "valid é", m => 'fine', a => [], j => '{}' } ],
	'SQL_ASCII: UTF-8 is taken as it is');
my $replaced = $events->metric('values_unrepresentable_total', 'replaced');
$node->safe_psql($ascii, <<'SQL');
DO $$ BEGIN EXECUTE E'INSERT INTO t VALUES (2, ''a\xe9b\xff'', ''gr\xfcn'', ARRAY[''x\x80y''], ''{"\xe9": 1}'')'; END $$;
INSERT INTO t VALUES (3, 'goes on', NULL, NULL, NULL);
DELETE FROM t WHERE id = 3;
SQL
my @came = $events->raw;
is_deeply($came[0]{value}{after}, { id => 2, n___ => "a\x{fffd}b\x{fffd}", m => "gr\x{fffd}n", a => ["x\x{fffd}y"], j => "{\"\x{fffd}\": 1}" },
	'SQL_ASCII: other bytes are replaced') or diag(explain $came[0]);
is($came[1]{value}{after}{n___}, 'goes on', 'and the stream goes on');
is($came[2]{value}{before}{n___}, "d\x{fffd}", 'a default with such bytes');
cmp_ok($events->metric('values_unrepresentable_total', 'replaced'), '>=', $replaced + 4, 'they are counted in /metrics');
is_deeply([ grep { /level=(?!info|debug)/ && !/could not be|replaced/ } split /\n/, $events->relay->stderr ], [], 'no other complaint');

# A key must not be changed: two rows would become one.
$node->safe_psql($ascii, <<'SQL');
CREATE TABLE k (id text PRIMARY KEY, v text);
INSERT INTO k VALUES ('good', 'v');
DO $$ BEGIN EXECUTE E'INSERT INTO k VALUES (''secret\xe9'', ''v'')'; END $$;
INSERT INTO t VALUES (4, 'behind it', NULL, NULL, NULL);
SQL
isnt($events->relay->wait_exit, 0, 'a key with invalid bytes ends the relay');
my $log = $events->relay->stderr;
like($log, qr/E1602/, 'with its code');
like($log, qr/column \\?"id\\?" of table \\?"public\.k\\?"/, 'and the place');
like($log, qr/table\.exclude\.list/, 'and a way out');
unlike($log, qr/secret/, 'and without the value');
$events = Events->start($node, 'ascii', $ascii, '--table.exclude.list=public\.k');
is_deeply([ map { $_->{value}{after}{id} } grep { $_->{value} && $_->{value}{source}{table} eq 't' } $events->raw ], [4],
	'taken, it goes on behind it');
ok($events->stop, 'and ends well');

is(join("\n", slurp($node->logfile) =~ /^.*(?:ERROR|FATAL|PANIC|WARNING|TRAP): (?!.*connection to client lost).*$/mg), '', "nothing in the server's log");
done_testing();
