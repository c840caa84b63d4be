# 063_snapshot_ddl.pl: tables that are altered, truncated, rewritten, renamed, swapped, dropped
# or made while a snapshot is being read.  In each case the relay is stopped between two
# chunks of the first table; the change is made to that table, which was read in part, and to
# another one, of which nothing was read yet.  Afterwards whoever has folded the events has what
# the server has; no row is another table's or under another column's name; each change that a
# snapshot does not see through is told.  No broker.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use JSON::PP ();
use Marks;
use Pipe;
use Walrelay;
use Test::More;

my $json = JSON::PP->new->canonical->allow_nonref;
my $source = new_source(conf => "max_replication_slots = 64\nmax_wal_senders = 64\nmax_connections = 150\n");
my $rows = 600;    # of the first table; some twenty a block

sub sql { return $source->safe_psql('postgres', $_[0]); }

# ddl: what is done; S is the schema, O another one, more: what O has.  after: how the table that
# was read in part looks from then on, undef: as before.  silent: nothing needs be said.
# told: which have changed, if not a and t.  before: what a table was called when the first rows
# of it were sent.  open: see Marks.pm.  The fold of what came is compared with the tables that there are in the end.
my $there = 'ALTER TABLE S.%1$s RENAME x TO w; ALTER TABLE S.%1$s RENAME y TO x; ALTER TABLE S.%1$s RENAME w TO y';
my %cases = (
	add_column => { ddl => both(q{ALTER TABLE S.%s ADD z text DEFAULT 'z'}) },
	drop_column => { ddl => both('ALTER TABLE S.%s DROP x') },
	rename_column => { ddl => both('ALTER TABLE S.%s RENAME x TO w') },
	swap_columns => { ddl => both($there) },
	there_and_back => { ddl => both("$there; $there") },
	alter_type => { ddl => both('ALTER TABLE S.%s ALTER id TYPE bigint'), anew => 1 },
	truncate => { ddl => 'TRUNCATE S.a, S.t', anew => 1, open => [ '', 'c_truncate.a' ] },
	truncate_refill => {
		ddl => both(q{TRUNCATE S.%s; INSERT INTO S.%1$s SELECT i, '%1$s', 'x' || i, 'y' || i FROM generate_series(1, 200) i}),
		anew => 1
	},
	vacuum_full => { ddl => both('VACUUM FULL S.%s'), apart => 1, anew => 1 },
	cluster => { ddl => both('CLUSTER S.%s USING %1$s_pkey'), apart => 1, anew => 1 },
	drop => { ddl => 'DROP TABLE S.a, S.t', gone => 1, open => [ '', 'c_drop.a' ] },
	drop_and_make => {
		ddl => both(q{DROP TABLE S.%s; CREATE TABLE S.%1$s (id int PRIMARY KEY, x text, own text);
			INSERT INTO S.%1$s SELECT i, 'x' || i, '%1$s' FROM generate_series(1, 100) i}),
		gone => 1, open => [ '', 'c_drop_and_make.a' ]
	},
	rename => { ddl => both('ALTER TABLE S.%s RENAME TO %1$s2'), before => { 'S.a2' => 'S.a' }, open => ['c_rename.a'] },
	swap_tables => {
		ddl => 'ALTER TABLE S.t RENAME TO w; ALTER TABLE S.u RENAME TO t; ALTER TABLE S.w RENAME TO u',
		told => [qw(t u)]
	},
	swap_schemas => {
		more => both('CREATE TABLE O.%s (id int PRIMARY KEY, own text, x text, y text)'),
		ddl => 'ALTER SCHEMA S RENAME TO w; ALTER SCHEMA O RENAME TO S; ALTER SCHEMA w RENAME TO O',
		told => [qw(a a t t u)], before => { 'O.a' => 'S.a' }, open => ['c_swap_schemas.a']
	},
	make => {
		ddl => q{CREATE TABLE S.n (id int PRIMARY KEY, own text, x text, y text);
			INSERT INTO S.n SELECT i, 'n', 'x' || i, 'y' || i FROM generate_series(1, 100) i},
		silent => 1
	},
	index => { ddl => both('CREATE INDEX ON S.%s (x); ANALYZE S.%1$s'), silent => 1 });

sub both { my ($format) = @_; return join ';', map { sprintf $format, $_ } qw(a t); }

# ---- the tables, and relays that are in the middle of them ----

for my $name (sort keys %cases)
{
	my $case = $cases{$name};
	my $setup = join '', map { "CREATE SCHEMA $_;" } "c_$name", $case->{more} ? "o_$name" : ();
	$setup .= "CREATE TABLE c_$name.$_ (id int PRIMARY KEY, own text, x text, y text) WITH (fillfactor = 10);"
	  . "INSERT INTO c_$name.$_ SELECT i, '$_', 'x' || i, 'y' || i FROM generate_series(1, "
	  . ($_ eq 'a' ? $rows : 60) . ") i;"
	  for qw(a t u);
	$setup .= $case->{more} // '';
	s/\bS\b/c_$name/g, s/\bO\b/o_$name/g for $setup, $case->{ddl};
	sql($setup);
}

for my $name (sort keys %cases)
{
	my $case = $cases{$name};
	$case->{pipe} = Pipe->new($name);
	$case->{relay} = relay_start(
		name => $name, command => 'tail',
		args => [
			'--source.conninfo=' . $source->connstr('postgres'), '--topic.prefix=p',
			'--snapshot.mode=initial', '--snapshot.chunk.size=10', '--snapshot.max.threads=1',
			'--max.in.flight.bytes=64KB', '--skipped.operations=none', "--table.include.list=[co]_$name\\..*", '--admin.log.format=text' ]);
}
for my $name (sort keys %cases)
{
	my $case = $cases{$name};
	$case->{pipe}->wait_full($case->{relay});
	# It reads ahead what it may, and rests.
	wait_until
	{
		sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'postgres' AND state <> 'idle'"
			  . " AND backend_type = 'client backend'") == 1
	}
	'readers at rest';
	$case->{at} = sql('SELECT pg_current_wal_lsn() - \'0/0\'');
	# VACUUM and the like cannot be in a transaction of several statements
	sql($_) for $case->{apart} ? split(/;/, $case->{ddl}) : $case->{ddl};
}
$_->{pipe}->open for values %cases;

# ---- what came ----

# events TEXT: table, op, mark, lsn, after of each; not by a parser of JSON, which is slow
sub events
{
	return map {
		/"key":(\{.*?\}|null),"value".*?"after":(\{.*?\}|null),"source":.*"snapshot":"(\w+)".*"schema":"(\w+)","table":"(\w+)".*"lsn":(\d+).*"op":"(\w)"/
		  ? { key => $1, after => $2, mark => $3, table => "$4.$5", lsn => $6, op => $7 }
		  : ()
	} split /\n/, $_[0];
}

# A table that is made while one of them lists its tables is looked at by another round of it, also if it
# is not captured: then no row is known to be the last.
$_->{relay}->wait_for_log(qr/snapshot is done/) for values %cases;
for my $name (sort keys %cases)
{
	my $case = $cases{$name};
	my $relay = $case->{relay};
	sql("CREATE TABLE c_$name.last (id int); INSERT INTO c_$name.last VALUES (1)");
	wait_until { $case->{pipe}->text =~ /"table":"last"/ } "$name: the last event";
	is($relay->stop, 0, "$name: ends well");
	$case->{pipe}->close;

	my (%rows, %keys, @mixed);
	my $read = 0;
	my @events = events($case->{pipe}->text);
	marks_are($name, $case->{open} // [], map { $_->{op} eq 'r' ? [ @$_{qw(table mark)} ] : () } @events);
	for my $event (@events)
	{
		my ($schema, $table) = split /\./, $event->{table};
		if ($event->{op} eq 't') { delete $rows{ $event->{table} }; next; }
		my $row = $event->{after};
		$rows{ $event->{table} }{ $event->{key} } = $row;
		$read++ if $event->{lsn} < $case->{at} && $table eq 'a';
		# A value says of which row and column it was made.
		my ($id) = $event->{key} =~ /(\d+)/;
		my $ours = $event->{lsn} > $case->{at} && $name =~ /^swap_col/ ? 'y":"x%1$d","x":"y%1$d' : 'x":"x%1$d","y":"y%1$d';
		push @mixed, $row if $table ne 'last' && $name !~ /drop_|rename_col/ && index($row, sprintf $ours, $id) < 0;
	}
	cmp_ok($read, '>', 0, "$name: a table was read in part");
	cmp_ok($read, '<', $rows, "$name: and no more of it") if !$case->{silent} && !$case->{told};
	is_deeply(\@mixed, [], "$name: no value in another column");

	my $log = $relay->stderr;
	my @told = $log =~ /E1243: table "\w+\.(\w+)" has changed/g;
	is_deeply([ sort @told ], $case->{silent} ? [] : $case->{told} // [qw(a t)], "$name: told which have changed");
	is(scalar(() = $log =~ /begins anew/g), $case->{anew} ? 1 : 0, "$name: begins anew") if !$case->{gone};
	is(scalar(() = $log =~ /is not there or not captured any more/g), $case->{gone} ? 2 : 0, "$name: gone");

	my @there = split /\n/, sql("SELECT relnamespace::regnamespace || '.' || relname FROM pg_class WHERE"
		  . " relnamespace::regnamespace::text ~ '^[co]_$name\$' AND relkind = 'r' AND relname <> 'last'");
	for my $table (@there)
	{
		my %there = map { split /\t/ } split /\n/,
		  sql("SELECT '{\"id\":' || id || '}' || chr(9) || row_to_json(r) FROM $table r ORDER BY id");
		my $before = ($case->{before} // {})->{ $table =~ s/\b([co])_$name\b/{ c => 'S', o => 'O' }->{$1}/er } // '';
		my %came = (%{ $rows{ $before =~ s/^S/c_$name/r } // {} }, %{ $rows{$table} // {} });
		# Rows that were sent before have the columns that the table had.
		if ($name =~ /_column|^drop_and/) { $_ = 1 for values %there, values %came; }
		# A table that got a name another one had: what was sent under it before is not its.
		if ($name =~ /^swap_|^drop_and/) { exists $there{$_} or delete $came{$_} for keys %came; }
		is_deeply(\%came, \%there, "$name: $table") or diag $log;
	}
}
done_testing();
