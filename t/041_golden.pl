# What a real Debezium wrote, against what this build writes now: the statements of
# t/golden run on a server, the plugin's frames go to the same comparison that the unit
# test makes with the frames that are kept in t/golden.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Basename qw(basename);
use File::Copy qw(copy);
use File::Path qw(make_path);
use Walrelay;
use Test::More;

my $source = new_source(conf => "timezone = 'UTC'\nlc_monetary = 'C'\n");
my $folder = "$ENV{TESTDATADIR}/golden";
my %available = map { $_ => 1 } split /\n/, $source->safe_psql('postgres', 'SELECT name FROM pg_available_extensions');
make_path($folder);

for my $file (glob "$root/t/golden/*.dml.sql")
{
	my $name = basename($file, '.dml.sql');
	my $dsn = $source->connstr("g_$name");

	my $kept = $name eq 'postgis' && !$available{postgis} && 'PostGIS is not installed';

	# From 19 on a pg_lsn has all its zeros.
	$kept ||= 'pg_lsn looks otherwise' if $source->pg_version->major >= 19 && $name =~ /^(?:types|arrays|notnull|more)$/;
	if ($kept)
	{
		note("$kept: the kept frames are compared");
		copy("$root/t/golden/$name.frames", $folder) or die "cannot copy: $!";
		next;
	}
	$source->safe_psql('postgres', "CREATE DATABASE g_$name");
	is(system("$pg_bin/psql", '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $dsn, '-f', "$root/t/golden/$name.sql"),
		0, "tables of $name");
	$source->safe_psql("g_$name",
		"SELECT pg_create_logical_replication_slot('$name', 'walrelay')");
	is(system("$pg_bin/psql", '-Xq', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $dsn, '-f', $file), 0,
		"statements of $name");
	my $frames = $source->safe_psql("g_$name",
		"SELECT encode(data, 'hex') FROM pg_logical_slot_get_binary_changes('$name', NULL, NULL)");
	open my $out, '>', "$folder/$name.frames" or die "cannot write $folder: $!";
	print $out "$frames\n";
	close $out;
}

# Whatever form the runner asks its units for: this one is read here.
local $ENV{CMOCKA_MESSAGE_OUTPUT} = 'tap';
local $ENV{GOLDEN_FRAMES} = $folder;
my $compare = ($ENV{UNIT_DIR} // "$root/" . ($ENV{B} // 'build') . '/t/unit') . '/test_golden';
my $said = qx(cd '$root' && '$compare' 2>&1);
is($?, 0, 'schemas and bytes are those of Debezium, but for the listed differences') or diag($said);
like($said, qr/^ok \d+ - $_$/m, "$_ was compared") for map { basename($_, '.config') } glob "$root/t/golden/*.config";
done_testing();
