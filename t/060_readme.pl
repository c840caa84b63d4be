# 060_readme.pl: what README.md says of settings and commands is what the program says.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Test::More;

$ENV{WALRELAY} = $walrelay;
is(system("$root/contrib/readme-settings", '--check'), 0, 'the table of settings');
is(system("$root/contrib/errors-page", '--check'), 0, 'the page of errors');

my ($status, $help) = relay_run('--help');
is($status, 0, '--help');
my $readme = slurp("$root/README.md");
for my $command ($help =~ /^  ([a-z]+(?: [a-z]+)?) /mg)
{
	my ($word) = $command =~ /(\S+)$/;
	like($readme, qr/`walrelay [^`]*\b\Q$word\E\b/, "README.md names $command");
	my ($one, $text) = relay_run(split(/ /, $command), '--help');
	is($one, 0, "$command --help");
	like($text, qr/^Usage: walrelay \Q$command\E/, 'and it is about this command');
}
done_testing();
