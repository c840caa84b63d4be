# Walrelay.pm: what the TAP files share: a PostgreSQL with our plugin, walrelay
# processes, a real Kafka and registry, the independent reader, waiting.  Built on
# PostgreSQL::Test::* as every server package ships it.  A test never sleeps: it
# waits for a condition until a deadline.  Works under t/run and under plain prove:
#
#   use FindBin; use lib "$FindBin::Bin/lib"; use Walrelay; use Test::More;
#   my $source = new_source();
#   my $relay = relay_start(args => [ '--source.conninfo=' . $source->connstr, ... ]);
#
# A file that uses kafka() or registry() has the line "# needs: kafka" in its header.
package Walrelay;

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use JSON::PP ();
use List::Util qw(max min);
use Time::HiRes ();

our ($root, $pg_bin, $walrelay, $plugin_dir);

# The paths must be known before PostgreSQL::Test is loaded: it reads them then.
BEGIN
{
	my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
	my $setting = sub {
		my $value = qx($pg_config $_[0]);
		die "cannot run $pg_config\n" if $? != 0;
		chomp $value;
		return $value;
	};
	my $first = sub { my ($path) = grep { -e } @_; return $path; };

	$root = abs_path(dirname(__FILE__) . '/../..');
	$pg_bin = $ENV{PG_BIN} // $setting->('--bindir');
	$walrelay = $ENV{WALRELAY} // $first->("$root/build/walrelay", "$root/walrelay");
	$plugin_dir = $ENV{PLUGIN_DIR}
	  // (-e "$root/build/walrelay.so" ? "$root/build" : $root);

	my $pgxs_test = dirname(dirname($setting->('--pgxs'))) . '/test';
	unshift @INC, "$pgxs_test/perl";
	$ENV{PATH} = "$pg_bin:$ENV{PATH}";
	$ENV{PG_REGRESS} //= "$pgxs_test/regress/pg_regress";
	$ENV{TESTDIR} //= "$root/tmp_check/" . basename($0, '.pl');
	$ENV{TESTDATADIR} //= "$ENV{TESTDIR}/tmp_check";
	$ENV{TESTLOGDIR} //= "$ENV{TESTDATADIR}/log";
	# What a test is about is the stream, unless it says otherwise.
	$ENV{WALRELAY_SNAPSHOT_MODE} //= 'never';
	system('mkdir', '-p', $ENV{TESTLOGDIR}) == 0 or die "cannot create $ENV{TESTLOGDIR}\n";
}

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Exporter 'import';

our @EXPORT = qw(
  new_source plugin_of_tomorrow slot_lsn wal_end wait_for_slot wait_for_status next_xid
  relay_start relay_run memory_kb
  kafka kafka_start kafka_admin registry registry_start read_topic
  wait_until free_port json_coder json_lines slurp
  $root $pg_bin $walrelay $plugin_dir
);

my @servers;    # brokers and registries that this file started

# ---- waiting ----

# wait_until { condition } what, seconds: returns the condition's value once it is
# true; dies, saying what was waited for, when the time is over.
sub wait_until(&$;$)
{
	my ($condition, $what, $timeout) = @_;
	$timeout //= $PostgreSQL::Test::Utils::timeout_default;
	my $began = Time::HiRes::time();
	while (1)
	{
		my $value = $condition->();
		return $value if $value;
		my $waited = Time::HiRes::time() - $began;
		die "waited $timeout s in vain for: $what\n" if $waited > $timeout;
		# To look often takes processor time from what is waited for.
		Time::HiRes::sleep(min(0.1, max(0.02, $waited / 10)));
	}
}

sub free_port
{
	return PostgreSQL::Test::Cluster::get_free_port();
}

# slurp FILE: its bytes; '' if it does not exist (yet)
sub slurp
{
	my ($name) = @_;
	open my $file, '<:raw', $name or return '';
	local $/;
	return <$file> // '';
}

# json_coder: parses and prints JSON.  That in Perl takes 300 times as long, and tests read much of it.
sub json_coder
{
	my $class = eval { require Cpanel::JSON::XS; 1 } ? 'Cpanel::JSON::XS' : 'JSON::PP';
	return $class->new->allow_nonref;
}

# json_lines TEXT: one decoded value per complete line
sub json_lines
{
	my ($text) = @_;
	my $json = json_coder()->utf8;
	return map { $json->decode($_) } $text =~ /^(.*)\n/mg;
}

# ---- PostgreSQL ----

# new_source name => 'source', conf => "k = v\n...", start => 1, tcp => 0, initdb => [...]:
# a server that finds our plugin in the build folder and lets it be used.  UTF8
# unless initdb says otherwise, whatever the environment's locale.
sub new_source
{
	my %opt = (name => 'source', conf => '', start => 1, initdb => [ '--encoding=UTF8', '--locale=C.UTF-8' ], @_);
	my $node = PostgreSQL::Test::Cluster->new($opt{name});

	$node->init(allows_streaming => 'logical', extra => $opt{initdb});
	$node->append_conf('postgresql.conf', <<CONF);
dynamic_library_path = '$plugin_dir:\$libdir'
autovacuum = off
wal_writer_delay = 10ms
log_min_messages = info
log_replication_commands = on
CONF
	# A server refuses to start with a setting it does not know, and one that
	# knows it refuses every plugin that is not in the list.
	$node->append_conf('postgresql.conf',
		"output_plugin_libraries = 'walrelay, pgoutput, test_decoding, wal2json, decoderbufs'\n")
	  if qx('$pg_bin/postgres' --describe-config) =~ /^output_plugin_libraries\t/m;
	$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\n") if $opt{tcp};
	$node->append_conf('postgresql.conf', $opt{conf});
	$node->start if $opt{start};
	return $node;
}

# plugin_of_tomorrow DIR: walrelay_tomorrow.so, which speaks another version of the protocol only
sub plugin_of_tomorrow
{
	my ($dir) = @_;
	my $flags = qx('$pg_bin/pg_config' --includedir-server) =~ s/\n//r;
	my $cc = $ENV{CC} // 'cc';

	system("mkdir $dir && cp $root/decoder/*.[ch] $dir"
		  . " && sed -i 's/\\(WIRE_VERSION_M[INAX]*[[:space:]]*\\)1\$/\\12/' $dir/wire.h"
		  . " && sed -i 's/proto), \"1\"/proto), \"2\"/' $dir/options.c"
		  . qq{ && $cc -shared -fPIC -O1 -D_GNU_SOURCE '-DWALRELAY_VERSION="2"' -I $flags -o $dir/walrelay_tomorrow.so $dir/*.c}) == 0
	  or die "cannot make a plugin of tomorrow\n";
	return;
}

# slot_lsn NODE, SLOT: confirmed_flush_lsn as text, as the relay writes it (19 fills up with zeros)
sub slot_lsn
{
	my ($node, $slot) = @_;
	return $node->safe_psql('postgres',
		"SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '$slot'") =~ s{/0+(?=.)}{/}r;
}

# wal_end NODE: the end of the last record in its WAL.  Where that fills a page the next one is
# inserted behind a page's header, and nobody can confirm so much before there is one.
sub wal_end
{
	my ($node) = @_;
	return $node->safe_psql('postgres', <<'SQL');
SELECT lsn - CASE WHEN (lsn - '0/0') % pg_size_bytes(current_setting('wal_segment_size')) = 40 THEN 40
	WHEN (lsn - '0/0') % current_setting('wal_block_size')::int = 24 THEN 24 ELSE 0 END
FROM pg_current_wal_insert_lsn() lsn
SQL
}

# wait_for_slot NODE, SLOT, LSN: until the slot's position has reached LSN (default:
# where the server's WAL ends now).  Compared by the server, never as text.
sub wait_for_slot
{
	my ($node, $slot, $lsn, $timeout) = @_;
	$lsn //= wal_end($node);
	wait_until
	{
		$node->safe_psql('postgres', "SELECT confirmed_flush_lsn >= '$lsn'::pg_lsn"
			  . " FROM pg_replication_slots WHERE slot_name = '$slot'") eq 't';
	}
	"slot $slot to confirm $lsn", $timeout;
	return $lsn;
}

# wait_for_status NODE, SECONDS: until the server has had a status message that was sent
# so long after now
sub wait_for_status
{
	my ($node, $seconds) = @_;
	my $moment = $node->safe_psql('postgres', "SELECT clock_timestamp() + '$seconds s'");
	wait_until
	{
		$node->safe_psql('postgres',
			"SELECT bool_or(reply_time >= '$moment') FROM pg_stat_replication") eq 't';
	}
	"a status message sent after $moment", $seconds + $PostgreSQL::Test::Utils::timeout_default;
	return;
}

# next_xid NODE: rises by one with each transaction that writes
sub next_xid
{
	my ($node) = @_;
	return $node->safe_psql('postgres', 'SELECT pg_snapshot_xmax(pg_current_snapshot())');
}

# ---- Kafka and the registry ----

# kafka, registry: the address of the run's shared broker and registry: from the
# environment, or started now and stopped at the end of this file.  Files share
# them, so each uses a topic.prefix of its own.
sub kafka
{
	$ENV{KAFKA_BOOTSTRAP} //= kafka_start()->address;
	return $ENV{KAFKA_BOOTSTRAP};
}

sub registry
{
	$ENV{REGISTRY_URL} //= registry_start()->address;
	return $ENV{REGISTRY_URL};
}

# kafka_start(NAME => VALUE...), registry_start: one of this test's own, which it
# may stop, kill and restart.  The arguments go into its script's environment.
sub kafka_start { return Walrelay::Server->start('kafka', 'KAFKA_BOOTSTRAP', @_); }
sub registry_start { return Walrelay::Server->start('registry', 'REGISTRY_URL', @_); }

# python: the reader's, with its packages
my $python;
sub python
{
	return $python if $python;
	chomp(my $found = qx('$root/t/lib/venv'));
	die "no Python for the reader\n" if $? != 0;
	return $python = $found;
}

# read_topic TOPIC, count => N, timeout => S, schemas => DIR, bootstrap => ..., registry => ...,
# committed => 1: the topic's records as the independent reader sees them (see read_topic.py), by
# partition and offset.  With count it waits until there are so many; committed: those of Kafka
# transactions that are open or were aborted are left out.  cut => N: longer texts are MD5 and
# length instead.
sub read_topic
{
	my ($topic, %opt) = @_;
	my @cmd = (python(), "$root/t/lib/read_topic.py", $topic,
		'--bootstrap', $opt{bootstrap} // kafka(),
		'--timeout', $opt{timeout} // $PostgreSQL::Test::Utils::timeout_default);
	push @cmd, '--until-count', $opt{count} if defined $opt{count};
	push @cmd, '--committed' if $opt{committed};
	push @cmd, '--cut', $opt{cut} if defined $opt{cut};
	push @cmd, '--schemas', $opt{schemas} if defined $opt{schemas};
	my $registry = $opt{registry} // (defined $opt{schemas} ? undef : registry());
	push @cmd, '--registry', $registry if defined $registry;

	my ($stdout, $stderr) = ('', '');
	IPC::Run::run(\@cmd, '<', \undef, '>', \$stdout, '2>', \$stderr)
	  or die "reading topic $topic failed: $stderr\n";
	my @records = sort { $a->{partition} <=> $b->{partition} || $a->{offset} <=> $b->{offset} }
	  json_lines($stdout);
	return @records;
}

# kafka_admin ADDRESS, COMMAND...: see kafka_admin.py
sub kafka_admin
{
	my ($address, @command) = @_;
	system(python(), "$root/t/lib/kafka_admin.py", '--bootstrap', $address, @command) == 0
	  or die "kafka_admin @command failed\n";
	return;
}

# ---- walrelay ----

# relay_start args => [...], command => 'run', env => {...}, name => ..., program => ...: a
# walrelay, or what runs one, in the background, its output in files; see Walrelay::Relay.
sub relay_start { return Walrelay::Relay->start(@_); }

# memory_kb MB: so much memory, and what AddressSanitizer keeps of what was given back (its quarantine)
sub memory_kb { my ($mb) = @_; return 1024 * ($mb + (($ENV{B} // '') =~ /san/ ? 400 : 0)); }

# relay_run ARGS...: run walrelay to its end; (exit status, stdout, stderr).  One that
# does not end in time fails the test.
sub relay_run
{
	my $relay = Walrelay::Relay->start(command => undef, args => [@_]);
	my $status = $relay->wait_exit;
	return ($status, $relay->stdout, $relay->stderr);
}

END
{
	my $status = $?;    # what stopping does must not change the test's result
	$_->finish for @servers;
	Walrelay::Relay::finish_all();
	$? = $status;
}

# ---- a broker or a registry, by its script in contrib/quickstart ----
package Walrelay::Server;

my $server_count = 0;

sub start
{
	my ($class, $script, $key, %env) = @_;
	my $self = bless {
		script => "$root/contrib/quickstart/$script",
		dir => "$ENV{TESTDATADIR}/$script" . $server_count++,
		key => $key,
		env => \%env
	}, $class;
	push @servers, $self;
	$self->_do('start');
	return $self;
}

sub _do
{
	my ($self, $command, @args) = @_;
	local %ENV = (%ENV, %{ $self->{env} });
	system($self->{script}, $command, $self->{dir}, @args) == 0
	  or die "$self->{script} $command failed\n";
	return;
}

# env NAME: a value from the file that the script wrote
sub env
{
	my ($self, $name) = @_;
	my ($value) = Walrelay::slurp("$self->{dir}/env") =~ /^\Q$name\E=(.*)$/m;
	return $value;
}

sub address { my ($self) = @_; return $self->env($self->{key}); }
sub stop { my ($self) = @_; return $self->_do('stop'); }
sub kill9 { my ($self) = @_; return $self->_do('kill'); }
sub restart { my ($self) = @_; return $self->_do('restart'); }
sub finish { my ($self) = @_; return system("$self->{script} kill $self->{dir} 2>/dev/null"); }

# topic_create NAME, PARTITIONS, 'k=v'...
sub topic_create
{
	my ($self, @args) = @_;
	return Walrelay::kafka_admin($self->address, 'create', @args);
}

# topic_alter NAME, 'k=v'...
sub topic_alter
{
	my ($self, @args) = @_;
	return Walrelay::kafka_admin($self->address, 'config', @args);
}

# ---- a walrelay process ----
package Walrelay::Relay;

use POSIX ();

my %running;    # pid => Walrelay::Relay
my $relay_count = 0;

sub start
{
	my ($class, %opt) = (shift, command => 'run', args => [], env => {}, @_);
	my $name = $opt{name} // 'walrelay' . $relay_count++;
	my $self = bless { base => "$ENV{TESTLOGDIR}/$name", name => $name }, $class;
	my @cmd = ($opt{program} // $walrelay, defined $opt{command} ? $opt{command} : (), @{ $opt{args} });

	die "there is no walrelay; run make\n" unless $walrelay && -x $walrelay;
	Test::More::note("$name: @cmd");
	$self->{pid} = fork() // die "cannot fork: $!\n";
	if ($self->{pid} == 0)
	{
		%ENV = (%ENV, %{ $opt{env} });
		open(STDIN, '<', $opt{stdin} // '/dev/null') or POSIX::_exit(126);
		open(STDOUT, '>', "$self->{base}.out") or POSIX::_exit(126);
		open(STDERR, '>', "$self->{base}.err") or POSIX::_exit(126);
		exec { $cmd[0] } @cmd or POSIX::_exit(127);
	}
	$running{ $self->{pid} } = $self;
	return $self;
}

sub pid { my ($self) = @_; return $self->{pid}; }
sub stdout { my ($self) = @_; return Walrelay::slurp("$self->{base}.out"); }
sub stderr { my ($self) = @_; return Walrelay::slurp("$self->{base}.err"); }

# events: what it has written to stdout so far, decoded
sub events { my ($self) = @_; return Walrelay::json_lines($self->stdout); }

# wait_for_events COUNT: until stdout has so many lines; returns them decoded
sub wait_for_events
{
	my ($self, $count, $timeout) = @_;
	$self->_wait_while_running(sub { ($self->stdout =~ tr/\n//) >= $count },
		"$count events on stdout", $timeout);
	return $self->events;
}

# wait_for_log REGEX: until it is in stderr; dies at once if the process has ended
sub wait_for_log
{
	my ($self, $regex, $timeout) = @_;
	return $self->_wait_while_running(sub { $self->stderr =~ $regex }, "log line $regex", $timeout);
}

sub _wait_while_running
{
	my ($self, $condition, $what, $timeout) = @_;
	return Walrelay::wait_until(
		sub {
			my $ended = !$self->is_running;    # before the look, so that nothing is missed
			return 1 if $condition->();
			die "$self->{name} ended with status $self->{status} before: $what\n" . $self->stderr
			  if $ended;
			return 0;
		},
		"$self->{name}: $what",
		$timeout);
}

sub is_running
{
	my ($self) = @_;
	return 0 if defined $self->{status};
	return 1 if waitpid($self->{pid}, POSIX::WNOHANG()) != $self->{pid};
	# as a shell says it: 128 and the signal's number
	$self->{status} = $? & 127 ? 128 + ($? & 127) : $? >> 8;
	delete $running{ $self->{pid} };
	return 0;
}

# wait_exit: its exit status; dies if it does not end in time
sub wait_exit
{
	my ($self, $timeout) = @_;
	Walrelay::wait_until(sub { !$self->is_running }, "$self->{name} to end", $timeout);
	return $self->{status};
}

sub signal
{
	my ($self, $signal) = @_;
	kill $signal, $self->{pid} if $self->is_running;
	return;
}

# stop: SIGTERM; exit status
sub stop
{
	my ($self, $timeout) = @_;
	$self->signal('TERM');
	return $self->wait_exit($timeout);
}

sub kill9
{
	my ($self) = @_;
	$self->signal('KILL');
	return $self->wait_exit;
}

# rss_kb: resident memory now, its highest value so far.  Compared with memory_kb().
sub rss_kb
{
	my ($self) = @_;
	my $status = Walrelay::slurp("/proc/$self->{pid}/status");
	return ($status =~ /^VmRSS:\s+(\d+)/m, $status =~ /^VmHWM:\s+(\d+)/m);
}

sub finish_all
{
	for my $relay (values %running)
	{
		kill 'KILL', $relay->{pid};
		waitpid $relay->{pid}, 0;
	}
	%running = ();
	return;
}

1;
