# 054_exactly_once.pl: delivery = exactly-once: a reader with read_committed sees each change
# once and transactions whole, whoever dies: relay, broker, PostgreSQL; a transaction too
# large for one Kafka transaction is split and gone on with; two relays on one slot.
# needs: kafka
# takes: 120 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Test::More;
use HTTP::Tiny;

my $source = new_source(conf => "wal_sender_timeout = 3s\n");
my $broker = kafka_start();
my $registry = registry_start();
my @args = (
	'--source.conninfo=' . $source->connstr('postgres'), '--slot.name=once',
	'--kafka.topic.prefix=once', '--bootstrap.servers=' . $broker->address,
	'--registry.url=' . $registry->address, '--kafka.delivery=exactly-once', '--retry.backoff.max.ms=300');
my $topic = 'once.public.t';

my $python = qx('$root/t/lib/venv');
chomp $python;

# ids OPTIONS: how often each id is in the topic.  The reader's lines are matched, not
# parsed: there are many.
sub ids
{
	my %ids;
	open my $lines, '-|', $python, "$root/t/lib/read_topic.py", $topic, '--bootstrap',
	  $broker->address, '--registry', $registry->address, @_ or die "cannot read $topic: $!";
	/"key": \{"id": (-?\d+)\}/ and $ids{$1}++ while <$lines>;
	close $lines or die "reading $topic failed";
	return %ids;
}

sub is_once
{
	my ($count, $what) = @_;
	my %ids = ids('--committed', '--until-count', $count);
	is(scalar(keys %ids), $count, "$what: nothing is missing");
	is(scalar(grep { $_ != 1 } values %ids), 0, "$what: nothing is there twice");
	return;
}

# positions: what the progress topic says, oldest first
sub positions
{
	return json_lines(scalar qx('$python' '$root/t/lib/read_values.py' once.progress --bootstrap @{[$broker->address]}));
}

$source->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY, v text)');
is((relay_run('slot', 'create', @args))[0], 0, 'slot create');
$broker->topic_create($topic, 3);

# ---- a transaction is visible as a whole, or not at all ----
my $http = HTTP::Tiny->new(timeout => 10, no_proxy => ['127.0.0.1']);
my $port = free_port();
my @patient = (@args, '--transaction.timeout.ms=600000', "--admin.listen=127.0.0.1:$port");

# open_offsets: how many readers of what is committed have to wait for
sub open_offsets { return qx('$python' '$root/t/lib/read_values.py' $topic --open --bootstrap @{[$broker->address]}); }

# stuck NAME, TABLE: a relay that stands still within a transaction of 20,000 rows of the table,
# the first of which it has delivered before, because a schema cannot be registered
sub stuck
{
	my ($name, $table) = @_;
	my $relay = relay_start(args => \@patient, name => $name);
	$source->safe_psql('postgres', "INSERT INTO $table VALUES (1, 'first')");
	wait_for_slot($source, 'once');
	is_once(1, "$name: one row");
	kill 'STOP', $registry->env('REGISTRY_PID');
	$source->safe_psql('postgres', <<"SQL");
CREATE TABLE late_$name (id int);
BEGIN;
INSERT INTO $table SELECT i, repeat('x', 300) FROM generate_series(2, 20000) i;
INSERT INTO late_$name VALUES (1);
COMMIT;
SQL
	wait_until { $http->get("http://127.0.0.1:$port/status")->{content} =~ /waiting_registry/ } 'the relay to wait';
	wait_until { open_offsets() >= 19_999 } 'the transaction to be in the topic';
	return $relay;
}

my $relay = stuck('killed', 't');
$relay->signal('STOP');
kill 'CONT', $registry->env('REGISTRY_PID');
is(scalar(keys %{ { ids() } }), 20_000, 'the transaction is in the topic');
is(scalar(keys %{ { ids('--committed') } }), 1, 'and no reader of what is committed sees any of it');
$relay->kill9;
$relay = relay_start(args => \@args, name => 'whole');
wait_for_slot($source, 'once');
is_once(20_000, 'after kill -9 in the middle');
is($relay->stop, 0, 'SIGTERM ends it with 0');

# ---- a relay that ends within one leaves nothing that readers have to wait for ----
$source->safe_psql('postgres', 'CREATE TABLE u (id int PRIMARY KEY, v text)');
$topic = 'once.public.u';
$relay = stuck('ended', 'u');
is($relay->stop, 0, 'SIGTERM in the middle ends it with 0');
kill 'CONT', $registry->env('REGISTRY_PID');
wait_until { open_offsets() == 0 } 'what it had open to be aborted', 120;
is(scalar(keys %{ { ids('--committed') } }), 1, 'SIGTERM in the middle: nothing of it is visible, and nobody waits');
$relay = relay_start(args => \@args, name => 'whole_too');
wait_for_slot($source, 'once');
is_once(20_000, 'after SIGTERM in the middle');
is($relay->stop, 0, 'SIGTERM ends it with 0');
$topic = 'once.public.t';

# ---- one that is too large: in parts, each of them once ----
my @small = (@args, '--transaction.max.messages=1000');
$relay = relay_start(args => \@small, name => 'split');
# Its last row waits for a schema, so that it is in parts however long we take.
$source->safe_psql('postgres', "CREATE TABLE late_split (id int); INSERT INTO t VALUES (20001, 'first')");
wait_for_slot($source, 'once');
kill 'STOP', $registry->env('REGISTRY_PID');
$source->safe_psql('postgres', <<'SQL');
BEGIN;
INSERT INTO t SELECT i, repeat('y', 300) FROM generate_series(20002, 40000) i;
INSERT INTO late_split VALUES (1);
COMMIT;
SQL
wait_until { grep { $_->{changes} } positions() } 'a part of the transaction to be committed';
$relay->kill9;
kill 'CONT', $registry->env('REGISTRY_PID');
my ($part) = (positions())[-1];
ok($part->{changes}, 'the last position is within a transaction') or diag(explain($part));

my ($status, undef, $stderr) = relay_run('run', @small, '--tombstones.on.delete=false');
is($status, 78, 'other settings: exit status 78');
like($stderr, qr/E1220.*in part under other settings.*hint=/s, 'other settings: said so');

$relay = relay_start(args => \@small, name => 'split2');
wait_for_slot($source, 'once');
is_once(40_000, 'a transaction in parts');
ok((grep { $_->{changes} } positions()) > 2, 'it was in several parts');

# ---- PostgreSQL and the broker die, in the middle of something ----
my $count = 40_000;
for my $who ('PostgreSQL', 'broker', 'both', 'broker')
{
	my ($from, $to) = ($count + 1, $count + 2000);
	$source->safe_psql('postgres', <<SQL);
DO \$\$ BEGIN FOR i IN $from..$to LOOP
	INSERT INTO t VALUES (i, 'z');
	IF i % 10 = 0 THEN COMMIT; END IF;
END LOOP; END \$\$;
SQL
	$source->stop('immediate') if $who ne 'broker';
	$broker->kill9 if $who ne 'PostgreSQL';
	$source->start if $who ne 'broker';
	$broker->restart if $who ne 'PostgreSQL';
	$count = $to;
	wait_for_slot($source, 'once');
	is_once($count, "$who died");
}

# ---- nobody can commit what another relay has begun anew ----
# A relay that stands still loses its slot to the next one, and what it has open to it.
$source->safe_psql('postgres', 'INSERT INTO t SELECT i FROM generate_series(' . ($count + 1) . ',' . ($count + 1000) . ') i');
$relay->signal('STOP');
$source->safe_psql('postgres', 'INSERT INTO t SELECT i FROM generate_series(' . ($count + 1001) . ',' . ($count + 2000) . ') i');
$count += 2000;
my $second = relay_start(args => \@small, name => 'second');
wait_for_slot($source, 'once');
is_once($count, 'a second relay takes over');
$relay->signal('CONT');
$relay->wait_for_log(qr/E1210|E1214/);
$source->safe_psql('postgres', 'INSERT INTO t SELECT i FROM generate_series(' . ($count + 1) . ',' . ($count + 1000) . ') i');
$count += 1000;
wait_for_slot($source, 'once');
is_once($count, 'the first one wakes up');
ok($second->is_running, 'the second one goes on');
unlike($second->stderr, qr/E2009/, 'the first one, which only waits for the slot, fences nobody');
$second->stop;
wait_for_slot($source, 'once');
$source->safe_psql('postgres', 'INSERT INTO t VALUES (' . ++$count . ')');
wait_for_slot($source, 'once');
is_once($count, 'the first one gets the slot back');
is($relay->stop, 0, 'SIGTERM ends it with 0');

# ---- what cannot be ----
($status, undef, $stderr) = relay_run('tail', @args);
is($status, 78, 'stdout has no transactions: exit status 78');
like($stderr, qr/delivery=exactly-once needs sink=kafka/, 'stdout has no transactions: said so');
($status, undef, $stderr) = relay_run('run', @args, '--kafka.delivery=at-least-once', '--transactional.id=x');
is($status, 78, 'transactional.id without transactions: exit status 78');
like($stderr, qr/E1005.*needs delivery=exactly-once/s, 'transactional.id without transactions: said so');
done_testing();
