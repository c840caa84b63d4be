# 051_vectors.pl: pgvector's types on a server that has them: what events say, cast back,
# is what the table holds, also before a change and in arrays.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Test::More;

my $source = new_source();
plan skip_all => 'pgvector is not installed'
	unless $source->safe_psql('postgres', "SELECT 1 FROM pg_available_extensions WHERE name = 'vector'");

my $file = "$ENV{TESTDATADIR}/vectors.json";
my @args = ('--source.conninfo=' . $source->connstr('postgres'), '--slot.name=vectors',
	'--sink=file', "--sink.file=$file", '--topic.prefix=p', '--status.interval.ms=100',
	'--tombstones.on.delete=false');
my @types = ([ v => 'vector' ], [ w => 'vector(3)' ], [ h => 'halfvec' ], [ s => 'sparsevec' ]);
my @rows = (
	[ '[1]', '[0,-0,1e-30]', '[65504]', '{1:1.5,3:2}/5' ],
	[ '[0.1,-2,3.4028235e+38,1.1754944e-38]', '[0.1,0.2,0.3]', '[0.1,-2,6e-08]', '{}/3' ],
	[ '[' . join(',', 1 .. 2000) . ']', '[1,2,3]', '[' . join(',', (0.5) x 2000) . ']', '{16000:-1e-30}/16000' ],
	[ ('NULL') x 4 ]);

sub literal { my ($text) = @_; return $text eq 'NULL' ? 'NULL' : "'$text'"; }

# as_text: a vector of an event as pgvector reads it
sub as_text
{
	my ($value) = @_;
	return 'NULL' unless defined $value;
	return '[' . join(',', @$value) . ']' if ref $value eq 'ARRAY';
	my %at = map { @$_ } @{ $value->{vector} };		# pairs, because JSON's keys are strings
	return '{' . join(',', map { "$_:$at{$_}" } sort { $a <=> $b } keys %at) . "}/$value->{dimensions}";
}

# check_row: an image of an event against a row of values
sub check_row
{
	my ($image, $row, $what) = @_;
	my @same = map {
		my ($name, $type) = @{ $types[$_] };
		literal(as_text($image->{$name})) . "::$type IS NOT DISTINCT FROM " . literal($row->[$_]) . "::$type"
	} 0 .. $#types;
	is($source->safe_psql('postgres', 'SELECT ' . join(', ', @same)), join('|', ('t') x @types), $what);
}

$source->safe_psql('postgres', 'CREATE EXTENSION vector; CREATE TABLE vectors (id int PRIMARY KEY, '
	. join(', ', map { "$_->[0] $_->[1]" } @types) . ', a vector[]); ALTER TABLE vectors REPLICA IDENTITY FULL');
is((relay_run('slot', 'create', @args))[0], 0, 'slot create');
for my $id (0 .. $#rows)
{
	my $values = join ', ', map { literal($_) } @{ $rows[$id] };
	$source->safe_psql('postgres', "INSERT INTO vectors VALUES ($id, $values, ARRAY['[1,2]'::vector, NULL])");
}
$source->safe_psql('postgres', 'UPDATE vectors SET id = id + 10; DELETE FROM vectors');
my $relay = relay_start(args => \@args);
wait_for_slot($source, 'vectors');
my @events = map { $_->{value} } json_lines(slurp($file));
is(@events, 4 * @rows, 'an insert, a delete and a create for the changed key, a delete for each row');

for my $event (grep { $_->{op} eq 'c' } @events)
{
	check_row($event->{after}, $rows[ $event->{after}{id} % 10 ], "row $event->{after}{id}, after");
}
for my $event (grep { $_->{op} eq 'd' } @events)
{
	check_row($event->{before}, $rows[ $event->{before}{id} % 10 ], "row $event->{before}{id}, before");
}
is($relay->stop, 0, 'SIGTERM ends it with 0');
done_testing();
