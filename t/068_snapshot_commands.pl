# 068_snapshot_commands.pl: walrelay snapshot status, start, stop, pause and resume: what the progress
# topic says of tables that are read while changes stream, and the signals that commands send.
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Walrelay;
use Test::More;

my $key = '0123456789abcdef' x 2;
my $name = "commands$$";
my $source = new_source(conf => "wal_level = logical\n");
my $json = JSON::PP->new->utf8;

sub sql { return $source->safe_psql('postgres', $_[0]); }

# put SLOT, [REST, VALUE]...: records of the progress topic as a relay writes them; undef: a tombstone
sub put
{
	my ($slot, @records) = @_;
	for (@records)
	{
		my ($rest, $value) = @$_;
		my @empty = defined $value ? () : ('-Z');
		open(my $kcat, '|-', 'kcat', '-b', kafka(), '-P', '-t', "$name.progress", '-p', '0', '-K', '|', @empty)
		  or die "kcat: $!\n";
		print $kcat "$slot/incremental$rest|", $value // '', "\n";
		close $kcat or die "kcat failed\n";
	}
	return;
}

my @kafka = ("--kafka.topic.prefix=$name", '--bootstrap.servers=' . kafka());

sub snapshot
{
	my ($command, @args) = @_;
	my ($status, $out, $err) = relay_run('snapshot', $command, @kafka, @args);
	unlike("$out$err", qr/$key/, 'the key is not shown');
	return ($status, $out, $err);
}

# ---- status ----
{
	my ($status, $out) = snapshot('status', '--slot.name=s');
	is($status, 0, 'status without a topic');
	like($out, qr/^snapshot +none\nincremental +none$/m, 'there is none');
	($status, $out) = snapshot('status', '--slot.name=s', '--json');
	is_deeply($json->decode($out)->{incremental}, { paused => JSON::PP::false, signals => 0, progress => [] }, 'the same in JSON');
}
put('s', [ '', qq({"version":1,"key":"$key","paused":true,"signals":[{"id":"1"},{"id":"2"}]}) ],
	[ '/9', '{"version":1,"relid":9,"table":"shop.gone","rows":1}' ],
	[ '/7', '{"version":1,"relid":7,"table":"shop.orders","signal":"a","filter":"name = \'hidden\'","hash":"00000000000000ff","after":["17"],"upto":["90"],"rows":120,"estimated":480}' ],
	[ '/8', '{"version":1,"relid":8,"table":"shop.items","signal":"b","rows":0}' ],
	[ '/9', undef ]);
put('other', [ '/7', '{"version":1,"relid":7,"table":"shop.others","rows":5}' ]);
{
	my ($status, $out) = snapshot('status', '--slot.name=s');
	is($status, 0, 'status of two tables');
	like($out, qr/^incremental +2 tables, paused\nsignals +2 waiting\n\n/m, 'how many, and that it is paused');
	like($out, qr/^shop\.items +0 +\? +waits +no\nshop\.orders +120 +480 +~25% +yes\n\z/m, 'table by table, by name');
	unlike($out, qr/hidden|gone|others/, 'without filters, tables that are through and those of others');
	($status, $out) = snapshot('status', '--slot.name=s', '--json');
	unlike($out, qr/hidden/, 'JSON neither');
	my ($yes, $no) = (JSON::PP::true, JSON::PP::false);
	is_deeply($json->decode($out)->{incremental}, { paused => $yes, signals => 2, progress => [
		{ table => 'shop.items', signal => 'b', rows => 0, estimated => undef, filter => $no, begun => $no },
		{ table => 'shop.orders', signal => 'a', rows => 120, estimated => 480, filter => $yes, begun => $yes } ] }, 'the same in JSON');
}

# ---- commands ----
sql(<<'SQL');
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id int PRIMARY KEY, name text, state int);
CREATE TABLE shop.items (id int PRIMARY KEY, name text);
CREATE TABLE shop."Odd.Ä'" (id int PRIMARY KEY, state int) PARTITION BY RANGE (id);
CREATE ROLE poor LOGIN; GRANT USAGE ON SCHEMA shop TO poor;
SELECT pg_create_logical_replication_slot('listener', 'test_decoding');
SQL
my $connstr = $source->connstr('postgres');

# sent NODE, DATABASE: the signals since the last time, as [key, data]
sub sent
{
	my ($node, $database) = @_;
	my @sent;

	for (split /\n/, $node->safe_psql($database, "SELECT data FROM pg_logical_slot_get_changes('listener', NULL, NULL)"))
	{
		next unless /^message: (.*)/;
		my ($signal_key, $text) = $1 =~ /^transactional: 1 prefix: walrelay, sz: \d+ content:signal (\w+) ([ -~]*)$/
		  or die "not a signal of ASCII: $_\n";
		push @sent, [ $signal_key, $json->decode($text) ];
	}
	return @sent;
}

sub command { my ($command, @args) = @_; return snapshot($command, "--source.conninfo=$connstr", '--slot.name=s', @args); }

# refused NAME, STATUS, PATTERN, ARGS...: a command that says why, and sends nothing
sub refused
{
	my ($what, $expected, $pattern, @args) = @_;
	my ($status, $out, $err) = command(@args);
	is($status, $expected, "$what: exit code");
	like($err, $pattern, "$what: says why");
	unlike($out, qr/sent/, "$what: does not say otherwise");
	is_deeply([ sent($source, 'postgres') ], [], "$what: nothing is sent");
	return $err;
}

{
	my ($status, $out, $err) = command('start', 'SHOP.orders', 'shop\.(items|orders)', '--where', "name <> 'ü\\n' AND id > 1");
	is($status, 0, 'start') or diag $err;
	like($out, qr/^shop\.orders\nshop\.items\nsent execute-snapshot "(\w{32})" at [\dA-F]+\/[\dA-F]+\n\z/, 'tells the tables, each once, and the signal');
	my ($id) = $out =~ /"(\w+)"/;
	is_deeply([ sent($source, 'postgres') ], [ [ $key, { id => $id, type => 'execute-snapshot', data => { type => 'incremental',
		'data-collections' => [ 'SHOP.orders', 'shop\.(items|orders)' ],
		'additional-conditions' => [ { 'data-collection' => '.*', filter => "name <> '\x{fc}\\n' AND id > 1" } ] } } ] ], 'start: the signal')
	  if $status == 0;
}
{
	my ($status, $out) = command('start', '--blocking', "shop\\.Odd\\.Ä'");
	is($status, 0, 'start --blocking of a partitioned table');
	like($out, qr/^shop\.Odd\.Ä'$/m, 'tells it');
	my ($sent) = sent($source, 'postgres');
	is_deeply([ @{ $sent->[1]{data} }{qw(type data-collections)} ], [ 'blocking', ["shop\\.Odd\\.\x{c4}'"] ], 'the signal');
}
for ([ 'stop', [], {} ], [ 'stop', ['shop\.gone'], { 'data-collections' => ['shop\.gone'] } ], [ 'pause', [], {} ], [ 'resume', [], {} ])
{
	my ($command, $tables, $data) = @$_;
	my ($status, $out) = command($command, @$tables);
	is($status, 0, "$command @$tables");
	my @sent = sent($source, 'postgres');
	is(scalar @sent, 1, "$command @$tables: one signal");
	is($sent[0][0], $key, "$command @$tables: its key");
	is($sent[0][1]{type}, "$command-snapshot", "$command @$tables: its type");
	is_deeply($sent[0][1]{data}, { type => 'incremental', %$data }, "$command @$tables: its data");
}

refused('no table', 2, qr/E1006.*no table given/s, 'start');
refused('a table that is not there', 2, qr/E1245.*"shop\.order"/s, 'start', 'shop.orders', 'shop.order');
my $err = refused('the rest of a connection string', 2, qr/E1245.*number 1 means/s, 'start', 'password=hidden');
unlike($err, qr/hidden/, 'is not shown');
refused('a system table', 2, qr/E1245/, 'start', 'pg_catalog.pg_class');
refused('no expression', 2, qr/E1006.*no regular expression.*The server says/s, 'start', 'shop.(orders');
refused('no expression, to stop', 2, qr/E1006.*no regular expression/s, 'stop', 'shop.(orders');
refused('two statements', 2, qr/E1006.*has a semicolon/s, 'start', 'shop.orders', '--where=true; DROP TABLE shop.orders');
refused('a column of one table only', 2, qr/E1006.*"shop\.items".*state/s, 'start', 'shop\.(items|orders)', '--where=state = 1');
refused('no truth value', 2, qr/E1006.*"shop\.orders"/s, 'start', 'shop.orders', '--where=id');
refused('no right to read', 77, qr/E1240.*"shop\.orders".*Grant it SELECT/s, 'start', 'shop.orders', '--where=id = 1', "--source.conninfo=$connstr user=poor");
refused('tables to pause', 2, qr/E1006/, 'pause', 'shop.orders');
refused('another slot', 78, qr/E2010.*no relay has run with slot "other".*walrelay run/s, 'start', 'shop.orders', '--slot.name=other');
refused('no server', 69, qr/E1201/, 'start', 'shop.orders', '--source.conninfo=host=127.0.0.1 port=' . free_port());

# ---- a relay that runs: commands do what they say, and status tells it ----
{
	my $real = "${name}real";
	my @args = ("--source.conninfo=$connstr", '--slot.name=real', "--kafka.topic.prefix=$real", '--bootstrap.servers=' . kafka(),
		'--registry.url=' . registry());

	sql(q{INSERT INTO shop.orders SELECT i, 'n' || i, i % 2 FROM generate_series(1, 2000) i; INSERT INTO shop.items VALUES (1, 'ü')});
	relay_run('slot', 'create', @args);
	my ($status, undef, $why) = relay_run('snapshot', 'pause', @args);
	is($status, 78, 'before the first start');
	like($why, qr/E2010.*walrelay run/s, 'there is no key');
	my $relay = relay_start(args => [ @args, '--table.include.list=shop\..*', '--snapshot.chunk.size=100' ]);
	$relay->wait_for_log(qr/streaming database/);
	wait_until { (relay_run('snapshot', 'pause', @args))[0] == 0 } 'the key';
	$relay->wait_for_log(qr/signal pause-snapshot/);
	($status, my $out, $why) = relay_run('snapshot', 'start', 'shop\.(orders|items)', '--where', "name IN ('n7', 'n8', 'ü')", @args);
	is($status, 0, 'start while paused') or diag $why;
	wait_until { (relay_run('snapshot', 'status', @args))[1] =~ /^incremental +2 tables, paused\n/m } 'two tables, paused';
	($status, $out) = relay_run('snapshot', 'status', @args);
	like($out, qr/^shop\.items .*yes\nshop\.orders .*yes$/m, 'status: both with a filter');
	unlike($out, qr/n7/, 'which is not shown');
	is((relay_run('snapshot', 'resume', @args))[0], 0, 'resume');
	$relay->wait_for_log(qr/snapshot of table \S*shop\.orders\S* is done: 2 rows/);
	$relay->wait_for_log(qr/snapshot of table \S*shop\.items\S* is done: 1 rows/);
	my @rows = read_topic("$real.shop.orders", count => 2);
	is_deeply([ map { [ $_->{value}{op}, $_->{value}{source}{snapshot}, $_->{key}{id} ] } @rows ],
		[ [ 'r', 'incremental', 7 ], [ 'r', 'incremental', 8 ] ], 'the rows of the condition');
	wait_until { (relay_run('snapshot', 'status', @args))[1] =~ /^incremental +none\n\z/m } 'nothing more';

	# While it does not run; and stopped before it was begun.
	is((relay_run('snapshot', 'pause', @args))[0], 0, 'pause');
	is((relay_run('snapshot', 'start', 'shop.orders', @args))[0], 0, 'start');
	wait_until { (relay_run('snapshot', 'status', @args))[1] =~ /^shop\.orders .*no$/m } 'one table';
	$relay->stop;
	is((relay_run('snapshot', 'stop', 'shop.orders', @args))[0], 0, 'stop');
	is((relay_run('snapshot', 'resume', @args))[0], 0, 'resume');
	is((relay_run('snapshot', 'start', 'shop.items', @args))[0], 0, 'start of another');
	$relay = relay_start(args => [ @args, '--table.include.list=shop\..*' ]);
	$relay->wait_for_log(qr/snapshot of table \S*shop\.items\S* is done: 1 rows/);
	wait_until { (relay_run('snapshot', 'status', @args))[1] =~ /^incremental +none\n\z/m } 'nothing more';
	unlike($relay->stderr, qr/shop\.orders\S* is done/, 'what was stopped is not read');
	is($relay->stop, 0, 'ends well');
	relay_run('slot', 'drop', @args);
}

# ---- Debezium's signals: by whom they are taken ----
for my $delivery ('at-least-once', 'exactly-once')
{
	my $slot = $delivery =~ /^at/ ? 'least' : 'once';
	my $prefix = "$name$slot";
	my @args = ("--source.conninfo=$connstr", "--slot.name=$slot", "--kafka.topic.prefix=$prefix", '--bootstrap.servers=' . kafka(),
		'--registry.url=' . registry(), "--kafka.delivery=$delivery", '--snapshot.mode=never', '--table.include.list=shop\..*');
	my $count = 0;
	my $execute = sub {
		$count++;
		return qq({"id":"$slot$count","type":"execute-snapshot","data":{"data-collections":["shop\\\\.orders"],)
		  . qq("additional-conditions":[{"data-collection":"shop\\\\.orders","filter":"id = $count"}]}});
	};
	my $emit = sub { sql("SELECT pg_logical_emit_message(true, 'walrelay', \$s\$signal $_[0]\$s\$)") };
	my $send = sub {
		my ($send_key, $value) = @_;
		open(my $kcat, '|-', 'kcat', '-b', kafka(), '-P', '-t', "$prefix-signal", '-p', '0', '-K', '|') or die "kcat: $!\n";
		print $kcat "$send_key|$value\n";
		close $kcat or die "kcat failed\n";
	};
	my @opt = $delivery =~ /^ex/ ? (committed => 1) : ();
	my $ids = sub { return [ map { "$_->{value}{op}$_->{key}{id}" } read_topic("$prefix.shop.orders", count => $_[0], @opt) ] };

	relay_run('slot', 'create', @args);
	$send->($prefix, $execute->()); # 1: before anybody looked
	my $relay = relay_start(args => \@args);
	$relay->wait_for_log(qr/streaming database/);
	$emit->($execute->()); # 2: nobody may
	$relay->wait_for_log(qr/E1244.*who may not give one/s);
	$relay->stop;

	@args = (@args, '--signal.enabled.channels=source,kafka');
	$relay = relay_start(args => \@args);
	my $noted = sub { return scalar qx(kcat -b @{[ kafka() ]} -C -e -q -t $prefix.progress -K '|' -X isolation.level=read_committed) =~ /"offsets":\{"0":$_[0]\}/; };
	wait_until { $noted->(1) } 'where signals begin';
	$emit->($execute->()); # 3
	is_deeply($ids->(1), ['r3'], "$delivery: by logical message");
	$send->("x$prefix", $execute->()); # 4: for somebody else
	$send->($prefix, '{');
	$send->($prefix, $execute->()); # 5
	is_deeply($ids->(2), [ 'r3', 'r5' ], "$delivery: by Kafka");
	like($relay->stderr, qr/E1244.*offset 2 of partition 0 of topic/, "$delivery: what is none is told");
	wait_until { $noted->(4) } 'that they were taken';
	# Who asks for other rows of a table that is being read may have some again.
	my $read = sub { my ($times) = @_; wait_until { (() = $relay->stderr =~ /orders\W+is done/g) == $times } 'the table to be read' };
	$read->(2);
	$relay->kill9;
	$send->($prefix, $execute->()); # 6
	$relay = relay_start(args => \@args);
	is_deeply($ids->(3), [ 'r3', 'r5', 'r6' ], "$delivery: what came meanwhile, and nothing twice");

	$read->(1);

	# A stream that is lost: signals go on behind those that were taken.
	sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '$slot'");
	wait_until { (() = $relay->stderr =~ /streaming database/g) == 2 } 'the stream again';
	$send->($prefix, $execute->()); # 7
	is_deeply($ids->(4), [ 'r3', 'r5', 'r6', 'r7' ], "$delivery: with the next stream");
	wait_until { $noted->(6) } 'that it was taken';
	is($relay->stop, 0, "$delivery: ends well");
	relay_run('slot', 'drop', @args);
}

# ---- another encoding: WAL has the server's, the signal is the same ----
{
	my $latin = new_source(name => 'latin', initdb => [ '--encoding=LATIN1', '--locale=C' ]);
	$latin->safe_psql('postgres', q{SET client_encoding = 'UTF8'; CREATE TABLE "täble" (id int, "cölumn" text);
		SELECT pg_create_logical_replication_slot('listener', 'test_decoding')});
	my ($status, $out, $why) = snapshot('start', '--source.conninfo=' . $latin->connstr('postgres'), '--slot.name=s', 'public.täble', '--where="cölumn" = \'é\'');
	is($status, 0, 'a database in LATIN1') or diag $why;
	my ($sent) = sent($latin, 'postgres');
	is_deeply($sent->[1]{data}{'data-collections'}, ["public.t\x{e4}ble"], 'its table');
	is($sent->[1]{data}{'additional-conditions'}[0]{filter}, "\"c\x{f6}lumn\" = '\x{e9}'", 'and its condition');
	($status, $out, $why) = snapshot('start', '--source.conninfo=' . $latin->connstr('postgres'), '--slot.name=s', 'public.t€ble');
	isnt($status, 0, 'a character that it does not have');
	is_deeply([ sent($latin, 'postgres') ], [], 'is not sent');
	$latin->stop;
}

# ---- a standby ----
{
	$source->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($source, 'base', has_streaming => 1);
	$standby->start;
	my ($status, undef, $why) = snapshot('pause', '--source.conninfo=' . $standby->connstr('postgres'), '--slot.name=s');
	is($status, 78, 'a standby');
	like($why, qr/E1241.*primary/s, 'is told from the primary');
	$standby->stop;
}

# ---- records that cannot be read ----
put('new', [ '', '{"version":2}' ]);
put('none', [ '', '{"version":1,"key":"short"}' ]);
{
	my ($status, undef, $why) = snapshot('status', '--slot.name=new');
	is($status, 78, 'a newer record');
	like($why, qr/E2010.*newer walrelay/s, 'is told');
	($status, undef, $why) = snapshot('pause', '--slot.name=none', "--source.conninfo=$connstr");
	is($status, 78, 'a record of somebody else');
	like($why, qr/E2010.*offset \d+ of topic "$name\.progress"/s, 'is told where it is');
}
done_testing();
