# The ledger without faults: writers of every kind for LEDGER_S=10 seconds, relay, Kafka, registry;
# then the checker, whose reader is not ours, finds every change, once, in order, and the
# tables in what it read.  Both ways of delivery; exactly once with
# position.header.  The same with faults is 072_chaos.pl and make chaos.
# needs: kafka
# takes: 70 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Test::More;

my $seconds = $ENV{LEDGER_S} // 10;
my $rate = $ENV{LEDGER_TPS} // 100;
my $seed = $ENV{SEED} // time;
note("SEED=$seed");

chomp(my $python = qx('$root/t/lib/venv'));
my ($source, $prefix, $dir);

# script NAME, ARGS...: its exit status and its last line of output, decoded
sub script
{
	my ($name, @args) = @_;
	my $output = '';
	note("$name @args");
	IPC::Run::run([ $python, "$root/t/chaos/$name", @args, '--dir', $dir ],
		'<', \undef, '>', \$output, '2>', "$ENV{TESTLOGDIR}/$name.log");
	my $status = $? >> 8;
	note($output);
	diag(slurp("$ENV{TESTLOGDIR}/$name.log")) if $status != 0;
	my @lines = json_lines($output);
	return ($status, $lines[-1]);
}

sub workload
{
	my ($command, @args) = @_;
	return script('workload.py', $command, '--conninfo', $source->connstr('postgres'), @args);
}

sub checker
{
	my ($mode) = @_;
	return script('checker.py', '--bootstrap', kafka(), '--registry', registry(), '--prefix', $prefix,
		'--runs-max', 0, '--mode', $mode, '--whole-max', 249);
}

# ledger MODE, OPTIONS: what the relay of a new server writes is what its tables have seen
sub ledger
{
	my ($mode, @more) = @_;

	$source = new_source(name => $mode, conf => "max_prepared_transactions = 10\n");
	$prefix = "$mode$$";
	$dir = "$ENV{TESTDATADIR}/$mode";

	my ($status) = workload('setup');
	is($status, 0, "$mode: the tables are there");
	($status) = script('topics.py', '--bootstrap', kafka(), '--prefix', $prefix);
	is($status, 0, "$mode: the topics are there");

	my @args = (
		"--kafka.delivery=$mode", @more,
		split(/\n/, slurp("$dir/relay.args")),
		'--source.conninfo=' . $source->connstr('postgres'),
		'--slot.name=ledger', "--kafka.topic.prefix=$prefix",
		'--bootstrap.servers=' . kafka(), '--registry.url=' . registry());
	($status) = relay_run('slot', 'create', @args);
	is($status, 0, "$mode: the slot was created");
	my $relay = relay_start(args => \@args);

	my ($written, $finished);
	($status, $written) = workload('run', '--seconds', $seconds, '--tps', $rate, '--seed', $seed,
		'--big-every', 100, '--big-rows', 2000);
	is($status, 0, "$mode: the writers met no error");
	($status, $finished) = workload('finish');
	is($status, 0, "$mode: the server has what the writers know to be committed");
	is($finished->{unknown}, 0, "$mode: no outcome is unknown");
	wait_for_slot($source, 'ledger', $finished->{lsn}, 600);
	is($relay->stop, 0, "$mode: SIGTERM ends the relay with 0");

	my $report;
	($status, $report) = checker($mode);
	is($status, 0, "$mode: the checker finds nothing");
	is_deeply($report->{breaches}, [], "$mode: no breach");
	is($report->{transactions}, $finished->{committed}, "$mode: every transaction is in the topics");
	cmp_ok($report->{transactions}, '>', 100, "$mode: these are not few");
	cmp_ok($report->{aborted}, '>', 0, "$mode: some were rolled back");
	cmp_ok($report->{messages}, '>', 0, "$mode: there are messages outside of transactions");
	is($report->{duplicates}, 0, "$mode: nothing is there twice");
	$source->stop;
	return;
}

ledger('at-least-once');
# Larger ones are split; others have at most a tombstone with each event, and BEGIN and END.
ledger('exactly-once', '--position.header=true', '--transaction.max.messages=500');

# That this is no empty praise: the same with one row less in the tables.
my $final = slurp("$dir/final.jsonl");
$final =~ s/^.*\n//;
open my $file, '>:raw', "$dir/final.jsonl" or die;
print $file $final;
close $file;
my ($status, $report) = checker('exactly-once');
is($status, 1, 'a row too many in the topics is found');
is_deeply($report->{kinds}, { state => 1 }, 'and is called that');
done_testing();
