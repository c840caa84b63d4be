# Incremental.pm: what the tests of rows that are read while a relay streams share: signals, what
# the progress topic notes of them, the rows that came of them, load beside them.  On top of Lab.pm:
# relay, slot, topics and a schema of tables have one name.
package Incremental;

use strict;
use warnings;
use Exporter 'import';
use IPC::Run ();
use Lab;
use Test::More;
use Walrelay;

our @EXPORT = qw(
  incremental captured captured_again execute signal emit gated gate_to gate_open caught_up progress reading read_some read_done
  reads records folded is_there load_start load_end session_start command_key
);

my $json = json_coder()->utf8->canonical;
my ($source, @loads);
my $key;    # of the relay that was started last: what is asked for is asked of it

# incremental NODE: where all the others work
sub incremental
{
	($source) = @_;
	lab($source, kafka());
	# A sequence has one value, whatever snapshot looks at it.
	sql(<<'SQL');
CREATE SEQUENCE public.gate_at MINVALUE 0;
CREATE FUNCTION public.gate(id bigint) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	WHILE id > (SELECT last_value FROM public.gate_at) LOOP PERFORM pg_sleep(0.01); END LOOP;
	RETURN true;
END $$
SQL
	return;
}

# captured NAME, ARGS: a relay of all tables of the schema of that name, with a new slot, that
# streams, and may be asked
sub captured
{
	my ($name, @args) = @_;
	slot_new($name);
	return captured_again($name, @args);
}

sub captured_again
{
	my ($name, @args) = @_;
	my $relay = start($name, "--table.include.list=$name\\..*", '--snapshot.mode=never',
		'--progress.interval.ms=100ms', @args);
	wait_until { $key = progress($name)->{'/incremental'}{key} } "$name: a key for commands";
	return $relay;
}

sub command_key { return $key; }

# emit TEXT: a message of ours, committed at once even if others wait for a standby
sub emit
{
	my ($text) = @_;
	$text =~ s/'/''/g;
	sql("SET synchronous_commit = local; SET standard_conforming_strings = on;"
		  . "SELECT pg_logical_emit_message(true, 'walrelay', '$text')");
	return;
}

# signal TYPE, DATA, ID, OPEN: with the key of the relay that was started last; open: as anybody may
my $signals = 0;
sub signal
{
	my ($type, $data, $id, $open) = @_;
	emit('signal ' . ($open ? '' : "$key ")
		  . $json->encode({ id => $id // 'signal' . ++$signals, type => "$type-snapshot", data => $data // {} }));
	return;
}

# execute TABLE..., { TABLE => CONDITION }: asks for rows
sub execute
{
	my @names = grep { !ref } @_;
	my ($conditions) = grep { ref } @_;
	signal('execute', {
		'data-collections' => [@names], type => 'incremental',
		$conditions
		? ('additional-conditions' =>
			  [ map { { 'data-collection' => $_, filter => $conditions->{$_} } } sort keys %$conditions ])
		: () });
	return;
}

# gated TABLE: the condition with which who reads the table waits where gate_to() says: nothing
# but that keeps a relay in the middle of a table on a machine where whoever looks is slow.
# What waits has the table locked.
sub gated { my ($table) = @_; return { $table => 'public.gate(id)' }; }

# gate_to ID: rows up to that one are read; gate_open: all of them, and whoever waited has read what it waited with
sub gate_to { my ($id) = @_; sql("SELECT setval('public.gate_at', $id)"); return; }
sub gate_open
{
	gate_to('9223372036854775807');
	my $now = sql('SELECT clock_timestamp()');
	wait_until
	{
		sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'BEGIN ISOLATION LEVEL REPEATABLE READ%' AND state = 'active' AND xact_start < '$now'") == 0;
	}
	'the gate to be passed';
	return;
}

sub lsn_number { my ($high, $low) = split m{/}, $_[0]; return hex($high) << 32 | hex $low; }

# progress NAME: key behind the slot's name => newest value, decoded; tombstones left out
sub progress
{
	my ($name) = @_;
	my ($text, $stderr) = ('', '');
	IPC::Run::run([ 'kcat', '-C', '-q', '-e', '-b', kafka(), '-t', "$name.progress", '-o', 'beginning', '-X', 'fetch.wait.max.ms=1', '-f', "%k\\t%s\\n" ],
		'<', \undef, '>', \$text, '2>', \$stderr);
	my %newest;
	for (split /\n/, $text)
	{
		my ($key, $value) = split /\t/, $_, 2;
		next if $key !~ s/^\Q$name\E(?=\/|$)//;
		$newest{$key} = length $value ? $json->decode($value) : undef;
	}
	return { map { defined $newest{$_} ? ($_ => $newest{$_}) : () } keys %newest };
}

# reading PROGRESS: table => note, of those that are being read or will be
sub reading
{
	my ($progress) = @_;
	return { map { m{^/incremental/} ? ($progress->{$_}{table} => $progress->{$_}) : () } keys %$progress };
}

# caught_up NAME, RELAY: what is in the server's WAL now is in Kafka, and written down; what is noted then
sub caught_up
{
	my ($name, $relay) = @_;
	my $lsn = lsn_number(lsn());
	my $progress;
	wait_until
	{
		die "$name: the relay ended\n" . $relay->stderr if $relay && !$relay->is_running;
		$progress = progress($name);
		$progress->{''} && lsn_number($progress->{''}{lsn}) >= $lsn;
	}
	"$name: everything to be written down";
	return $progress;
}

# read_some NAME, RELAY, TABLE, ROWS: until so many rows of a table are written down, and not all of them
sub read_some
{
	my ($name, $relay, $table, $rows) = @_;
	wait_until
	{
		die "$name: the relay ended\n" . $relay->stderr if !$relay->is_running;
		my $note = reading(progress($name))->{"$name.$table"};
		$note && $note->{rows} >= $rows;
	}
	"$name: $rows rows of $table";
	return;
}

# read_done NAME, RELAY: until all that was asked for so far has been read
sub read_done
{
	my ($name, $relay) = @_;
	caught_up($name, $relay);
	wait_until
	{
		die "$name: the relay ended\n" . $relay->stderr if !$relay->is_running;
		my $progress = progress($name);
		!@{ $progress->{'/incremental'}{signals} // [] } && !%{ reading($progress) };
	}
	"$name: all rows to be read";
	caught_up($name, $relay);
	return;
}

# records NAME, TABLE: of its topic, in the order of each partition
sub records
{
	my ($name, $table, @opt) = @_;
	return read_topic("$name.$name.$table", @opt);
}

# reads RECORDS: those that were read, which must be as rows of an incremental snapshot are
sub reads
{
	my ($what, @records) = @_;
	my @reads = grep { $_->{value} && $_->{value}{op} eq 'r' } @records;
	my @bad = grep {
		my ($value, $source) = ($_->{value}, $_->{value}{source});
		$source->{snapshot} ne 'incremental' || defined $source->{txId} || defined $value->{transaction}
		  || defined $value->{before} || !$value->{after} || !$source->{lsn} || !$source->{ts_ms}
		  || $source->{sequence} ne "[null,\"$source->{lsn}\"]"
	} @reads;
	is(scalar @bad, 0, "$what: rows are marked as they should be") or diag($json->encode($bad[0]));
	return @reads;
}

# folded RECORDS: key => row, as JSON, as whoever applies them has them; a value that an event does not have
# stays what it was
sub folded
{
	my (%rows, @unknown);
	for my $record (@_)
	{
		my ($key, $value) = ($json->encode($record->{key}), $record->{value});
		if (!$value || $value->{op} eq 'd') { delete $rows{$key}; next; }
		if ($value->{op} eq 't') { %rows = (); next; }
		my $after = { %{ $value->{after} } };
		for (grep { ($after->{$_} // '') eq '__debezium_unavailable_value' } keys %$after)
		{
			$after->{$_} = $rows{$key} ? $rows{$key}{$_} : '(unknown)';
		}
		$rows{$key} = $after;
	}
	return { map { $_ => $json->encode($rows{$_}) } keys %rows };
}

# is_there WHAT, TABLE, KEY, RECORDS: applied, they are the table; KEY: its columns, with commas
sub is_there
{
	my ($what, $table, $key, @records) = @_;
	my %there = map { split /\t/ } split /\n/,
	  sql("SELECT (SELECT json_object_agg(key, value) FROM json_each(to_json(t)) WHERE key = ANY ('{$key}')) || E'\\t' ||"
		  . " row_to_json(t) FROM $table t");
	my %wanted = map { $json->encode($json->decode($_)) => $json->encode($json->decode($there{$_})) } keys %there;
	my $have = folded(@records);
	my @differ = grep { ($have->{$_} // '') ne ($wanted{$_} // '') } sort keys %{ { %wanted, %$have } };
	is(scalar @differ, 0, "$what: applied, it is the table, of " . keys(%wanted) . ' rows')
	  or diag map { "$_: " . substr($have->{$_} // 'nothing', 0, 200) . ' / ' . substr($wanted{$_} // 'nothing', 0, 200) . "\n" }
	  grep { defined } @differ[ 0 .. 3 ];
	return;
}

# load_start SCRIPT, RATE: pgbench, until load_end(); what it runs again and again, so often a second
sub load_start
{
	my ($script, $rate) = @_;
	my $file = "$ENV{TESTDATADIR}/load" . @loads . '.sql';
	open my $out, '>', $file or die "$file: $!";
	print $out $script;
	close $out;
	my $load = { stdout => '', stderr => '' };
	$load->{process} = IPC::Run::start(
		[ 'pgbench', '-n', '-M', 'prepared', '-c', 2, '-R', $rate // 300, '-T', '86400', '-f', $file, $source->connstr('postgres') ],
		'<', \undef, '>', \$load->{stdout}, '2>', \$load->{stderr});
	push @loads, $load;
	return $load;
}

# load_end LOAD: it must have run until now
sub load_end
{
	my ($load) = @_;
	ok($load->{process}->pumpable, 'the load has run all the time') or diag($load->{stderr});
	$load->{process}->kill_kill;
	@loads = grep { $_ != $load } @loads;
	return;
}

# session_start SQL: a session that runs it, and ends with it; finish() its process
sub session_start
{
	my ($sql) = @_;
	my $session = { stdout => '', stderr => '' };
	$session->{process} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $source->connstr('postgres'), '-c', $sql ],
		'<', \undef, '>', \$session->{stdout}, '2>', \$session->{stderr});
	return $session;
}

END
{
	my $status = $?;
	$_->{process}->kill_kill for @loads;
	$? = $status;
}

1;
