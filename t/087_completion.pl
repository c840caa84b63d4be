# 087_completion.pl: what bash offers with the script that walrelay makes for it.
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
done_testing();
