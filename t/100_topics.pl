# 100_topics.pl: walrelay topics plan and topics create.  The plan says of each topic that a relay
# with these settings needs whether it is there and as it should be, and is right about it: what is
# created makes it say nothing more, as does what its remedies say, pasted as they stand.
# needs: kafka
# takes: 40 s
use strict;
use warnings;
use Encode ();
use FindBin;
use lib "$FindBin::Bin/lib";
use Lab;
use Walrelay;
use Test::More;

my $source = new_source();
lab($source, kafka());
sql(<<'SQL');
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id int PRIMARY KEY, v text);
CREATE TABLE shop.plain (v text);
CREATE TABLE shop."Größe, in m²" (id int PRIMARY KEY);
CREATE TABLE shop.rooms (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE shop.rooms_1 PARTITION OF shop.rooms FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE shop.rooms_2 PARTITION OF shop.rooms FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
CREATE TABLE other (id int PRIMARY KEY);
SQL
my @shop = ('--table.include.list=shop\..*', '--publish.via.partition.root=true');
my @own = ('--provide.transaction.metadata=true', '--include.schema.changes=true', '--on.error=dead-letter',
	'--signal.enabled.channels=source,kafka');
my @tables = (Encode::decode('UTF-8', 'shop.Größe, in m²'), 'shop.orders', 'shop.plain', 'shop.rooms');
my %topic = (map({ $_ => "top.$_" } @tables[ 1 .. 3 ]), $tables[0] => 'top.shop.Gr____e__in_m__');

# topics COMMAND, ARGS: its exit status, what it says of each topic, and what it writes
sub topics
{
	my ($command, @args) = @_;
	my ($status, $out, $why) = relay_run('topics', $command, settings('top', @shop, '--json', @args));
	my ($all) = json_lines($out);
	return { status => $status, stderr => $why, all => $all, by => { map { $_->{topic} => $_ } @{ $all->{topics} // [] } } };
}
# lines COMMAND, ARGS: the same for people
sub lines { my ($command, @args) = @_; return relay_run('topics', $command, settings('top', @shop, @args)); }
# states FOUND: topics by state, of all that have one
sub states
{
	my ($found) = @_;
	my %states;
	push @{ $states{ $_->{state} } }, $_->{topic} for @{ $found->{all}{topics} };
	return \%states;
}
sub exists_now { my %have = map { $_ => 1 } qx(kcat -b @{[ kafka() ]} -L) =~ /topic "([^"]+)"/g; return \%have; }

# ---- nothing is there ----
{
	my $found = topics('plan', @own);
	is($found->{status}, 1, 'a plan: there is something to do');
	like($found->{stderr}, qr/\Awalrelay: error: E2017: 10 of 10 topics are to be created, 0 to be changed\nHINT:  Run walrelay topics create /, 'which is said');
	is_deeply([ map { join ' ', $_->{topic}, $_->{for}, $_->{table} // '-', $_->{state} } @{ $found->{all}{topics} } ], [
			map({ "$topic{$_} table $_ create" } sort @tables), 'top.progress positions - create', 'top.transaction transactions - create',
			'top.schema-changes schema changes - create', 'top.dead-letter dead letters - create', 'top-signal signals - create',
			'top.message logical messages - create'
		], 'all topics, with what they are for');
	is("$found->{all}{create} $found->{all}{exists}", '10 0', 'and the sums');
	is_deeply($found->{by}{'top.progress'}{wanted}, { partitions => 1, replication_factor => undef,
			settings => { 'cleanup.policy' => 'compact', 'segment.bytes' => '1048576', 'compression.type' => 'producer' } }, 'what is wished of one');
	is_deeply($found->{by}{'top.shop.orders'}{wanted}, { partitions => undef, replication_factor => undef, settings => {} }, 'and where nothing is');
	is_deeply($found->{by}{'top.dead-letter'}{wanted}{settings}, { 'cleanup.policy' => 'delete', 'max.message.bytes' => '8000000' }, 'room for what others refuse');
	is_deeply($found->{by}{'top.shop.plain'}{wanted}{settings}, { 'cleanup.policy' => 'delete' }, 'without a key');
	is_deeply([ grep { /^top[.-]/ } keys %{ exists_now() } ], [], 'looking has made none');

	is_deeply([ map { $_->{topic} } @{ topics('plan', 'SHOP\.r.*', 'shop.plain')->{all}{topics} } ], [ 'top.shop.plain', 'top.shop.rooms' ], 'tables by expressions');
	is_deeply([ sort keys %{ topics('plan', '--publish.via.partition.root=false', 'shop.rooms.*')->{by} } ], [ map { "top.shop.rooms_$_" } 1, 2 ], 'partitions as tables');
	is_deeply([ map { $_->{topic} } grep { !$_->{table} } @{ topics('plan', '--message.prefix.exclude.list=.*')->{all}{topics} } ], ['top.progress'], 'what is not switched on');
	is_deeply([ keys %{ topics('plan', '--slot.temporary=true', '--topic.delimiter=_', '--message.prefix.exclude.list=.*', '--table.include.list=other|public.other')->{by} } ],
		['top_public_other'], 'another delimiter, and a slot that does not stay');
}

# ---- made as a relay makes them ----
{
	my $found = topics('create', '--dry-run', @own);
	is($found->{status}, 0, 'a dry run') or diag($found->{stderr});
	is(scalar @{ states($found)->{create} }, 10, 'which only says what would be');
	is_deeply([ grep { /^top[.-]/ } keys %{ exists_now() } ], [], 'and makes nothing');

	$found = topics('create', 'shop.orders');
	is($found->{status}, 0, 'one') or diag($found->{stderr});
	is_deeply(states($found), { created => ['top.shop.orders'] }, 'is made, and no other');
	$found = topics('create', '--partitions=3', '--replication-factor=1', @own);
	is($found->{status}, 0, 'the others') or diag($found->{stderr});
	is_deeply(states($found)->{exists}, ['top.shop.orders'], 'what was there is left alone');
	is(scalar @{ states($found)->{created} }, 9, 'the others are made');
	is_deeply({ map { $_ => $found->{by}{$_}{partitions} } keys %{ $found->{by} } },
		{ map({ $_ => 3 } keys %{ $found->{by} }), 'top.shop.orders' => 1, 'top.progress' => 1, 'top-signal' => 1 }, 'with so many partitions, but where one is needed');
	$found = topics('plan', @own);
	is("$found->{status}$found->{stderr}", '0', 'nothing is to be done any more');
	is_deeply([ keys %{ states($found) } ], ['exists'], 'nor is anything said');
	$found = topics('create', '--partitions=5', @own);
	is($found->{status}, 0, 'again');
	is(scalar @{ states($found)->{exists} }, 10, 'is nothing');

	# what a relay makes by itself is the same
	slot_new('self');
	my @self = ('--table.include.list=shop\.orders', '--include.schema.changes=true', '--provide.transaction.metadata=true');
	my $relay = start('self', @self);
	sql("INSERT INTO shop.orders VALUES (1, 'v'); SELECT pg_logical_emit_message(true, 'hi', 'there')");
	wait_until { my $have = exists_now(); 5 == grep { $have->{"self.$_"} } qw(shop.orders progress transaction schema-changes message) } 'a relay to make its topics';
	is($relay->stop, 0, 'a relay');
	my ($status, $out) = relay_run('topics', 'plan', settings('self', @self, '--json'));
	my ($all) = json_lines($out);
	my %made = map { $_->{topic} =~ s/^self\.//r => $_ } @{ $all->{topics} };
	my $planned = topics('create', '--topic.prefix=planned', @self);
	my %planned = map { $_->{topic} =~ s/^planned\.//r => $_ } @{ $planned->{all}{topics} };
	is_deeply([ sort keys %made ], [ sort keys %planned ], 'a relay makes these topics');
	my @what = qw(partitions replication_factor settings);
	is_deeply([ @{ $made{$_} }{@what} ], [ @{ $planned{$_} }{@what} ], "it makes it the same: $_") for sort keys %made;
	is_deeply([ grep { $_->{state} ne 'exists' } @{ $all->{topics} } ], [], 'nothing is missing, and nothing differs');
	is($status, 0, 'so there is nothing to do');
	unlike($relay->stderr, qr/E2004|E2015/, 'nor has anything been refused');
}

# ---- not as they should be, and what mends it ----
my $bin = kafka_tools();
{
	kafka_admin(kafka(), 'config', 'top.shop.plain', 'cleanup.policy=compact');
	kafka_admin(kafka(), 'config', 'top.schema-changes', 'cleanup.policy=delete');
	kafka_admin(kafka(), 'config', 'top.progress', 'segment.bytes=1073741824');
	kafka_admin(kafka(), 'partitions', 'top-signal', 2);
	my $found = topics('plan', @own);
	is($found->{status}, 1, 'four are not as they should be');
	is_deeply([ sort @{ states($found)->{differs} } ], [qw(top-signal top.progress top.schema-changes top.shop.plain)], 'which') or diag(explain($found->{all}));
	is_deeply({ map { $_ => join ' ', map { $_->{code} } @{ $found->{by}{$_}{errors} } } @{ states($found)->{differs} } },
		{ 'top-signal' => 'E2016', 'top.progress' => 'E2016', 'top.schema-changes' => 'E2016', 'top.shop.plain' => 'E2006' }, 'by their codes');
	like($found->{stderr}, qr/E2017: 0 of 10 topics are to be created, 4 to be changed\nHINT:  Run what is printed above/, 'what to do');
	is_deeply([ lines('create', @own) ]->[0], 0, 'create leaves them alone');
	is_deeply(states(topics('plan', @own))->{differs}, states($found)->{differs}, 'as they were');

	my ($status, $text) = lines('plan', @own);
	is($status, 1, 'for people');
	my @table = split /\n/, $text =~ s/\n\n.*//sr;
	like($table[0], qr/^STATE    TOPIC +FOR +PARTITIONS +REPLICATION  SETTINGS$/, 'a heading');
	is(scalar(@table), 11, 'a line for each');
	my $at = index $table[0], 'FOR';
	is((scalar grep { substr(Encode::decode('UTF-8', $_), $at - 2, 3) !~ /^  \S/ } @table), 0, 'below each other') or diag($text);
	like($text, qr/^exists   top\.shop\.Gr____e__in_m__  table shop\.Größe, in m² +3 +1 +cleanup\.policy=delete$/m, 'one that is good');
	like($text, qr/^differs  top-signal .* 2 \(wanted: 1\) .* cleanup\.policy=delete$/m, 'one with too many partitions');
	like($text, qr/^differs  top\.shop\.plain .*  cleanup\.policy=compact \(wanted: delete\)$/m, 'one with another setting');
	like($text, qr/\n6 as they should be, 4 to change\n\z/, 'and the sums');
	like($text, qr/^differs E2006: topic "top\.shop\.plain" is compacted, and table "shop\.plain" has no key\n      DETAIL:  .*\n      HINT:  .*kafka-configs\.sh/m, 'what to do');

	local $ENV{PATH} = "$bin:$ENV{PATH}";
	my @commands = map { $_->{hint} =~ /(kafka-configs\.sh .*)/ ? "$1 >'$ENV{TESTDATADIR}/said' 2>&1" : () } map { @{ $_->{errors} } } values %{ $found->{by} };
	is(scalar(@commands), 3, 'commands');
	is(system(join ' & ', @commands, 'wait'), 0, 'pasted') or diag(slurp("$ENV{TESTDATADIR}/said"));
	wait_until { (lines('plan', @shop))[0] == 0 } 'what was pasted to be seen';
	is_deeply(states(topics('plan', @own))->{differs}, ['top-signal'], 'puts right what can be');
}

# ---- what is sent fits ----
{
	kafka_admin(kafka(), 'config', 'top.shop.orders', 'max.message.bytes=20000');
	my ($status, $text) = lines('plan', 'shop.orders');
	is($status, 1, 'batches that are too large for a topic');
	like($text, qr/^differs  top\.shop\.orders .*  cleanup\.policy=delete max\.message\.bytes=20000 \(wanted: 1000000\)$/m, 'its limit, and what it has to be') or diag($text);
	like($text, qr/^differs E2016: topic "top\.shop\.orders" takes less than may be sent to it\n      DETAIL:  .*batches of records have up to 1000000 bytes.*\n      HINT:  Set batch\.size=20000 in \[kafka\], or: kafka-configs\.sh .* max\.message\.bytes=1000000$/m, 'why, and what to do') or diag($text);
	is((lines('plan', 'shop.orders', '--batch.size=20000'))[0], 0, 'smaller batches fit');

	# which is so: no record is near that size
	slot_new('fits');
	kafka_admin(kafka(), 'create', 'fits.shop.orders', 1, 'max.message.bytes=20000');
	sql(q{INSERT INTO shop.orders SELECT i, md5(i::text) FROM generate_series(1001, 4000) i});
	my @fits = ('--table.include.list=shop\.orders', '--linger.ms=200', '--delivery=exactly-once');
	my $relay = start('fits', @fits);
	wait_for_slot($source, 'fits');
	like($relay->stderr, qr/\d+ records of \d+ bytes were refused together; batches have at most \d+ bytes until the next start/,
		'batches that are too large for a topic become smaller');
	is($relay->stop, 0, 'it ends well');
	my %ids = map { $_->{key}{id} => 1 } read_topic('fits.shop.orders', count => 3000);
	is(scalar(keys %ids), 3000, 'all of it is delivered, nothing twice');
	sql(q{DELETE FROM shop.orders WHERE id = 1001});
	$relay = start('fits', @fits, '--batch.size=20000');
	wait_for_slot($source, 'fits');
	unlike($relay->stderr, qr/E2003/, 'batches that are small from the start are not refused');
	is($relay->stop, 0, 'it ends well');
	sql(q{SELECT pg_drop_replication_slot('fits')});

	my @large = ('--topic.prefix=large', '--batch.size=2000000', 'shop.orders');
	my $found = topics('create', @large);
	is("$found->{status} $found->{by}{'large.shop.orders'}{state}", '0 created', 'larger ones than the brokers take') or diag($found->{stderr});
	is($found->{by}{'large.shop.orders'}{settings}{'max.message.bytes'}, '2000000', 'fit where that is made');
	is((lines('plan', @large))[0], 0, 'nothing is to be done any more');
}

# ---- what goes wrong ----
{
	# a name of which the brokers make no difference to another; the others are made
	kafka_admin(kafka(), 'create', 'fail_shop.orders', 1);
	my @fail = ('--topic.prefix=fail', '--message.prefix.exclude.list=.*');
	my ($status, $text, $why) = lines('create', @fail);
	is($status, 78, 'one cannot be made: exit status');
	like($why, qr/\Awalrelay: error: E2015: 1 of 5 topics cannot be created: topic "fail\.shop\.orders" cannot be created\nHINT:/, 'one cannot be made: which');
	like($text, qr/^failed  E2015: topic "fail\.shop\.orders" cannot be created\n      DETAIL:  .*collides.*fail_shop\.orders.*\n      HINT:  Create it by hand: kafka-topics\.sh/m, 'one cannot be made: why, and what to do') or diag($text);
	is((scalar grep { /^fail\./ } keys %{ exists_now() }), 4, 'one cannot be made: the others are');
	my $found = topics('create', '--topic.prefix=much', '--replication-factor=7');
	is($found->{status}, 69, 'more copies than brokers: exit status');
	is_deeply([ map { scalar @{ $_ } } @{ states($found) }{qw(failed)} ], [6], 'more copies than brokers: each is told');
	is($found->{by}{'much.progress'}{errors}[0]{code}, 'E2010', 'more copies than brokers: by its code');
	like($found->{by}{'much.shop.orders'}{errors}[0]{detail}, qr/replication/i, 'more copies than brokers: by the brokers');

	($status, $text, $why) = lines('plan', '--bootstrap.servers=127.0.0.1:' . free_port());
	like("$status$text $why", qr/^69 .*E2001: no Kafka broker is reachable\n/, 'no broker');
	($status, $text, $why) = lines('plan', 'shop.nothing');
	like("$status$text $why", qr/^78 .*E1245: no captured table is what was asked for\n/, 'no such table');
	($status, $text, $why) = lines('plan', 'shop.(');
	like("$status$text $why", qr/^78 .*E1002: /, 'no expression');
	($status, $text, $why) = lines('create', '--partitions=0');
	like("$status$text $why", qr/^2 .*E1006: invalid number for --partitions\n/, 'no number');
	($status, $text, $why) = lines('plan', '--bootstrap.servers=');
	like("$status$text $why", qr/^78 .*E1003: /, 'no brokers are named');
	sql('CREATE TABLE shop."plain " (id int PRIMARY KEY); CREATE TABLE shop."plain_" (id int PRIMARY KEY)');
	($status, $text, $why) = lines('create', '--topic.prefix=one');
	like("$status$text $why", qr/^78 .*E1605: .* map to one topic, one\.shop\.plain_\n/, 'two tables for one topic');
	sql('DROP TABLE shop."plain ", shop."plain_"; CREATE TABLE shop.progress (id int PRIMARY KEY)');
	($status, $text, $why) = lines('create', '--topic.prefix=one', '--topic.progress=shop.progress');
	like("$status$text $why", qr/^78 .*E1605: /, "a table's topic that is the relay's own");
	is((scalar grep { /^one\./ } keys %{ exists_now() }), 0, 'then none is made');
	sql('DROP TABLE shop.progress');
	is(sql("SELECT string_agg(slot_name, ',') FROM pg_replication_slots"), 'self', 'no slot is left');
}

# ---- names that a terminal would obey, long ones, and ones of wide characters ----
{
	my $long = 'n' x 63;
	sql(qq{CREATE SCHEMA odd; CREATE TABLE odd."注文" (id int PRIMARY KEY); CREATE TABLE odd.$long (id int PRIMARY KEY);}
		  . q{DO $$ BEGIN EXECUTE format('CREATE TABLE odd.%I (v text)', E'a\tb\n\x1b[2J'); END $$});
	kafka_admin(kafka(), 'create', 'odd.odd.a_b___2J', 1, 'cleanup.policy=compact');
	my ($status, $text) = relay_run('topics', 'plan', settings('odd', '--table.include.list=odd\..*', '--message.prefix.exclude.list=.*'));
	is($status, 1, 'odd names');
	$text = Encode::decode('UTF-8', $text);
	unlike($text, qr/[^\n[:print:]]/, 'odd names: nothing that a terminal would obey');
	my @lines = split /\n/, $text =~ s/\n\n.*//sr;
	is(scalar(@lines), 5, 'odd names: a line for each');
	like($lines[1], qr/ table odd\.a\\tb\\n\\x1b\[2J {2,}1 /, 'odd names: shown as SQL writes them') or diag($text);
	my $at = index $lines[0], 'PARTITIONS';
	is((scalar grep { substr(s/\p{EastAsianWidth: Wide}/WW/gr, $at - 2, 3) !~ /^  \S/ } @lines), 0, 'odd names: below each other') or diag($text);
	like($text, qr/^differs E2006: topic "odd\.odd\.a_b___2J" is compacted, and table "odd\.a\\tb\\n\\x1b\[2J" has no key$/m, 'odd names: in what is wrong');
	sql('DROP SCHEMA odd CASCADE');
}

# ---- many, and two at once ----
{
	sql('CREATE SCHEMA many; SELECT format($$CREATE TABLE many.t%s (id int PRIMARY KEY)$$, i) FROM generate_series(1, 210) i \gexec');
	my @many = ('--table.include.list=many\..*', '--topic.prefix=many', '--message.prefix.exclude.list=.*');
	my @both = map { relay_start(command => undef, args => [ 'topics', 'create', settings('top', @many, '--json') ]) } 1, 2;
	is_deeply([ map { $_->wait_exit } @both ], [ 0, 0 ], 'two at once: both are content') or diag(map { $_->stderr } @both);
	my ($one, $two) = map { (json_lines($_->stdout))[0] } @both;
	is($one->{created} + $two->{created}, 211, 'two at once: each topic is made once') or diag("$one->{created} $two->{created}");
	is("$one->{failed} $two->{failed}", '0 0', 'two at once: none has failed');
	is((lines('plan', @many))[0], 0, 'all are there');
}
done_testing();
