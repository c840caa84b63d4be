# 036_silent_server.pl: a server that takes what it is sent and says nothing any more is
# given up, whatever is between, and one that is silent because it is at work is not.
# takes: 60 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use HTTP::Tiny;
use IPC::Open2;
use JSON::PP;
use Test::More;

my $source = new_source(tcp => 1);
my $port = $source->port;
$source->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY, v text)');

# ---- a proxy between relay and server: t/chaos/proxy.py ----
my $proxy_pid = open2(my $proxy_out, my $proxy_in, '/usr/bin/python3',
	"$root/t/chaos/proxy.py", '--to', "127.0.0.1:$port");
my $proxy_port = decode_json(scalar <$proxy_out>)->{port};

# proxy COMMAND: does it, and returns its answer
sub proxy
{
	my ($command) = @_;
	print $proxy_in "$command\n" or die "proxy: $!";
	$proxy_in->flush;
	return scalar <$proxy_out>;
}

# A silence is looked into after wal_sender_timeout, and after three seconds at the least.
my $patience = "options='-c wal_sender_timeout=3s' connect_timeout=2";
my $through_proxy = "host=127.0.0.1 port=$proxy_port dbname=postgres $patience";
my $direct = $source->connstr('postgres') . " $patience";
my $admin = '127.0.0.1:' . free_port();

sub start
{
	my ($slot, $conninfo, @args) = @_;
	return relay_start(name => $slot, args => [
		'--sink=stdout', '--topic.prefix=silent', "--source.conninfo=$conninfo", "--slot.name=$slot",
		'--log.format=text', '--retry.backoff.ms=100ms', '--retry.backoff.max.ms=500ms',
		"--admin.listen=$admin", '--table.exclude.list=public[.]big', @args ]);
}

sub slot_create
{
	my ($slot) = @_;
	is((relay_run('slot', 'create', "--source.conninfo=$direct", "--slot.name=$slot"))[0], 0, "slot $slot is created");
	return;
}

sub metric
{
	my ($name) = @_;
	my $reply = HTTP::Tiny->new->get("http://$admin/metrics");
	my ($value) = $reply->{content} =~ /^walrelay_\Q$name\E (\S+)$/m or die "no metric $name: $reply->{content}\n";
	return $value;
}

sub walsender
{
	my ($slot) = @_;
	return $source->safe_psql('postgres', "SELECT active_pid FROM pg_replication_slots WHERE slot_name = '$slot'");
}

my $last_id = 0;

# arrives RELAY, WHAT: a new row does
sub arrives
{
	my ($relay, $what) = @_;
	my $id = ++$last_id;
	$source->safe_psql('postgres', "INSERT INTO t VALUES ($id, 'v')");
	wait_until { $relay->stdout =~ /"after":\{"id":$id,/ } "$what: row $id";
	return pass("$what: streams");
}

# deaths RELAY: what it has said when it gave a connection up
sub deaths
{
	my ($relay) = @_;
	return $relay->stderr =~ /E1221: PostgreSQL says nothing any more\nDETAIL:\s+([^\n]*)/g;
}

# A new connection is made, and streams, after this.
sub is_given_up
{
	my ($relay, $what, $detail) = @_;
	my $before = () = deaths($relay);
	return sub {
		wait_until { (() = deaths($relay)) > $before } "$what: given up";
		like((deaths($relay))[-1], $detail, "$what: said so");
		return;
	};
}

# ---- an idle server is asked, and answers: also with wal_sender_timeout = 0 ----
slot_create('quiet');
my $relay = start('quiet', $source->connstr('postgres') . " options='-c wal_sender_timeout=0'", '--status.interval.ms=200ms');
arrives($relay, 'idle');
wait_for_slot($source, 'quiet');
my $statuses = metric('status_messages_total');
wait_until { metric('status_messages_total') >= $statuses + 25 } 'five idle seconds';
wait_until { metric('source_silence_seconds') <= 1 } 'idle: an answer';
pass('idle: it answers without wal_sender_timeout');
$relay->stop;

# ---- what the server says is lost ----
$relay = start('quiet', $through_proxy);
arrives($relay, 'through the proxy');
my $given_up = is_given_up($relay, 'answers are lost', qr/^Nothing has come for \d+ s\.  Its process \d+ waits for walrelay to say something/);
proxy('blackhole down now');
$source->safe_psql('postgres', "INSERT INTO t VALUES (1000, 'lost at first')");
$given_up->();
wait_until { $relay->stdout =~ /"after":\{"id":1000,/ } 'answers are lost: comes again';
arrives($relay, 'answers are lost');

# ---- neither side hears the other, and the server has given up long ago ----
my $walsender = walsender('quiet');
$given_up = is_given_up($relay, 'both directions are lost', qr/Its process $walsender, which served this connection, is not there any more/);
proxy('blackhole both now');
$source->safe_psql('postgres', "SELECT pg_terminate_backend($walsender)");
$given_up->();
arrives($relay, 'both directions are lost');
is($relay->stop, 0, 'proxy: ends cleanly');

# ---- a walsender that stands still ----
$relay = start('quiet', $direct);
arrives($relay, 'before standing still');
wait_for_slot($source, 'quiet');
$walsender = walsender('quiet');
$given_up = is_given_up($relay, 'walsender stands still', qr/Its process $walsender waits for/);
kill 'STOP', $walsender;
wait_until { metric('source_silence_seconds') >= 2 } 'walsender stands still: the metric';
$given_up->();
$relay->wait_for_log(qr/E1210/);
kill 'CONT', $walsender;
arrives($relay, 'walsender stands still');

# ---- the whole server stands still, and its kernel goes on ----
wait_for_slot($source, 'quiet');
$walsender = walsender('quiet');
my ($postmaster) = slurp($source->data_dir . '/postmaster.pid') =~ /^(\d+)/;
$given_up = is_given_up($relay, 'server stands still', qr/New connections are not answered either/);
kill 'STOP', $postmaster, $walsender;
$given_up->();
cmp_ok((deaths($relay))[-1] =~ /for (\d+) s/ ? $1 : 0, '>=', 15, 'server stands still: it was given time');
$relay->wait_for_log(qr/E1201/);
kill 'CONT', $postmaster, $walsender;
arrives($relay, 'server stands still');

# ---- a session of psql that can wait with a transaction open ----
sub session_start
{
	my $pid = open2(my $out, my $in, 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $source->connstr('postgres'));
	return { pid => $pid, in => $in, out => $out };
}

sub session_do
{
	my ($session, $sql) = @_;
	print { $session->{in} } "$sql;\n\\echo done\n";
	$session->{in}->flush;
	my $answer = readline($session->{out}) // '';
	die "psql: $sql: $answer\n" unless $answer eq "done\n";
	return;
}

sub session_end
{
	my ($session) = @_;
	close $session->{in};
	waitpid $session->{pid}, 0;
	return;
}

# ---- healthy silence: the walsender waits for a lock, and nobody else does ----
# The default is in the table's description: to insert it nobody asks for its label.
$source->safe_psql('postgres', <<'SQL');
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE m (id int PRIMARY KEY, v mood DEFAULT 'ok');
SQL
arrives($relay, 'before the lock');
wait_for_slot($source, 'quiet');
$walsender = walsender('quiet');
my ($connects, $deaths) = (metric('source_connects_total'), scalar(() = deaths($relay)));
my $session = session_start();
session_do($session, 'BEGIN; LOCK TABLE pg_catalog.pg_enum IN ACCESS EXCLUSIVE MODE');
$source->safe_psql('postgres', 'INSERT INTO m (id) VALUES (1)');
# Long enough for five looks, of which two would do.
wait_until { metric('source_silence_seconds') >= 16 } 'a silence';
like($relay->stderr, qr/PostgreSQL has said nothing for \d+ s; its process $walsender is alive \(wait event relation\) and is waited for/,
	'healthy silence: said so');
session_do($session, 'COMMIT');
wait_until { $relay->stdout =~ /"v":"ok"/ } 'healthy silence: the row';
is(walsender('quiet'), $walsender, 'healthy silence: the same walsender');
is(metric('source_connects_total'), $connects, 'healthy silence: no other connection was made');
is(scalar(() = $relay->stderr =~ /has said nothing for/g), 1, 'healthy silence: said once');

# ---- healthy silence: a big transaction is decoded, and nothing of it is for us ----
# A rewritten table: before PostgreSQL 16 the walsender listens to nobody until its end.
$connects = metric('source_connects_total');
$source->safe_psql('postgres', <<'SQL');
BEGIN;
CREATE TABLE big AS SELECT i FROM generate_series(1, 10) i;
INSERT INTO big SELECT generate_series(1, 300000);
ALTER TABLE big ALTER i TYPE bigint;
COMMIT;
SQL
my $silence = 0;
my $lsn = wal_end($source);
wait_until
{
	my $now = metric('source_silence_seconds');
	$silence = $now if $now > $silence;
	$source->safe_psql('postgres', "SELECT confirmed_flush_lsn >= '$lsn' FROM pg_replication_slots WHERE slot_name = 'quiet'") eq 't';
}
'the big transaction';
note("the longest silence: $silence s");
is(metric('source_connects_total'), $connects, 'a big transaction: no other connection was made');
arrives($relay, 'a big transaction');
is(scalar(() = deaths($relay)), $deaths, 'healthy silence: nobody was given up');
is($relay->stop, 0, 'healthy silence: ends cleanly');

# ---- a slot in the making waits for transactions, and then its answer is lost ----
session_do($session, 'BEGIN; INSERT INTO t VALUES (2000, \'open\')');
$relay = start('made', $through_proxy, '--slot.create=true');
$relay->wait_for_log(qr/PostgreSQL has said nothing for \d+ s; its process \d+ is alive/);
$given_up = is_given_up($relay, 'an answer is lost', qr/Its process \d+ waits for walrelay to say something/);
proxy('blackhole down now');
session_do($session, 'COMMIT');
$given_up->();
is($relay->wait_exit, 69, 'an answer is lost: a first start ends');
$relay = start('made', $through_proxy);
arrives($relay, 'an answer is lost, and the slot was made');
is($relay->stop, 0, 'an answer is lost: ends cleanly');
session_end($session);
close $proxy_in;
waitpid $proxy_pid, 0;
done_testing();
