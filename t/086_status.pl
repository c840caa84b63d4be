# 086_status.pl: walrelay status and top: what a relay that runs is doing, as it says itself, and what
# is said if there is none.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::INET;
use Walrelay;
use Test::More;

my $source = new_source();
my ($port, $log) = (free_port(), $ENV{TESTLOGDIR});
sub sql { return $source->safe_psql('postgres', $_[0]); }
sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'secret value' FROM generate_series(1, 500) i");
my $relay = relay_start(
	name => 'relay', command => 'tail',
	args => [ '--source.conninfo=' . $source->connstr('postgres'), '--topic.prefix=p', "--admin.listen=:$port", '--snapshot.mode=initial' ]);
wait_until { $relay->events == 500 } 'the rows';
sql("INSERT INTO t VALUES (1001, 'secret value'); UPDATE t SET v = 'x' WHERE id <= 20; DELETE FROM t WHERE id = 1");
wait_until { $relay->events >= 500 + 1 + 20 + 2 } 'the changes';

sub status { my (@args) = @_; return relay_run('status', "--admin.listen=:$port", @args); }

# ---- as it is ----
my ($status, $text, $why) = status();
is($status, 0, 'status') or diag($why);
like($text, qr/^state          streaming, ready$/m, 'its state');
like($text, qr/^PostgreSQL     streams, last heard of [\d.]+ s ago$/m, 'the source');
like($text, qr/^registry       not used, or not asked yet$/m, 'no registry');
like($text, qr/^inserts +1$/m, 'inserts');
like($text, qr/^updates +20$/m, 'updates');
like($text, qr/^process        [\d.]+ MB of memory, runs for [\d.]+ (?:s|min); walrelay \d/m, 'the process');
unlike($text, qr/secret/, 'no value of a row');
($status, $text) = status('--json');
my ($json) = json_lines($text);
is("$status $json->{state} $json->{changes}{update}", '0 streaming 20', 'as JSON');
is($json->{snapshot_rows_sent}, 500, 'rows that were read');
is("@$json{qw(snapshot_running snapshot_tables snapshot_tables_complete snapshot_rows)}", '0 1 1 500', 'a snapshot that is done');

# ---- on a terminal ----
my $transcript = "$log/top.terminal";
my $top = relay_start(
	name => 'top', command => undef, program => "$root/t/lib/on_terminal.py",
	args => [ 100, '-', $transcript, $walrelay, 'top', "--admin.listen=:$port" ]);
wait_until { slurp($transcript) =~ /inserts +1  0\/s/ } 'top: a rate of nothing';
# until some are in between two looks
my $id = 2000;
wait_until { sql("INSERT INTO t SELECT $id + i, 'x' FROM generate_series(1, 50) i"); $id += 50; slurp($transcript) =~ /inserts +[\d,]+  [1-9][\d,]*\/s/ } 'top: a rate';
is($relay->stop, 0, 'the relay ends well');
wait_until { slurp($transcript) =~ /E1009: no walrelay answers/ } 'top: it has ended';
is($top->stop, 0, 'top ends well');
my @pages = split /\e\[H/, slurp($transcript);
cmp_ok(scalar @pages, '>=', 4, scalar(@pages) . ' pages');
# each line clears what was there before it
is(scalar(grep { length && !/\e\[K\r?$|^Ctrl-C/ } map { split /\n/ } @pages[ 2 .. 3 ]), 0, 'no rest of a longer line');

# ---- nobody, or somebody else ----
($status, $text, $why) = status();
is("$status $text", '69 ', 'nobody is there');
like($why, qr/E1009: no walrelay answers at http:\/\/127\.0\.0\.1:$port\/status.*--admin\.listen=HOST:PORT/s, 'and that is told');
($status, undef, $why) = relay_run('status');
is($status, 78, 'no address');
like($why, qr/E1003: .*admin\.listen/, 'which is told');
($status, undef, $why) = relay_run('top', "--admin.listen=:$port");
is($status, 2, 'top: no terminal');
like($why, qr/E1006: "top" needs a terminal/, 'which is told, too');
for my $answer ("HTTP/1.0 404 Not Found\r\n\r\n", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", "hello\n")
{
	my $other = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die "no port: $!\n";
	my $asked = relay_start(name => 'asked', command => 'status', args => [ '--admin.listen=127.0.0.1:' . $other->sockport ]);
	my $client = $other->accept or die "nobody asks: $!\n";
	sysread $client, my $request, 4096;
	syswrite $client, $answer;
	close $client;
	is($asked->wait_exit, 69, 'something else is there');
	like($asked->stderr, qr/E1009/, 'which is told');
}
done_testing();
