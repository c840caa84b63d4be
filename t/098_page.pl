# 098_page.pl: the page for people at /, in a real Chromium: it lives, names are text and never markup,
# an outage is told in words, and so is a relay that has ended; nothing is asked of anybody else, nothing
# is wider than a telephone, all of it is readable in light and dark.
# PICTURES=DIR: pictures of it, under load and in an outage, 1280 and 390 wide, light and dark, go there; that
# takes three minutes more.
# needs: kafka
# takes: 25 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Browser;
use Lab;
use Walrelay;
use Test::More;

my $pictures = $ENV{PICTURES};
my $source = new_source();
my $broker = kafka_start();
lab($source, $broker->address);
my @quiet = map { "shop.quiet_$_" } 1 .. 9;
my $evil = '<img src=x onerror=evil=1>';
sql(q{CREATE SCHEMA shop; CREATE TABLE shop.orders (id bigserial PRIMARY KEY, v text); CREATE TABLE shop.order_lines (id bigserial PRIMARY KEY, v text);
CREATE TABLE shop.customers (id int PRIMARY KEY, v text); INSERT INTO shop.customers SELECT i, 'v' FROM generate_series(1, 100) i;} .
qq{CREATE TABLE "$evil" (id bigserial PRIMARY KEY, v text);} . join('', map { "CREATE TABLE $_ (id int PRIMARY KEY);" } @quiet));
slot_new('page');
my $relay = start('page', '--status.interval.ms=1s');
my $url = $relay->{url};
my $browser = Browser->start;
sub value { return $browser->value($_[0]); }
sub text_of { return value("document.querySelector('$_[0]')?.textContent ?? ''"); }    # it may not be there yet

# says WORD, WHAT: until the page does
sub says
{
	my ($word, $what) = @_;
	my $said = '';
	eval { wait_until { ($said = text_of('#word')) =~ $word } $what; 1 } or die "$@... it says: $said\n";
	pass("$what: $said");
	return;
}

# cells TABLE: what its row on the page says; nothing without one
sub cells
{
	my ($table) = @_;
	my $name = $Lab::json->encode($table);
	return @{ value("[...document.querySelectorAll('#tables tbody tr')].filter((row) => row.firstChild.firstChild.data === $name)"
		  . ".flatMap((row) => [...row.children].map((cell) => cell.textContent))") };
}

# faint: texts that are too little unlike what is behind them, for people (WCAG's AA: 4.5)
sub faint
{
	return value(<<'JS');
(() => {
	const parts = (color) => color.match(/[\d.]+/g).map(Number);
	const light = (color) => parts(color).slice(0, 3).map((c) => c / 255)
		.map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4).reduce((all, c, i) => all + c * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = (node) => {
		for (; node; node = node.parentElement) {
			const color = getComputedStyle(node).backgroundColor;
			if ((parts(color)[3] ?? 1) === 1)
				return color;
		}
		return 'rgb(255, 255, 255)';
	};
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	const found = [];
	let seen = 0;
	while (walker.nextNode()) {
		const node = walker.currentNode.parentElement;
		if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.tagName === 'SCRIPT')
			continue;
		const [a, b] = [light(getComputedStyle(node).color), light(behind(node))].sort((x, y) => y - x);
		seen++;
		if ((a + 0.05) / (b + 0.05) < 4.5)
			found.push(walker.currentNode.data);
	}
	return seen < 30 ? ['only ' + seen + ' texts'] : found;
})()
JS
}

# looks WHAT: in each width and in light and dark; and pictures of it
sub looks
{
	my ($what) = @_;
	for my $width (1280, 390)
	{
		for my $tone ('light', 'dark')
		{
			$browser->window(width => $width, dark => $tone eq 'dark');
			cmp_ok(value('document.documentElement.scrollWidth'), '<=', $width, "$what, $width, $tone: nothing is wider");
			is_deeply(faint(), [], "$what, $width, $tone: readable");
			$browser->picture("$pictures/page-$what-$width-$tone.png") if $pictures;
		}
	}
	$browser->window;
	return;
}

# ---- what is sent, and what else there is not ----
my $answer = page($relay, '');
my $headers = $answer->{headers};
is("$answer->{status} $headers->{'content-type'}", '200 text/html; charset=utf-8', 'the page');
is("@$headers{qw(cache-control x-content-type-options referrer-policy)}", 'no-store nosniff no-referrer', 'its headers');
like($headers->{'content-security-policy'}, qr{^default-src 'none'; style-src 'sha256-[\w+/]{43}='; script-src 'sha256-[\w+/]{43}='; connect-src 'self'; }, 'its policy');
unlike($answer->{content}, qr{https?://|innerHTML|insertAdjacentHTML|document\.write}, 'no address, no markup of others');
is($http->head("$url/")->{status} . ' ' . length($http->head("$url/")->{content} // ''), '200 0', 'HEAD');
is($http->post("$url/")->{status}, 405, 'POST');
like(page($relay, 'nothing')->{headers}{'content-security-policy'}, qr/^default-src 'none'/, 'other answers have the policy, too');

# ---- it lives ----
$browser->window;
$browser->visit("$url/");
says(qr/^Streaming$/, 'at first');
value('mark = "the same page"');
my $script = "$ENV{TESTDATADIR}/load.sql";
PostgreSQL::Test::Utils::append_to_file($script, <<"SQL");
INSERT INTO shop.order_lines (v) SELECT repeat('v', 60) FROM generate_series(1, 3);
INSERT INTO shop.orders (v) VALUES ('v');
UPDATE shop.customers SET v = random() WHERE id = 1 + :client_id;
INSERT INTO "$evil" (v) VALUES ('v');
SQL
sub load
{
	return relay_start(name => 'load', program => "$pg_bin/pgbench", command => undef,
		args => [ '-n', '-M', 'simple', '-c', 2, '-R', $pictures ? 400 : 100, '-T', 3600, '-f', $script, $source->connstr('postgres') ]);
}
sql("INSERT INTO $_ VALUES (1)") for @quiet;
my $load = load();
wait_until { text_of('#changes b') =~ /^[1-9][\d,.]*$/ } 'changes a second';
my @orders;
wait_until { @orders = cells('shop.orders'); @orders && $orders[1] =~ /^[1-9]/ } 'changes a second of a table';
my $was = text_of('#age');
wait_until { text_of('#age') ne $was && (cells('shop.orders'))[2] ne $orders[2] } 'it goes on';
is(text_of('#peers'), 'PostgreSQLstreamsKafkareachableSchema registryreachable', 'the peers');
wait_until { (value(q{[...document.querySelectorAll('#stages tbody tr')].map((row) => row.children[1].textContent)}) // [])->[3] =~ /^[\d.]+ m?s$/ } 'a latency';
like(value(q{document.querySelector('#changes .line').getAttribute('d')}), qr/^M[\d. ]+L/, 'a line is drawn');

# ---- names are text ----
is((cells("public.$evil"))[0] =~ /^\Qpublic.$evil\E/, 1, 'a table named like markup');
is(value('typeof evil') . ' ' . value('document.querySelectorAll("main img, main script").length'), 'undefined 0', 'is no markup');

# ---- many tables, by keyboard ----
is(scalar @{ value('[...document.querySelectorAll("#tables tbody tr")].map((row) => row.textContent)') }, 13, 'all tables');
$browser->key('Tab', 9) until value('document.activeElement.type') eq 'search';
$browser->command('Input.insertText', { text => 'QUIET_7' });
is_deeply(value('[...document.querySelectorAll("#tables tbody th")].map((name) => name.firstChild.data)'), ['shop.quiet_7'], 'only those that are asked for');
$browser->command('Input.dispatchKeyEvent', { type => $_, key => 'a', modifiers => 2, commands => ['selectAll'] }) for qw(keyDown keyUp);
$browser->key('Backspace', 8);
is(value('document.querySelectorAll("#tables tbody tr").length'), 13, 'and all again');
is(value('document.querySelectorAll("[aria-live], [role=status], [role=alert]").length'), 1, 'only the state is read out');
value('document.activeElement.blur()');
wait_until { value('looks.length') > 110 } 'history, for the pictures' if $pictures;
looks('load');

# ---- an outage ----
$broker->stop;
says(qr/^Kafka is not reachable$/, 'no Kafka');
is(value('document.querySelector("#state").className'), 'bad', 'no Kafka: in its colour');
like(text_of('#todo'), qr/Look at the brokers.*Watch the disk/, 'no Kafka: what to do');
like(text_of('#peers'), qr/Kafkanot reachable/, 'no Kafka: of the peers');
wait_until { text_of('#errors .list') =~ /E2\d\d\d/ } 'no Kafka: its message';
wait_until { text_of('#lag b') =~ /^(?:[1-9][\d.]* s|\d+:\d+ min)$/ } 'no Kafka: lag';
wait_until { length value('document.querySelector("#lag .trouble").getAttribute("d")') } 'no Kafka: in the history';
wait_until { value('looks[looks.length - 1].lag') > 45 } 'lag, for the pictures' if $pictures;
looks('outage');
$broker->restart;
says(qr/^Streaming/, 'Kafka is back');

# ---- nobody answers ----
my @complaints = $browser->complaints;
is_deeply(\@complaints, [], 'the console is empty');
$load->stop;
wait_for_slot($source, 'page');
my ($changes) = (cells('shop.orders'))[2];
is($relay->stop, 0, 'the relay ends');
says(qr/^The relay is not reachable since \d\d:\d\d:\d\d$/, 'no relay');
like(text_of('#means'), qr/^Nothing answers at 127\.0\.0\.1:\d+\. No answer for [\d.]+ m?s; all below is as it was then\.$/, 'no relay: since when');
like(text_of('#peers'), qr/^PostgreSQLnot known/, 'no relay: nothing is known');
is(scalar(cells('shop.orders')), 6, 'no relay: what was is still there');
$browser->window(width => 390);
cmp_ok(value('document.documentElement.scrollWidth'), '<=', 390, 'no relay: nothing is wider');
is_deeply(faint(), [], 'no relay: readable');
$browser->picture("$pictures/page-gone-390-light.png") if $pictures;

$relay = relay_start(args => [ settings('page', '--admin.listen=' . $url =~ s{^http://}{}r) ]);
says(qr/^Streaming$/, 'it is back');
sql(q{INSERT INTO shop.orders (v) VALUES ('v')});
wait_until { my @cells = cells('shop.orders'); @cells && $cells[2] eq '1' } 'it counts from its start';
is(text_of('#process dd'), '1', 'so do the sums');
is(value('mark'), 'the same page', 'nobody has loaded it again');

# ---- what this relay does not have just now: its answer, changed, with markup in each text ----
my $long = 'x' x 300;
$browser->window(width => 390);
my $seen = value(<<"JS");
(() => {
	const evil = '$evil';
	const err = {code: 'E1802', message: evil, detail: evil, hint: '$long', action: evil, subject: evil, level: 'warn', count: 2,
		since_timestamp_seconds: clockS - 90, last_timestamp_seconds: clockS - 3};
	take({...now, state: 'schema_refused', ready: false, not_ready: [evil], schemas_refused: [err], errors: [err, err, err, err, err],
		dead_letters: {[evil]: 3}, skipped_messages: {[evil]: {[evil]: 4}}, produce_errors: {[evil]: 5}, version: evil,
		snapshot_running: true, snapshot_tables: 4, snapshot_tables_complete: 1, snapshot_rows: 250, snapshot_rows_estimated: 1000,
		snapshot_waiting: {rate: true}, incremental_tables: 2,
		slot: {name: '$long', watched: true, watch_up: true, error: err, wal_status: 'extended', guard_level: 2, retained_wal_bytes: 3145728,
			wal_limit_bytes: 4194304, safe_wal_bytes: 1048576, seconds_left: 600}}, clockS);
	show();
	const text = (id) => document.getElementById(id).innerText.replace(/\\s+/g, ' ');
	return {width: document.documentElement.scrollWidth, evil: typeof window.evil, markup: document.querySelectorAll('main img').length, word: text('word'),
		refused: text('refused'), letters: text('letters'), slot: text('slot'), snapshot: text('snapshot'), errors: text('errors'),
		bars: [...document.querySelectorAll('progress')].map((bar) => bar.value)};
})()
JS
is("@$seen{qw(evil markup word)}", 'undefined 0 Stopped: a schema is refused', 'texts are texts, wherever they are');
cmp_ok($seen->{width}, '<=', 390, 'long texts: nothing is wider');
like($seen->{refused}, qr/error E1802.*90 s ago.*\Q$evil\E/, 'a refused schema');
like($seen->{letters}, qr/\Q$evil\E dead letters 3 \Q$evil\E skipped, \Q$evil\E 4 all \Q$evil\E 5/, 'letters');
like($seen->{slot}, qr/keeps 3\.0 MB of WAL may keep 4\.0 MB until it can be lost 1\.0 MB full in 10:00 min WAL status extended/, 'the slot');
like($seen->{snapshot}, qr/waits: the rate limit.*1 of 4 tables complete; 250 rows of about 1,000 \(25 %\)/, 'a snapshot');
like($seen->{errors}, qr/2 times.*What to do: x.*2 more/, 'errors');
is("@{ $seen->{bars} }", '0.25 0.75', 'bars');
$browser->window;

# ---- a snapshot, without Kafka ----
sql('ANALYZE');    # for about how many rows there are
my $tail = relay_start(name => 'tail', command => 'tail', args => [ '--source.conninfo=' . $source->connstr('postgres'), '--topic.prefix=tail',
	"--admin.listen=127.0.0.1:@{[ free_port() ]}", '--snapshot.mode=initial', '--snapshot.chunk.size=50', '--snapshot.rate.limit=50' ]);
my ($other) = map { m{(http://127\.0\.0\.1:\d+)/}; } wait_until { $tail->stderr =~ m{(http://127\.0\.0\.1:\d+)/} && $1 . '/' } 'its address';
$browser->visit("$other/");
says(qr/^Reading a snapshot$/, 'a snapshot');
wait_until { text_of('#snapshot-text') =~ /^\d of \d+ tables complete; [1-9]\d* rows of about [1-9][\d,]* \(\d+ %\)$/ } 'rows of a snapshot';
wait_until { text_of('#snapshot-rate') =~ /rows\/s . about .* left/ } 'how long it takes';
like(text_of('#peers'), qr/Kafkanot used.*Schema registrynot used/, 'no Kafka');
is($tail->stop, 0, 'it ends');

# ---- nobody else was asked, nobody complains ----
is_deeply([ grep { !m{^(?:\Q$url\E|\Q$other\E)/(?:status)?$|^data:,$} } $browser->requests ], [], 'nobody else is asked');
cmp_ok(scalar(grep { $_ eq "$url/status" } $browser->requests), '>', 5, 'the relay is, again and again');
is_deeply([ grep { !m{^network: Failed to load resource: net::ERR_\w+ (?:\Q$url\E|\Q$other\E)/status$} } $browser->complaints ], [], 'no complaint but that nobody answered');
is($browser->stop, 0, 'the browser ends');
is($relay->stop, 0, 'the relay ends');
done_testing();
