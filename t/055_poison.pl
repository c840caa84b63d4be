# 055_poison.pl: records that cannot be delivered, by on.error: too large for the broker,
# alone or as a batch, in both modes of delivery; a key that cannot be encoded; a value
# beyond the limit; a dead letter that is refused itself.  kill -9 in the middle of finding
# out.  Then the letters are listed, shown and replayed.
# needs: kafka
# takes: 150 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Digest::MD5 qw(md5_hex);
use Lab;
use Walrelay;
use Test::More;

my $source = new_source(conf => "max_replication_slots = 30\nmax_wal_senders = 30\n");
my $kafka = kafka_start();
my $MB = 1_000_000;
my @modes = qw(at-least-once exactly-once);
lab($source, $kafka->address);

# topic NAME, COUNT: its records
sub topic
{
	my ($name, $count) = @_;
	return read_topic($name, count => $count, bootstrap => $kafka->address, committed => 1,
		cut => 5000);
}

sub headers { my ($record) = @_; return { map { @$_ } @{ $record->{headers} } }; }

# random BYTES: SQL of a text of so many that no compression makes smaller
sub random_text
{
	my ($bytes) = @_;
	return qq{(SELECT string_agg(encode(sha512(convert_to(i || 'x' || g, 'UTF8')) || sha512(convert_to(g || 'y' || i, 'UTF8')), 'base64'), '') FROM generate_series(1, 4) i, generate_series(1, @{[ int($bytes / 696) ]}) g)};
}

# rows TABLE: small, 0.9, 1.0, 1.1 and 50 MB, small
sub rows
{
	my ($table) = @_;
	my $id = 0;
	my @sizes = (10, 0.9 * $MB, 10, 1.0 * $MB, 1.1 * $MB, 10, 50 * $MB, 10);
	return join '', map { $id++; my $v = $_ > 10 ? random_text($_) : "'small'"; "INSERT INTO $table VALUES ($id, $v);" } @sizes;
}

# The limits are the brokers' own: 1,048,588 bytes of a batch.
sql('CREATE TABLE t (id int PRIMARY KEY, v text); ALTER TABLE t ALTER v SET STORAGE EXTERNAL; CREATE TABLE other (id int PRIMARY KEY)');

for my $mode (@modes)
{
	my $tag = $mode =~ /exactly/ ? 'eo' : 'alo';
	my @mode = ("--delivery=$mode");

	# ---- stop: the default ----
	my $name = "stop_$tag";
	slot_new($name);
	sql('BEGIN; TRUNCATE t, other; ' . rows('t') . ' COMMIT; INSERT INTO other VALUES (1)');
	my $behind = lsn();
	my $relay = start($name, @mode);
	is($relay->wait_exit, 1, "$mode, stop: ends");
	like($relay->stderr, qr/error: E2003: a record for topic "$name\.public\.t" is too large/, "$mode, stop: says why");
	is(sql("SELECT confirmed_flush_lsn < '$behind' FROM pg_replication_slots WHERE slot_name = '$name'"), 't',
		"$mode, stop: nothing is confirmed that was not delivered");

	# ---- skip: from the same place ----
	$relay = start($name, @mode, '--on.error=skip');
	wait_for_slot($source, $name);
	is_deeply(ids(topic("$name.public.other", 1)), [1], "$mode, skip: what is behind comes");
	my %seen;
	$seen{ $_->{key}{id} }++ for topic("$name.public.t", 5);
	is_deeply([ sort keys %seen ], [ 1, 2, 3, 4, 6, 8 ], "$mode, skip: what is not too large comes") ;
	is_deeply([ grep { $seen{$_} > 1 } keys %seen ], [], "$mode, skip: once") if $tag eq 'eo';
	like(page($relay, 'metrics')->{content}, qr/^walrelay_skipped_messages_total\{table="public\.t",code="E2003"\} [2-9]$/m,
		"$mode, skip: counted");
	cmp_ok(status($relay)->{skipped_messages}{'public.t'}{E2003}, '>=', 2, "$mode, skip: in the status");
	is(scalar(grep { /public\.t.* (?:was|were) skipped/ } split /\n/, $relay->stderr), 1, "$mode, skip: told once")
	  or diag $relay->stderr;
	is($relay->stop, 0, "$mode, skip: ends well");
}

# in_order RECORDS, EXPECTED, WHAT: exactly once just that; else repeats are whole runs, so
# that nothing comes before its predecessor was there
sub in_order
{
	my ($tag, $got, $expected, $what) = @_;
	if ($tag eq 'eo') { is_deeply($got, $expected, "$what: exactly once, in order"); return; }
	my %place = map { $expected->[$_] => $_ } 0 .. $#$expected;
	my $last = -1;
	my @wrong = grep { my $at = $place{$_} // 1e9; my $bad = $at > $last + 1; $last = $at; $bad } @$got;
	is("@wrong", '', "$what: repeats are whole runs") or diag "@$got";
	is($last, $#$expected, "$what: up to the last");
	return;
}

# dlq NAME, COMMAND, ARGS: (status, stdout, stderr)
sub dlq { my ($name, $command, @args) = @_; return relay_run('dlq', $command, settings($name), @args); }

# state_of RECORDS: key => md5 of v, as who reads them all has it
sub state_of
{
	my %state;
	for my $record (@_)
	{
		if (!$record->{value}) { delete $state{ $record->{key}{id} }; next; }
		my $row = $record->{value}{after} or next;
		$state{ $row->{id} } = ref $row->{v} ? $row->{v}{'$md5'} : md5_hex($row->{v});
	}
	return \%state;
}

for my $mode (@modes)
{
	my $tag = $mode =~ /exactly/ ? 'eo' : 'alo';
	my $name = "dead_$tag";
	my @args = ("--delivery=$mode", '--on.error=dead-letter');

	# ---- dead letters, the relay killed while it finds out ----
	$kafka->topic_create("$name.dead-letter", 1, 'max.message.bytes=100000000');
	$kafka->topic_create("$name.public.t", 1);
	slot_new($name);
	sql('BEGIN; TRUNCATE t; ' . rows('t') . ' COMMIT');
	sql("INSERT INTO t VALUES (9, @{[ random_text(1.1 * $MB) ]}), (10, 'small'), (11, @{[ random_text(1.2 * $MB) ]})");
	sql(q{INSERT INTO t VALUES (12, 'small')});
	my $relay;
	for my $n (1 .. 3)
	{
		$relay = start($name, @args, '--log.level=debug');
		wait_until { (() = $relay->stderr =~ /beginning again after E2003/g) >= $n || !$relay->is_running }
		  "$mode: refusal $n";
		$relay->kill9;
	}
	$relay = start($name, @args);
	wait_for_slot($source, $name);
	my @t = topic("$name.public.t", 8);
	in_order($tag, ids(@t), [ 1, 2, 3, 4, 6, 8, 10, 12 ], "$mode, dead letters: the table's topic");
	my @letters = topic("$name.dead-letter", 4);
	in_order($tag, ids(@letters), [ 5, 7, 9, 11 ], "$mode, dead letters: their topic");
	my $h = headers($letters[0]);
	is($h->{'__connect.errors.topic'}, "$name.public.t", "$mode, letter: the topic");
	is($h->{'__connect.errors.stage'}, 'KAFKA_PRODUCE', "$mode, letter: the stage");
	is($h->{'__connect.errors.exception.class.name'}, 'walrelay.E2003', "$mode, letter: the code");
	is($h->{'__walrelay.table'}, 'public.t', "$mode, letter: the table");
	like($h->{'__walrelay.lsn'}, qr{^[0-9A-F]+/[0-9A-F]+$}, "$mode, letter: the position");
	is(sql("SELECT '$h->{'__walrelay.commit_lsn'}'::pg_lsn > '$h->{'__walrelay.lsn'}'::pg_lsn"), 't', "$mode, letter: the commit's");
	is($letters[0]{value}{after}{v}{'$md5'}, sql('SELECT md5(v) FROM t WHERE id = 5'), "$mode, letter: the bytes");
	like($letters[0]{key_hex}, qr/^00/, "$mode, letter: the key as it would have been");
	like(page($relay, 'metrics')->{content}, qr/^walrelay_dead_letters_total\{table="public\.t"\} [1-9]/m, "$mode, dead letters: counted");
	unlike($relay->stderr, qr/\Q@{[ $letters[0]{value}{after}{v}{'$start'} ]}/, "$mode, dead letters: no value in the log");
	is($relay->stop, 0, "$mode, dead letters: ends well");

	# ---- dlq ----
	my ($status, $out, $err) = dlq($name, 'list');
	is($status, 0, "$mode, dlq list") or diag $err;
	like($out, qr/^public\.t +E2003 +\d+ +0  /m, "$mode, dlq list: says so");
	($status, $out) = dlq($name, 'list', '--json');
	my $list = $json->decode($out)->{letters};
	is_deeply([ @{ $list->[0] }{qw(table code count replayed)} ], [ 'public.t', 'E2003', scalar(@letters), 0 ],
		"$mode, dlq list --json");
	($status, $out) = dlq($name, 'show', '--limit=1');
	is($status, 0, "$mode, dlq show");
	like($out, qr/^__walrelay\.table: "public\.t"$/m, "$mode, dlq show: headers");
	like($out, qr/^key: \{"id":5\}$/m, "$mode, dlq show: the key");
	like($out, qr/^value: .*"after":\{"id":5,"v":"\Q@{[ $letters[0]{value}{after}{v}{'$start'} ]}/m, "$mode, dlq show: the value");
	($status, $out) = dlq($name, 'show', '--table=public.none');
	like($out, qr/^no such dead letters/, "$mode, dlq show: none");
	($status, $out) = dlq($name, 'replay', '--dry-run');
	is($out, scalar(@letters) . " letters would be replayed\n", "$mode, dlq replay --dry-run");
	($status, undef, $err) = dlq($name, 'replay');
	is($status, 1, "$mode, dlq replay: the limit is still too low");
	like($err, qr/error: E2003: .*$name\.public\.t/, "$mode, dlq replay: says so");
	$kafka->topic_alter("$name.public.t", 'max.message.bytes=100000000');
	my $replay = relay_start(command => 'dlq', args => [ 'replay', settings($name) ]);
	topic("$name.public.t", @t + 1);
	$replay->kill9;
	($status, $out, $err) = dlq($name, 'replay');
	is($status, 0, "$mode, dlq replay: after one that was killed") or diag $err;
	like($out, qr/ 0 are left$/m, "$mode, dlq replay: all of them");
	($status, $out) = dlq($name, 'replay');
	is($out, "0 letters were replayed, 0 are left\n", "$mode, dlq replay: nothing twice");
	@t = topic("$name.public.t", @t + 4);
	is_deeply(state_of(@t), { map { split /\|/ } split /\n/, sql('SELECT id, md5(v) FROM t') },
		"$mode, dlq replay: the topic has what the table has");
	is_deeply([ grep { /^__connect|^__walrelay/ } map { $_->[0] } map { @{ $_->{headers} } } @t ], [],
		"$mode, dlq replay: without the headers of letters");
	($status, $out) = dlq($name, 'list', '--json');
	is($json->decode($out)->{letters}[0]{replayed}, scalar(@letters), "$mode, dlq list: replayed");

	# ---- batches that are too large, of records that are not ----
	$name = "batch_$tag";
	slot_new($name);
	$kafka->topic_create("$name.public.t", 1, 'max.message.bytes=20000');
	sql("TRUNCATE t; INSERT INTO t SELECT i, md5(i::text) || md5((i + 1)::text) FROM generate_series(1, 2000) i");
	sql("INSERT INTO t VALUES (3000, @{[ random_text(50_000) ]})");
	sql(q{INSERT INTO t VALUES (3001, 'small')});
	$relay = start($name, "--delivery=$mode", '--on.error=skip', '--linger.ms=200');
	wait_for_slot($source, $name);
	in_order($tag, ids(topic("$name.public.t", 2001)), [ 1 .. 2000, 3001 ], "$mode, batches");
	like($relay->stderr, qr/records of \d+ bytes were refused together; batches have at most/, "$mode, batches: told");
	like(page($relay, 'metrics')->{content}, qr/^walrelay_skipped_messages_total\{table="public\.t",code="E2003"\} \d+$/m,
		"$mode, batches: only the large record is skipped");
	is($relay->stop, 0, "$mode, batches: ends well");

	# ---- a letter that is refused itself ----
	$name = "buried_$tag";
	slot_new($name);
	sql("TRUNCATE t; INSERT INTO t VALUES (1, @{[ random_text(9 * $MB) ]})");
	sql(q{INSERT INTO t VALUES (2, 'small')});
	$relay = start($name, @args);
	is($relay->wait_exit, 1, "$mode, a letter that is refused: ends");
	like($relay->stderr, qr/error: E2003: .*"$name\.dead-letter" is too large/, "$mode, a letter that is refused: says which topic");
	$kafka->topic_alter("$name.dead-letter", 'max.message.bytes=100000000');
	$relay = start($name, @args);
	wait_for_slot($source, $name);
	is_deeply([ ids(topic("$name.dead-letter", 1))->[0], ids(topic("$name.public.t", 1))->[-1] ], [ 1, 2 ],
		"$mode, a letter that is refused: goes on with a higher limit");
	is($relay->stop, 0, "$mode, a letter that is refused: ends well");
}

# ---- what cannot be encoded: a key of bytes that are no text ----
$source->safe_psql('postgres', q{CREATE DATABASE raw ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0});
$source->safe_psql('raw', 'CREATE TABLE k (id text PRIMARY KEY, v text)');
for my $action (qw(dead-letter skip))
{
	my $name = $action eq 'skip' ? 'raw_skip' : 'raw_dead';
	slot_new($name, 'raw');
	$source->safe_psql('raw', <<'SQL');
TRUNCATE k;
BEGIN;
INSERT INTO k VALUES ('good', 'v');
DO $$ BEGIN EXECUTE E'INSERT INTO k VALUES (''bad\xe9'', ''secret value'')'; END $$;
DO $$ BEGIN EXECUTE E'UPDATE k SET v = ''other'' WHERE id = ''bad\xe9'''; END $$;
INSERT INTO k VALUES ('better', 'v');
COMMIT;
SQL
	my $relay = start($name, "--on.error=$action", '--provide.transaction.metadata=true');
	wait_for_slot($source, $name);
	is_deeply(ids(topic("$name.public.k", 2)), [qw(good better)], "a key that is no text, $action: the others");
	like($relay->stderr, qr/warn: E1602: value of column "id" of table "public\.k" cannot be encoded; 2 messages of table "public\.k" /,
		"a key that is no text, $action: told");
	unlike($relay->stderr, qr/secret|bad/, "a key that is no text, $action: without a value");
	if ($action eq 'skip')
	{
		like(page($relay, 'metrics')->{content}, qr/^walrelay_skipped_messages_total\{table="public\.k",code="E1602"\} 2$/m, 'skip: counted');
		is($relay->stop, 0, 'skip: ends well');
		next;
	}
	is($relay->stop, 0, 'text letters: the relay ends well');
	my @letters = topic("$name.dead-letter", 2);
	is(scalar(@letters), 2, 'text letters: one for each change');
	my $text = pack 'H*', $letters[0]{value_hex};
	like($text, qr/^RELATION public\.k primary-key\(id\).*\nINSERT public\.k \@\S+: id='bad\xe9' v='secret value'\n$/,
		'text letters: the change as decode prints it');
	is(headers($letters[0])->{'__walrelay.form'}, 'text', 'text letters: the header that says so');
	is($letters[0]{key}, undef, 'text letters: no key');
	my ($status, $out) = dlq($name, 'show', '--code=E1602', '--offset=0:1');
	like($out, qr/^UPDATE public\.k .* v='other'$/m, 'text letters: shown');
	($status, $out) = dlq($name, 'replay');
	is($status, 0, 'text letters: replay');
	like($out, qr/^0 letters were replayed, 0 are left\n2 cannot be replayed/, 'text letters: replay says that they cannot be');
}

# ---- a value beyond max.value.bytes ----
slot_new('long');
sql("TRUNCATE t; INSERT INTO t VALUES (1, 'small'), (2, repeat('x', 300000)), (3, 'small')");
sql(q{SELECT pg_logical_emit_message(true, 'p', repeat('y', 300000))});
my $relay = start('long', '--on.error=dead-letter', '--max.value.bytes=200kB');
wait_for_slot($source, 'long');
is_deeply(ids(topic('long.public.t', 2)), [ 1, 3 ], 'a value beyond the limit: the others');
my @letters = topic('long.dead-letter', 2);
like(pack('H*', $letters[0]{value_hex}), qr/^INSERT public\.t \@\S+: id=2 v=too-long$/m, 'a value beyond the limit: the rest of its row');
like(pack('H*', $letters[1]{value_hex}), qr/^MESSAGE 'p' transactional \@\S+: too-long$/, 'a message beyond the limit');
is(headers($letters[0])->{'__connect.errors.exception.class.name'}, 'walrelay.E1604', 'a value beyond the limit: the code');
is($relay->stop, 0, 'a value beyond the limit: ends well');

# ---- a record that [kafka] itself does not let through ----
slot_new('local');
sql("TRUNCATE t; INSERT INTO t VALUES (1, 'small'), (2, repeat('x', 300000)), (3, 'small')");
$relay = start('local', '--on.error=skip', '--message.max.bytes=200000');
wait_for_slot($source, 'local');
is_deeply(ids(topic('local.public.t', 2)), [ 1, 3 ], 'beyond message.max.bytes: the others');
like(page($relay, 'metrics')->{content}, qr/^walrelay_skipped_messages_total\{table="public\.t",code="E2003"\} 1$/m,
	'beyond message.max.bytes: counted');
is(scalar(() = $relay->stderr =~ /streaming database/g), 1, 'beyond message.max.bytes: nothing begins again');
is($relay->stop, 0, 'beyond message.max.bytes: ends well');

# ---- refused for another reason: no key, and the topic is compacted ----
sql('CREATE TABLE n (v text)');
slot_new('keyless');
$kafka->topic_create('keyless.public.n', 1, 'cleanup.policy=compact');
sql(q{TRUNCATE other; INSERT INTO n VALUES ('one'), ('two'), ('three'); INSERT INTO other VALUES (7)});
$relay = start('keyless', '--on.error=dead-letter');
wait_for_slot($source, 'keyless');
is_deeply(ids(topic('keyless.public.other', 1))->[-1], 7, 'refused without a key: the others');
@letters = topic('keyless.dead-letter', 3);
in_order('alo', [ map { $_->{value}{after}{v} } @letters ], [qw(one two three)], 'refused without a key: letters');
is(headers($letters[0])->{'__connect.errors.exception.class.name'}, 'walrelay.E2006', 'refused without a key: the code');
is($relay->stop, 0, 'refused without a key: ends well');

# ---- a schema that is refused, by on.error ----
sql('CREATE TABLE s (id int PRIMARY KEY)');
for my $action (qw(dead-letter skip))
{
	my $name = $action eq 'skip' ? 'schema_skip' : 'schema_dead';
	slot_new($name);
	register("$name.public.s-value", '"string"');
	sql('TRUNCATE s, other; INSERT INTO s VALUES (1), (2); DELETE FROM s WHERE id = 1; INSERT INTO other VALUES (5)');
	$relay = start($name, "--on.error=$action");
	wait_for_slot($source, $name);
	is_deeply(ids(topic("$name.public.other", 1)), [5], "a refused schema, $action: the others");
	if ($action eq 'skip')
	{
		like(page($relay, 'metrics')->{content}, qr/^walrelay_skipped_messages_total\{table="public\.s",code="E1802"\} 4$/m,
			'a refused schema, skip: counted');
		is($relay->stop, 0, 'a refused schema, skip: ends well');
		next;
	}
	is($relay->stop, 0, 'a refused schema: ends well');
	my ($status, $out) = dlq($name, 'show', '--limit=1');
	like($out, qr/^value: .*"after":\{"id":1\}/m, 'a refused schema: shown with the schema of the topic');
	($status, $out) = dlq($name, 'replay');
	like($out, qr/^0 letters were replayed, 4 are left\n4 stay, because the registry still refuses/m,
		'a refused schema: what is still refused stays') or diag $out;
	$http->delete(registry() . "/subjects/$name.public.s-value");
	($status, $out) = dlq($name, 'replay', '--table=public.s');
	like($out, qr/^4 letters were replayed, 0 are left$/m, 'a refused schema: replayed once it is accepted');
	my @s = topic("$name.public.s", 4);
	is_deeply([ map { [ $_->{key}{id}, $_->{value} ? $_->{value}{op} : undef ] } @s ],
		[ [ 1, 'c' ], [ 2, 'c' ], [ 1, 'd' ], [ 1, undef ] ], 'a refused schema: in order, tombstones too');
	is_deeply([ grep { defined && !/^00/ } map { $_->{value_hex} } @s ], [], "a refused schema: with the registry's ids");
}
done_testing();
