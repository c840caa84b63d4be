# 075_descriptors.pl: too few descriptors are said by name, with what to do; changes wait
# meanwhile, and come when there are some again.  And many reconnects (N=20), to PostgreSQL and
# to the broker, leave as many open as there were.
# needs: kafka
# takes: 50 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use IPC::Open2;
use Test::More;

$ENV{WALRELAY_ADMIN_CORE_DUMPS} = 'true';    # for /proc/PID/fd

my $reconnects = $ENV{N} // 20;
my $source = new_source();
my $python = qx('$root/t/lib/venv');
chomp $python;

# The relay's way to the broker can be cut.
my $proxy_pid = open2(my $answers, my $orders, $python, "$root/t/chaos/proxy.py");
my ($address) = <$answers> =~ /"port": (\d+)/ or die "no proxy\n";
my $broker = kafka_start(KAFKA_PROXY => "127.0.0.1:$address");
proxy('to ' . $broker->env('KAFKA_PROXIED'));

my $admin = free_port();
my @args = (
	'--source.conninfo=' . $source->connstr('postgres'),
	'--slot.name=few', '--kafka.topic.prefix=few', "--bootstrap.servers=127.0.0.1:$address",
	'--registry.url=' . registry(), "--admin.listen=127.0.0.1:$admin",
	'--retry.backoff.ms=20', '--retry.backoff.max.ms=200', '--reconnect.backoff.ms=20');

# proxy COMMAND: its answer
sub proxy
{
	my ($command) = @_;
	print $orders "$command\n";
	$orders->flush;
	return (json_lines(scalar <$answers>))[0];
}

# limit RELAY, COUNT: of its open files, which its owner may lower and raise again
sub limit
{
	my ($relay, $count) = @_;
	is(system('prlimit', '--pid', $relay->pid, "--nofile=$count:"), 0, "at most $count descriptors");
	return;
}

# open_files RELAY: their numbers, in order
sub open_files
{
	my ($relay) = @_;
	opendir my $dir, '/proc/' . $relay->pid . '/fd' or die "cannot look at it: $!\n";
	my @numbers = sort { $a <=> $b } grep { /^\d+$/ } readdir $dir;
	return @numbers;
}

# first_free RELAY: where a descriptor would be next
sub first_free
{
	my ($relay) = @_;
	my $next = 0;
	for (open_files($relay)) { last if $_ != $next; $next++; }
	return $next;
}

# settled RELAY: until none has come or gone for a while: what it opens to begin with it gives
# back, and a connection could be made in its place
sub settled
{
	my ($relay) = @_;
	my ($before, $looks) = ('', 0);
	wait_until
	{
		my $now = join ' ', open_files($relay);
		$looks = $now eq $before ? $looks + 1 : 0;
		$before = $now;
		return $looks >= 20;
	}
	'its descriptors to stay';
	return;
}

# first_to_broker RELAY: the lowest descriptor of a connection to the broker's proxy, if any
sub first_to_broker
{
	my ($relay) = @_;
	my $port = sprintf '%04X', $address;
	my %inodes = map { $_ => 1 }
	  slurp('/proc/' . $relay->pid . '/net/tcp') =~ /^ *\d+: \S+ \w+:$port 01 \S+ \S+ \S+ +\d+ +\d+ (\d+) /mg;
	my ($first) = grep { (readlink('/proc/' . $relay->pid . "/fd/$_") // '') =~ /^socket:\[(\d+)\]/ && $inodes{$1} }
	  open_files($relay);
	return $first;
}

# none_for_the_broker RELAY: lowers its limit to where no connection to the broker is and none
# can be made, and ends those that there are
sub none_for_the_broker
{
	my ($relay) = @_;
	my ($count) = sort { $a <=> $b } grep { defined } first_free($relay), first_to_broker($relay);
	system('prlimit', '--pid', $relay->pid, "--nofile=$count:") == 0 or die "cannot limit its open files\n";
	proxy('reset');
	return;
}

sub sender
{
	return $source->safe_psql('postgres', 'SELECT active_pid FROM pg_replication_slots');
}

sub ids
{
	return map { $_->{value}{after}{id} } read_topic('few.public.t', bootstrap => $broker->address, @_);
}

$source->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY)');
is((relay_run('slot', 'create', @args))[0], 0, 'slot create');

# ---- too few to begin with ----
my $stderr = '';
IPC::Run::run([ 'bash', '-c', 'ulimit -n 12; exec "$@"', '-', $walrelay, 'run', @args ], '<', \undef, '>', \my $stdout, '2>', \$stderr);
is($? >> 8, 69, 'the exit status is one that a supervisor tries again');
like($stderr, qr/E1007: too few descriptors: walrelay cannot start\nDETAIL: .*may have 12 open files.*\(RLIMIT_NOFILE\)\.\nHINT: .*LimitNOFILE=.*ulimit -n/,
	'what there is too little of, how many there are, and what to do');

# ---- a limit that is lower than need be is raised ----
my $relay = relay_start(args => \@args);
$relay->wait_for_log(qr/streaming database/);
my ($soft, $hard) = slurp('/proc/' . $relay->pid . '/limits') =~ /^Max open files +(\d+) +(\d+)/m;
is($soft, $hard, 'it takes as many as it may have');

# ---- neither registry nor PostgreSQL can be connected to ----
settled($relay);
limit($relay, first_free($relay));
$source->safe_psql('postgres', 'INSERT INTO t VALUES (1)');
$relay->wait_for_log(qr/E1007.*E1801/);
pass('the registry: said by name');
$source->safe_psql('postgres', q{SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots; INSERT INTO t VALUES (2)});
$relay->wait_for_log(qr/E1007.*E1201/);
pass('PostgreSQL: said by name');
my $curl = "curl -s -m 2 --noproxy '*' http://127.0.0.1:$admin/livez";
isnt(system("$curl >/dev/null"), 0, 'nor can its pages be had');
my $ticks = sub {
	my ($user, $system) = (split ' ', slurp('/proc/' . $relay->pid . '/stat') =~ s/.*\) //sr)[ 11, 12 ];
	return $user + $system;
};
my $before = $ticks->();
my $tries = sub { return scalar(() = $relay->stderr =~ /trying again in/g); };
my $tried = $tries->();
wait_until { $tries->() >= $tried + 20 } 'it to try again';
cmp_ok($ticks->() - $before, '<', 100, 'it does not use up the processor for that');
ok($relay->is_running, 'and does not end');
limit($relay, $hard);
$source->safe_psql('postgres', 'INSERT INTO t VALUES (3)');
wait_for_slot($source, 'few');
is(qx($curl), "ok\n", 'it goes on by itself when there are some again');
is_deeply([ ids(count => 3) ], [ 1, 2, 3 ], 'and nothing is lost');

# ---- the broker cannot be connected to ----
# Again and again: one that another connection has given back is as good to it.
wait_until { none_for_the_broker($relay); $relay->stderr =~ /E1007.*E2001/ } 'the broker to be out of reach';
pass('the broker: said by name');
$source->safe_psql('postgres', 'INSERT INTO t VALUES (4)');
limit($relay, $hard);
wait_for_slot($source, 'few');
is_deeply([ ids(count => 4) ], [ 1 .. 4 ], 'and nothing is lost');

# ---- many reconnects ----
my $open;
for my $n (1 .. $reconnects)
{
	my $sender = wait_until { sender() } 'a walsender';
	my $accepted = proxy('stats')->{accepted};
	proxy('reset');
	$source->safe_psql('postgres', "SELECT pg_terminate_backend($sender); INSERT INTO t VALUES (100 + $n)");
	wait_until { my $now = sender(); $now && $now != $sender } "reconnect $n to PostgreSQL";
	wait_for_slot($source, 'few');
	wait_until { proxy('stats')->{accepted} > $accepted } "reconnect $n to the broker";
	$open = open_files($relay) if $n == 10;
}
wait_until { open_files($relay) <= $open } "there to be no more descriptors than the $open before";
pass("$open descriptors behind ten reconnects, and behind all of them");
my %ids;
$ids{$_}++ for ids();
is(scalar(grep { $ids{$_} } 1 .. 4, 101 .. 100 + $reconnects), 4 + $reconnects, 'nothing is lost in any of them');

is($relay->stop, 0, 'SIGTERM ends it with 0');
close $orders;
waitpid $proxy_pid, 0;
done_testing();
