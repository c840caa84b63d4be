# Security.pm: certificates, a PostgreSQL that wants TLS and SCRAM, a registry behind HTTPS and a
# login, and a librdkafka that knows how to log in to Kafka 4, for the tests of security.
package Security;

use strict;
use warnings;
use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Walrelay;

our @EXPORT = qw(authority certificate write_file door librdkafka);

# write_file NAME, TEXT, MODE: at once, as those who renew secrets do it
sub write_file
{
	my ($name, $text, $mode) = @_;
	open my $file, '>', "$name.new" or die "$name: $!\n";
	print $file $text;
	close $file or die "$name: $!\n";
	chmod $mode // 0644, "$name.new" or die "$name: $!\n";
	rename "$name.new", $name or die "$name: $!\n";
	return $name;
}

sub openssl
{
	my (@args) = @_;
	my $out = '';
	IPC::Run::run([ 'openssl', @args ], '<', \undef, '>', \$out, '2>&1') or die "openssl @args: $out\n";
	return;
}

# authority DIR, NAME: DIR/NAME.crt, which has signed itself, and DIR/NAME.key
sub authority
{
	my ($dir, $name) = @_;
	openssl(qw(req -new -x509 -days 3 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256),
		'-subj', "/CN=walrelay test $name", '-keyout', "$dir/$name.key", '-out', "$dir/$name.crt");
	return "$dir/$name.crt";
}

# certificate DIR, AUTHORITY, NAME, HOST, DAYS: DIR/NAME.crt for this host, DIR/NAME.key, and
# DIR/NAME.pem with both; days 0: it has expired (openssl 3.6 refuses -1)
sub certificate
{
	my ($dir, $authority, $name, $host, $days) = @_;
	my $made = "$dir/$name-made";
	openssl(qw(req -new -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256), '-subj', "/CN=$host",
		'-keyout', "$made.key", '-out', "$made.csr");
	write_file("$made.ext", "subjectAltName=DNS:$host\n");
	openssl(qw(x509 -req), '-in', "$made.csr", '-CA', "$dir/$authority.crt", '-CAkey', "$dir/$authority.key",
		'-CAcreateserial', '-days', $days // 2, '-extfile', "$made.ext", '-out', "$made.crt");
	write_file("$dir/$name.key", slurp("$made.key"), 0600);
	write_file("$dir/$name.crt", slurp("$made.crt"));
	write_file("$dir/$name.pem", slurp("$made.key") . slurp("$made.crt"), 0600);
	return "$dir/$name.pem";
}

# librdkafka: a folder with one that can log in to Kafka 4 by SCRAM (from 2.6.1 on), for
# LD_LIBRARY_PATH; undef: this machine's can
sub librdkafka
{
	my (undef, undef, $said) = relay_run('version');
	my ($stdout) = (relay_run('version'))[1];
	my ($major, $minor, $patch) = "$stdout$said" =~ /librdkafka (\d+)\.(\d+)\.(\d+)/ or die "no version: $stdout\n";
	return if $major * 1e6 + $minor * 1e3 + $patch >= 2_006_001;
	chomp(my $python = qx('$root/t/lib/venv'));
	my ($library) = glob(($python =~ s{/bin/[^/]+$}{}r) . '/lib/python3*/site-packages/confluent_kafka.libs/librdkafka*');
	die "no librdkafka comes with $python\n" unless $library;
	my $dir = "$ENV{TESTDATADIR}/librdkafka";
	mkdir $dir;
	symlink $library, "$dir/librdkafka.so.1" or die "$dir: $!\n";
	return $dir;
}

# ---- a door: HTTPS and a login in front of the registry ----

my @doors;

# door STATE, PORT (0: a free one), CERTIFICATE, LOGIN: its port; close it by its close()
sub door { return Security::Door->start(@_); }

END { my $status = $?; $_->close for @doors; $? = $status; }

package Security::Door;

sub start
{
	my ($class, $state, %opt) = @_;
	my $self = bless { state => $state }, $class;
	chomp(my $python = qx('$Walrelay::root/t/lib/venv'));
	mkdir $state;
	unlink "$state/port";
	my $upstream = Walrelay::registry() =~ s{(//[^/]+).*}{$1}r;
	my @cmd = ($python, "$Walrelay::root/t/lib/registry_proxy.py", '--state', $state, '--upstream', $upstream,
		'--certificate', $opt{certificate}, '--basic', $opt{login}, '--port', $opt{port} // 0);
	$self->{handle} = IPC::Run::start(\@cmd, '<', \undef, '>', "$state/log", '2>&1');
	push @doors, $self;
	Walrelay::wait_until(sub { -e "$state/port" }, 'the registry behind HTTPS: ' . Walrelay::slurp("$state/log"));
	chomp($self->{port} = Walrelay::slurp("$state/port"));
	return $self;
}

sub close
{
	my ($self) = @_;
	$self->{handle}->kill_kill if $self->{handle};
	$self->{handle} = undef;
	return;
}

1;
