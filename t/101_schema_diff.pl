# 101_schema_diff.pl: walrelay schema diff.  What it says of each subject is what comes of it when a
# relay registers its schemas; nothing is registered by looking, and nothing is left in the server.
# needs: kafka
# takes: 20 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Lab;
use Walrelay;
use Test::More;

my $source = new_source();
lab($source, '127.0.0.1:1');    # no broker is asked
my $registry = registry();
my ($upstream, $base) = $registry =~ m{(http://[^/]+)(.*)};
sql(<<'SQL');
CREATE SCHEMA shop;
CREATE TYPE shop.state AS ENUM ('open', 'paid');
CREATE TABLE shop.orders (id int PRIMARY KEY, v text, n int NOT NULL DEFAULT 5, old text, state shop.state);
CREATE TABLE shop.plain (v text);
CREATE TABLE shop.rooms (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE shop.rooms_1 PARTITION OF shop.rooms FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE shop.rooms_2 PARTITION OF shop.rooms FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
SQL
my @args = ('--table.include.list=shop\..*', '--publish.via.partition.root=true', '--message.prefix.exclude.list=.*');

# diff ARGS: its exit status, what it says of each subject, and what it writes
sub diff
{
	my ($status, $out, $why) = relay_run('schema', 'diff', settings('dif', @args, '--json', @_));
	my ($all) = json_lines($out);
	return { status => $status, stderr => $why, all => $all, by => { map { $_->{subject} => $_ } @{ $all->{subjects} // [] } } };
}
# lines ARGS: the same for people
sub lines { return relay_run('schema', 'diff', settings('dif', @args, @_)); }
# differences SUBJECT: in short
sub differences
{
	my ($subject) = @_;
	return [ map { join ' ', $_->{kind}, $_->{record}, $_->{field} // '-', $_->{attribute} // (), $_->{was} // 'none', $_->{is} // 'none' } @{ $subject->{differences} } ];
}
# schemas ARGS: of our subjects, as the relay would register them now
sub schemas
{
	my (undef, $out) = relay_run('schema', 'show', settings('dif', @args, '--json', @_));
	my %schemas;
	while ($out =~ /"subject":"([^"]+)","schema":(\{.*?\})\}(?:,"value":|\}[,\]])/g) { $schemas{$1} = $2; }
	return \%schemas;
}
sub versions { my ($subject) = @_; my $reply = $http->get("$registry/subjects/$subject/versions"); return $reply->{success} ? $json->decode($reply->{content}) : []; }

# ---- nothing is registered yet ----
{
	my $found = diff();
	is($found->{status}, 1, 'nothing is registered: exit status');
	like($found->{stderr}, qr/\Awalrelay: error: E1809: 5 of 5 subjects are not as they would be registered today\nHINT:  The relay registers them/, 'nothing is registered: said');
	is_deeply([ map { "$_->{subject} $_->{table} $_->{side} $_->{state}" } @{ $found->{all}{subjects} } ], [
			'dif.shop.orders-key shop.orders key new', 'dif.shop.orders-value shop.orders value new', 'dif.shop.plain-value shop.plain value new',
			'dif.shop.rooms-key shop.rooms key new', 'dif.shop.rooms-value shop.rooms value new'
		], 'nothing is registered: of each side that there is');
	is_deeply([ map { versions($_) } keys %{ $found->{by} } ], [ map { [] } 1 .. 5 ], 'nothing is registered by that');
	$found = diff('--auto.register.schemas=false', 'shop.plain');
	is("$found->{status} $found->{all}{refused}", '1 1', 'where others register, it is missing');
	is($found->{by}{'dif.shop.plain-value'}{error}{code}, 'E1806', 'where others register: by its code');
}

# ---- all is registered ----
{
	my $schemas = schemas();
	register($_, $schemas->{$_}) for keys %{$schemas};
	my $found = diff();
	is("$found->{status}$found->{stderr}", '0', 'all the same');
	is_deeply([ map { "$_->{state} $_->{version}" } @{ $found->{all}{subjects} } ], [ ('same 1') x 5 ], 'all the same: in version 1');
	is(diff('--auto.register.schemas=false')->{status}, 0, 'also where others register');
	is(diff('--auto.register.schemas=false', '--use.latest.version=true')->{status}, 0, 'and where the latest one is used');
	my ($status, $text) = lines('SHOP\.p.*');
	is("$status $text", "0 same     dif.shop.plain-value, version 1\n\n1 same, 0 new, 0 changed; 0 refused\n", 'for people');
	# white space and the order of members make no other schema
	my $subject = 'dif.shop.plain-value';
	register($subject, JSON::PP->new->canonical->pretty->encode(JSON::PP->new->decode($schemas->{$subject})));
	is($found->{by}{$subject}{state}, 'same', 'written otherwise') for $found = diff('shop.plain');
}

# ---- accepted ----
{
	sql(<<'SQL');
ALTER TABLE shop.orders ADD COLUMN gross numeric(10,2), DROP COLUMN old, ALTER COLUMN n SET DEFAULT 7;
ALTER TYPE shop.state ADD VALUE 'gone';
SQL
	my $found = diff('shop.orders');
	my $value = $found->{by}{'dif.shop.orders-value'};
	is($found->{status}, 1, 'accepted: exit status');
	is($found->{by}{'dif.shop.orders-key'}{state}, 'same', 'accepted: the key is the same');
	is("$value->{state} $value->{version} $value->{accepted}", 'changed 1 1', 'accepted: it is');
	is_deeply(differences($value), [
			'default Value n 5 7',
			'attribute Value state connect.parameters {"allowed":"open,paid"} {"allowed":"open,paid,gone"}',
			'added Value gross none null or bytes (org.apache.kafka.connect.data.Decimal, scale 2)',
			'removed Value old null or string none',
		], 'accepted: what has changed') or diag(explain($value));
	is_deeply([ map { $_->{default} ? 1 : 0 } grep { $_->{kind} =~ /added|removed/ } @{ $value->{differences} } ], [ 1, 1 ], 'accepted: with their defaults');
	my ($status, $text) = lines('shop.orders');
	is($text, <<'TEXT', 'accepted: for people');
same     dif.shop.orders-key, version 1
changed  dif.shop.orders-value, version 1; accepted
         default   field "n" of record Value: 5 -> 7
         attribute field "state" of record Value: connect.parameters {"allowed":"open,paid"} -> {"allowed":"open,paid,gone"}
         added     field "gross" of record Value: null or bytes (org.apache.kafka.connect.data.Decimal, scale 2), with a default
         removed   field "old" of record Value: null or string, with a default

1 same, 0 new, 1 changed; 0 refused
TEXT
	$found = diff('--auto.register.schemas=false', '--use.latest.version=true', 'shop.orders');
	is($found->{by}{'dif.shop.orders-value'}{error}{code}, 'E1807', 'another one than the latest');
	# as the registry does it
	register('dif.shop.orders-value', schemas('shop.orders')->{'dif.shop.orders-value'});
	is(diff('shop.orders')->{status}, 0, 'accepted: and so it is');
}

# ---- refused ----
{
	my $before = schemas('shop.orders')->{'dif.shop.orders-value'};
	sql('ALTER TABLE shop.orders ADD COLUMN must int NOT NULL');
	my $found = diff('shop.orders');
	my $value = $found->{by}{'dif.shop.orders-value'};
	is($found->{status}, 1, 'refused: exit status');
	like($found->{stderr}, qr/E1809: 1 of 2 subjects .*\nDETAIL:  1 would be refused\.\nHINT:/, 'refused: said');
	is("$value->{state} $value->{version}" . ($value->{accepted} ? '' : ' refused'), 'changed 2 refused', 'refused: it is');
	is_deeply(differences($value), ['added Value must none int'], 'refused: what has changed');
	ok(scalar @{ $value->{reasons} }, 'refused: the reasons of the registry') or diag(explain($value));
	is($value->{error}{code}, 'E1802', 'refused: by its code');
	like($value->{error}{detail}, qr/Field "must" \(int\) of record Value was added without a default, which BACKWARD forbids/, 'refused: why');
	my ($status, $text) = lines('shop.orders');
	like($text, qr/^changed  dif\.shop\.orders-value, version 2; refused by BACKWARD$/m, 'refused: for people');
	like($text, qr/^         registry: \S.*\n(?: {19}.*\n)*         E1802: .*: incompatible\n         HINT:  Let the subject change so: curl -X PUT .*FORWARD/m, 'refused: what to do') or diag($text);
	put_level('dif.shop.orders-value', 'FORWARD');
	$found = diff('shop.orders');
	is("$found->{by}{'dif.shop.orders-value'}{accepted} $found->{by}{'dif.shop.orders-value'}{compatibility}", '1 FORWARD', 'at another level it is accepted') or diag(explain($found->{all}));

	# what was registered before is no question
	register('dif.shop.orders-value', schemas('shop.orders')->{'dif.shop.orders-value'});
	is(diff('shop.orders')->{status}, 0, 'and so it is');
	put_level('dif.shop.orders-value', 'BACKWARD');
	sql('ALTER TABLE shop.orders DROP COLUMN must');
	register('dif.shop.orders-value', $before =~ s/"fields":/"doc":"by hand","fields":/r);
	$found = diff('shop.orders');
	$value = $found->{by}{'dif.shop.orders-value'};
	is("$value->{state} $value->{version} $value->{accepted}", 'changed 4 1', 'an older version') or diag(explain($value));
	is($value->{registered_as}, 2, 'an older version: which');
	is_deeply(differences($value), ['attribute Envelope - doc "by hand" none'], 'an older version: what readers pass over');
}

# ---- whatever is registered there ----
{
	sql('CREATE TABLE shop.odd (v text)');
	my $subject = 'dif.shop.odd-value';
	my $schema = schemas('shop.odd')->{$subject};
	register($subject, $schema =~ s/(\{"name":"op".*?\}),(\{"name":"ts_ms".*?\})/$2,$1/r);
	my ($status, $text) = lines('shop.odd');
	like("$status $text", qr/^1 changed  dif\.shop\.odd-value, version 1; accepted\n         no field differs\.  In canonical form /, 'another order of fields');
	my $found = diff('shop.odd')->{by}{$subject};
	like(@{ $found->{differences} } . " $found->{note}", qr/^0 In canonical form /, 'another order of fields: as JSON');
	sql('CREATE TABLE shop.odder (v text)');
	register('dif.shop.odder-value', '"string"');
	($status, $text) = lines('shop.odder');
	like("$status $text", qr/^1 changed  dif\.shop\.odder-value, version 1; refused by BACKWARD\n         type      string -> record Envelope\n/, 'no record');
	my $names = diff('--registry.value.subject.name.strategy=RecordNameStrategy', 'shop.odd');
	is_deeply([ keys %{ $names->{by} } ], ['dif.shop.odd.Envelope'], 'another strategy');
}

# ---- what goes wrong ----
{
	my $port = proxy('wrong', '--upstream', $upstream);
	my $wrong = sub {
		my ($what, $wanted, $code, @rules) = @_;
		rules('wrong', @rules);
		my ($status, $text, $why) = lines('shop.odder', "--registry.url=http://127.0.0.1:$port$base");
		like("$status$text $why", qr/^$wanted .*error: $code: /, $what) or diag("$text$why");
	};
	$wrong->('a login', 77, 'E1804', { status => 401, body => '{"error_code":401,"message":"no"}' });
	$wrong->('a right', 77, 'E1804', { path => '.*/versions/latest', status => 403, body => '{}' });
	$wrong->('no registry', 78, 'E1805', { status => 404, body => '<html>' });
	$wrong->('a path that it does not know', 78, 'E1805', { path => '.*/versions/latest', status => 404, body => '<html>' });
	$wrong->('no JSON', 78, 'E1805', { path => '.*/versions/latest', status => 200, body => '{"id":1,' });
	$wrong->('no answer to the question', 78, 'E1805', { path => '.*/compatibility/.*', status => 200, body => '{}' },
		{ path => '.*/subjects/[^/]+', status => 404, body => '{"error_code":40403,"message":"Schema not found"}' });
	$wrong->('a registry that is broken', 69, 'E1801', { path => '.*/versions/latest', status => 500, body => '' });
	# of one schema, others are told
	rules('wrong', { method => 'POST', path => '.*/subjects/dif.shop.odder-value', status => 422, body => '{"error_code":42201,"message":"Invalid schema"}' });
	my $found = diff("--registry.url=http://127.0.0.1:$port$base");
	is("$found->{status} $found->{all}{refused} $found->{all}{same}", '1 1 4', 'one is invalid: the others are told') or diag(explain($found->{all}));
	is($found->{by}{'dif.shop.odder-value'}{error}{code}, 'E1803', 'one is invalid: by its code');
	# Confluent's have a list of reasons
	rules('wrong', { path => '.*/compatibility/.*', status => 200, body => '{"is_compatible":false,"messages":["one\nof two","another"]}' },
		{ method => 'POST', path => '.*/subjects/[^/]+', status => 404, body => '{"error_code":40403,"message":"Schema not found"}' });
	$found = diff('shop.odder', "--registry.url=http://127.0.0.1:$port$base");
	is_deeply($found->{by}{'dif.shop.odder-value'}{reasons}, [ 'one of two', 'another' ], 'reasons');
	rules('wrong');

	my ($status, $text, $why) = lines('--registry.url=http://127.0.0.1:' . free_port());
	like("$status$text $why", qr/^69 .*E1801: /, 'nobody is there');
	($status, $text, $why) = lines('--registry.url=');
	like("$status$text $why", qr/^78 .*E1003: registry\.url is not set\n/, 'no registry is set');
	($status, $text, $why) = lines('shop.nothing');
	like("$status$text $why", qr/^78 .*E1245: no captured table is what was asked for\n/, 'no such table');
	($status, $text, $why) = lines('--source.conninfo=host=127.0.0.1 port=1');
	like("$status$text $why", qr/^69 .*E1201: /, 'no server');
	is(sql('SELECT count(*) FROM pg_replication_slots'), '0', 'no slot is left');
}
done_testing();
