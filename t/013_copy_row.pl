# A row that is read by COPY is the row that the stream had, to the byte: every type with
# the values at its edges, arrays of each in all shapes, rows of NULLs, long values; in
# databases of one byte a character, of several, and of UTF-8.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Basename qw(dirname);
use Walrelay;
use Test::More;

# Settings that the sessions must not take over: text would say less, or the same otherwise.
my $node = new_source(conf => <<'CONF');
fsync = off
max_wal_size = 4GB
DateStyle = 'German, DMY'
TimeZone = 'Asia/Kolkata'
IntervalStyle = 'sql_standard'
extra_float_digits = -15
bytea_output = 'escape'
xmlbinary = 'hex'
xmloption = 'document'
CONF
my $copy_rows = dirname($walrelay) . '/t/lib/copy_rows';

sub run
{
	my @command = @_;
	my ($stdout, $stderr) = ('', '');
	my $lived = IPC::Run::run(\@command, '<', \undef, '>', \$stdout, '2>', \$stderr);
	return ($lived, $stdout, $stderr);
}

for my $encoding (qw(UTF8 LATIN1 EUC_JP))
{
	my $database = lc $encoding;
	$node->safe_psql('postgres', "CREATE DATABASE $database ENCODING '$encoding' TEMPLATE template0 LOCALE 'C'");
	my ($lived, $made, $why) = run($ENV{PYTHON} // 'python3', "$root/t/lib/copy_row_tables.py", $node->connstr($database), "copy_$database");
	ok($lived, "$encoding: tables of every type") or diag($why);
	(my $compared, my $report, $why) = run($copy_rows, $node->connstr($database), "copy_$database");
	my ($tables, $rows, %texts) = (0, 0);
	while ($report =~ /^ok (\S+) (\d+) (\d+)$/mg)
	{
		$tables++;
		$rows += $2;
		$texts{$1} = $3 if $3 > 0;
	}
	ok($compared, "$encoding: $rows rows of $tables tables are the stream's") or diag(substr $report =~ s/^ok .*\n//mgr . $why, 0, 3000);
	is($rows, $made + 0, "$encoding: and these are all");
	cmp_ok($tables, '>=', 150, "$encoding: of many types");
	# a map of NULLs without one does not show in an array's text
	is_deeply(\%texts, { maps => 1 }, "$encoding: to the byte, but for one");
}
done_testing();
