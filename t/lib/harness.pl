# harness.pl all|quick|unit [NAME...]: runs the tests in the present folder, a copy
# of a built tree, JOBS files at a time, prints a line for each and the details of
# those that fail, and writes the two sums to WORK/tally.  Called by t/run only, which
# makes the folders and cleans up after us.  Every kind of test ends up as a log
# of "ok" and "not ok" lines that is counted in one place, log_count.  The header of a
# file may say: # needs: kafka, # slow (not for --quick), # takes: 120 s (about; the longest
# begin first).
use strict;
use warnings;
use File::Basename qw(basename dirname);
use File::Path qw(make_path);
use POSIX ();
use Time::HiRes qw(time);

my ($mode, @names) = @ARGV;
my $work = $ENV{WORK} // die "WORK is not set\n";
my $build = $ENV{B} // 'build';
my $timeout = $ENV{TEST_TIMEOUT} || 900;
chomp(my $cores = `nproc`);
my $jobs = $ENV{JOBS} || $cores + 2;    # tests wait more than they work
chomp(my $src = `pwd -P`);
chomp(my $pg_bin = `$ENV{PG_CONFIG} --bindir`);
chomp(my $pgxs = `$ENV{PG_CONFIG} --pgxs`);
my $pg_test = dirname(dirname($pgxs)) . '/test';
my ($passed, $failed, $skipped) = (0, 0, 0);
# Servers that live for a minute have no time to compile well, and they are many.
my %java = map { $_ => '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC'
	  . ($ENV{JAVA_CLASSES} ? " -XX:SharedArchiveFile=$ENV{JAVA_CLASSES}/$_.jsa" : '') } qw(kafka registry);
$| = 1;

%ENV = (
	%ENV,
	PG_BIN => $pg_bin,
	WALRELAY => "$src/$build/walrelay",
	PLUGIN_DIR => $src,
	PG_REGRESS => "$pg_test/regress/pg_regress",
	PG_TEST_PORT_DIR => "$work/ports",
	CMOCKA_MESSAGE_OUTPUT => 'TAP',
	WALRELAY_RELAY_CHECK_AT_START => 'false',    # it would ask servers whose questions tests count; t/085
	KAFKA_JAVA => $java{kafka},
	RUN_SEED => int(time),
	REGISTRY_JAVA => $java{registry},
	PATH => "$pg_bin:$ENV{PATH}");
delete @ENV{qw(KAFKA_BOOTSTRAP REGISTRY_URL)};    # only our own
make_path("$work/log", "$work/ports");

sub slurp
{
	my ($name) = @_;
	open my $file, '<', $name or return '';
	local $/;
	return <$file> // '';
}

# wanted NAME: is it one of those asked for?
sub wanted
{
	my ($name) = @_;
	return !@names || grep { index($name, $_) >= 0 } @names;
}

# needs_kafka FILE: does its header say so?
sub needs_kafka
{
	my ($file) = @_;
	return slurp($file) =~ /\A(?:[^\n]*\n){0,20}?# needs: kafka\b/;
}

# seconds FILE: about how long it takes, as its header says if that is long
sub seconds
{
	my ($file) = @_;
	return slurp($file) =~ /\A(?:[^\n]*\n){0,20}?# takes: (\d+) s\b/ ? $1 : 0;
}

# is_slow FILE: does its header say that it takes too long for --quick?
sub is_slow
{
	my ($file) = @_;
	return slurp($file) =~ /\A(?:[^\n]*\n){0,20}?# slow\b/;
}

# command_run LOG, COMMAND...: its exit status, as a shell says it; 124 if it took
# too long.  It has its own process group, so that its children end with it.
sub command_run
{
	my ($log, @cmd) = @_;
	my $pid = fork() // die "cannot fork: $!\n";
	if ($pid == 0)
	{
		POSIX::setpgid(0, 0);
		open(STDIN, '<', '/dev/null') or POSIX::_exit(126);
		open(STDOUT, '>>', $log) or POSIX::_exit(126);
		open(STDERR, '>&', \*STDOUT) or POSIX::_exit(126);
		exec { $cmd[0] } @cmd or POSIX::_exit(127);
	}
	my $ended = eval {
		local $SIG{ALRM} = sub { die "timeout\n" };
		alarm $timeout;
		waitpid $pid, 0;
		alarm 0;
		1;
	};
	my $status = $? & 127 ? 128 + ($? & 127) : $? >> 8;
	return $status if $ended;
	kill 'KILL', -$pid;
	waitpid $pid, 0;
	return 124;
}

# log_count LOG, STATUS, EXPECTED: (passed, failed, skipped) cases in a log of TAP
# lines.  Several plans in one log add up (cmocka writes one for each group); what
# was planned and did not happen, and an exit status that no case explains, fail.
sub log_count
{
	my ($log, $status, $expected) = @_;
	my ($ok, $not_ok, $skip, $planned) = (0, 0, 0, 0);
	for (split /\n/, slurp($log))
	{
		if (/^(not )?ok\b(?:.*# *(skip|todo)\b)?/i)
		{
			if ($2) { $skip++ }
			elsif ($1) { $not_ok++ }
			else { $ok++ }
		}
		elsif (/^1\.\.(\d+)(\s*# *skip)?/i)
		{
			$planned += $1;
			$skip++ if $2;
		}
		elsif (/^Bail out!/) { $not_ok++ }
	}
	$planned = $expected // $planned;
	my $missing = $planned - $ok - $not_ok - $skip;
	$not_ok += $missing if $missing > 0;
	$not_ok++ if !$not_ok && ($status != 0 || $ok + $skip == 0);
	return ($ok, $not_ok, $skip);
}

# skip_reasons LOG: why cases were skipped, or may fail, each reason once.  cmocka says
# only which: the reason is in a comment before it (unit_skip).
sub skip_reasons
{
	my ($log) = @_;
	my (@reasons, %seen, $why);
	for (split /\n/, slurp($log))
	{
		if (/^# skip: (.+)/) { $why = $1 }
		elsif (/^(?:(?:not )?ok\b[\s\d-]*|1\.\.0\s*)(.*?)\s*# *(?:skip|todo)\b\s*(.*)/i)
		{
			my $reason = $why // (length $2 ? $2 : "$1: no reason given");
			push @reasons, $reason if !$seen{$reason}++;
			undef $why;
		}
	}
	return @reasons;
}

# tail TEXT, LINES: the last LINES lines of it, indented
sub tail
{
	my ($text, $lines) = @_;
	my @lines = split /\n/, $text;
	@lines = ('...', @lines[ -$lines .. -1 ]) if @lines > $lines;
	return lines_indent(@lines);
}

sub lines_indent
{
	return map { '      ' . substr($_, 0, 400) . "\n" } @_;
}

# head TEXT, LINES: the first LINES lines of it, indented
sub head
{
	my ($text, $lines) = @_;
	my @lines = split /\n/, $text;
	@lines = (@lines[ 0 .. $lines - 1 ], '...') if @lines > $lines;
	return lines_indent(@lines);
}

# result_print NAME, STATUS, START, LOG, EXPECTED, DETAIL...: count a test file's log
# and print its line, its figures, and why cases were skipped; if something failed, the log's end
# and that of the DETAIL files
sub result_print
{
	my ($name, $status, $start, $log, $expected, @details) = @_;
	my ($ok, $not_ok, $skip) = log_count($log, $status, $expected);
	$passed += $ok;
	$failed += $not_ok;
	$skipped += $skip;
	printf "%-5s %-40s %4d passed%s%s%s %6.1f s\n", $not_ok ? 'FAIL' : 'ok', $name, $ok,
	  $not_ok ? ", $not_ok failed" : '', $skip ? ", $skip skipped" : '',
	  $not_ok && $status ? ", exit status $status" . ($status == 124 ? ' (timeout)' : '') : '',
	  time() - $start;
	print map { "      $_\n" } slurp($log) =~ /^# (figures: .*)/mg;
	print map { "      skipped: $_\n" } skip_reasons($log);
	return if !$not_ok;
	my $text = slurp($log);
	print head(join('', $text =~ /^(not ok.*\n(?:#.*\n)*)/mg), 90), "      --\n" if $text =~ tr/\n// > 60;
	print tail($text, 60);
	for my $file (grep { -s } @details)
	{
		print "      -- ", basename($file), ":\n", tail(slurp($file), $file =~ /diffs$/ ? 400 : 30);
	}
	return;
}

# kafka_begin: starts the broker and the registry that all tests of this run share, beside
# the first tests
my %kafka_starts;    # script => pid
sub kafka_begin
{
	for my $script (qw(kafka registry))
	{
		my $pid = fork() // die "cannot fork: $!\n";
		$kafka_starts{$script} = $pid;
		next if $pid;
		POSIX::_exit(command_run("$work/log/$script", "$src/contrib/quickstart/$script", 'start', "$work/$script"));
	}
	return;
}

# kafka_get: waits for them; false, with the reason in LOG, if they cannot be had
sub kafka_get
{
	my ($log) = @_;
	for (['kafka', 'KAFKA_BOOTSTRAP'], ['registry', 'REGISTRY_URL'])
	{
		my ($script, $key) = @$_;
		next if $ENV{$key};
		# job_wait may have met its end
		waitpid $kafka_starts{$script}, 0;
		($ENV{$key}) = slurp("$work/$script/env") =~ /^$key=(.*)$/m;
		next if $ENV{$key};
		delete $ENV{$key};
		open my $file, '>>', $log or die "cannot write $log: $!\n";
		print $file slurp("$work/log/$script");
		close $file;
		return 0;
	}
	return 1;
}

sub kafka_stop
{
	waitpid $_, 0 for values %kafka_starts;
	command_run("$work/log/$_", "$src/contrib/quickstart/$_", 'stop', "$work/$_")
	  for grep { -e "$work/$_/env" } sort keys %kafka_starts;
	return;
}

my %running;    # pid => where its output and its sums are

# job_wait: until one of those that run has ended; its lines are printed, its sums added
sub job_wait
{
	my $pid = waitpid -1, 0;
	my $base = delete $running{$pid} // return;
	my @sums = split ' ', slurp("$base.sums");
	print slurp("$base.result");
	# one that has died has left none
	@sums = (0, 1, 0) if @sums != 3;
	$passed += $sums[0];
	$failed += $sums[1];
	$skipped += $sums[2];
	return;
}

# job_start BASE, WHAT: runs the function in a process of its own, as soon as there is room
sub job_start
{
	my ($base, $what) = @_;
	job_wait() while keys %running >= $jobs;
	my $pid = fork() // die "cannot fork: $!\n";
	$running{$pid} = $base;
	return if $pid;
	open(STDOUT, '>', "$base.result") or POSIX::_exit(126);
	($passed, $failed, $skipped) = (0, 0, 0);
	$what->();
	open my $sums, '>', "$base.sums" or POSIX::_exit(126);
	print $sums "$passed $failed $skipped\n";
	close $sums;
	POSIX::_exit(0);
}

# file_run NAME, FILE, COMMAND...: a test file that prints TAP, or that only
# succeeds or fails, which is one case then
sub file_run
{
	my ($name, $file, @cmd) = @_;
	my $log = "$work/log/" . ($name =~ s{/}{.}gr);
	return if !wanted($name);
	my $kafka = $file =~ /\.(?:pl|sh|py)$|run$/ && needs_kafka($file);
	return if $mode eq 'quick' && ($kafka || is_slow($file));

	my $status = !$kafka || kafka_get($log) ? 0 : 1;
	job_start($log, sub { file_test($name, $log, $status, @cmd) });
	return;
}

# file_test NAME, LOG, STATUS, COMMAND...: runs it, unless status says that it cannot be
sub file_test
{
	my ($name, $log, $status, @cmd) = @_;
	my $start = time;
	$ENV{TESTDIR} = "$work/tap/" . basename($name);
	$ENV{TESTDATADIR} = "$ENV{TESTDIR}/tmp_check";
	$ENV{TESTLOGDIR} = "$ENV{TESTDATADIR}/log";
	make_path($ENV{TESTLOGDIR});
	if ($status == 0)
	{
		$status = command_run($log, @cmd);
		if ($status == 0 && slurp($log) !~ /^(?:not )?ok\b|^1\.\./m)
		{
			open my $file_log, '>>', $log or die "cannot write $log: $!\n";
			print $file_log "ok 1 - exit status 0\n";
		}
	}
	result_print($name, $status, $start, $log, undef, glob("$ENV{TESTLOGDIR}/*"));
	return;
}

sub server_config
{
	my $name = "$work/regress.conf";
	open my $conf, '>', $name or die "cannot write $name: $!\n";
	print $conf <<CONF;
wal_level = logical
max_wal_senders = 10
max_replication_slots = 10
dynamic_library_path = '$src:\$libdir'
autovacuum = off
fsync = off
CONF
	print $conf slurp($ENV{TEMP_CONFIG}) if $ENV{TEMP_CONFIG};    # as PostgreSQL::Test::Cluster does
	print $conf "output_plugin_libraries = 'walrelay, pgoutput, test_decoding'\n"
	  if `'$pg_bin/postgres' --describe-config` =~ /^output_plugin_libraries\t/m;
	return $name;
}

# regress_run NAME, PROGRAM, INPUTDIR, TEST...: pg_regress or pg_isolation_regress
# against a server of its own.  Its lines become TAP; 16 and later write that anyway.
sub regress_run
{
	my ($name, $program, $input, @tests) = @_;
	@tests = grep { wanted("$name/$_") } @tests;
	job_start("$work/log/$name", sub { regress_test($name, $program, $input, @tests) }) if @tests;
	return;
}

sub regress_test
{
	my ($name, $program, $input, @tests) = @_;
	my $start = time;
	my $out = "$work/$name";
	make_path($out);
	my $status = command_run("$out/raw", "$pg_test/$program", "--inputdir=$input", "--outputdir=$out",
		"--bindir=$pg_bin", "--temp-instance=$out/instance", '--temp-config=' . server_config(),
		'--dbname=contrib_regression', '--encoding=UTF8', '--no-locale', @tests);
	open my $log, '>', "$work/log/$name" or die "cannot write the log: $!\n";
	for (split /\n/, slurp("$out/raw"))
	{
		s/^test (\S+)\s+\.\.\. ok\b.*/ok - $1/;
		s/^test (\S+)\s+\.\.\. (?:FAILED|failed)\b.*/not ok - $1/;
		s/^1\.\./# 1../;
		print $log "$_\n";
	}
	close $log;
	result_print($name, $status, $start, "$work/log/$name", scalar @tests,
		"$out/regression.diffs", -e "$out/log/postmaster.log" ? "$out/log/postmaster.log" : "$out/log/initdb.log");
	return;
}

sub tests_of
{
	my ($pattern, $suffix) = @_;
	return map { basename($_, $suffix) } sort glob($pattern);
}

kafka_begin() if $mode eq 'all' && grep { wanted('tap/' . basename($_, '.pl')) && needs_kafka($_) } glob("$src/t/*.pl");
file_run('unit/' . basename($_), $_, $_) for grep { -x && basename($_) !~ /\./ } sort glob("$src/$build/t/unit/test_*");
if ($mode ne 'unit')
{
	regress_run('regress', 'regress/pg_regress', $src, tests_of('sql/*.sql', '.sql'));
	regress_run('isolation', 'isolation/pg_isolation_regress', "$src/t/isolation",
		tests_of('t/isolation/specs/*.spec', '.spec'));
	# the longest first, so that none of them is alone at the end
	file_run('tap/' . basename($_, '.pl'), $_, $^X, "-I$src/t/lib", $_)
	  for sort { seconds($b) <=> seconds($a) || $a cmp $b } glob("$src/t/*.pl");
	file_run('script/' . basename($_), $_, 'bash', $_) for sort glob("$src/t/*.sh");
	if (my @scripts = sort glob("$src/t/*.py"))
	{
		chomp(my $python = `t/lib/venv`);
		file_run('script/' . basename($_), $_, $python, $_) for @scripts;
	}
	file_run('golden', "$src/t/golden/run", "$src/t/golden/run") if -x "$src/t/golden/run";
	# It has a make target of its own: only its whole name brings it.
	file_run('campaign/dashboard', "$src/contrib/dashboard/campaign.pl", $^X, "-I$src/t/lib", "$src/contrib/dashboard/campaign.pl")
	  if grep { $_ eq 'campaign/dashboard' } @names;
}
job_wait() while %running;
kafka_stop();
print "$skipped skipped: see above\n" if $skipped;
open my $tally, '>', "$work/tally" or die "cannot write $work/tally: $!\n";
print $tally "$passed $failed\n";
close $tally;
