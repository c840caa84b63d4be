# 097_schema_show.pl: walrelay schema show.  What it prints is what a relay with the same settings
# makes for the tables, byte for byte, and nothing is left in the server.
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Walrelay;
use Test::More;

my $source = new_source();
sub sql { return $source->safe_psql('postgres', $_[0]); }
my @settings = ('--source.conninfo=' . $source->connstr('postgres'), '--slot.name=shown', '--topic.prefix=sho',
	'--bootstrap.servers=' . kafka(), '--table.include.list=shop\..*');
sql(<<'SQL');
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id int PRIMARY KEY, n numeric(10,2) NOT NULL DEFAULT 0.5, t text DEFAULT E'quote " back \\ {[,:]}', "üb er" int[]);
CREATE TABLE shop.plain (v text);
CREATE TABLE shop.rooms (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE shop.rooms_1 PARTITION OF shop.rooms FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE shop.rooms_2 PARTITION OF shop.rooms FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
CREATE TABLE other (id int PRIMARY KEY);
SQL
sub show
{
	my ($status, $stdout, $stderr) = relay_run('schema', 'show', @settings, @_);
	return ($status, $stdout, $stderr);
}
my $json = JSON::PP->new->canonical;

my ($status, $text, $stderr) = show('--json');
is("$status$stderr", '0', 'all tables');
my ($found) = json_lines($text);
is_deeply([ map { "$_->{table} $_->{topic}" } @{ $found->{tables} } ],
	[ map { "shop.$_ sho.shop.$_" } qw(orders plain rooms_1 rooms_2) ], 'which they are, with their topics');
my %by = map { $_->{table} => $_ } @{ $found->{tables} };
is($by{'shop.orders'}{key}{subject}, 'sho.shop.orders-key', 'the subject of a key');
is($by{'shop.orders'}{value}{subject}, 'sho.shop.orders-value', 'and of a value');
ok(exists $by{'shop.plain'}{key} && !defined $by{'shop.plain'}{key}, 'a table without a key');
is(sql('SELECT count(*) FROM pg_replication_slots'), '0', 'no slot is left');

# what a relay makes of the same tables goes into a folder
{
	my $folder = "$ENV{TESTDATADIR}/schemas";
	relay_run('slot', 'create', @settings);
	my $port = free_port();
	sql("INSERT INTO shop.orders VALUES (1); INSERT INTO shop.plain VALUES ('v'); INSERT INTO shop.rooms VALUES (1, '2026-01-01'), (1, '2027-01-01')");
	my $relay = relay_start(args => [ @settings, "--registry.schemas.dir=$folder", "--admin.listen=127.0.0.1:$port" ]);
	my @files;
	wait_until { @files = glob "$folder/*.avsc"; @files >= 7 } 'the relay to write its schemas';
	$relay->kill9;
	my %made = map { slurp($_) => 1 } @files;
	for my $table (@{ $found->{tables} })
	{
		for my $side (grep { $table->{$_} } qw(key value))
		{
			my ($schema) = $text =~ /"subject":"\Q$table->{$side}{subject}\E","schema":(\{.*?\})\}(?:,"value":|\}[,\]])/;
			ok($made{$schema}, "$table->{table}: its $side is what a relay makes");
		}
	}
}

# for people: the same in lines
{
	my ($code, $lines) = show('shop.orders');
	is($code, 0, 'one table');
	like($lines, qr/\Atable shop\.orders, topic sho\.shop\.orders\nsubject sho\.shop\.orders-key\n\{\n  "type": "record",\n/, 'in lines');
	my @schemas = $lines =~ /^(\{\n.*?^\})$/msg;
	my $utf8 = JSON::PP->new->utf8;
	is_deeply([ map { $utf8->decode($_) } @schemas ], [ map { $by{'shop.orders'}{$_}{schema} } qw(key value) ], 'which say the same');
	(undef, $lines) = show('SHOP\.rooms_.', 'shop.plain');
	is_deeply([ $lines =~ /^table (\S+),/mg ], [qw(shop.plain shop.rooms_1 shop.rooms_2)], 'tables by expressions');
	like($lines, qr/^no key$/m, 'without a key');
	(undef, $lines) = show('--publish.via.partition.root=true');
	is_deeply([ $lines =~ /^table (\S+),/mg ], [qw(shop.orders shop.plain shop.rooms)], 'partitions as their root');
	(undef, $lines) = show('shop.orders', '--registry.value.subject.name.strategy=RecordNameStrategy');
	like($lines, qr/^subject sho\.shop\.orders\.Envelope$/m, 'another strategy');
}

# ---- what goes wrong ----
{
	my ($code, $out, $why) = show('shop.nothing');
	like("$code$out $why", qr/^78 .*E1245: no captured table is what was asked for\n/, 'no such table');
	($code, undef, $why) = show('shop.(');
	like("$code $why", qr/^78 .*E1002: /, 'no expression');
	($code, undef, $why) = show('--table.include.list=none');
	like("$code $why", qr/^78 .*E1250: no table is captured\n/, 'nothing is captured');
	($code, undef, $why) = show('--source.conninfo=host=127.0.0.1 port=1');
	like("$code $why", qr/^69 .*E1201: /, 'no server');
	is(sql("SELECT count(*) FROM pg_replication_slots WHERE slot_name <> 'shown'"), '0', 'no slot is left');
}
done_testing();
