# A connection that rows are read over is lost while nothing is asked of it, and in that very
# moment somebody asks: that is told as any loss is, and the next connection answers.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Basename qw(dirname);
use Walrelay;
use Test::More;

my $node = new_source();
my ($stdout, $stderr) = ('', '');
my $lived = IPC::Run::run([ dirname($walrelay) . '/t/lib/lose_query', $node->connstr('postgres') ], '<', \undef, '>', \$stdout, '2>', \$stderr);
ok($lived, 'it lives') or diag("status $?");
is($stdout, "ready\nended: t\nnot ready\nlost: E1214\nready\nresult: 1 row\ndone\n", 'lost once, and connected again');
is($stderr, '', 'without a word');
done_testing();
