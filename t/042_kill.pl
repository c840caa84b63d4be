# 042_kill.pl: kill -9 of the relay at KILLS=10 random moments while CHANGES=500000 are
# loaded and streamed: every committed change is in the topic, in order per key, and
# no position is ever ahead of what the broker acknowledged (if one were, what the
# killed relay had in flight would be missing).  DELIVERY=exactly-once: nothing twice.
# needs: kafka
# takes: 80 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Test::More;
use POSIX ();

my $kills = $ENV{KILLS} // 10;
my $changes = $ENV{CHANGES} // 500_000;
my $accounts = 1000;
my $share = $changes / 25 / $kills;    # transactions of the load, for each life
my $pause = 0.0004 * $kills / 20 * 1_000_000 / $changes;    # seconds, behind each transaction
my $seed = $ENV{SEED} // time;
my $delivery = $ENV{DELIVERY} // 'at-least-once';
srand $seed;
note("SEED=$seed");

my $source = new_source();
my $broker = kafka_start();
my $topic = 'kill' . $$ . '.public.acct';
my @args = (
	'--source.conninfo=' . $source->connstr('postgres'),
	'--slot.name=kill', "--kafka.topic.prefix=kill$$",
	'--bootstrap.servers=' . $broker->address, '--registry.url=' . registry(),
	'--retry.backoff.max.ms=200', "--kafka.delivery=$delivery");

$source->safe_psql('postgres', <<'SQL');
CREATE TABLE acct (id int PRIMARY KEY, seq bigint NOT NULL, pad text);
ALTER TABLE acct REPLICA IDENTITY FULL;
CREATE PROCEDURE work(changes int, accounts int, pause float8) LANGUAGE plpgsql AS $$
DECLARE
	first int := 1;
	width int;
	done int := 0;
BEGIN
	INSERT INTO acct SELECT i, 1, repeat('x', 20) FROM generate_series(1, accounts) i;
	COMMIT;
	done := accounts;
	WHILE done < changes LOOP
		-- transactions of 1 to 50 rows
		width := least(1 + (done * 7919::bigint) % 50, changes - done);
		UPDATE acct SET seq = seq + 1 WHERE id BETWEEN first AND first + width - 1;
		GET DIAGNOSTICS width = ROW_COUNT;
		done := done + width;
		COMMIT;
		PERFORM pg_sleep(pause); -- paced, so that all relays die while changes come in
		first := CASE WHEN first + width > accounts THEN 1 ELSE first + width END;
	END LOOP;
END $$;
SQL
my ($status) = relay_run('slot', 'create', @args);
is($status, 0, 'the slot was created');
$broker->topic_create($topic, 3);

my $pid = fork() // die "cannot fork: $!";
if ($pid == 0)
{
	exec("$pg_bin/psql", '-X', '-q', '-d', $source->connstr('postgres'),
		'-c', 'SET synchronous_commit = off', '-c', "CALL work($changes, $accounts, $pause)");
}

my $loaded;    # its exit status
sub loading
{
	$loaded = $? if !defined $loaded && waitpid($pid, POSIX::WNOHANG) == $pid;
	return !defined $loaded;
}

# Each life lasts until a random part of its share of the load is there; every other one
# also until the slot has moved on: some relays die before they have confirmed anything.
my ($moved, $while_loading) = (0, 0);
for my $kill (1 .. $kills)
{
	my $before = slot_lsn($source, 'kill');
	my $relay = relay_start(args => \@args, name => "relay$kill");
	my $end = next_xid($source) + int rand($share / 3);

	wait_until { slot_lsn($source, 'kill') ne $before || !loading() } 'the position to move'
	  if $kill % 2;
	wait_until { next_xid($source) >= $end || !loading() } 'a random part of the load';
	$while_loading++ if loading();
	$relay->kill9;
	$moved++ if slot_lsn($source, 'kill') ne $before;
}
cmp_ok($while_loading, '>=', $kills / 2, 'relays were killed while changes came in');
cmp_ok($moved, '>=', $kills / 2, 'killed relays had moved the position');

wait_until { !loading() } 'the load to end', 900;
is($loaded, 0, 'the changes were loaded');
my $relay = relay_start(args => \@args, name => 'last');
wait_for_slot($source, 'kill');
is($relay->stop, 0, 'SIGTERM ends the last relay with 0');

my $expect = "$ENV{TESTDATADIR}/expect.csv";
open my $file, '>', $expect or die;
print $file $source->safe_psql('postgres', "SELECT id || ',' || seq FROM acct"), "\n";
close $file;
my $python = qx('$root/t/lib/venv');
chomp $python;
my $runs = $delivery eq 'exactly-once' ? '--committed --runs-max 0' : '--runs-max ' . $kills * 3;
my $report = qx('$python' '$root/t/lib/ledger.py' '$topic' --bootstrap @{[$broker->address]} --registry @{[registry()]} --expect '$expect' $runs);
is($?, 0, 'nothing lost, nothing overtaken, only whole runs repeated');
note($report);
my ($result) = json_lines($report);
cmp_ok($result->{records} - $result->{repeats}, '==', $changes, "$changes changes are in the topic");
is_deeply($result->{breaches}, [], 'no breach');
done_testing();
