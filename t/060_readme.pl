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
# ---- coming from Debezium: what is made of a connector's settings is a configuration ----
{
	my ($json, $conf) = map { "$ENV{TESTDATADIR}/$_" } qw(connector.json imported.conf);
	my $write = sub { my ($name, $text) = @_; open my $file, '>', $name or die "$name: $!\n"; print $file $text; close $file; };
	$write->($json, '{"database.hostname":"db","database.dbname":"shop","topic.prefix":"shop","plugin.name":"pgoutput","heartbeat.interval.ms":"5000"}');
	my ($status, $text, $why) = relay_run('config', 'import', $json);
	is("$status $why", '0 ', 'config import');
	$write->($conf, $text);
	($status, $text) = relay_run('config', '-c', $conf, '--bootstrap.servers=k:9092');
	is($status, 0, 'the file is one');
	like($text, qr/^conninfo = .*host=db .*imported\.conf, line \d+$/m, 'and says what it was made of');
	$write->($json, '{"topic.prefix":"shop","transforms":"unwrap"}');
	($status, $text, $why) = relay_run('config', 'import', $json);
	is($status, 1, 'config import: what has no counterpart');
	like($why, qr/E1008: 1 of 2 properties/, 'is counted');
	is((relay_run('config', 'import', "$json.none"))[0], 2, 'config import: no file');
}
done_testing();
