# 095_documents.pl: what docs/operating.md tells its reader to run works as it stands there.  (The
# pages that need more than Debian, Kafka and a registry: make docs-check.)
# needs: kafka
# takes: 20 s
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;
use Test::More;

local %ENV = (%ENV, WALRELAY => $walrelay, KAFKA_BOOTSTRAP => kafka(), REGISTRY_URL => registry());
open my $results, '-|', 'python3', "$root/contrib/documents/check.py", 'operating' or die "python3: $!\n";
while (my $line = <$results>)
{
	chomp $line;
	if ($line =~ /^(not )?ok \d+ - (.*)/) { ok(!$1, $2); }
	else { diag($line) unless $line =~ /^1\.\./; }
}
close $results;
is($?, 0, 'all of them');
done_testing();
