# Lab.pm: a source, brokers and a registry, and relays between them, each with a slot and
# topics of one name, and proxies in front of the registry, for the tests of what registry and
# brokers do not take.
package Lab;

use strict;
use warnings;
use Exporter 'import';
use HTTP::Tiny;
use IPC::Run ();
use Walrelay;

our @EXPORT = qw(lab sql lsn settings slot_new start page status ids register put_level proxy rules proxy_dir kafka_tools $http $json);

our $http = HTTP::Tiny->new(no_proxy => ['127.0.0.1']);
our $json = json_coder()->utf8;

my ($source, $bootstrap);
my %database;    # by name, where it is not postgres

# lab NODE, BOOTSTRAP: where all the others work
sub lab { ($source, $bootstrap) = @_; return; }

sub sql { return $source->safe_psql('postgres', $_[0]); }
sub lsn { return wal_end($source); }

# settings NAME, ARGS: the settings of a relay with a slot and topics of that name
sub settings
{
	my ($name, @args) = @_;
	return ('--source.conninfo=' . $source->connstr($database{$name} // 'postgres'), "--slot.name=$name",
		"--kafka.topic.prefix=$name", "--bootstrap.servers=$bootstrap",
		'--registry.url=' . registry(), '--retry.backoff.max.ms=500ms', '--status.interval.ms=200ms',
		'--admin.log.format=text', @args);
}

# slot_new NAME, DATABASE: from here on
sub slot_new
{
	my ($name, $database) = @_;
	$database{$name} = $database;
	my ($status, undef, $stderr) = relay_run('slot', 'create', settings($name));
	die "no slot $name: $stderr" if $status != 0;
	return;
}

# start NAME, ARGS: a relay with an admin address, that streams
sub start
{
	my ($name, @args) = @_;
	my $port = free_port();
	my $relay = relay_start(args => [ settings($name, "--admin.listen=127.0.0.1:$port", @args) ]);
	$relay->{url} = "http://127.0.0.1:$port";
	$relay->wait_for_log(qr/streaming database/);
	return $relay;
}

# page RELAY, PATH: the whole response
sub page { my ($relay, $path) = @_; return $http->get("$relay->{url}/$path"); }
sub status { my ($relay) = @_; return $json->decode(page($relay, 'status')->{content}); }

# ids RECORDS: of their keys
sub ids { return [ map { $_->{key}{id} } @_ ]; }

# register SUBJECT, SCHEMA: its id
sub register
{
	my ($subject, $schema) = @_;
	my $reply = $http->post(registry() . "/subjects/$subject/versions",
		{ headers => { 'Content-Type' => 'application/json' }, content => $json->encode({ schema => $schema }) });
	die "cannot register $subject: $reply->{content}\n" unless $reply->{success};
	return $json->decode($reply->{content})->{id};
}

# put_level SUBJECT, LEVEL: of compatibility
sub put_level
{
	my ($subject, $level) = @_;
	my $reply = $http->put(registry() . "/config/$subject",
		{ headers => { 'Content-Type' => 'application/json' }, content => qq({"compatibility":"$level"}) });
	die "cannot set $subject to $level: $reply->{content}\n" unless $reply->{success};
	return;
}

# kafka_tools: a folder for PATH with Kafka's own programs that remedies name, and walrelay
sub kafka_tools
{
	my $bin = "$ENV{TESTDATADIR}/bin";
	my %java = (topics => 'org.apache.kafka.tools.TopicCommand', configs => 'kafka.admin.ConfigCommand', acls => 'org.apache.kafka.tools.AclCommand');
	chomp(my $jars = qx('$root/contrib/quickstart/fetch-kafka' kafka));
	mkdir $bin or die "$bin: $!\n";
	for my $name (keys %java)
	{
		open my $script, '>', "$bin/kafka-$name.sh" or die "$bin: $!\n";
		print $script "#!/bin/sh\nexec java -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=off -cp '$jars/*' $java{$name} \"\$@\"\n";
		close $script or die "$bin: $!\n";
		chmod 0755, "$bin/kafka-$name.sh";
	}
	symlink $walrelay, "$bin/walrelay" or die "$bin: $!\n";
	return $bin;
}

# ---- proxies ----

my @proxies;

# proxy_dir: the folder with the state of each
sub proxy_dir
{
	my $dir = "$ENV{TESTDATADIR}/registry";
	-d $dir or mkdir $dir or die "$dir: $!\n";
	return $dir;
}

# proxy NAME, ARGS: its port; see registry_proxy.py
sub proxy
{
	my ($name, @args) = @_;
	my $state = proxy_dir() . "/$name";
	chomp(my $python = qx('$root/t/lib/venv'));
	mkdir $state or die "$state: $!\n";
	my $handle = IPC::Run::start([ $python, "$root/t/lib/registry_proxy.py", '--state', $state, @args ],
		'<', \undef, '>', "$state.log", '2>&1');
	push @proxies, $handle;
	wait_until { -e "$state/port" } "proxy $name to listen: " . slurp("$state.log");
	chomp(my $port = slurp("$state/port"));
	return $port;
}

# rules NAME, RULE...: how the proxy answers from now on
sub rules
{
	my ($name, @rules) = @_;
	my $file = proxy_dir() . "/$name/rules";
	open my $new, '>', "$file.new" or die "$file: $!\n";
	print {$new} $json->encode(\@rules);
	close $new or die "$file: $!\n";
	rename "$file.new", $file or die "$file: $!\n";
	return;
}

END
{
	my $status = $?;
	$_->kill_kill(grace => 1) for @proxies;
	$? = $status;
}

1;
