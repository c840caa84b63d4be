# 087_completion.pl: what bash and zsh offer with the scripts that walrelay makes for them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run ();
use Walrelay;
use Test::More;

my ($status, $script) = relay_run('completion', 'bash');
is($status, 0, 'the script');
my $file = "$ENV{TESTDATADIR}/completion.bash";
open my $out, '>', $file or die "$file: $!\n";
print $out $script;
close $out;
is(system('bash', '-n', $file), 0, 'is one of bash');

# offered WORDS: what stands there, with = as a word of its own, as readline has it; the last is completed
sub offered
{
	my (@words) = @_;
	my ($reply, $why) = ('', '');
	IPC::Run::run(
		[ 'bash', '-c', 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _walrelay; printf "%s\n" "${COMPREPLY[@]}"', 'bash', $file, 'walrelay', @words ],
		'<', \undef, '>', \$reply, '2>', \$why);
	is($why, '', "@words: no message");
	return [ grep { length } split /\n/, $reply ];
}
sub has { my ($what, @words) = @_; my %have = map { $_ => 1 } @{ offered(@words) }; ok($have{$what}, "@words: $what"); return; }
sub has_not { my ($what, @words) = @_; my %have = map { $_ => 1 } @{ offered(@words) }; ok(!$have{$what}, "@words: no $what"); return; }

is_deeply(offered('che'), ['check'], 'a command');
is_deeply(offered('snapshot', 'pa'), ['pause'], 'its second word');
is_deeply([ sort @{ offered('slot', '') } ], [ sort qw(create alter status drop --help) ], 'all second words');
# every command that --help has is offered
my (undef, $help) = relay_run('--help');
for ($help =~ /^  ([a-z]+(?: [a-z]+)?) /mg)
{
	my @words = split;
	has($words[-1], @words[ 0 .. $#words - 1 ], '');
}
is_deeply(offered('run', '--deliv'), ['--delivery='], 'a setting');
is_deeply(offered('run', '--kafka.deliv'), ['--kafka.delivery='], 'with its section');
is_deeply(offered('run', '--delivery', '=', 'ex'), ['exactly-once'], 'its value');
is_deeply(offered('run', '--delivery', '='), [ 'at-least-once', 'exactly-once' ], 'its values');
is_deeply(offered('run', '--slot.create', '=', ''), [ 'true', 'false' ], 'true and false');
has('--accept-gap=', 'run', '--ac');
has_not('--accept-gap=', 'tail', '--ac');
has('--json', 'check', '--delivery', '=', 'exactly-once', '--js');
has_not('--json', 'run', '--js');
is_deeply(offered('snapshot', 'start', '--wh'), ['--where='], 'an option of a command of two words');
is_deeply(offered('explain', 'E120'), [ map { "E120$_" } 1 .. 9 ], 'codes');
has($file, 'run', '--config', '=', "$ENV{TESTDATADIR}/comp");
has($file, 'run', '-c', "$ENV{TESTDATADIR}/comp");
has_not('--delivery=', 'explain', '--de');

# ---- zsh ----
($status, $script) = relay_run('completion', 'zsh');
is($status, 0, 'the function for zsh');
my $function = "$ENV{TESTDATADIR}/_walrelay";
open $out, '>', $function or die "$function: $!\n";
print $out $script;
close $out;
is(system('zsh', '-n', $function), 0, 'is one of zsh');
my @lines = (
	[ 'che', qr/^check$/, 'a command' ],
	[ 'snapshot pa', qr/^pause$/, 'its second word' ],
	[ 'slot ', qr/^create\|alter\|status\|drop$/, 'all second words' ],
	[ 'config ', qr/^import$/, 'of a command that may stand alone' ],
	[ 'config --slot.na', qr/^--slot\.name$/, 'which takes settings, too' ],
	[ 'run --deliv', qr/^--delivery$/, 'a setting' ],
	[ 'run --kafka.deliv', qr/^--kafka\.delivery$/, 'with its section' ],
	[ 'run --delivery=', qr/^at-least-once\|exactly-once$/, 'its values' ],
	[ 'run --delivery=exactly-once --slot.create=', qr/^true\|false$/, 'true and false' ],
	[ 'tail --acc', qr/^$/, 'no option of another command' ],
	[ 'run --acc', qr/^--accept-gap$/, 'an option' ],
	[ 'snapshot start --whe', qr/^--where$/, 'an option of a command of two words' ],
	[ 'slot create --exp', qr/^--export-snapshot$/, 'one without a value' ],
	[ 'cat topic --value-o', qr/^--value-only$/, 'behind a word' ],
	[ 'explain E120', qr/^E1201\|.*E1209$/, 'codes' ],
	[ 'explain --deliv', qr/^$/, 'no settings where there are none' ],
	[ "run --config=$ENV{TESTDATADIR}/_walr", qr/^_walrelay$/, 'files' ],
	[ 'tail -c ' . "$ENV{TESTDATADIR}/_walr", qr/^_walrelay$/, 'files behind -c' ],
	map { my @words = split; my $last = pop @words; [ join(' ', @words, ''), qr/(?:^|\|)\Q$last\E(?:\||$)/, "$_ of --help" ] }
	  $help =~ /^  ([a-z]+(?: [a-z]+)?) /mg);
my ($said, $why) = ('', '');
IPC::Run::run([ 'zsh', '-f', "$root/t/lib/zsh_offers.zsh", $function, map { "walrelay $_->[0]" } @lines ], '<', \undef, '>', \$said, '2>', \$why, IPC::Run::timeout(170));
is($why, '', 'zsh: no message');
my %offers = $said =~ /^walrelay (.*) => (.*?)\r?$/mg;
for (@lines)
{
	my ($line, $offer, $what) = @$_;
	like($offers{$line} // 'nothing was said', $offer, "zsh: $what: $line");
}
# descriptions come along
like($script, qr/'--delivery=\[/, 'zsh: what settings are');
like($script, qr/'check:Look at everything/, 'zsh: what commands do');
done_testing();
