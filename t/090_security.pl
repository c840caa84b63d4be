# 090_security.pl: PostgreSQL over TLS by SCRAM with channel binding, Kafka over TLS by SCRAM with ACLs,
# the registry over TLS with a login; the roles and rights that docs/security ships, each of which is
# needed; what is said when something of that is wrong; and all of it renewed under a relay that runs.
# needs: kafka
# takes: 100 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Lab;
use Security;
use Walrelay;
use Test::More;

my $dir = "$ENV{TESTDATADIR}/pki";
mkdir $dir or die "$dir: $!\n";
authority($dir, $_) for qw(ca other);
certificate($dir, 'ca', $_, 'localhost') for qw(postgres kafka registry);
write_file("$dir/trusted.crt", slurp("$dir/ca.crt"));    # what the relay trusts

# ---- servers ----
my $source = new_source(tcp => 1);
$source->safe_psql('postgres', 'CREATE DATABASE shop');
my $server_certificate = sub { write_file($source->data_dir . "/server.$_", slurp("$dir/$_[0].$_"), 0600) for qw(crt key); };
$server_certificate->('postgres');
$source->append_conf('postgresql.conf', "ssl = on\npassword_encryption = 'scram-sha-256'\n");
my $hba = slurp($source->data_dir . '/pg_hba.conf');
write_file($source->data_dir . '/pg_hba.conf', "hostssl shop walrelay 127.0.0.1/32 scram-sha-256\n$hba", 0600);
$source->restart;
my $port = $source->port;
sub shop { return $source->safe_psql('shop', $_[0]); }

my $kafka = kafka_start(KAFKA_AUTO_CREATE => 'false', KAFKA_SECURED => "$dir/kafka.pem", KAFKA_SCRAM => 'cdc=kafka-one nobody=x');
my $secured = $kafka->env('KAFKA_SECURED');
my $door = door("$ENV{TESTDATADIR}/door", certificate => "$dir/registry.pem", login => 'relay:registry-one');
my ($base) = registry() =~ m{//[^/]+(.*)};
chomp(my $python = qx('$root/t/lib/venv'));

# admin COMMAND...: what whoever runs Kafka does, over the listener without a login
sub admin { is(system($python, "$root/t/lib/kafka_admin.py", '--bootstrap', $kafka->address, @_), 0, "kafka: @_"); return; }

# ---- roles and rights, as they are shipped ----
shop('CREATE TABLE orders (id int PRIMARY KEY, v text); INSERT INTO orders VALUES (1, $$before$$);'
	  . ' REVOKE CONNECT ON DATABASE shop FROM PUBLIC');
my $admin_port = free_port();
my ($status, $stdout, $stderr);

# block NAME: of docs/security.md, with our hosts and folders
sub block
{
	my ($name) = @_;
	my ($text) = slurp("$root/docs/security.md") =~ /^<!-- bare: \Q$name\E -->\n```\w*\n(.*?)^```$/ms or die "no block $name\n";
	my %ours = ('db.example' => "localhost port=$port", '/etc/walrelay' => $dir, 'password=...' => 'password=postgres-one',
		'https://registry.example' => "https://localhost:$door->{port}$base", 'relay.example:9187' => "localhost:$admin_port");
	$text =~ s/\Q$_\E/$ours{$_}/g for keys %ours;
	return $text;
}

# run_block NAME: it, in the folder of what is shipped, as a shell has it
sub run_block
{
	my ($name, %other) = @_;
	my $text = block($name);
	$text =~ s/\Q$_\E/$other{$_}/g for keys %other;
	local $ENV{PATH} = "$ENV{TESTDATADIR}/bin:$ENV{PATH}";
	local @ENV{qw(PGHOST PGPORT)} = ($source->host, $port);
	my $said = qx(cd '$root/docs/security' && { $text } 2>&1);
	is($?, 0, "docs/security.md: $name") or diag($said);
	return $said;
}

my $bin = kafka_tools();
run_block('roles');
shop(q{ALTER ROLE walrelay PASSWORD 'postgres-one'});
run_block('acls', 'kafka.example:9093' => $kafka->address, ' --command-config admin.properties' => '');
admin(qw(create shop.public.orders 1));
admin(qw(create shop.schema-changes 1 cleanup.policy=compact));

# ---- a relay ----
chomp(my $good = block('conninfo'));
$good =~ s{\Q$dir\E/ca\.crt}{$dir/trusted.crt};
write_file("$dir/conninfo", "$good\n", 0600);
write_file("$dir/kafka-password", "kafka-one\n", 0600);
write_file("$dir/registry-login", "relay:registry-one\n", 0600);
write_file("$dir/admin-login", "ops:admin-one\n", 0600);
certificate($dir, 'ca', 'admin', 'localhost');
write_file("$dir/walrelay.conf", block('conf') =~ s/kafka\.example:9093/$secured/r =~ s{\Q$dir\E/ca\.crt}{$dir/trusted.crt}gr);
my @settings = ('-c', "$dir/walrelay.conf", '--broker.address.family=v4', '--snapshot.mode=initial', '--retry.backoff.max.ms=500ms',
	'--status.interval.ms=200ms', '--admin.log.format=text');
my @once = ('--delivery=exactly-once', '--include.schema.changes=true');

# fails WHAT, STATUS, CODE, REGEX, ARGS...: run ends so, with this one error, and so does check
sub fails
{
	my ($what, $wanted, $code, $regex, @args) = @_;
	my ($status, undef, $stderr) = relay_run('run', @settings, @once, @args);
	is($status, $wanted, "$what: exit status") or diag($stderr);
	my @errors = $stderr =~ /^(walrelay: error: .*)$/mg;
	is(scalar(@errors), 1, "$what: one error") or diag($stderr);
	like($stderr, qr/^walrelay: error: $code: .*$regex/ms, "$what: which one");
	like($stderr, qr/^HINT: .{20}/m, "$what: and what to do");
	return $stderr;
}

sub check_fails
{
	my ($what, $name, $code, $regex, @args) = @_;
	my ($status, $stdout) = relay_run('check', @settings, @args);
	isnt($status, 0, "$what: check fails");
	like($stdout, qr/^FAIL  \Q$name\E +$code: .*?$regex/ms, "$what: check names it") or diag($stdout);
	return;
}

# ---- librdkafka before 2.6.1 cannot log in by SCRAM to Kafka 4, and that is what is said ----
my $library = librdkafka();
SKIP:
{
	skip 'this librdkafka can log in to Kafka 4', 7 unless $library;
	($status, undef, $stderr) = relay_run('slot', 'create', @settings);
	is($status, 0, 'slot create: over TLS, by SCRAM with channel binding') or diag($stderr);
	fails('an old librdkafka', 77, 'E2004', 'librdkafka before 2\.6\.1.*cannot log in');
	check_fails('an old librdkafka', 'kafka.brokers', 'E2004', 'librdkafka before 2\.6\.1');
	$ENV{LD_LIBRARY_PATH} = $library;
}
relay_run('slot', 'create', @settings) unless $library;

# ---- each right in Kafka is needed ----
admin(qw(disallow shop.progress cdc create));
fails('no right to make the progress topic', 77, 'E2004', 'does not let this user create topic "shop\.progress"');
admin(qw(allow shop.progress cdc create));

like(run_block('check'), qr/^OK +server\.connection .*TLSv1\.3/m, 'over TLS');

sub start_relay
{
	my (@args) = @_;
	my $relay = relay_start(args => [ @settings, @args ]);
	$relay->wait_for_log(qr/streaming database/);
	return $relay;
}
sub values_of { my ($count) = @_; return [ map { $_->{value}{after}{v} } read_topic('shop.public.orders', bootstrap => $kafka->address, count => $count, committed => 1) ]; }

my $relay = start_relay(@once);
is_deeply(values_of(1), ['before'], 'a row that was there');

# ---- topics that this user may not make, or not see ----
($status, $stdout, $stderr) = relay_run('topics', 'create', @settings, @once);
is($status, 77, 'topics create: exit status');
like($stderr, qr/^walrelay: error: E2004: 1 of 4 topics cannot be created: Kafka does not let this user create topic "shop\.message"$/m, 'topics create: which');
like($stdout, qr/^failed +E2004: .*\n.*\n      HINT: .*kafka-acls\.sh --bootstrap-server \S+ --add --allow-principal User:cdc --operation Create .*--topic shop\.message; or /m,
	'topics create: and what to do') or diag($stdout);
like($stdout, qr/^exists +shop\.public\.orders .* not told$/m, 'topics create: what may be seen of the others') or diag($stdout);
($status, $stdout, $stderr) = relay_run('topics', 'plan', @settings, '--topic.prefix=theirs');
is($status, 77, 'topics plan: exit status');
like($stderr, qr/^walrelay: error: E2004: 3 of 3 topics cannot be seen, first: /m, 'topics plan: of each');
like($stdout, qr/^failed +E2004: Kafka does not let this user see topic "theirs\.progress"\n.*\n      HINT: .*--operation Create .*--topic theirs\.progress/m, 'topics plan: and what to do') or diag($stdout);
shop(q{INSERT INTO orders VALUES (2, 'stream')});
is_deeply(values_of(2), [qw(before stream)], 'and one that came, in Kafka, once');
is(shop(q{SELECT bool_and(ssl AND version = 'TLSv1.3') FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'walrelay'}),
	't', 'and encrypted on the way');
like(run_block('status'), qr/streaming/, 'walrelay status, over TLS with a login');
is((relay_run('status', @settings, "--admin.listen=127.0.0.1:$admin_port"))[0], 69, 'a host that the certificate does not have');
($status, undef, $stderr) = relay_run('status', @settings, '--admin.basic.auth.user.info=ops:no');
is($status, 77, 'another login');
like($stderr, qr/E1009: .* wants a login/, 'it is said');
is($relay->stop, 0, 'stopped');

my @rights = (
	[ [qw(shop. cdc write prefix)], 'E2004', 'shop-walrelay|idempotent producer|write to topic', 'kafka.topics' ],
	[ [qw(shop.progress cdc read)], 'E2004', 'does not let topic "shop\.progress" be read' ],
	[ [qw(walrelay-shop-walrelay cdc write transaction)], 'E2004', 'use transactional\.id "walrelay-shop-walrelay"' ],
	[ [qw(shop.schema-changes cdc read)], 'E2004', 'topic "shop\.schema-changes" be read' ]);
shop(q{INSERT INTO orders VALUES (3, 'waits')});
for my $right (@rights)
{
	my ($which, $code, $regex, $check) = @$right;
	admin('disallow', @$which);
	my $said = fails("without @$which", 77, $code, $regex);
	like($said, qr/^HINT: .*kafka-acls\.sh --bootstrap-server \Q$secured\E --add --allow-principal User:cdc/m, "without @$which: the command that mends it");
	check_fails("without @$which", $check, $code, 'does not let this user see topic') if $check;
	admin('allow', @$which);
}
# A user who may write the position, but not the table's topic.
admin(qw(disallow shop. cdc write prefix));
admin(qw(allow shop.progress cdc write));
fails('no right to write a topic', 77, 'E2004', 'does not let this user write to topic "shop\.public\.orders"', '--delivery=at-least-once', '--include.schema.changes=false');
admin(qw(disallow shop.progress cdc write));
admin(qw(allow shop. cdc write prefix));
# The brokers make none by themselves (KAFKA_AUTO_CREATE): the relay makes its own, if it may.
my $may_make = fails('no right to make a topic of its own', 77, 'E2004', 'does not let this user create topic "shop\.transaction"',
	'--provide.transaction.metadata=true', '--topic.metadata.propagation.max.ms=500');
like($may_make, qr/kafka-acls\.sh .*--operation Create .*--topic shop\.transaction; or create it by hand: kafka-topics\.sh/, 'the commands that mend it');

# ---- each right in PostgreSQL is needed ----
my @always = ('--snapshot.mode=always');
for my $right (
	[ 'ALTER ROLE walrelay NOREPLICATION', 'ALTER ROLE walrelay REPLICATION', 'E1212', 'ALTER ROLE walrelay REPLICATION', 'server.connection' ],
	[ 'REVOKE CONNECT ON DATABASE shop FROM walrelay', 'GRANT CONNECT ON DATABASE shop TO walrelay', 'E1212', 'GRANT CONNECT ON DATABASE shop TO walrelay', 'server.connection' ],
	[ 'ALTER ROLE walrelay NOLOGIN', 'ALTER ROLE walrelay LOGIN', 'E1202', 'LOGIN', 'server.connection' ],
	[ 'REVOKE USAGE ON SCHEMA public FROM walrelay_rows, PUBLIC', 'GRANT USAGE ON SCHEMA public TO walrelay_rows', 'E1240', 'GRANT USAGE ON SCHEMA', 'tables.rights' ],
	[ 'REVOKE SELECT ON orders FROM walrelay_rows', 'GRANT SELECT ON orders TO walrelay_rows', 'E1240', 'GRANT SELECT ON', 'tables.rights' ],
	[ 'REVOKE walrelay_rows FROM walrelay', 'GRANT walrelay_rows TO walrelay', 'E1240', 'GRANT (SELECT|USAGE) ON', 'tables.rights' ])
{
	my ($revoke, $grant, $code, $regex, $check) = @$right;
	shop($revoke);
	fails($revoke, 77, $code, $regex, @always);
	check_fails($revoke, $check, $code, $regex, @always);
	shop($grant);
}

# ---- what is wrong with a connection is named, by run and by check ----
my $conninfo = sub { my (%other) = @_; my $text = $good; $text =~ s/\b$_=\S+/$_=$other{$_}/ for keys %other; return "--source.conninfo=$text"; };
my ($kafka_port) = $secured =~ /:(\d+)/;
certificate($dir, 'ca', 'expired', 'localhost', 0);
my $expired = door("$ENV{TESTDATADIR}/expired", certificate => "$dir/expired.pem", login => 'relay:registry-one');
for my $case (
	[ 'PostgreSQL: another authority', 69, 'E1201', 'certificate verify failed', 'server.connection', $conninfo->(sslrootcert => "$dir/other.crt") ],
	[ 'PostgreSQL: another host', 69, 'E1201', 'does not match host name', 'server.connection', $conninfo->(host => '127.0.0.1') ],
	[ 'PostgreSQL: a wrong password', 77, 'E1202', 'password authentication failed', 'server.connection', $conninfo->(password => 'wrong') ],
	[ 'Kafka: another authority', 69, 'E2001', 'certificate of the Kafka brokers is not accepted.*issuer certificate', 'kafka.brokers', "--ssl.ca.location=$dir/other.crt" ],
	[ 'Kafka: another host', 69, 'E2001', 'certificate of the Kafka brokers is not accepted.*(?i:hostname|IP address) mismatch', 'kafka.brokers', "--bootstrap.servers=127.0.0.1:$kafka_port" ],
	[ 'Kafka: a wrong password', 77, 'E2004', 'refused the login of user "cdc"', 'kafka.brokers', '--sasl.password=wrong' ],
	[ 'Kafka: TLS is not used', 69, 'E2001', 'SSL', 'kafka.brokers', '--security.protocol=SASL_PLAINTEXT' ])
{
	my ($what, $exit, $code, $regex, $check, @args) = @$case;
	fails($what, $exit, $code, $regex, @args);
	check_fails($what, $check, $code, $regex, @args);
}
# A registry that cannot be had is waited for; what is wrong with its certificate check knows.
for my $case (
	[ 'the registry: another authority', 'E1801', 'certificate is not accepted.*unable to get local issuer', "--registry.ssl.ca.location=$dir/other.crt" ],
	[ 'the registry: another host', 'E1801', 'certificate is not accepted.*no alternative certificate subject name matches', "--registry.url=https://127.0.0.1:$door->{port}$base" ],
	[ 'the registry: an expired certificate', 'E1801', 'certificate is not accepted.*expired', "--registry.url=https://localhost:$expired->{port}$base" ],
	[ 'the registry: a wrong password', 'E1804', 'refused the login', '--basic.auth.user.info=relay:wrong' ])
{
	my ($what, $code, $regex, @args) = @$case;
	check_fails($what, 'registry.connection', $code, $regex, @args);
	next if $code eq 'E1804' && fails($what, 77, $code, $regex, @args);
	my $waits = relay_start(args => [ @settings, @args ]);
	$waits->wait_for_log(qr/^walrelay: warn: $code: .*?$regex/ms);
	$waits->stop;
}
$expired->close;

# ---- all of it is renewed; the relay goes on ----
admin(qw(create shop-signal 1));
admin(qw(allow shop-signal cdc Read));
admin(qw(allow shop.transaction cdc create));
$relay = start_relay('--snapshot.mode=never', '--signal.enabled.channels=kafka', '--provide.transaction.metadata=true');
my $errors = sub { return scalar(() = $relay->stderr =~ /^walrelay: error: /mg); };

# through WHAT: a change comes through
sub through
{
	my ($what) = @_;
	shop("INSERT INTO orders (id, v) SELECT max(id) + 1, '$what' FROM orders");
	my $lsn = $source->lsn('insert');
	wait_until { shop("SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = 'walrelay'") eq 't' } $what;
	ok((grep { $_ eq $what } @{ values_of(1) }), "$what: a change comes through");
	return;
}
my $cut = sub { shop(q{SELECT pg_terminate_backend(pid) FROM pg_stat_replication}); };

# signalled TYPE: a signal by Kafka arrives
sub signalled
{
	my ($type) = @_;
	admin('produce', 'shop-signal', 'shop', qq({"id":"$type","type":"$type","data":{"type":"incremental"}}));
	$relay->wait_for_log(qr/signal $type/);
	return;
}

through('before anything is renewed');
like(qx(kcat -b @{[ $kafka->address ]} -C -e -q -t shop.transaction), qr/BEGIN.*END/s, 'a topic of its own that it was allowed to make');
# Before it was looked at, what is in the topic is of no interest.
wait_until { qx(kcat -b @{[ $kafka->address ]} -C -e -q -t shop.progress) =~ /"offsets":\{"0":0\}/ } 'where signals begin';
signalled('pause-snapshot');
shop(q{ALTER ROLE walrelay PASSWORD 'postgres-two'});
$cut->();
$relay->wait_for_log(qr/E1202: /);    # the file is late
write_file("$dir/conninfo", $good =~ s/postgres-one/postgres-two/r, 0600);
through('another password of PostgreSQL');

authority($dir, 'next');
certificate($dir, 'next', $_, 'localhost') for qw(postgres kafka registry);
certificate($dir, 'ca', 'postgres-expired', 'localhost', 0);
$server_certificate->('postgres-expired');
$source->reload;
$cut->();
# libpq does not say that it has expired, only that it is not accepted.
$relay->wait_for_log(qr/E1201: cannot connect to PostgreSQL as securely as it is asked to\nDETAIL: .*certificate verify failed/);
$server_certificate->('postgres');
$source->reload;
write_file("$dir/trusted.crt", slurp("$dir/next.crt"));
through('another authority of PostgreSQL');

# The brokers: login and certificate at once.
{
	local $ENV{PATH} = "$bin:$ENV{PATH}";
	is(system(q{kafka-configs.sh --bootstrap-server } . $kafka->address . q{ --alter --entity-type users --entity-name cdc}
			  . q{ --add-config 'SCRAM-SHA-512=[password=kafka-two]' >/dev/null}), 0, 'another password of Kafka');
}
write_file("$dir/kafka-password", 'kafka-two', 0600);
$kafka->restart;
through('another authority and password of Kafka');
signalled('resume-snapshot');
like($relay->stderr, qr/secrets or certificates for Kafka have changed: a new producer is made/, 'by a new producer');

$door->close;
$door = door("$ENV{TESTDATADIR}/door", certificate => "$dir/registry.pem", login => 'relay:registry-two', port => $door->{port});
write_file("$dir/registry-login", 'relay:registry-two', 0600);
shop('ALTER TABLE orders ADD COLUMN w int');
through('another authority and password of the registry');

is($errors->(), 0, 'nothing was an error') or diag($relay->stderr);
my $shown = sub { return scalar qx(openssl s_client -connect localhost:$admin_port -servername localhost </dev/null 2>/dev/null | openssl x509 -noout -fingerprint); };
my $before = $shown->();
certificate($dir, 'next', 'admin', 'localhost');
$relay->signal('HUP');
$relay->wait_for_log(qr/SIGHUP: secrets and certificates are read again/);
through('SIGHUP');
wait_until { my $now = $shown->(); $now ne '' && $now ne $before } 'the listener to show its new certificate';
is($relay->stop, 0, 'one process did all of it');
done_testing();
