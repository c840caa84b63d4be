# More relations than the plugin remembers: it forgets them between two transactions and
# announces them again, under indexes that then mean other tables.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Frames;
use Test::More;

my ($tables, $again) = (10_050, 201);
my $node = new_source(conf => "fsync = off\n");
$node->safe_psql('postgres', "SELECT pg_create_logical_replication_slot('s', 'walrelay')");
$node->safe_psql('postgres', <<"SQL");
DO \$\$ BEGIN
	FOR i IN 1 .. $tables LOOP
		EXECUTE format('CREATE TABLE t_%s (id int)', i);
		EXECUTE format('INSERT INTO t_%s VALUES (%s)', i, i);
		COMMIT;
	END LOOP;
	FOR i IN 50 .. $tables BY 50 LOOP
		EXECUTE format('INSERT INTO t_%s VALUES (%s)', i, -i);
		COMMIT;
	END LOOP;
END \$\$
SQL
my $client = Frames->start($node, 's', {});
my @records = $client->wait_for(sub { (grep { $_->{kind} eq 'I' } @_) >= $tables + $again }, 'every row', 'IR');
my (%meanings, @wrong);
for my $record (@records)
{
	if ($record->{kind} eq 'R') { $meanings{ $record->{index} }{ $record->{name} } = 1; }
	elsif ($record->{table} ne 'public.t_' . abs $record->{new}{id}) { push @wrong, $record->{table}; }
}
is(scalar @wrong, 0, 'every row is in its table') or diag("@wrong");
cmp_ok((sort { $b <=> $a } keys %meanings)[0], '<=', 10_000, 'indexes start anew');
cmp_ok((grep { keys %$_ > 1 } values %meanings), '>', 0, 'and come to mean other tables');
ok($client->stop, 'the client ended well');

done_testing();
