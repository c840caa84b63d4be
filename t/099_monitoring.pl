# 099_monitoring.pl: the alert rules and the dashboard of monitoring/, in a real Prometheus that
# scrapes a real relay.  What the dashboard looks like, and more of what it is, is checked by make dashboard-check.
# needs: kafka
# takes: 22 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run ();
use Lab;
use Walrelay;
use Test::More;

my $dir = "$root/monitoring";
my $temp = $ENV{TESTDATADIR};

sub promtool
{
	my (@args) = @_;
	my $said = '';
	IPC::Run::run([ 'promtool', @args ], '<', \undef, '>', \$said, '2>&1');
	return ($? >> 8, $said);
}

my ($status, $said) = promtool('check', 'rules', "$dir/walrelay.rules.yml");
is($status, 0, 'rules are valid') or diag($said);
($status, $said) = promtool('test', 'rules', "$dir/walrelay.rules.test.yml");
is($status, 0, 'each fires for what it is meant for, alone') or diag($said);
my $rules = slurp("$dir/walrelay.rules.yml");
my @alerts = $rules =~ /alert: (\w+)/g;
my $tests = slurp("$dir/walrelay.rules.test.yml");
is_deeply([ grep { $tests !~ /"$_"/ } @alerts ], [], 'each is tested');
my @parts = $rules =~ /^ +- alert:(?:(?!^ +- alert:).)*/gms;
is_deeply([ grep { !/summary:.*description:/s || !/severity: (?:critical|warning)\n/ } @parts ], [], 'each says how bad it is and what to do');
is_deeply([ grep { (relay_run('explain', $_))[0] != 0 } $rules =~ /explain (E\d+)/g ], [], 'codes that they name are there');

# ---- the dashboard ----
my $board = $json->decode(slurp("$dir/walrelay.grafana.json"));
my (@exprs, @missing, %seen);
for my $panel (@{ $board->{panels} })
{
	push @missing, $panel->{id} if $seen{ $panel->{id} }++;
	next if $panel->{type} eq 'row';
	my $at = $panel->{gridPos};
	push @missing, "$panel->{title}: beyond the edge" if $at->{x} + $at->{w} > 24;
	push @missing, "$panel->{title}: over another" if grep { $seen{"$at->{y} $_"}++ } $at->{x} .. $at->{x} + $at->{w} - 1;
	push @missing, "$panel->{title}: no unit" if !$panel->{fieldConfig}{defaults}{unit};
	push @exprs, map { $_->{expr} } @{ $panel->{targets} };
}
is_deeply(\@missing, [], 'panels have places of their own, and units');
push @exprs, map { $_->{expr} } @{ $board->{annotations}{list} };
# as rules, so that Prometheus' own parser reads them
open my $file, '>', "$temp/board.yml" or die "$temp/board.yml: $!\n";
print $file $json->encode({ groups => [ { name => 'board', rules => [ map {
	(my $expr = $exprs[$_]) =~ s/\$__rate_interval/1m/g;
	$expr =~ s/\$(?:job|instance)/.*/g;
	{ record => "board:$_", expr => $expr } } 0 .. $#exprs ] } ] });
close $file;
($status, $said) = promtool('check', 'rules', "$temp/board.yml");
is($status, 0, 'every query is one') or diag($said);

# ---- what they ask for is what a relay says, or may say ----
my $source = new_source();
lab($source, kafka());
sql('CREATE SCHEMA shop; CREATE TABLE shop.orders (id int PRIMARY KEY, v text)');
slot_new('watched');
my $relay = start('watched', '--snapshot.mode=never');
sql("INSERT INTO shop.orders VALUES (1, 'v')");
wait_until { status($relay)->{acked_messages} } 'a message in Kafka';
wait_until { page($relay, 'metrics')->{content} =~ /^walrelay_rdkafka_rtt_seconds/m } "librdkafka's statistics";
my $page = page($relay, 'metrics')->{content};
my %there = map { $_ => 1 } $page =~ /^(\w+?)(?:_bucket|_sum|_count)?[{ ]/gm;
# what is there only while there is something to tell
$there{$_} = 1 for qw(up ALERTS walrelay_dead_letters_total walrelay_skipped_messages_total walrelay_produce_errors_total
  walrelay_errors_total walrelay_schema_refused walrelay_rdkafka_throttle_seconds walrelay_slot_seconds_left
  walrelay_slot_wal_growth_bytes_per_second walrelay_slot_wal_limit_bytes walrelay_slot_xmin_age_transactions);
my $readme = slurp("$root/README.md");
my %asked = map { s/_(?:bucket|sum|count)$//r => 1 } map { /\b((?:walrelay|process)_\w+|up)\b/g } @exprs, $rules =~ /^ +expr: (?:>-\n)?(.*?)(?=^ +(?:for|labels):)/gms;
is_deeply([ sort grep { !$there{$_} } keys %asked ], [], 'metrics of these names are there');

# ---- a real Prometheus ----
my $port = free_port();
(my $target = $relay->{url}) =~ s{^http://}{};
open $file, '>', "$temp/prometheus.yml" or die "$temp/prometheus.yml: $!\n";
print $file <<"YML";
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ['$dir/walrelay.rules.yml', '$temp/board.yml']
scrape_configs:
  - job_name: walrelay
    static_configs: [{targets: ['$target']}]
YML
close $file;
my $log = '';
my $prometheus = IPC::Run::start(
	[ 'prometheus', "--config.file=$temp/prometheus.yml", "--storage.tsdb.path=$temp/tsdb", "--web.listen-address=127.0.0.1:$port" ],
	'<', \undef, '>&', \$log);
my $ask = sub {
	my ($path) = @_;
	$prometheus->pump_nb;
	my $reply = $http->get("http://127.0.0.1:$port/api/v1/$path");
	return $reply->{success} ? $json->decode($reply->{content})->{data} : undef;
};
wait_until { my $data = $ask->('query?query=up'); $data && @{ $data->{result} } && $data->{result}[0]{value}[1] == 1 } 'the relay to be scraped';
wait_until { my $data = $ask->('rules'); $data && !grep { $_->{health} ne 'ok' } map { @{ $_->{rules} } } @{ $data->{groups} } } 'every rule and query to be answered';
is_deeply($ask->('alerts')->{alerts}, [], 'all is well');
my ($first) = grep { $exprs[$_] =~ /\brate\(/ } 0 .. $#exprs;
wait_until { @{ $ask->("query?query=board:$first")->{result} } } 'a graph to have a line';
pass('the dashboard has data');
$relay->stop;
wait_until { grep { $_->{labels}{alertname} eq 'WalrelayDown' } @{ $ask->('alerts')->{alerts} } } 'that it is gone';
pass('and that the relay is gone is an alert');
$prometheus->signal('TERM');
$prometheus->finish;
done_testing();
