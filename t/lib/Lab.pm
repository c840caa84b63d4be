# Lab.pm: a source, brokers and a registry, and relays between them, each with a slot and
# topics of one name, for the tests of what registry and brokers do not take.
package Lab;

use strict;
use warnings;
use Exporter 'import';
use HTTP::Tiny;
use Walrelay;

our @EXPORT = qw(lab sql lsn settings slot_new start page status ids register $http $json);

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

1;
