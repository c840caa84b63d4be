# 038_snapshot_faults.pl: what a snapshot depends on fails in its middle: brokers, connections,
# the server, the relay itself with tables that are altered before the next one starts.  Blocking
# and incremental, in both modes of delivery, under load: whoever applies the events has in the
# end what the tables have, was told nothing older than before, and exactly once no row again
# that has not changed.
#   KINDS='initial/at-least-once initial/exactly-once ...' (others than the two below)
# needs: kafka
# takes: 160 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Incremental;
use Lab;
use Walrelay;
use Test::More;

my $rows = 8000;    # a table, of which 100 a second are read as long as something is to fail
my $broker = kafka_start();
$ENV{KAFKA_BOOTSTRAP} = $broker->address;
my $source = new_source(conf => "max_connections = 60\nmax_wal_senders = 10\nmax_replication_slots = 10\n");
incremental($source);
sql('CREATE SEQUENCE n');

# relay IS_NEW, NAME, ARGS: one whose connections can be told from ours
sub relay
{
	my ($is_new, @args) = @_;
	local $ENV{PGAPPNAME} = 'walrelay';
	return $is_new ? captured(@args) : captured_again(@args);
}

sub rows_sent
{
	my ($relay) = @_;
	my ($sent) = page($relay, 'metrics')->{content} =~ /^walrelay_snapshot_rows_sent_total (\d+)/m;
	return $sent // 0;
}

# goes_on RELAY, WHAT: sends some more rows
sub goes_on
{
	my ($relay, $what) = @_;
	my $sent = rows_sent($relay);
	wait_until
	{
		die "$what: the relay ended\n" . $relay->stderr if !$relay->is_running;
		rows_sent($relay) >= $sent + 50 || $relay->stderr =~ /snapshot is done/;
	}
	"$what: more rows";
	unlike($relay->stderr, qr/snapshot is done/, "$what: in the middle");
	return;
}

# backends KIND, FUNCTION: calls it for all of a relay's
sub backends
{
	my ($kind, $function) = @_;
	sql("SELECT $function(pid) FROM pg_stat_activity WHERE application_name = 'walrelay' AND backend_type = '$kind'");
	return;
}

# cancelled RELAY: what it has under way, again and again until that hits something
sub cancelled
{
	my ($relay) = @_;
	wait_until
	{
		sql(<<'SQL');
DO $$ BEGIN
	FOR i IN 1 .. 500 LOOP
		PERFORM pg_stat_clear_snapshot();
		PERFORM pg_cancel_backend(pid) FROM pg_stat_activity
			WHERE application_name = 'walrelay' AND backend_type = 'client backend' AND state = 'active';
	END LOOP;
END $$
SQL
		$relay->stderr =~ /canceling statement due to user request/;
	}
	'a statement to be cancelled';
	return;
}

my %faults = (
	'1 a statement is cancelled' => \&cancelled,
	'2 connections are ended' => sub { backends('client backend', 'pg_terminate_backend') },
	'3 the stream is ended' => sub { backends('walsender', 'pg_terminate_backend') },
	'4 the broker is killed' => sub { $broker->kill9; $broker->restart },
	'5 the server is killed' => sub { $source->stop('immediate'); $source->start });

for (split ' ', $ENV{KINDS} // 'initial/exactly-once incremental/at-least-once')
{
	my ($kind, $delivery) = m{(.*)/(.*)};
	my $name = "$kind-$delivery" =~ s/-/_/gr;
	my @args = ("--delivery=$delivery", '--snapshot.chunk.size=50', '--snapshot.max.threads=2',
		$kind eq 'initial' ? '--snapshot.mode=initial' : ());
	my $load = sub { load_start("\\set i random(1, $rows)\nUPDATE $name.a SET n = nextval('n') WHERE id = :i;\nUPDATE $name.b SET n = nextval('n') WHERE id = :i;\n", 50) };
	sql(join ';', "CREATE SCHEMA $name", map { "CREATE TABLE $name.$_ (id int PRIMARY KEY, n bigint, w text);"
		  . "INSERT INTO $name.$_ SELECT i, nextval('n'), 'w' FROM generate_series(1, $rows) i; ANALYZE $name.$_" } qw(a b));
	my $last = sql("SELECT last_value FROM n");    # of rows that nobody has changed
	my $relay = relay(1, $name, @args, '--snapshot.rate.limit=100');
	execute("$name\\..*") if $kind eq 'incremental';
	for my $what (sort keys %faults)
	{
		my $running = $load->();
		goes_on($relay, "$name: before $what");
		load_end($running);
		$faults{$what}->($relay);
		goes_on($relay, "$name: $what");
	}
	$relay->kill9;
	sql("ALTER TABLE $name.b ADD z text DEFAULT 'z', DROP w; UPDATE $name.b SET n = nextval('n') WHERE id < 10");
	$relay = relay(0, $name, @args);
	my $running = $load->();
	$kind eq 'initial' ? $relay->wait_for_log(qr/snapshot is done/) : read_done($name, $relay);
	load_end($running);
	caught_up($name, $relay);
	is($relay->stop, 0, "$name: ends well");

	for my $table (qw(a b))
	{
		my @records = records($name, $table, $delivery =~ /^ex/ ? (committed => 1) : ());
		my (%newest, %times, @older);
		for my $record (grep { $_->{value} } @records)
		{
			my ($op, $id, $n) = ($record->{value}{op}, $record->{key}{id}, $record->{value}{after}{n});
			# at least once a change comes again, with what followed it
			push @older, "$op of $id: $n behind $newest{$id}" if $delivery =~ /^ex/ && $n < ($newest{$id} // 0);
			$newest{$id} = $n;
			$times{$id}++ if $op eq 'r' && $n <= $last;
		}
		my %there = map { split /\|/ } split /\n/, sql("SELECT id, n FROM $name.$table");
		my @differ = grep { ($newest{$_} // 0) != ($there{$_} // 0) } keys %{ { %newest, %there } };
		is(scalar @differ, 0, "$name: $table: applied, it is the table") or diag "@differ[0 .. 5]";
		is_deeply(\@older, [], "$name: $table: nothing is told that is older");
		my $again = grep { $_ > 1 } values %times;
		# b was altered, and is read again
		is($again, 0, "$name: $table: no row comes again that has not changed") if $delivery =~ /^ex/ && $table eq 'a';
		note "$name: $table: " . keys(%times) . " rows were read as they had been at first, $again of them again";
	}
}

# ---- a chunk is half sent, and what it was read over is lost, and then the stream ----
{
	sql("CREATE SCHEMA half; CREATE TABLE half.a (id int PRIMARY KEY, n int); INSERT INTO half.a SELECT i, i FROM generate_series(1, 3000) i");
	my $relay = relay(1, 'half', '--snapshot.mode=initial', '--snapshot.chunk.size=200', '--snapshot.max.threads=1', '--snapshot.rate.limit=300',
		'--max.in.flight.messages=20');
	goes_on($relay, 'half');
	# It stands still first, so that a chunk is under way when it dies; one that had filled the room
	# for messages before goes on only when a quarter of it is free again.
	kill 'STOP', $broker->env('KAFKA_PID');
	wait_until { my $text = page($relay, 'metrics')->{content}; $text =~ /^walrelay_unacked_messages (?:1[6-9]|20)$/m } 'half: a chunk that cannot be sent';
	$broker->kill9;
	$relay->wait_for_log(qr/E2001/);
	my $sender = q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'walrelay' AND backend_type = 'walsender' AND query};
	is(sql("$sender NOT LIKE 'START%'"), 1, 'half: the snapshot is gone');
	$relay->wait_for_log(qr/the snapshot goes on in/);
	is(sql("$sender LIKE 'START%'"), 1, 'half: so is the stream');
	$broker->restart;
	$relay->wait_for_log(qr/snapshot is done/);
	is_deeply([ sort { $a <=> $b } keys %{ { map { $_->{key}{id} => 1 } records('half', 'a') } } ], [ 1 .. 3000 ], 'half: it goes on, and every row is there');
	is($relay->stop, 0, 'half: ends well');
}
done_testing();
