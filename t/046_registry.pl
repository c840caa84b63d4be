# 046_registry.pl: a registry that says no: the stream stands still with the whole story
# told, or the changes become dead letters, and it goes on by itself once the registry
# says yes; subjects by every strategy; schemas that are only looked up; logins, TLS
# and several URLs, through a proxy of the tests' own in front of a real registry.
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Lab;
use Walrelay;
use Test::More;

my $source = new_source(conf => "max_replication_slots = 30\nmax_wal_senders = 30\n");
my $registry = registry();
lab($source, kafka());
my $dir = proxy_dir();

# ---- helpers ----

# is_refused RELAY, CODE, WHAT: stands still, and says so everywhere, but lives
sub is_refused
{
	my ($relay, $code, $what) = @_;
	$relay->wait_for_log(qr/error: $code: /);
	wait_until { page($relay, 'readyz')->{status} == 503 } "$what: not ready";
	like(page($relay, 'readyz')->{content}, qr/^not ready: schema_refused, $code: .*status$/,
		"$what: readyz says why");
	is(page($relay, 'livez')->{status}, 200, "$what: alive");
	like(page($relay, 'metrics')->{content},
		qr/^walrelay_state\{state="schema_refused"\} 1$/m, "$what: the state");
	return;
}

my $upstream = $registry =~ s{(//[^/]+).*}{$1}r;
my ($base) = $registry =~ m{//[^/]+(.*)};

# ---- stop: the stream stands still at the change, and goes on by itself ----
sql('CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY)');
slot_new('stop');
my $relay = start('stop', '--log.level=debug');
sql('INSERT INTO a VALUES (1, NULL); INSERT INTO b VALUES (1)');
wait_for_slot($source, 'stop');
sql('ALTER TABLE a ADD COLUMN must int NOT NULL DEFAULT 1; ALTER TABLE a ALTER COLUMN must DROP DEFAULT');
my $before = lsn();
sql(q{INSERT INTO a VALUES (2, 'secret row', 7)});
sql('INSERT INTO b VALUES (2)');
my $behind = lsn();
is_refused($relay, 'E1802', 'stop');

my $said = $relay->stderr;
like($said, qr/refused the schema of subject "stop\.public\.a-value": incompatible$/m, 'the subject');
like($said, qr/^DETAIL: .*The registry says: /m, "the registry's own words");
like($said, qr/^DETAIL: .*The compatibility level in force is BACKWARD\./m, 'the level');
like($said, qr/Against version 1, the latest:.* Field "must" \(int\) of record Value was added without a default, which BACKWARD forbids\./,
	'the field and the rule');
like($said, qr/^DETAIL: .*  Ours: .*"must".*  Registered: /m, 'both schemas');
like($said, qr/Both are whole in \/status/, 'where they are whole');
like($said, qr/^HINT: .*schema\.on\.incompatible=dead-letter.*table\.exclude\.list/m, 'the ways out');
like($said, qr/^ACTION: .*wait in PostgreSQL until the registry accepts it/m, 'what is being done');
like($said, qr/debug: our schema of subject "stop\.public\.a-value": \{.*\}$/m, 'ours, whole, at debug level');
like($said, qr/debug: registered schema of subject "stop\.public\.a-value": \{.*\}$/m, 'theirs, too');
unlike($said, qr/secret row/, 'no row value');

my ($refused) = @{ status($relay)->{schemas_refused} };
is($refused->{subject}, 'stop.public.a-value', 'status: the subject');
like($json->decode($refused->{ours})->{name}, qr/^Envelope$/, 'status: our schema is whole');
like($json->decode($refused->{registered})->{name}, qr/^Envelope$/, 'status: so is theirs');
is($refused->{registered_version}, 1, 'status: its version');
like(page($relay, 'metrics')->{content},
	qr/^walrelay_schema_refused\{subject="stop\.public\.a-value",code="E1802"\} 1$/m, 'metrics: the subject');

# PostgreSQL is answered, and told nothing beyond.
my ($pid, $reply) = split /\|/, sql(q{SELECT pid, reply_time FROM pg_stat_replication});
wait_until { sql("SELECT count(*) > 0 FROM pg_stat_replication WHERE pid = $pid AND reply_time > '$reply'") eq 't' }
	'status messages while it stands still';
is(sql("SELECT confirmed_flush_lsn <= '$before'::pg_lsn FROM pg_replication_slots WHERE slot_name = 'stop'"),
	't', 'nothing beyond is confirmed');
is_deeply(ids(read_topic('stop.public.a', count => 1)), [1], 'nothing of it was sent');
is_deeply(ids(read_topic('stop.public.b', count => 1)), [1], 'and nothing behind it');

# The hint's own command lets it pass: FORWARD is enough.
my ($command) = $said =~ /^HINT: .*?(curl -X PUT .*?);/m;
like($command, qr/"FORWARD"/, 'the weakest level that allows it');
is(system("$command -s -o /dev/null --noproxy '*'"), 0, "the hint's command");
wait_for_slot($source, 'stop', $behind);
$relay->wait_for_log(qr/has accepted the schema of subject "stop\.public\.a-value"/);
is(page($relay, 'readyz')->{status}, 200, 'ready again, without a restart');
is_deeply(status($relay)->{schemas_refused}, [], 'nothing is refused any more');
is(sql("SELECT count(*) FROM pg_stat_replication WHERE pid = $pid"), '1', 'on the same connection');
my @a = read_topic('stop.public.a', count => 2);
is_deeply(ids(@a), [ 1, 2 ], 'all has come, once');
is($a[1]{value}{after}{must}, 7, 'with its new column');
is_deeply(ids(read_topic('stop.public.b', count => 2)), [ 1, 2 ], 'and what was behind it');
is(scalar(() = $relay->stderr =~ /^walrelay: error: /mg), 1, 'told once');

# ---- SIGHUP asks at once; SIGTERM ends it while it waits, before the change ----
put_level('stop.public.a-value', 'BACKWARD');
sql('ALTER TABLE a ADD COLUMN more int NOT NULL DEFAULT 1; ALTER TABLE a ALTER COLUMN more DROP DEFAULT');
$before = lsn();
sql('INSERT INTO a VALUES (3, NULL, 8, 9)');
wait_until { status($relay)->{state} eq 'schema_refused' } 'the second refusal';
$relay->signal('HUP');
$relay->wait_for_log(qr/asking the schema registry again for 1 refused schemas/);
is($relay->stop, 0, 'SIGTERM ends it');
is(sql("SELECT confirmed_flush_lsn <= '$before'::pg_lsn FROM pg_replication_slots WHERE slot_name = 'stop'"),
	't', 'before the change');
$relay = start('stop');
is_refused($relay, 'E1802', 'after a restart');
put_level('stop.public.a-value', 'FORWARD');
wait_for_slot($source, 'stop');
is_deeply(ids(read_topic('stop.public.a', count => 3)), [ 1, 2, 3 ], 'and nothing is lost');
is($relay->stop, 0, 'done');

# ---- dead letters: the table goes aside, the others go on ----
sql('CREATE TABLE d (id int PRIMARY KEY, v text); CREATE TABLE e (id int PRIMARY KEY)');
slot_new('dead');
my @dead = ('--schema.on.incompatible=dead-letter');
$relay = start('dead', @dead);
sql(q{INSERT INTO d VALUES (1, 'one'); INSERT INTO e VALUES (1)});
wait_for_slot($source, 'dead');
sql('ALTER TABLE d ADD COLUMN must int NOT NULL DEFAULT 1; ALTER TABLE d ALTER COLUMN must DROP DEFAULT');
sql(q{INSERT INTO d VALUES (2, 'two', 2); INSERT INTO e VALUES (2)});
sql(q{UPDATE d SET v = 'zwei' WHERE id = 2; DELETE FROM d WHERE id = 1; UPDATE d SET id = 3 WHERE id = 2});
wait_for_slot($source, 'dead');
is(page($relay, 'readyz')->{status}, 200, 'dead letters: ready, because changes flow');
like($relay->stderr, qr/warn: E1802: .*"dead\.public\.d-value": incompatible$/m, 'dead letters: a warning');
like($relay->stderr, qr/^ACTION: .*go to topic dead\.dead-letter; the others go on$/m, 'dead letters: and what happens');
unlike($relay->stderr, qr/schema\.on\.incompatible=dead-letter/, 'dead letters: no advice to do what is done');
like(page($relay, 'metrics')->{content}, qr/^walrelay_dead_letters_total\{table="public\.d"\} 7$/m,
	'dead letters: counted by table');
is(status($relay)->{dead_letters}{'public.d'}, 7, 'dead letters: in the status, too');
is_deeply(ids(read_topic('dead.public.d', count => 1)), [1], "dead letters: not in the table's topic");
is_deeply(ids(read_topic('dead.public.e', count => 2)), [ 1, 2 ], 'dead letters: another table flows');

my @letters = read_topic('dead.dead-letter', count => 8);
my ($schema, @rest) = @letters;
is_deeply($schema->{headers}[0], [ '__walrelay.schema', '1' ], 'dead letters: the schema comes first');
is($schema->{value}{name}, 'Envelope', 'dead letters: as it would have been registered');
is_deeply([ grep { $_->[0] eq '__walrelay.schema' } map { @{ $_->{headers} } } @rest ], [], 'dead letters: once');
is_deeply([ map { [ $_->{key}{id}, $_->{value} && $_->{value}{op} ] } @rest ],
	[ [ 2, 'c' ], [ 2, 'u' ], [ 1, 'd' ], [ 1, undef ], [ 2, 'd' ], [ 2, undef ], [ 3, 'c' ] ],
	'dead letters: every change, in order, tombstones too');
is($rest[0]{value}{after}{must}, 2, 'dead letters: with what was refused');
like($rest[0]{value_hex}, qr/^c301/, 'dead letters: values in single-object encoding');
like($rest[0]{key_hex}, qr/^00/, 'dead letters: keys as they would have been, since their schema is known');
my %header = map { @$_ } @{ $rest[0]{headers} };
is($header{'__connect.errors.topic'}, 'dead.public.d', 'dead letters: the topic');
is($header{'__connect.errors.stage'}, 'VALUE_CONVERTER', 'dead letters: the stage');
is($header{'__connect.errors.exception.class.name'}, 'walrelay.E1802', 'dead letters: the code');
like($header{'__connect.errors.exception.message'}, qr/"dead\.public\.d-value": incompatible/, 'dead letters: the message');
is($header{'__walrelay.table'}, 'public.d', 'dead letters: the table');
my $lsn = sql("SELECT '$header{'__walrelay.lsn'}'::pg_lsn - '0/0'");
is($rest[0]{value}{source}{lsn}, $lsn, 'dead letters: the position');
is_deeply([ grep { /^__debezium/ } map { $_->[0] } map { @{ $_->{headers} } } @rest[ 4, 6 ] ],
	[ '__debezium.newkey', '__debezium.oldkey' ], 'dead letters: headers that they would have had');

# Accepted: back to its own topic between two changes.
put_level('dead.public.d-value', 'FORWARD');
$relay->wait_for_log(qr/has accepted the schema of subject "dead\.public\.d-value"/);
sql(q{INSERT INTO d VALUES (4, 'four', 4)});
wait_for_slot($source, 'dead');
is_deeply(ids(read_topic('dead.public.d', count => 2)), [ 1, 4 ], 'accepted: its own topic again');
is(scalar(read_topic('dead.dead-letter', count => 8)), 8, 'accepted: no more dead letters');

# Refused again, killed, and changed to what is compatible: each version is judged by itself.
put_level('dead.public.d-value', 'BACKWARD');
sql('ALTER TABLE d ADD COLUMN also int NOT NULL DEFAULT 1; ALTER TABLE d ALTER COLUMN also DROP DEFAULT');
sql(q{INSERT INTO d VALUES (5, 'five', 5, 5)});
wait_for_slot($source, 'dead');
is(status($relay)->{schemas_refused}[0]{subject}, 'dead.public.d-value', 'the next version is refused');
$relay->kill9;
$relay = start('dead', @dead);
sql(q{INSERT INTO d VALUES (6, 'six', 6, 6)});
wait_for_slot($source, 'dead');
sql(q{ALTER TABLE d DROP COLUMN also; INSERT INTO d VALUES (7, 'seven', 7)});
wait_for_slot($source, 'dead');
is_deeply(status($relay)->{schemas_refused}, [], 'a version that nobody needs is not asked for again');
is_deeply(ids(read_topic('dead.public.d', count => 3)), [ 1, 4, 7 ], 'a version that is accepted flows');
@letters = grep { $_->{headers}[0][0] ne '__walrelay.schema' } read_topic('dead.dead-letter', count => 12);
my %after = map { $_->{key}{id} => $_->{value}{after} } grep { $_->{value} } @letters;
is($after{5}{also}, 5, 'before the kill');
is($after{6}{also}, 6, 'and behind it, with the schema sent again');
is($relay->stop, 0, 'done');

# ---- a key's schema that is refused: key and value in single-object encoding ----
my $port = proxy('plain', '--upstream', $upstream);
my $plain = "http://127.0.0.1:$port$base";
slot_new('key');
rules('plain', { path => '.*/subjects/key\.public\.e-key/versions', status => 422,
		body => '{"error_code":42201,"message":"no such key"}' });
$relay = start('key', @dead, "--registry.url=$plain");
sql('INSERT INTO e VALUES (10)');
wait_for_slot($source, 'key');
@letters = read_topic('key.dead-letter', count => 3);
is_deeply([ map { $_->{value}{name} } @letters[ 0, 1 ] ], [ 'Key', 'Envelope' ], 'a refused key: both schemas');
is_deeply([ $letters[2]{key}, $letters[2]{value}{after} ], [ { id => 10 }, { id => 10 } ], 'a refused key: the letter');
like($letters[2]{key_hex}, qr/^c301/, 'a refused key: in single-object encoding');
is({ map { @$_ } @{ $letters[2]{headers} } }->{'__connect.errors.stage'}, 'KEY_CONVERTER', 'a refused key: the stage');
is($relay->stop, 0, 'done');

# ---- an invalid schema waits as well; a registry that does not answer meanwhile changes nothing ----
slot_new('invalid');
rules('plain', { path => '.*e-value/versions', status => 422,
		body => '{"error_code":42201,"message":"Illegal character"}' });
$relay = start('invalid', "--registry.url=$plain");
sql('INSERT INTO e VALUES (11)');
is_refused($relay, 'E1803', 'invalid');
like($relay->stderr, qr/refused the schema of subject "invalid\.public\.e-value": invalid$/m, 'invalid: the message');
like($relay->stderr, qr/^DETAIL: .*Illegal character  Ours: \{/m, 'invalid: why, and the schema');
like($relay->stderr, qr/^HINT: .*schema\.name\.adjustment\.mode=avro/m, 'invalid: the way out');
rules('plain', { path => '.*', status => 500 });
$relay->wait_for_log(qr/warn: E1801: /);
rules('plain');
wait_for_slot($source, 'invalid');
is_deeply(ids(read_topic('invalid.public.e', count => 1)), [11], 'invalid: flows once it is accepted');
is($relay->stop, 0, 'done');

# ---- a registry that is read-only ----
slot_new('mode');
rules('plain', { method => 'POST', path => '.*e-value/versions', status => 422,
		body => '{"error_code":42205,"message":"Subject is in read-only mode"}' });
$relay = start('mode', "--registry.url=$plain");
sql('INSERT INTO e VALUES (12)');
is_refused($relay, 'E1808', 'read-only');
rules('plain');
wait_for_slot($source, 'mode');
is($relay->stop, 0, 'read-only: and goes on');

# ---- subjects ----
slot_new('rec');
$relay = start('rec', '--key.subject.name.strategy=TopicRecordNameStrategy',
	'--value.subject.name.strategy=RecordNameStrategy');
sql('INSERT INTO e VALUES (13)');
wait_for_slot($source, 'rec');
# one by one: a list of all would end at 1,000
my @subjects = grep { $http->get("$registry/subjects/$_/versions")->{status} == 200 }
  qw(rec.public.e-rec.public.e.Key rec.public.e.Envelope rec.public.e-key rec.public.e-value rec.public.e.Key);
is_deeply(\@subjects, [ 'rec.public.e-rec.public.e.Key', 'rec.public.e.Envelope' ], 'subjects by record');
is_deeply(ids(read_topic('rec.public.e', count => 1)), [13], 'subjects by record: readable');
is($relay->stop, 0, 'done');

# ---- auto.register.schemas=false ----
slot_new('look');
$relay = start('look', '--auto.register.schemas=false');
sql('INSERT INTO e VALUES (14)');
is_refused($relay, 'E1806', 'look up');
like($relay->stderr, qr/^DETAIL: .*With auto\.register\.schemas=false it is only looked up, and the subject is not there\./m,
	'look up: why');
like($relay->stderr, qr/^HINT:  Register it: .*\/subjects\/look\.public\.e-(key|value)\/versions; .*auto\.register\.schemas=true/m,
	'look up: what to do');
wait_until { @{ status($relay)->{schemas_refused} } == 2 } 'both sides to be refused';
register($_->{subject}, $_->{ours}) for @{ status($relay)->{schemas_refused} };
wait_for_slot($source, 'look');
is_deeply(ids(read_topic('look.public.e', count => 1)), [14], 'look up: goes on once they are registered');
is($relay->stop, 0, 'done');

# ---- use.latest.version ----
my @latest = ('--auto.register.schemas=false', '--use.latest.version=true');
slot_new('latest');
$relay = start('latest', @latest);
sql('INSERT INTO e VALUES (15)');
is_refused($relay, 'E1806', 'latest');
wait_until { @{ status($relay)->{schemas_refused} } == 2 } 'both sides to be refused';
my %ours = map { $_->{subject} => $_->{ours} } @{ status($relay)->{schemas_refused} };
my $key_id = register('latest.public.e-key', $ours{'latest.public.e-key'});
# Another order of fields is other bytes, whatever a registry thinks of it.
my $other = $json->decode($ours{'latest.public.e-value'});
push @{ $other->{fields} }, splice @{ $other->{fields} }, 3, 1;
register('latest.public.e-value', $json->encode($other));
$relay->wait_for_log(qr/error: E1807: version 1, the latest of subject "latest\.public\.e-value"/);
like($relay->stderr, qr/E1807.*\nDETAIL:  In canonical form it has .* where ours has /, 'latest: the difference');
# The same but for its documentation is good, and keeps its id.
my $text = $ours{'latest.public.e-value'} =~ s/^\{/{"doc": "written by hand", /r;
my $value_id = register('latest.public.e-value', $text);
wait_for_slot($source, 'latest');
my ($row) = read_topic('latest.public.e', count => 1);
is_deeply([ $row->{key_schema}, $row->{value_schema}, $row->{key} ], [ $key_id, $value_id, { id => 15 } ],
	'latest: with the ids that are there');
is($relay->stop, 0, 'done');

# ---- TLS, logins, several URLs ----
my $openssl = <<"SH";
set -e; cd '$dir'
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority
for who in server client; do
	openssl req -newkey rsa:2048 -nodes -keyout \$who.key -out \$who.csr -subj /CN=\$who
	printf 'subjectAltName=IP:127.0.0.1\\n' >\$who.ext
	openssl x509 -req -in \$who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out \$who.pem -days 2 -extfile \$who.ext
done
cat server.key >>server.pem
openssl pkcs8 -topk8 -in client.key -out client.enc -passout pass:open-sesame
SH
is(system("( $openssl ) >'$dir/openssl.log' 2>&1"), 0, 'certificates') or diag slurp("$dir/openssl.log");
my $tls = 'https://127.0.0.1:' . proxy('tls', '--upstream', $upstream, '--certificate', "$dir/server.pem") . $base;
my $mtls = 'https://127.0.0.1:'
  . proxy('mtls', '--upstream', $upstream, '--certificate', "$dir/server.pem", '--client-ca', "$dir/ca.pem",
	'--basic', 'us:pass:word') . $base;
my $bearer = 'http://127.0.0.1:' . proxy('bearer', '--upstream', $upstream, '--bearer', 't0k3n') . $base;
my $sick = 'http://127.0.0.1:' . proxy('sick') . $base;
my $nobody = 'http://127.0.0.1:' . free_port() . $base;
my @ca = ("--registry.ssl.ca.location=$dir/ca.pem");
my @client = ("--registry.ssl.certificate.location=$dir/client.pem", "--registry.ssl.key.location=$dir/client.enc");
my @password = ('--registry.ssl.key.password=open-sesame');
my @basic = ('--basic.auth.user.info=us:pass:word');

# flows NAME, ARGS: a row goes through, and nobody complains
sub flows
{
	my ($name, @args) = @_;
	my $run = start($name, @args);
	wait_for_slot($source, $name);
	unlike($run->stderr, qr/E18/, "$name: without a word");
	is($run->stop, 0, "$name: flows");
	return;
}

slot_new($_) for qw(tls mtls bearer urls wrong);
sql('INSERT INTO e VALUES (16)');
flows('tls', "--registry.url=$tls", @ca);
flows('mtls', "--registry.url=$mtls", @ca, @client, @password, @basic);
flows('bearer', "--registry.url=$bearer", '--bearer.auth.token=t0k3n');
# The good one is remembered: the others are asked once, by both sides of the first table.
$relay = start('urls', "--registry.url=$nobody,$sick,$plain");
wait_for_slot($source, 'urls');
sql('CREATE TABLE f (id int PRIMARY KEY); INSERT INTO f VALUES (1)');
wait_for_slot($source, 'urls');
is_deeply(ids(read_topic('urls.public.f', count => 1)), [1], 'urls: both tables');
cmp_ok(scalar(() = slurp("$dir/sick/requests") =~ /^POST /mg), '<=', 2, 'urls: the sick one was asked once');
unlike(slurp("$dir/sick/requests"), qr/public\.f/, 'urls: and not for the second table');
unlike($relay->stderr, qr/E18/, 'urls: without a word');
is($relay->stop, 0, 'urls: done');

# refused WHAT, STATUS, CODE, MESSAGE, ARGS: ends so
sub refused
{
	my ($what, $status, $code, $message, @args) = @_;
	my ($got, undef, $stderr) = relay_run('run', settings('wrong', @args));
	is($got, $status, "$what: exit status");
	like($stderr, qr/error: $code: .*$message/s, "$what: message");
	unlike($stderr, qr/pass:word|wr0ng|sesame/, "$what: no secret");
	return;
}

refused('wrong token', 77, 'E1804', 'refused the login.*bearer\.auth\.token', "--registry.url=$bearer",
	'--bearer.auth.token=wr0ng');
refused('no login', 77, 'E1804', 'refused the login.*who are you', "--registry.url=$mtls", @ca, @client, @password);
refused('wrong password of the key', 78, 'E1002', 'registry\.ssl\.key\.password', "--registry.url=$mtls", @ca, @client,
	'--registry.ssl.key.password=wr0ng', @basic);
rules('plain', { path => '.*', status => 403, body => '{"error_code":40301,"message":"no rights"}' });
refused('no right', 77, 'E1804', 'does not let this user work on subject .*no rights', "--registry.url=$plain");
rules('plain');

# What TLS refuses may be a certificate that is on its way: it is waited for.
for my $case ([ 'no certificate', 'certificate of ours, set registry\.ssl\.certificate\.location', $mtls, @ca, @basic ],
	[ 'unknown authority', 'registry\.ssl\.ca\.location', $tls ])
{
	my ($what, $message, $url, @args) = @$case;
	$relay = start('wrong', "--registry.url=$url", @args);
	$relay->wait_for_log(qr/warn: E1801: /);
	like($relay->stderr, qr/E1801: .*$message/s, "$what: what to do");
	is(page($relay, 'readyz')->{status}, 503, "$what: not ready");
	is($relay->stop, 0, "$what: ends when told");
}
flows('wrong', "--registry.url=$plain");
done_testing();
