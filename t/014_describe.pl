# Requests of a client for relations: all tables of a database, and many that do not
# exist, through a walsender: what it tells, and what it keeps in memory.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Frames;
use Test::More;

# More than the plugin remembers; and the most that one request can list.
my ($tables, $listed) = (10_050, 100_000);
my $node = new_source(conf => "fsync = off\nautovacuum = off\n");
$node->safe_psql('postgres', <<"SQL");
CREATE TABLE small (id int PRIMARY KEY, a text);
DO \$\$ BEGIN
	FOR i IN 1 .. $tables LOOP
		EXECUTE format('CREATE TABLE t_%s (id int PRIMARY KEY, a text, b timestamptz, c numeric)', i);
		IF i % 500 = 0 THEN COMMIT; END IF;
	END LOOP;
END \$\$;
SELECT pg_create_logical_replication_slot('s', 'walrelay');
SQL
my $client = Frames->start($node, 's', {});
my $asked = 0;

# told OIDS: asks for what this query gives; the records of the answer, BEGIN and COMMIT left out
sub told
{
	my ($oids) = @_;
	my @records;
	$asked++;
	$node->safe_psql('postgres', "SELECT pg_logical_emit_message(true, 'walrelay',"
		. " (SELECT 'describe n$asked ' || string_agg(oid::text, ' ') FROM ($oids) o))");
	@records = $client->wait_for(sub { (grep { $_->{kind} eq 'C' } @_) >= $asked }, "answer $asked", 'BRMC');
	pop @records;
	my ($begin) = grep { $records[$_]{kind} eq 'B' } reverse 0 .. $#records;
	return @records[ $begin + 1 .. $#records ];
}

# memory: bytes that the walsender has in use, as it says itself
sub memory
{
	my $offset = -s $node->logfile;
	my $total;
	$node->safe_psql('postgres', "SELECT pg_log_backend_memory_contexts(active_pid) FROM pg_replication_slots WHERE active");
	wait_until { ($total) = substr(slurp($node->logfile), $offset) =~ /Grand total: .* (\d+) used/; } 'memory contexts';
	return $total;
}

# ---- one, twice ----
my @once = told("SELECT 'small'::regclass::oid");
is_deeply([ map { $_->{kind} } @once ], [ 'R', 'M' ], 'RELATION without a row, ahead of the message');
is($once[0]{name}, 'small', 'of the table that was asked for');
my @twice = told("SELECT 'small'::regclass::oid");
is_deeply($twice[0], { %{ $once[0] }, map { $_ => $twice[0]{$_} } qw(frame frame_length) }, 'the same again, nothing having changed')
  or diag(explain([ $once[0], $twice[0] ]));

# ---- as many as can be listed, and none exists ----
my $before = memory();
my @none = told("SELECT oid FROM generate_series(1000000000, 999999999 + $listed) oid");
is_deeply([ map { $_->{kind} } @none ], ['M'], "$listed oids that do not exist");
my $after = memory();
cmp_ok($after - $before, '<', 4_000_000, 'leave nothing in memory') or diag("$before, then $after");

# ---- every table, in a message that is long itself ----
my @all = told("SELECT oid FROM pg_class WHERE relname LIKE 't\\_%' ORDER BY oid DESC");
my %named = map { $_->{name} => 1 } grep { $_->{kind} eq 'R' } @all;
is(scalar @all, $tables + 1, 'each once');
is(scalar(keys %named), $tables, 'every table');
cmp_ok((sort { $b <=> $a } map { $_->{index} } grep { $_->{kind} eq 'R' } @all)[0], '<=', 10_000, 'indexes start anew on the way');
my %lengths = map { $_->{frame} => $_->{frame_length} } grep { $_->{kind} eq 'R' } @all;
cmp_ok((sort { $b <=> $a } values %lengths)[0], '<', 20_000, 'in frames of the usual length');
# With each table in the server's caches it would be 2600 bytes.
my $kept = (memory() - $after) / $tables;
cmp_ok($kept, '<', 500, 'the server keeps none of them') or diag("$kept bytes a table");

# ---- rows behind it are in their tables ----
$node->safe_psql('postgres', join ';', map { "INSERT INTO t_$_ VALUES ($_)" } 1 .. 20, $tables - 20 .. $tables);
my @rows = $client->wait_for(sub { @_ >= 41 }, 'rows', 'I');
is_deeply([ grep { $_->{table} ne 'public.t_' . $_->{new}{id} } @rows ], [], 'rows behind it are in their tables');
ok($client->stop, 'the client ended well');

done_testing();
