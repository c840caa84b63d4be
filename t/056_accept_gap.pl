# 056_accept_gap.pl: what is refused at the start because the slot or the server is not what
# the progress topic says: each situation is made, the relay says which it is and with which
# token it goes on; with another token it refuses again; with this one it tells every
# partition of the gap before anything behind it, and goes on; once.
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Gaps;
use HTTP::Tiny;
use Walrelay;
use PostgreSQL::Test::Utils;
use Test::More;

my $partitions = 2;
my $node = new_source(name => 'gap', conf => "hot_standby = off\nrestore_command = 'false'\n");
my $schemas = "$ENV{TESTDATADIR}/schemas";
my $topic = 'gap.public.t';
my $data = $node->data_dir;

gaps($node, 'gap', kafka());

sub records { return read_topic($topic, schemas => $schemas); }

sub ids { return map { $_->{key}{id} } sort { $a->{key}{id} <=> $b->{key}{id} } grep { $_->{key} } @_; }

# passes WHAT, refused => REGEX, says => {...}, fix => sub, args => [...], late => 1: the situation
# that the server is in is refused, passed and told; late: the slot is made by the relay, so
# that nothing that comes before is seen
my @known;    # records, as they were before
sub passes
{
	my ($what, %opt) = @_;
	my @args = @{ $opt{args} // [] };
	my $stderr = refused($what, $opt{refused}, @args, '--accept-gap=00000000');
	like($stderr, qr/warn: --accept-gap=00000000 fits no gap that there is/, "$what: another token passes nothing");
	my $token = token_of($stderr);
	like($token, qr/^[0-9a-f]{8}$/, "$what: a token") or diag $stderr;
	$opt{fix}->($token) if $opt{fix};
	my $from = $last + 1;
	my $lsn = $opt{late} ? wal_end($node) : insert();
	$stderr = through($lsn, "$what, token", @args, "--accept-gap=$token");
	like($stderr, qr/warn: $opt{says}{code}: gap passed by --accept-gap=$token: from \S+ to \S+, reason $opt{says}{reason}$/m,
		"$what: said that it is passed");

	# The option stays where it is.
	$stderr = through(insert(), "$what, same token again", @args, "--accept-gap=$token");
	like($stderr, qr/warn: --accept-gap=$token fits no gap/, "$what: it fits nothing any more");
	my @records = records();
	my $new = new_records(\@known, \@records);
	is_told($new, $partitions, { version => 1, slot => 'gap', from => '[0-9A-F]+/[0-9A-F]+',
			to => '[0-9A-F]+/[0-9A-F]+', %{ $opt{says} } }, $what);
	is_deeply([ ids(map { @$_ } values %$new) ], [ $from .. $last ], "$what: goes on behind it");
	@known = @records;
	return;
}

# --- the command line ---
for my $bad ('7f3a91c', '7f3a91c22', '7f3a91cg', '7f3a91c2,', '7f3a91c2 0badcafe', '')
{
	my ($status, undef, $stderr) = relay_run('run', "--accept-gap=$bad");
	is($status, 2, "--accept-gap=$bad: exit status 2");
	like($stderr, qr/E1006: invalid token for --accept-gap\nHINT:.*8 hex digits/, "--accept-gap=$bad: said so");
}
is((relay_run('tail', '--accept-gap=7f3a91c2'))[0], 2, 'tail has no such option');

$node->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY)');
kafka_admin(kafka(), 'create', $topic, $partitions);
is((relay_run('slot', 'create', settings()))[0], 0, 'slot create');
through(insert(), 'before');
@known = records();

# --- the slot ---
my $advance = sub {
	$last++;
	$node->safe_psql('postgres',
		"INSERT INTO t VALUES ($last); SELECT pg_replication_slot_advance('gap', pg_current_wal_lsn())");
};
$advance->();
passes('slot advanced', refused => qr/error: E1218: somebody else has moved replication slot "gap"\n/,
	says => { reason => 'slot_moved', code => 'E1218' });

my $drop = sub { $node->safe_psql('postgres', "SELECT pg_drop_replication_slot('gap')"); };
my $create = sub { is((relay_run('slot', 'create', settings()))[0], 0, 'slot create, once more'); };
$drop->();
passes('slot dropped, made anew by hand',
	refused => qr/error: E1207: replication slot "gap" does not exist any more\n/,
	says => { reason => 'slot_moved', code => 'E1218' },
	fix => sub {
		my ($token) = @_;
		my $stderr = refused('slot dropped, token before there is a slot', qr/error: E1207: /, "--accept-gap=$token");
		is(token_of($stderr), $token, 'slot dropped, token before there is a slot: it stays good');
		$create->();
	});
$drop->();
passes('slot dropped, slot.create', refused => qr/error: E1207: replication slot "gap" does not exist any more\n/,
	says => { reason => 'slot_gone', code => 'E1207' }, args => ['--slot.create=true'], late => 1);
$node->append_conf('postgresql.conf', "max_slot_wal_keep_size = 1MB\n");
$node->reload;
$node->safe_psql('postgres', 'CREATE TABLE other (id int)');
$node->safe_psql('postgres', 'INSERT INTO other VALUES (1); SELECT pg_switch_wal()') for 1 .. 3;
$node->safe_psql('postgres', 'CHECKPOINT');
$node->poll_query_until('postgres', "SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = 'gap'")
  or die 'the slot was not lost';
passes('slot lost', refused => qr/error: E1211: replication slot "gap" is lost\n/,
	says => { reason => 'slot_moved', code => 'E1218' },
	fix => sub {
		is((relay_run('slot', 'drop', settings()))[0], 0, 'slot drop');
		$create->();
	});
$node->append_conf('postgresql.conf', "max_slot_wal_keep_size = -1\n");
$node->reload;

# --- the server ---
# keep NAME, use NAME: the stopped server's folder is copied, or put in its place
sub keep
{
	my ($name) = @_;
	$node->stop;
	is(system('cp', '-a', $data, "$data.$name"), 0, "a copy: $name");
	$node->start;
	return;
}

sub use_copy
{
	my ($name, $kept) = @_;
	$node->stop;
	rename $data, "$data.$kept" or die "rename: $!";
	rename "$data.$name", $data or die "rename: $!";
	return;
}

# At the end of recovery a new timeline begins.
sub fork_timeline
{
	append_to_file("$data/recovery.signal", '');
	$node->start;    # does not wait for the end of recovery
	$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'no promotion';
	$node->safe_psql('postgres', 'CHECKPOINT');
	return;
}

keep('early');
through(insert(), 'what the copy lacks');
@known = records();
use_copy('early', 'late');
$node->start;
passes('restored', refused => qr/error: E1218: the server's WAL ends before the confirmed position\n/,
	says => { reason => 'wal_end', code => 'E1218' },
	# It is no less restored for having got on since.
	fix => sub {
		$node->safe_psql('postgres', 'INSERT INTO other VALUES (1); SELECT pg_switch_wal()') for 1 .. 3;
	});

keep('before');
through(insert(), 'what the standby lacks');
@known = records();
use_copy('before', 'primary');
fork_timeline();
passes('promoted without the tail', refused => qr/error: E1218: the server's history has left what was streamed before\n/,
	says => { reason => 'other_history', code => 'E1218' });

use_copy('primary', 'promoted');
$node->start;
passes('the old primary', refused => qr/error: E1218: the server is on an older timeline\n/,
	says => { reason => 'older_timeline', code => 'E1218' });

$node->stop;
$node = new_source(name => 'other');
gaps($node, 'gap', kafka());
$node->safe_psql('postgres', 'CREATE TABLE t (id int PRIMARY KEY)');
$create->();
passes('another server', refused => qr/error: E1218: this is not the server that was streamed before\n/,
	says => { reason => 'other_server', code => 'E1218' });

# --- one that goes on running ---
$advance->();
my $token = token_of(refused('slot advanced again', qr/error: E1218: somebody else has moved/));
my $port = free_port();
my $relay = relay_start(args => [ settings("--accept-gap=$token", "--admin.listen=127.0.0.1:$port",
		'--retry.backoff.ms=2s', '--retry.backoff.max.ms=2s') ]);
my $metrics = sub { return HTTP::Tiny->new(timeout => 10, no_proxy => ['127.0.0.1'])->get("http://127.0.0.1:$port/metrics")->{content}; };
wait_until { $metrics->() =~ /^walrelay_gaps_accepted_total 1$/m } 'the gap to be counted';
my $lsn = insert();
wait_for_slot($node, 'gap', $lsn);
is_deeply([ grep { $_ > $last - 10 } ids(records()) ], [ $last - 9 .. $last ], 'one that goes on running: goes on');

# What a relay says that is refused in the midst of its life holds for its successor.
$node->safe_psql('postgres', q{SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE slot_name = 'gap'});
$last++;
$node->safe_psql('postgres',
	"INSERT INTO t VALUES ($last); SELECT pg_replication_slot_advance('gap', pg_current_wal_lsn())");
is($relay->wait_exit, 78, 'slot advanced while it runs: exit status 78');
$token = token_of($relay->stderr);
like(through(insert(), 'slot advanced while it runs, token', "--accept-gap=$token"),
	qr/warn: E1218: gap passed by --accept-gap=$token: /, 'slot advanced while it runs: its token is good at the next start');

done_testing();
