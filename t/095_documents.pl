# 095_documents.pl: what docs/operating.md tells its reader to run works as it stands there.  (The
# pages that need more than Debian, Kafka and a registry: make docs-check.)
# needs: kafka
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Walrelay;

$ENV{WALRELAY} = $walrelay;
$ENV{KAFKA_BOOTSTRAP} = kafka();
$ENV{REGISTRY_URL} = registry();
exec 'python3', "$root/contrib/documents/check.py", 'operating';
