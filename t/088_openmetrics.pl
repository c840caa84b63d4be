# 088_openmetrics.pl: what /metrics says is read by Prometheus' own client, as text and as OpenMetrics, of a
# relay that has everything: Kafka, a registry, a snapshot, a refused schema, rows that cannot be delivered.
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Lab;
use Walrelay;
use Test::More;

my $source = new_source();
lab($source, kafka());
sql(q{CREATE SCHEMA meter; CREATE TABLE meter."odd ""name""\\" (id int PRIMARY KEY, v text); INSERT INTO meter."odd ""name""\\" SELECT i, 'v' FROM generate_series(1, 100) i});
slot_new('meter');
my $relay = start('meter', '--table.include.list=meter\..*', '--snapshot.mode=initial', '--on.error=dead-letter', '--max.value.bytes=1kB');
$relay->wait_for_log(qr/snapshot is done/);
sql(q{INSERT INTO meter."odd ""name""\\" VALUES (1000, repeat('long', 10000)); UPDATE meter."odd ""name""\\" SET v = 'w' WHERE id <= 7});
wait_until { page($relay, 'metrics')->{content} =~ /^walrelay_changes_total\{op="update"\} 7$/m } 'the changes';
wait_until { page($relay, 'metrics')->{content} =~ /^walrelay_dead_letters_total/m } 'the dead letter';

chomp(my $python = qx('$root/t/lib/venv'));
my $text = qx('$python' '$root/t/lib/read_metrics.py' $relay->{url}/metrics);
is($?, 0, 'both formats are read');
my $read = $json->decode($text);
is_deeply($read->{content}, [ 'text/plain; version=0.0.4; charset=utf-8', 'application/openmetrics-text; version=1.0.0; charset=utf-8' ], 'their types');
is_deeply([ sort keys %{ $read->{open} } ], [ sort keys %{ $read->{plain} } ], 'the same samples');
is($read->{open}{'walrelay_changes_total,op=update'}, 7, 'a counter');
is($read->{types}{walrelay_changes}, 'counter', 'as such');
is($read->{open}{'walrelay_dead_letters_total,table=meter.odd "name"\\'}, 1, 'a label with everything that is escaped');
is($read->{open}{'walrelay_state,state=streaming'}, 1, 'a gauge');
# rules of names: what only grows ends in _total, and nothing else does
is_deeply([ grep { $read->{types}{$_} eq 'gauge' && /_total$/ } keys %{ $read->{types} } ], [], 'no gauge is named as a counter');
is($relay->stop, 0, 'ends well');
done_testing();
