# Events.pm: a relay that writes its events to a file, and what came since one last
# looked, one line of text an event, short enough to write the expected ones by hand:
#
#   TABLE OP KEY BEFORE AFTER HEADERS     t u {"id":1} - {"id":1,"v":"x"}
#
# OP as in the envelope, x for a tombstone, m for a message (its content is AFTER);
# "-" where there is nothing; long text as #LENGTH:MD5.  Needs no Kafka.
package Events;

use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use Encode ();
use HTTP::Tiny;
use MIME::Base64 qw(decode_base64);
use Walrelay;
use Exporter 'import';

our @EXPORT = qw(brief);

my $json = json_coder()->canonical;
my $count = 0;

# start NODE, SLOT, DATABASE, ARGS...: makes the slot if it is not there; streaming
sub start
{
	my ($class, $node, $slot, $database, @args) = @_;
	my $self = bless {
		node => $node, slot => $slot, at => 0, args => \@args, database => $database,
		file => "$ENV{TESTDATADIR}/events" . $count++, port => free_port()
	}, $class;
	$node->safe_psql($database, "SELECT pg_create_logical_replication_slot('$slot', 'walrelay')"
		  . " WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '$slot')");
	$self->{relay} = relay_start(
		name => $slot,
		args => [
			'--source.conninfo=' . $node->connstr($database), "--slot.name=$slot",
			'--sink=file', "--sink.file=$self->{file}", '--topic.prefix=p', '--status.interval.ms=100',
			'--avro.verify=1', "--admin.listen=127.0.0.1:$self->{port}", @args ]);
	$self->{relay}->wait_for_log(qr/streaming database/);
	return $self;
}

sub relay { my ($self) = @_; return $self->{relay}; }

# raw: the events that came since the last call, decoded, once everything that is in
# the server's WAL now has been confirmed
sub raw
{
	my ($self) = @_;
	my $lsn = wal_end($self->{node});
	wait_until
	{
		die "the relay ended\n" . $self->{relay}->stderr if !$self->{relay}->is_running;
		$self->{node}->safe_psql('postgres', "SELECT confirmed_flush_lsn >= '$lsn'::pg_lsn"
			  . " FROM pg_replication_slots WHERE slot_name = '$self->{slot}'") eq 't';
	}
	"slot $self->{slot} to confirm $lsn";
	my $text = substr slurp($self->{file}), $self->{at};
	$self->{at} += length $text;
	return json_lines($text);
}

# lines: the same as text; only those of TABLES if there are any
sub lines
{
	my ($self, @tables) = @_;
	my %wanted = map { $_ => 1 } @tables;
	return map { !@tables || $wanted{ (split / /)[0] } ? $_ : () } map { line($_) } $self->raw;
}

sub brief
{
	my ($value) = @_;
	return '-' if !defined $value;
	return { map { $_ => short($value->{$_}) } keys %$value } if ref $value eq 'HASH';
	return short($value);
}

sub short
{
	my ($value) = @_;
	return $value if !defined $value || ref $value || length $value <= 60;
	return '#' . length($value) . ':' . substr md5_hex(Encode::encode('UTF-8', $value)), 0, 6;
}

sub text
{
	my ($value) = @_;
	return defined $value ? $json->encode(brief($value)) : '-';
}

sub line
{
	my ($event) = @_;
	my ($value, $headers) = @$event{qw(value headers)};
	my (undef, $table) = split /\.(?:public\.)?/, $event->{topic}, 2;
	return join ' ', $table, 'm', '-', '-', decode_base64($value->{message}{content})
	  if $table eq 'message';
	return join ' ', $table, $value ? $value->{op} : 'x', text($event->{key}),
	  text($value->{before}), text($value->{after}),
	  map { (substr $_, 11) . '=' . text($json->decode($headers->{$_})) } sort keys %{ $headers // {} };
}

# metric NAME, LABEL's value: its value now
sub metric
{
	my ($self, $name, $label) = @_;
	my $page = HTTP::Tiny->new->get("http://127.0.0.1:$self->{port}/metrics")->{content};
	my ($value) = $page =~ /^walrelay_\Q$name\E\{[^}]*="\Q$label\E"\} (\d+)/m;
	return $value;
}

# stop: true if it ended well, having connected once and complained of nothing but
# deletes of rows that nothing identifies, which tests do on purpose
sub stop
{
	my ($self) = @_;
	my $status = $self->{relay}->stop;
	my $log = $self->{relay}->stderr;
	my $connects = () = $log =~ /streaming database/g;
	my @bad = grep { /level=(?!info|debug)/ && !/deletes were skipped/ } split /\n/, $log;
	return 1 if $status == 0 && $connects == 1 && !@bad;
	Test::More::diag("exit status $status\n$log");
	return 0;
}

1;
