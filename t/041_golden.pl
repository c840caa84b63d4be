# What a real Debezium wrote, against what this build writes now: the statements of
# t/golden run on a server, the plugin's frames go to the same comparison that the unit
# test makes with the frames that are kept in t/golden.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Copy qw(copy);
use File::Path qw(make_path);
use Walrelay;
use Test::More;

my $source = new_source(conf => "timezone = 'UTC'\n");
my $folder = "$ENV{TESTDATADIR}/t/golden";
make_path($folder);

for my $name (qw(types dml))
{
	my $dsn = $source->connstr("g_$name");

	$source->safe_psql('postgres', "CREATE DATABASE g_$name");
	is(system("$pg_bin/psql", '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $dsn, '-f', "$root/t/golden/$name.sql"),
		0, "tables of $name");
	$source->safe_psql("g_$name",
		"SELECT pg_create_logical_replication_slot('$name', 'walrelay')");
	is(system("$pg_bin/psql", '-Xq', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $dsn, '-f',
			"$root/t/golden/$name.dml.sql"), 0, "statements of $name");
	my $frames = $source->safe_psql("g_$name",
		"SELECT encode(data, 'hex') FROM pg_logical_slot_get_binary_changes('$name', NULL, NULL)");
	open my $file, '>', "$folder/$name.frames" or die "cannot write $folder: $!";
	print $file "$frames\n";
	close $file;
	copy("$root/t/golden/$name.debezium", $folder) or die "cannot copy: $!";
}
copy("$root/t/golden/differences", $folder) or die "cannot copy: $!";

# Whatever form the runner asks its units for: this one is read here.
local $ENV{CMOCKA_MESSAGE_OUTPUT} = 'tap';
my $compare = ($ENV{UNIT_DIR} // "$root/" . ($ENV{B} // 'build') . '/t/unit') . '/test_golden';
my $said = qx(cd '$ENV{TESTDATADIR}' && '$compare' 2>&1);
is($?, 0, 'schemas and bytes are those of Debezium, but for the listed differences') or diag($said);
like($said, qr/^ok \d+ - test_$_$/m, "$_ was compared") for qw(types dml);
done_testing();
