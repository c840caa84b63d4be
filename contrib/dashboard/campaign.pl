# campaign.pl: monitoring/walrelay.grafana.json as Grafana's own components draw it (page.tsx), of what a real
# Prometheus has scraped from two real relays: a snapshot, a load, dead letters and skipped messages,
# rows that are read again, an outage of Kafka, one of the registry, a server that is gone, a relay that is gone.  Every
# query has to have data, every panel to be drawn, and nobody may complain in the browser's console.
# PICTURES=DIR: the pictures go there, which the user of the tests may write to.  PAGE=DIR: page.js, and Grafana's icons and
# letters.  PART_S=40: how long each part of the story is.
# Called by contrib/dashboard/check.
# takes: 420 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../../t/lib";
use Browser;
use File::Copy qw(copy);
use IPC::Run ();
use Lab;
use Time::HiRes qw(time);
use Walrelay;
use Test::More;

my $temp = $ENV{TESTDATADIR};
my $page = $ENV{PAGE} // die "PAGE is not set; see contrib/dashboard/check\n";
my $pictures = $ENV{PICTURES} // $temp;
my $scrape_s = 2;
# How long each part of the story lasts: a line needs that much to be seen.
my $part_s = $ENV{PART_S} // 40;

# ---- two relays, and a slot that may keep little ----
my $source = new_source(conf => "max_slot_wal_keep_size = 512MB\nmax_wal_size = 1GB\nlogical_decoding_work_mem = 64kB\n");
my $broker = kafka_start();
my $registry = registry_start();
local $ENV{REGISTRY_URL} = $registry->address;
lab($source, $broker->address);
sql(<<'SQL');
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id bigserial PRIMARY KEY, customer int, v text);
CREATE TABLE shop.order_lines (id bigserial PRIMARY KEY, v text);
CREATE TABLE shop.customers (id int PRIMARY KEY, v text);
CREATE TABLE shop.pictures (id int PRIMARY KEY, v text, seen bool);
CREATE TABLE shop.prices (id int PRIMARY KEY, price text);
ALTER TABLE shop.pictures ALTER v SET STORAGE EXTERNAL;
INSERT INTO shop.customers SELECT i, 'customer ' || i FROM generate_series(1, 100000) i;
CREATE SCHEMA billing;
CREATE TABLE billing.invoices (id bigserial PRIMARY KEY, v text);
CREATE TABLE billing.scans (id int PRIMARY KEY, v text);
ALTER TABLE billing.scans ALTER v SET STORAGE EXTERNAL;
SQL
slot_new($_) for qw(shop billing);
$broker->topic_create('shop.dead-letter', 1, 'max.message.bytes=10000000');
my %ports = map { $_ => free_port() } qw(shop billing prometheus);

# relay NAME, ARGS: of the schema of that name
sub relay
{
	my ($name, @args) = @_;
	my $relay = relay_start(name => $name, args => [ settings($name, "--admin.listen=127.0.0.1:$ports{$name}", "--table.include.list=$name\\..*",
		'--statistics.interval.ms=2000', @args) ]);
	$relay->{url} = "http://127.0.0.1:$ports{$name}";
	return $relay;
}

# ---- Prometheus, which also serves the page ----
my $assets = "$temp/assets";
mkdir $assets or die "$assets: $!\n";
symlink "$page/$_", "$assets/$_" or die "$_: $!\n" for qw(page.js page.css build fonts);
copy("$root/contrib/dashboard/page.html", "$assets/index.html") && copy("$root/monitoring/walrelay.grafana.json", "$assets/board.json") or die "assets: $!\n";
my $targets = join ', ', map { "{targets: ['127.0.0.1:$ports{$_}'], labels: {instance: '$_:9187'}}" } qw(shop billing);
open my $file, '>', "$temp/prometheus.yml" or die "$temp/prometheus.yml: $!\n";
print $file <<"YML";
global: {scrape_interval: ${scrape_s}s, evaluation_interval: ${scrape_s}s}
rule_files: ['$root/monitoring/walrelay.rules.yml']
scrape_configs:
  - job_name: walrelay
    static_configs: [$targets]
YML
close $file or die "$temp/prometheus.yml: $!\n";
my $log = '';
my $prometheus = IPC::Run::start(
	[ 'prometheus', "--config.file=$temp/prometheus.yml", "--storage.tsdb.path=$temp/tsdb", "--web.listen-address=127.0.0.1:$ports{prometheus}",
		"--web.user-assets=$assets" ], '<', \undef, '>&', \$log);

# ask QUERY: its one value now
sub ask
{
	my ($query) = @_;
	$prometheus->pump_nb;
	my $reply = $http->get("http://127.0.0.1:$ports{prometheus}/api/v1/query?" . $http->www_form_urlencode({ query => $query }));
	return $reply->{success} ? $json->decode($reply->{content})->{data}{result}[0]{value}[1] : undef;
}

# scraped CONDITION, WHAT: until Prometheus has seen it
sub scraped
{
	my ($condition, $what) = @_;
	wait_until { (ask("$condition or vector(-1)") // -1) >= 0 } "Prometheus to have seen $what", 300;
	return;
}

# part: until so many seconds were scraped since now
sub part
{
	my ($seconds) = @_;
	my $from = time;
	scraped('timestamp(up{instance="shop:9187"}) > ' . ($from + $seconds), "$seconds s more");
	return;
}

# texts MB: SQL of a text of so many that no compression makes smaller
sub texts { my ($mb) = @_; return "(SELECT string_agg(md5(i::text || random()), '') FROM generate_series(1, @{[ int($mb * 1_000_000 / 32) ]}) i)"; }

my $script = "$temp/load.sql";
PostgreSQL::Test::Utils::append_to_file($script, <<'SQL');
INSERT INTO shop.order_lines (v) SELECT repeat('v', 60) FROM generate_series(1, 3);
INSERT INTO shop.orders (customer, v) VALUES (1, repeat('o', 200));
UPDATE shop.customers SET v = random() WHERE id = 1 + :client_id;
DELETE FROM shop.orders WHERE id = (SELECT min(id) FROM shop.orders WHERE random() < 0.05);
INSERT INTO billing.invoices (v) VALUES ('i');
SQL
# load: as long as the server lives
sub load
{
	return relay_start(name => 'load', program => "$pg_bin/pgbench", command => undef,
		args => [ '-n', '-M', 'simple', '-c', 2, '-R', 100, '-T', 3600, '-f', $script, $source->connstr('postgres') ]);
}

# ---- the story ----
scraped('up == 0', 'that nobody is there');
my %moment;
my $began = time;
my @relays = (
	relay('shop', '--snapshot.mode=initial', '--snapshot.rate.limit=8000', '--snapshot.chunk.size=4000', '--on.error=dead-letter'),
	relay('billing', '--on.error=skip'));
my $load = load();
scraped('walrelay_snapshot_running == 1', 'a snapshot');
scraped('walrelay_snapshot_running{instance="shop:9187"} == 0', 'its end');
part($part_s);
# What is larger than a broker takes, and than is decoded in memory; what an event cannot carry; what the registry refuses.
sql('INSERT INTO shop.pictures SELECT i, ' . texts(2) . ' FROM generate_series(1, 3) i; INSERT INTO billing.scans VALUES (1, ' . texts(2) . ');'
	  . q{INSERT INTO shop.prices VALUES (1, '1'); UPDATE shop.pictures SET seen = true; ALTER TABLE shop.prices ALTER price TYPE int USING 1; UPDATE shop.prices SET price = 2});
scraped('walrelay_dead_letters_total{table="shop.pictures"}', 'dead letters');
scraped('walrelay_skipped_messages_total', 'skipped messages');
scraped('walrelay_schema_refused', 'a schema that is refused');
is((relay_run('snapshot', 'start', 'shop.customers', settings('shop')))[0], 0, 'rows are read again');
scraped('walrelay_incremental_rows_total > 50000', 'them');
$broker->stop;
scraped('walrelay_kafka_reachable{instance="shop:9187"} == 0', 'that Kafka is gone');
sql(q{CREATE TABLE public.elsewhere AS SELECT i, repeat('w', 500) AS v FROM generate_series(1, 100000) i});
part($part_s);
scraped('walrelay_lag_seconds{instance="shop:9187"} > 30', 'the lag');
scraped('walrelay_slot_seconds_left{instance="shop:9187"}', 'that its slot grows');
$moment{outage} = time;
$broker->restart;
scraped('walrelay_lag_seconds{instance="shop:9187"} < 2', 'that it has caught up');
$registry->stop;
sql('ALTER TABLE shop.orders ADD note text');
scraped('walrelay_registry_reachable == 0', 'that the registry is gone');
$registry->restart;
sql('ALTER TABLE shop.prices ALTER price TYPE text; UPDATE shop.prices SET price = 3');
scraped('walrelay_registry_reachable{instance="shop:9187"} == 1', 'that it is back');
scraped('walrelay_schemas_refused{instance="shop:9187"} == 0', 'that all schemas are taken');
$source->restart;
scraped('walrelay_reconnects_total{peer="postgresql", instance="shop:9187"} > 0', 'that the server was gone');
$load->wait_exit;
$load = load();
part($part_s);
$moment{well} = time;
$load->stop;
is($relays[1]->stop, 0, 'a relay ends');
scraped('up == 0', 'that it is gone');
part(10);
$moment{gone} = time;

# ---- what is seen of it ----
# What only other servers and brokers have.
my @elsewhere = (
	qr/^walrelay_slot_xmin_age_transactions/,    # a slot that exports a snapshot
	qr/^walrelay_rdkafka_throttle_seconds/,      # brokers with quotas
);
my $browser = Browser->start;
my $width = 1600;

# board MOMENT, THEME, FILE: opened
sub board
{
	my ($when, $theme, $file) = (@_, 'board.json');
	$browser->window(width => $width, height => 6000);    # what is out of sight is not drawn
	$browser->visit(sprintf "http://127.0.0.1:$ports{prometheus}/user/index.html?to=%d&range=%d&scrape=$scrape_s&width=$width&theme=$theme&board=$file",
		$moment{$when}, $moment{$when} - $began + 10);
	wait_until { $prometheus->pump_nb; $browser->value('window.shown === true') } "the dashboard, $when";
	return @{ $browser->value('report') };
}

# drawn PANEL: does it show what it has?
sub drawn
{
	my ($panel) = @_;
	my $at = "document.querySelector('#panel-$panel->{id}')";
	return $browser->value("coloured($panel->{id})") > 30 if $panel->{type} eq 'timeseries';
	return $browser->value("$at.querySelectorAll('[role=row]').length") > 1 if $panel->{type} eq 'table';
	return $browser->value("$at.innerText") =~ /\n.*\w/;
}

# text PANEL: what it says
sub text { my ($id) = @_; return $browser->value("document.querySelector('#panel-$id').innerText") =~ s/\s+/ /gr; }

my (%has, %matches);
for my $when (qw(outage well gone))
{
	for my $theme (qw(light dark))
	{
		my @panels = board($when, $theme);
		my @full = grep { grep { $_->{points} } @{ $_->{targets} } } @panels;
		my @late;
		eval { wait_until { @late = grep { !drawn($_) } @full; !@late } "panels to be drawn", 60; 1 };
		is_deeply([ map { $_->{title} } @late ], [], "$when, $theme: what has data is drawn") or diag "$@";
		is_deeply($browser->value('faults'), [], "$when, $theme: no fault");
		for my $panel (@panels)
		{
			$has{"$panel->{title}: $_->{expr}"} += $_->{points} for @{ $panel->{targets} };
			# Of values that do not come at once, as states, one is enough.
			$matches{ $panel->{title} . ($_->{regexp} ? '' : ": $_->{pattern}") } += $_->{matches} ? 1 : 0 for @{ $panel->{overrides} };
		}
		my %said = map { $_->{title} => text($_->{id}) } grep { $_->{type} ne 'timeseries' } @panels;
		if ($when eq 'outage')
		{
			like($said{Kafka}, qr/billing:9187 NOT REACHABLE shop:9187 NOT REACHABLE/, "$when, $theme: Kafka");
			like($said{Relays}, qr/shop:9187 waiting_sink/, "$when, $theme: what the relay does");
			like($said{Alerts}, qr/critical WalrelaySlotFillsUp/, "$when, $theme: alerts");
			like($said{'Slot is lost in'}, qr/shop:9187 [\d.]+ min/, "$when, $theme: how long there is");
			like($said{'Schemas that the registry refuses'}, qr/shop:9187 \S*prices-value E\d+/, "$when, $theme: the schema");
		}
		elsif ($when eq 'well')
		{
			unlike("@said{qw(Relay PostgreSQL Kafka)} $said{'Schema registry'}", qr/NOT|No data|not known/, "$when, $theme: all is well");
			like($said{Tables}, qr/shop\.orders [\d.]+ c\/s/, "$when, $theme: tables");
		}
		else
		{
			like($said{Relay}, qr/billing:9187 DOES NOT ANSWER shop:9187 answers/, "$when, $theme: which relay is gone");
		}
		$browser->window(width => $width, height => $browser->value('document.querySelector("#root > div:last-child").offsetHeight'));
		$browser->picture("$pictures/grafana-$when-$theme.png");
	}
}
is_deeply([ grep { my $query = $_ =~ s/^.*?: //r; !$has{$_} && !grep { $query =~ $_ } @elsewhere } sort keys %has ], [], 'every query has had data');
is_deeply([ grep { !$matches{$_} } sort keys %matches ], [], 'every override is of something');
# The library of texts greets; Grafana's page does not show that, either.
is_deeply([ grep { !/i18next is made possible/ } $browser->complaints ], [], 'the console is empty');
is_deeply([ grep { !m{^(?:http://127\.0\.0\.1:$ports{prometheus}/|data:|about:)} } $browser->requests ], [], 'nobody else is asked');

# ---- what is wrong is seen ----
my $wrong = $json->decode(slurp("$root/monitoring/walrelay.grafana.json"));
my %panel = map { $_->{title} => $_ } grep { $_->{type} ne 'row' } @{ $wrong->{panels} };
$panel{Changes}{targets}[0]{expr} =~ s/changes_total/changez_total/;
$panel{Bytes}{targets}[0]{expr} .= ')';
$panel{Memory}{targets}[0]{legendFormat} = '{{host}}';
$panel{Tables}{transformations}[-1]{options}{renameByName}{nothing} = 'Nothing';
$panel{Relays}{fieldConfig}{overrides}[0]{matcher}{options} = 'Nothing';
$panel{Processor}{type} = 'piechart';
$panel{'In flight'}{fieldConfig}{defaults}{custom}{hideFrom} = { viz => JSON::PP::true, legend => JSON::PP::false, tooltip => JSON::PP::false };
open $file, '>', "$assets/wrong.json" or die "$assets/wrong.json: $!\n";
print $file $json->encode($wrong);
close $file or die "$assets/wrong.json: $!\n";
my %seen = map { $_->{title} => $_ } board('well', 'dark', 'wrong.json');
is($seen{Changes}{targets}[0]{points}, 0, 'a metric that nobody has');
is($seen{Relays}{overrides}[0]{matches}, JSON::PP::false, 'an override of nothing');
wait_until { drawn($seen{'Transactions and messages'}) } 'the others to be drawn';
ok(!drawn($seen{'In flight'}), 'a line that is not drawn');
my $faults = join "\n", @{ $browser->value('faults') };
like($faults, qr/parse error.*received_bytes/, 'a query that is none');
like($faults, qr/no label host for the legend/, 'a label that is not there');
like($faults, qr/no column to be called Nothing/, 'a column that is not there');
like($faults, qr/panel Processor: there is nothing to draw piechart with/, 'a panel that cannot be drawn');
is($browser->stop, 0, 'the browser ends');
is($relays[0]->stop, 0, 'so does the other relay');
$prometheus->signal('TERM');
$prometheus->finish;
done_testing();
