# The manual pages name every command and every setting that the program has, as scdoc can read it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Test::More;

# page NAME: its source
sub page
{
	my ($name) = @_;
	my $text = qx('$root/contrib/man-page' '$name' '$walrelay');
	die "man-page $name failed\n" if $? != 0;
	return $text;
}

# bold NAME: how it stands there
sub bold { my ($name) = @_; return '*' . ($name =~ s/([._-])/\\$1/gr) . '*'; }

my ($commands, $settings) = (page('walrelay.1'), page('walrelay.conf.5'));
my (undef, $help) = relay_run('--help');
my @commands = map { /^  (\S+(?: \S+)?)  / ? $1 : () } split /\n/, $help;
my (undef, $table) = relay_run('run', '--help', '--markdown');
my @settings = $table =~ /^\| `(.+?)`/mg;

cmp_ok(scalar @commands, '>', 20, 'there are commands');
is_deeply([ grep { index($commands, "\n" . bold($_)) < 0 } @commands ], [], 'walrelay(1) has all of them');
cmp_ok(scalar @settings, '>', 60, 'there are settings');
is_deeply([ grep { index($settings, "\n" . bold($_) . "\n") < 0 } @settings ], [], 'walrelay.conf(5) has all of them');
like($commands, qr/^\t\*\\-\\-json\*$/m, 'options are there');

SKIP:
{
	skip 'no scdoc here (contrib/quickstart/deps check has it)', 2 if system('command -v scdoc >/dev/null') != 0;
	for my $name ('walrelay.1', 'walrelay.conf.5')
	{
		my $errors = qx('$root/contrib/man-page' '$name' '$walrelay' | scdoc 2>&1 >'$ENV{TESTDATADIR}/$name');
		ok($? == 0 && $errors eq '' && slurp("$ENV{TESTDATADIR}/$name") =~ /^\.TH "walrelay/m, "$name is made") or diag $errors;
	}
}
done_testing();
