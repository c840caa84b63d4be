# 082_gentle.pl: a snapshot that spares the source: rows a second, hours of the day, and the WAL
# that the slot keeps; without a broker.  While it waits for longer, changes stream.
# takes: 50 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use HTTP::Tiny;
use Time::HiRes ();
use Walrelay;
use Test::More;

my $source = new_source(conf => "max_replication_slots = 12\nmax_wal_senders = 20\n");
my $http = HTTP::Tiny->new(no_proxy => ['127.0.0.1']);

sub sql { return $source->safe_psql('postgres', $_[0]); }

sub tail
{
	my ($name, @args) = @_;
	my $port = free_port();
	my $relay = relay_start(
		name => $name, command => 'tail',
		args => [
			'--source.conninfo=' . $source->connstr('postgres'), '--topic.prefix=p', '--snapshot.mode=initial',
			"--table.include.list=$name\\..*", '--status.interval.ms=200ms', '--admin.log.format=text',
			"--admin.listen=127.0.0.1:$port", '--message.prefix.exclude.list=.*', @args ]);
	$relay->{url} = "http://127.0.0.1:$port/metrics";
	return $relay;
}

sub metric
{
	my ($relay, $name) = @_;
	my ($value) = $http->get($relay->{url})->{content} =~ /^walrelay_\Q$name\E (\S+)$/m;
	return $value // '';
}
sub waits { my ($relay, $reason) = @_; return metric($relay, "snapshot_waiting{reason=\"$reason\"}"); }

# rows RELAY, OP: events of that kind, by id, and how many there are
sub rows { my ($relay, $op) = @_; return map { $_->{value}{after}{id} } grep { $_->{value}{op} eq $op } $relay->events; }

sub table { my ($name, $count) = @_; sql("CREATE SCHEMA $name; CREATE TABLE $name.t (id int PRIMARY KEY, v text); INSERT INTO $name.t SELECT i, 'before' FROM generate_series(1, $count) i"); return; }

sub done { my ($relay, $count) = @_; $relay->wait_for_log(qr/snapshot is done: 1 tables, $count rows/); return; }

# ---- WAL that the slot keeps ----
# The slot is looked at every 5 s: at this rate there is much left to be read then.
table('retained', 4000);
my $retained = tail('retained', '--snapshot.rate.limit=200', '--snapshot.max.retained.bytes=32MB');
wait_until { (rows($retained, 'r'))[0] } 'the first rows';
is(waits($retained, 'retained'), 0, 'retained: little is kept');
sql("SELECT count(pg_logical_emit_message(false, 'fill', repeat('x', 1000000))) FROM generate_series(1, 48)");
sql("INSERT INTO retained.t VALUES (5000, 'while it is read')");

# ---- rows a second ----
table('rate', 2000);
my $rate = tail('rate', '--snapshot.rate.limit=400', '--snapshot.max.threads=3');
wait_until { (rows($rate, 'r'))[0] } 'the first rows';
my $began = Time::HiRes::time();
wait_until { waits($rate, 'rate') eq '1' } 'rate: it waits';
done($rate, 2000);
# All but what the bucket held, three that read at once, and the last ones.
cmp_ok(Time::HiRes::time() - $began, '>', (2000 - 400 - 3 * 400) / 400 - 0.5, 'rate: it took as long as that');
wait_until { rows($rate, 'r') == 2000 } 'rate: all rows';
is_deeply([ sort { $a <=> $b } rows($rate, 'r') ], [ 1 .. 2000 ], 'rate: each once');
like($rate->stderr, qr/400 rows\/s are read at most, as snapshot.rate.limit says/, 'rate: told');
is(scalar(() = $rate->stderr =~ /rows\/s are read at most/g), 1, 'rate: once');
is(waits($rate, 'rate'), 0, 'rate: nobody waits any more');
is(($rate->events)[-1]{value}{source}{snapshot}, 'last', 'rate: the last row is known as such');
is($rate->stop, 0, 'rate: ends well');

# ---- hours of the day ----
table('hours', 10);
my $hour = (gmtime)[2];
my $window = sprintf '%02d:00-%02d:00', ($hour + 6) % 24, ($hour + 12) % 24;
local $ENV{TZ} = 'UTC';
my $hours = tail('hours', "--snapshot.window=$window");
$hours->wait_for_log(qr/it is outside of snapshot.window = $window: no more rows are read, and changes stream/);
sql("INSERT INTO hours.t VALUES (11, 'streams')");
wait_until { (rows($hours, 'c'))[0] } 'hours: changes stream';
is(waits($hours, 'window'), 1, 'hours: it waits');
is(metric($hours, 'snapshot_running'), 1, 'hours: rows are missing');
is_deeply([ rows($hours, 'r') ], [], 'hours: no row');
is($hours->stop, 0, 'hours: ends well');
# The same time elsewhere is within them.
$ENV{TZ} = 'THERE-9';
$hours = tail('hours', "--snapshot.window=$window");
done($hours, 11);
is($hours->stop, 0, 'hours: ends well elsewhere');

# ---- on a terminal ----
# Log lines are whole, the bar is below them, and gone at the end.
# on_terminal NAME, TABLES, ROWS, SETTINGS: the bar of all of them.  Behind the first rows CODE may ask for more.
sub on_terminal
{
	my ($name, $tables, $done, $ask, @settings) = @_;
	my ($out, $transcript) = map { "$ENV{TESTLOGDIR}/$name.$_" } qw(out terminal);
	my $terminal = relay_start(
		name => $name, command => undef, program => "$root/t/lib/on_terminal.py",
		args => [
			70, $out, $transcript, $walrelay, 'tail', '--source.conninfo=' . $source->connstr('postgres'), '--topic.prefix=p',
			"--table.include.list=$name\\..*", '--snapshot.rate.limit=200', @settings ]);
	if ($ask)
	{
		wait_until { slurp($transcript) =~ /streaming database/ } "$name: it streams";
		$ask->();
	}
	wait_until { slurp($transcript) =~ /\d%  [\d,]+ rows/ } "$name: the bar is there";
	wait_until { slurp($transcript) =~ $done } "$name: the snapshot is done";
	is($terminal->stop, 0, "$name: ends well");
	my $text = slurp($transcript);
	my @bars = $text =~ /((?:snapshot )?(?:\[[#.]*\] )?[ \d]\d%  [^\r\e]*)/g;
	cmp_ok(scalar(@bars), '>=', 3, "$name: drawn now and then");
	is(scalar(grep { length > 69 } @bars), 0, "$name: never too wide") or diag join "\n", @bars;
	my @shares = map { /(\d+)%/ } @bars;
	is_deeply(\@shares, [ sort { $a <=> $b } @shares ], "$name: the share grows");
	cmp_ok($shares[-1], '<=', 99, "$name: and is not all");
	like($bars[-1], qr/rows  \d+\/s/, "$name: rows a second");
	ok(scalar(grep { /\d+ s left/ } @bars), "$name: time left");
	ok(scalar(grep { /of $tables tables/ } @bars), "$name: tables");
	# What stands there at the end: each line is a whole message.
	my @screen = map { s/.*\r\e\[K//sr =~ s/\r$//r } split /\n/, $text;
	is_deeply([ grep { !/^(walrelay: \S|[A-Z]+:  )/ } @screen ], [], "$name: messages are whole, and it is gone");
	unlike($text, qr/of $tables tables, \d+ rows, about/, "$name: instead of lines");
	return;
}

table('bar', 1200);
sql('ANALYZE bar.t');
on_terminal('bar', 1, qr/snapshot is done: 1 tables, 1200 rows/, undef, '--snapshot.mode=initial');

# ---- WAL again ----
$retained->wait_for_log(qr/slot "walrelay_tail_\d+" keeps \d\d MB of WAL, more than snapshot.max.retained.bytes\nHINT:.*\nACTION:.*changes stream/);
wait_until { (rows($retained, 'c'))[0] } 'retained: the stream goes on';
# Of what was printed before it; by now it may have gone on.
my $before = 0;
for my $event ($retained->events)
{
	my $op = $event->{value}{op} // '';
	last if $op eq 'c';
	$before++ if $op eq 'r';
}
cmp_ok($before, '<', 4000, "retained: in the middle, after $before rows");
my $holds = metric($retained, 'snapshot_holds_stream');
ok($holds == 0 || $retained->stderr =~ /MB of WAL: it goes on/, 'retained: nothing holds it') or diag($holds);
# Changes of rows that were read and of others; nobody writes after that, and still it goes on.
sql("UPDATE retained.t SET v = 'changed' WHERE id % 10 = 0; DELETE FROM retained.t WHERE id % 10 = 1");
wait_until { waits($retained, 'retained') eq '1' || $retained->stderr =~ /MB of WAL: it goes on/ } 'retained: it waits';
$retained->wait_for_log(qr/slot "walrelay_tail_\d+" keeps \d+ MB of WAL: it goes on/);
$retained->wait_for_log(qr/snapshot is done: 1 tables/);
is(waits($retained, 'retained'), 0, 'retained: it does not wait');
my $last = sql("INSERT INTO retained.t VALUES (6000, 'end') RETURNING id");
wait_until { grep { $_ == 6000 } rows($retained, 'c') } 'retained: the end';
my (%there, %twice);
for my $event ($retained->events)
{
	my ($op, $id) = ($event->{value}{op}, ($event->{key} // {})->{id});
	next if !defined $op;
	if ($op eq 'd') { delete $there{$id}; next; }
	$twice{$id}++ if $op eq 'r' && exists $there{$id} && $event->{value}{after}{v} eq 'before';
	$there{$id} = $event->{value}{after}{v};
}
is_deeply(\%there, { map { split /\|/ } split /\n/, sql('SELECT id, v FROM retained.t') }, 'retained: what was sent is what there is');
is_deeply(\%twice, {}, 'retained: no row twice that has not changed');
is($retained->stop, 0, 'retained: ends well');

# ---- on a terminal, while changes stream ----
# The second one is not begun when the first one ends.
table('bars', 800);
sql('CREATE TABLE bars.u (id int PRIMARY KEY); INSERT INTO bars.u SELECT generate_series(1, 800); ANALYZE bars.t; ANALYZE bars.u');
on_terminal('bars', 2, qr/incremental snapshot is done/, sub {
		sql(q{SELECT pg_logical_emit_message(true, 'walrelay',
			'signal {"id":"b","type":"execute-snapshot","data":{"data-collections":["bars[.].*"]}}')});
	}, '--snapshot.mode=never', '--signal.enabled.channels=source', '--snapshot.max.threads=1', '--snapshot.chunk.size=100');

done_testing();
