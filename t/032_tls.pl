# Over TLS: decrypted bytes that poll() does not see must not wait for the next keepalive.
# Rows of many lengths, so that TLS records end anywhere in libpq's buffer.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use PostgreSQL::Test::Utils;
use Test::More;

my $source = new_source(name => 'tls', tcp => 1);
my $data = $source->data_dir;
plan skip_all => 'no openssl command here'
  if system("openssl req -new -x509 -days 2 -nodes -subj /CN=localhost"
	  . " -out $data/server.crt -keyout $data/server.key >/dev/null 2>&1") != 0;
chmod 0600, "$data/server.key" or die "chmod: $!";
$source->append_conf('postgresql.conf', "ssl = on\n");
append_to_file("$data/pg_hba.conf", "hostssl all all 127.0.0.1/32 trust\n");
$source->restart;
$source->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY, v text)');

my $port = $source->port;
my $conninfo = "--source.conninfo=host=127.0.0.1 port=$port dbname=postgres sslmode=require";
my ($status, undef, $stderr) = relay_run('slot', 'create', $conninfo, '--slot.name=tls');
is($status, 0, 'a slot is created') or diag($stderr);

# Without keepalives that could help: the server's come after half of its timeout.
$source->append_conf('postgresql.conf', "wal_sender_timeout = 10min\n");
$source->reload;
my $relay = relay_start(args => [ '--sink=stdout', '--topic.prefix=tls', $conninfo,
		'--slot.name=tls', '--log.format=text' ]);
$relay->wait_for_log(qr/streaming database/);
is($source->safe_psql('postgres',
		'SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_replication USING (pid)'),
	't', 'the stream is encrypted');

my $rows = 0;
for my $round (1 .. 20)
{
	my $from = $rows + 1;
	$rows += 37 * $round;
	$source->safe_psql('postgres', "INSERT INTO t SELECT i, repeat('y', (random() * 5000)::int)"
		  . " FROM generate_series($from, $rows) i");
	ok(wait_for_slot($source, 'tls', undef, 20), "round $round: through and confirmed");
}
is(scalar($relay->events), $rows, 'every change came out');
is($relay->stop, 0, 'exit status 0');

done_testing();
