# 091_canary.pl: secrets and values of rows appear in nothing that the relay says: logs of each form at
# their most verbose, metrics, status, pages, errors, commands, core dumps, the command line.  What is there
# to show values (tail, decode, dlq show, cat) does so, which proves that the search would find them.
# needs: kafka
# takes: 25 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Lab;
use Security;
use Walrelay;
use Test::More;

my $source = new_source(tcp => 1);
lab($source, kafka());
my $dir = "$ENV{TESTDATADIR}/pki";
mkdir $dir or die "$dir: $!\n";
authority($dir, 'ca');
certificate($dir, 'ca', $_, 'localhost') for qw(registry relay);

my %canary = map { $_ => "kanarie-$_-7f3a" } qw(conninfo sslpassword sasl sslkey registry token registrykey admin wrong row key poison sqlerror);
write_file("$dir/sealed.key", '', 0600);
is(system('openssl', qw(ec -aes256 -passout), "pass:$canary{registrykey}", '-in', "$dir/relay.key", '-out', "$dir/sealed.key"), 0,
	'a key with a pass phrase');
my $hba = slurp($source->data_dir . '/pg_hba.conf');
write_file($source->data_dir . '/pg_hba.conf', "host all bird 127.0.0.1/32 scram-sha-256\n$hba", 0600);
sql("SET password_encryption = 'scram-sha-256'; CREATE ROLE bird SUPERUSER LOGIN PASSWORD '$canary{conninfo}'");
$source->reload;

my $door = door("$ENV{TESTDATADIR}/door", certificate => "$dir/registry.pem", login => "bird:$canary{registry}");
my ($base) = registry() =~ m{//[^/]+(.*)};
chomp(my $python = qx('$root/t/lib/venv'));
sub admin { is(system($python, "$root/t/lib/kafka_admin.py", '--bootstrap', kafka(), @_), 0, "kafka: @_"); return; }

my @said;    # [ of what, text ]
sub heard { push @said, [@_]; return; }

# said_by COMMAND, ARGS: what it says is kept; exit status
sub said_by
{
	my (@args) = @_;
	my ($status, $stdout, $stderr) = relay_run(@args);
	heard("@args[0, 1]", "$stdout$stderr");
	return $status;
}

my $port = free_port();
my @secrets = (
	'--source.conninfo=host=127.0.0.1 port=' . $source->port . " dbname=postgres user=bird password=$canary{conninfo} sslpassword=$canary{sslpassword}",
	"--sasl.password=$canary{sasl}", '--sasl.username=bird', "--ssl.key.password=$canary{sslkey}",
	"--registry.url=https://bird:$canary{registry}\@localhost:$door->{port}$base", "--registry.ssl.ca.location=$dir/ca.crt",
	"--registry.ssl.certificate.location=$dir/relay.crt", "--registry.ssl.key.location=$dir/sealed.key",
	"--registry.ssl.key.password=$canary{registrykey}", "--admin.basic.auth.user.info=bird:$canary{admin}",
	"--admin.listen=127.0.0.1:$port");

# page PATH, LOGIN: its text and head
sub of_page
{
	my ($path, $login) = @_;
	my $at = $login ? "$login\@127.0.0.1:$port" : "127.0.0.1:$port";
	my $reply = $http->get("http://$at/$path");
	heard("page $path", join("\n", $reply->{status}, %{ $reply->{headers} }, $reply->{content}));
	return $reply->{status};
}

sql('CREATE TABLE big (id text PRIMARY KEY, v text); CREATE TABLE odd (id text PRIMARY KEY, n numeric(10,2), d date, a int[]);'
	  . ' CREATE TABLE keyed (id numeric PRIMARY KEY, v text); CREATE TABLE casts (id int PRIMARY KEY, v text)');
sql("INSERT INTO casts VALUES (1, '$canary{sqlerror}')");

# ---- at work, with all that goes wrong with values, in each form of the log ----
for my $format (qw(text logfmt json))
{
	my $name = "canary$format$$";
	my @settings = (settings($name), @secrets, '--on.error=dead-letter', '--avro.verify=1', "--log.format=$format", '--log.level=debug', '--debug=all');
	admin('create', "$name.public.big", 1, 'max.message.bytes=20000');
	is((relay_run('slot', 'create', @settings))[0], 0, "$format: a slot");
	my $relay = relay_start(args => \@settings);
	my $line = slurp("/proc/$relay->{pid}/cmdline");
	wait_until { ($line = slurp("/proc/$relay->{pid}/cmdline")) =~ /\*\*\*\*/ } 'the command line to be covered';
	heard('command line', $line);
	like(slurp("/proc/$relay->{pid}/limits"), qr/^Max core file size +0 /m, "$format: no core file");
	$relay->wait_for_log(qr/streaming database/);
	sql("TRUNCATE big, odd, keyed; INSERT INTO big VALUES ('$canary{key}', '$canary{row}'), ('$canary{key}2', '$canary{poison}' || (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 3000) i));"
		  . " INSERT INTO odd VALUES ('$canary{key}', 'NaN', 'infinity', '{{1},{2}}');"
		  . " INSERT INTO keyed VALUES ('NaN', '$canary{row}')");
	wait_for_slot($source, $name);
	# A condition that fails at a value: PostgreSQL's error quotes it.
	is(said_by('snapshot', 'start', 'public.casts', '--where=v::int > 0', @settings), 0, "$format: a snapshot whose condition fails at a value");
	$relay->wait_for_log(qr/E1242/);
	said_by(@$_, @settings) for ['config'], ['check'], [ 'check', '--json' ], ['status'], [ 'status', '--json' ], [ 'slot', 'status' ],
	  [ 'snapshot', 'status' ], [ 'dlq', 'list' ];
	is(of_page('status'), 401, "$format: nobody is let in without the login");
	is(of_page('status', "bird:$canary{wrong}"), 401, "$format: nor with another one");
	is(of_page($_, "bird:$canary{admin}"), 200, "$format: /$_") for qw(metrics status readyz);
	$relay->signal('HUP');
	$relay->wait_for_log(qr/SIGHUP/);

	my ($status, $letters) = relay_run('dlq', 'show', @settings);
	like($letters, qr/$canary{poison}/, "$format: dlq show has it, on purpose");
	is(slurp("/proc/$relay->{pid}/environ"), '', "$format: nobody else reads the environment");
	is($relay->stop, 0, "$format: stopped");
	heard("log as $format", $relay->stderr);
	like($relay->stderr, qr/E2003/, "$format: something was too large");
	sql("SELECT pg_drop_replication_slot('$name')");
}

# ---- logins that fail ----
for my $wrong (
	"--source.conninfo=host=127.0.0.1 port=@{[$source->port]} dbname=postgres user=bird password=$canary{wrong}",
	"--source.conninfo=postgresql://bird:$canary{wrong}\@127.0.0.1:@{[$source->port]}/postgres",
	"--source.conninfo=password=$canary{wrong} nonsense", "--registry.ssl.key.password=$canary{wrong}",
	"--basic.auth.user.info=bird:$canary{wrong}", "--bearer.auth.token=$canary{token}",
	"--sasl.passwrod=$canary{wrong}", "--registry.url=https://bird:$canary{wrong}\@localhost:1/?x")
{
	my $what = $wrong =~ s/=.*//sr;
	for my $command (qw(run check config))
	{
		my ($status, $stdout, $stderr) = relay_run($command, settings('canary_wrong', @secrets, '--slot.create=true', '--log.level=debug',
			'--endpos=0/1', $wrong));
		heard("$command with $what", "$stdout$stderr");
	}
}

# ---- nothing of it was said ----
for my $said (@said)
{
	my ($of, $text) = @$said;
	my @told = grep { $text =~ /\Q$canary{$_}\E/ } sort keys %canary;
	is_deeply(\@told, [], $of) or diag($text =~ /(.*kanarie.*)/);
}
ok(@said > 60, 'much was said');

# ---- a core that somebody asks for is none ----
my $dumped = relay_start(args => [ settings('dumped', @secrets, '--slot.create=true', '--slot.temporary=true', '--sink=stdout') ]);
$dumped->wait_for_log(qr/streaming database/);
$dumped->signal('ABRT');
is($dumped->wait_exit, 134, 'killed by SIGABRT');
is_deeply([ glob('core*') ], [], 'without a core');
done_testing();
