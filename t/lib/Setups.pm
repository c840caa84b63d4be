# Setups.pm: broken set-ups, and how the remedy that walrelay check prints is pasted; for 085_check.pl.
#
# Each is broken (break: SQL, or a sub; set: settings, undef takes one away), is looked at, and the
# check of that name has to have that verdict and code; then what its remedy says is done as it
# stands there:
#
#	sql		its statements, as a superuser; restart: it has to say so, too
#	shell	its commands, kafka-*.sh, curl and walrelay among them, with the programs in the PATH
#			and the same settings
#	setting	key=value as it stands there; rename: the key that it guesses
#	line	a line for pg_hba.conf
#	given	what only people know, [key, value]: the remedy has to name the key
#
# and that check has to be right.  undo brings back what there was.
package Setups;

use strict;
use warnings;
use Exporter 'import';
use Lab;
use Walrelay;

our @EXPORT = qw(setups);

sub has_libraries { return qx('$pg_bin/postgres' --describe-config) =~ /^output_plugin_libraries\t/m; }

# setups OF...: of source, bare (another server), kafka, port (of admin.listen), secured, door (a
# registry behind a login) and dir (certificates); unless: why this server cannot be broken so
sub setups
{
	my %of = @_;
	my $bare = $of{bare};
	my %on_bare = ('source.conninfo' => $bare->connstr('postgres'), 'table.include.list' => undef, 'slot.create' => 'true');
	my $tcp = $of{conninfo} =~ s/host=\S+/host=127.0.0.1/r;
	my $without_slots = 'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots';
	my $in_bare = sub { my ($text) = @_; return sub { $bare->safe_psql('postgres', $text) }; };
	my $registry_with = sub {
		my ($base) = registry() =~ m{//[^/]+(.*)};
		return ('registry.url' => "https://localhost:$of{door}{port}$base");
	};

	my $of_old = !has_libraries() && 'this server has no output_plugin_libraries';
	return (
		# ---- the server ----
		# on a server that cannot decode nobody waits for it
		{ what => 'a transaction that was prepared long ago', check => 'server.long_transactions', verdict => 'warn', code => 'E1299',
			set => \%on_bare, break => $of{old_transaction}, sql => $bare },
		{ what => 'wal_level = replica', check => 'server.wal_level', code => 'E1206', set => \%on_bare, sql => $bare, restart => 1,
			unless => $bare->safe_psql('postgres', 'SHOW server_version_num') >= 190000 && 'from 19 on the level rises by itself' },
		{ what => 'every replication slot is taken', check => 'server.room', code => 'E1213', set => \%on_bare,
			break => $in_bare->(q{SELECT pg_create_physical_replication_slot('taken')}), sql => $bare, restart => 1,
			undo => $in_bare->($without_slots) },
		{ what => 'every walsender is taken', check => 'server.room', verdict => 'warn', code => 'E1213', set => \%on_bare,
			break => sub { $bare->safe_psql('postgres', 'ALTER SYSTEM SET max_wal_senders = 1'); $bare->restart },
			sql => $bare, restart => 1 },
		{ what => 'the plugin is not installed', check => 'server.plugin', code => 'E1205', set => \%on_bare, shell => 1 },
		{ what => 'another protocol version', check => 'server.plugin', code => 'E1403',
			set => { %on_bare, 'slot.plugin' => 'walrelay_tomorrow' }, break => $of{tomorrow}, given => [ 'slot.plugin', 'walrelay' ],
			names => 'from the same release' },
		{ what => 'nobody is at that port', check => 'server.connection', code => 'E1201',
			set => { 'source.conninfo' => 'host=127.0.0.1 port=' . free_port() . ' dbname=postgres user=walrelay' },
			given => [ 'source.conninfo', $of{conninfo} ] },
		{ what => 'no such database', check => 'server.connection', code => 'E1203', set => { 'source.conninfo' => "$of{conninfo} dbname=none" },
			sql => $of{source}, undo => 'DROP DATABASE none' },
		{ what => 'walrelay is a synchronous standby', check => 'server.synchronous_standby', verdict => 'warn', code => 'E1255',
			break => sub { local $ENV{PGOPTIONS} = '-c synchronous_commit=local';
				sql($_) for q{ALTER SYSTEM SET synchronous_standby_names = 'walrelay'}, 'SELECT pg_reload_conf()';
				wait_until { sql('SHOW synchronous_standby_names') eq 'walrelay' } 'the setting' },
			setting => 'conninfo', undo => sub { sql($_) for 'ALTER SYSTEM RESET synchronous_standby_names', 'SELECT pg_reload_conf()' } },

		# ---- what the server allows to load ----
		{ what => 'the plugin is not allowed, and the role may not see it', check => 'server.plugin', code => 'E1204',
			break => 'ALTER ROLE walrelay SET output_plugin_libraries = pgoutput, test_decoding', sql => $of{source},
			unless => $of_old },
		{ what => 'the plugin is not allowed', check => 'server.plugin_allowed', code => 'E1204',
			break => 'ALTER ROLE walrelay SET output_plugin_libraries = pgoutput, test_decoding; GRANT pg_read_all_settings TO walrelay',
			sql => $of{source}, unless => $of_old },
		{ what => 'the list of plugins is quoted as one name', check => 'server.plugin_allowed', code => 'E1204',
			break => q{ALTER ROLE walrelay SET output_plugin_libraries = 'pgoutput, test_decoding, walrelay'; GRANT pg_read_all_settings TO walrelay},
			sql => $of{source}, unless => $of_old },

		# ---- roles and rights ----
		{ what => 'a role without REPLICATION', check => 'server.connection', code => 'E1212', break => 'ALTER ROLE walrelay NOREPLICATION', sql => $of{source} },
		{ what => 'a role without LOGIN', check => 'server.connection', code => 'E1202', break => 'ALTER ROLE walrelay NOLOGIN', sql => $of{source} },
		{ what => 'a role without CONNECT', check => 'server.connection', code => 'E1212',
			break => 'REVOKE CONNECT ON DATABASE postgres FROM PUBLIC', sql => $of{source}, undo => 'GRANT CONNECT ON DATABASE postgres TO PUBLIC' },
		{ what => 'a wrong password', check => 'server.connection', code => 'E1202', break => sub { $of{hba}->("host all walrelay 127.0.0.1/32 scram-sha-256\n") },
			set => { 'source.conninfo' => "$tcp password=wrong" }, given => [ 'source.conninfo', "$tcp password=right" ], undo => sub { $of{hba}->('') } },
		{ what => 'no line in pg_hba.conf', check => 'server.connection', code => 'E1202', break => sub { $of{hba}->(undef) },
			set => { 'source.conninfo' => "$tcp password=right" }, line => 1, sql => $of{source}, undo => sub { $of{hba}->('') } },
		{ what => 'a table that may not be read', check => 'tables.rights', code => 'E1240', break => 'REVOKE SELECT ON shop.orders FROM walrelay', sql => $of{source} },
		{ what => 'a schema that may not be used', check => 'tables.rights', code => 'E1240', break => 'REVOKE USAGE ON SCHEMA shop FROM walrelay', sql => $of{source} },
		{ what => 'row security that hides rows', check => 'tables.rights', code => 'E1240', break => 'ALTER TABLE shop.items ENABLE ROW LEVEL SECURITY',
			sql => $of{source}, undo => 'ALTER TABLE shop.items DISABLE ROW LEVEL SECURITY; ALTER ROLE walrelay NOBYPASSRLS' },

		# ---- the slot ----
		# before the slot is another one: a relay has to take it
		{ what => 'transactions that went over the disk', check => 'slot.spill', verdict => 'warn', code => 'E1254', break => $of{spill}, sql => $of{source} },
		{ what => 'no slot', check => 'slot.state', code => 'E1207', break => q{SELECT pg_drop_replication_slot('shop')}, shell => 1 },
		{ what => "another plugin's slot", check => 'slot.state', code => 'E1208', set => { 'slot.name' => 'theirs' },
			break => q{SELECT pg_create_logical_replication_slot('theirs', 'test_decoding')}, setting => 1, shell => 1,
			undo => q{SELECT pg_drop_replication_slot('theirs'); SELECT pg_drop_replication_slot('theirs_walrelay')} },
		{ what => "another database's slot", check => 'slot.state', code => 'E1209',
			set => { 'source.conninfo' => "$of{conninfo} dbname=other", 'table.include.list' => undef }, setting => 'conninfo' },
		{ what => 'a slot that somebody else reads', check => 'slot.state', verdict => 'warn', code => 'E1210', break => $of{holder}, sql => $of{source} },
		{ what => 'much WAL is kept', check => 'slot.retained_wal', verdict => 'warn', code => 'E1252', break => sub {
				sql($_) for q{ALTER SYSTEM SET max_slot_wal_keep_size = '48MB'}, 'SELECT pg_reload_conf()',
				  q{SELECT count(pg_logical_emit_message(false, 'fill', repeat('x', 1000000))) FROM generate_series(1, 40)} },
			sql => $of{source} },
		{ what => 'a slot that is lost', check => 'slot.state', code => 'E1211', break => $of{lose_slot}, shell => 1,
			undo => sub { sql($_) for 'ALTER SYSTEM RESET max_slot_wal_keep_size', 'SELECT pg_reload_conf()' } },

		# ---- tables ----
		{ what => 'a list that matches nothing', check => 'tables.captured', code => 'E1250', set => { 'table.include.list' => 'shopp\..*' }, setting => 1 },
		{ what => 'deletes in a table without a key', check => 'tables.identity', code => 'E1251',
			break => $of{deleted}->('CREATE TABLE shop.t (id int)'), sql => $of{source}, undo => 'DROP TABLE shop.t' },
		{ what => 'REPLICA IDENTITY NOTHING', check => 'tables.identity', code => 'E1251',
			break => $of{deleted}->('CREATE TABLE shop.t (id int PRIMARY KEY); ALTER TABLE shop.t REPLICA IDENTITY NOTHING'),
			sql => $of{source}, undo => 'DROP TABLE shop.t' },
		{ what => 'a replica identity whose index is gone', check => 'tables.identity', code => 'E1251',
			break => $of{deleted}->('CREATE TABLE shop.t (id int NOT NULL); CREATE UNIQUE INDEX t_id ON shop.t (id); '
				  . 'ALTER TABLE shop.t REPLICA IDENTITY USING INDEX t_id; DROP INDEX shop.t_id'),
			sql => $of{source}, undo => 'DROP TABLE shop.t' },
		{ what => 'a primary key that is deferrable', check => 'tables.identity', code => 'E1251',
			break => $of{deleted}->('CREATE TABLE shop.t (id int PRIMARY KEY DEFERRABLE)'), sql => $of{source}, undo => 'DROP TABLE shop.t' },
		{ what => 'types without a form', check => 'tables.types', verdict => 'warn', code => 'E1257',
			break => 'CREATE TYPE shop.pair AS (a int, b int); ALTER TABLE shop.items ADD two shop.pair', setting => 1,
			undo => 'ALTER TABLE shop.items DROP two; DROP TYPE shop.pair' },

		# ---- brokers and topics ----
		{ what => 'nobody is at that port', check => 'kafka.brokers', code => 'E2001',
			set => { 'bootstrap.servers' => '127.0.0.1:' . free_port() }, given => [ 'bootstrap.servers', $of{kafka}->address ] },
		{ what => 'brokers that want TLS', check => 'kafka.brokers', code => 'E2001', set => { $of{secured}->(), 'security.protocol' => 'SASL_PLAINTEXT' },
			given => [ 'security.protocol', 'SASL_SSL' ], library => 1 },
		{ what => 'another authority', check => 'kafka.brokers', code => 'E2001', set => { $of{secured}->(), 'kafka.ssl.ca.location' => "$of{dir}/other.crt" },
			given => [ 'ssl.ca.location', "$of{dir}/ca.crt" ], library => 1 },
		{ what => 'a wrong login', check => 'kafka.brokers', code => 'E2004', set => { $of{secured}->(), 'sasl.password' => 'wrong' },
			given => [ 'sasl.password', 'kafka-one' ], library => 1 },
		{ what => 'topics that are not there', check => 'kafka.topics', code => 'E2002', set => { 'topic.prefix' => 'lacking', 'table.include.list' => 'shop\.orders' },
			shell => 1 },
		{ what => 'a compacted topic for a table without a key', check => 'kafka.compaction', code => 'E2006',
			break => sub { sql('CREATE TABLE shop.t (id int); GRANT SELECT ON shop.t TO walrelay');
				$of{kafka}->topic_create('shop.shop.t', 1, 'cleanup.policy=compact') },
			shell => 1, undo => 'DROP TABLE shop.t' },
		{ what => 'positions in two partitions', check => 'kafka.progress', code => 'E2010', set => { 'topic.prefix' => 'wide' },
			break => sub { $of{kafka}->topic_create('wide.progress', 2, 'cleanup.policy=compact') }, setting => 1 },
		{ what => 'positions that are forgotten', check => 'kafka.progress', code => 'E2010', set => { 'topic.prefix' => 'short' },
			break => sub { $of{kafka}->topic_create('short.progress', 1) }, shell => 1 },
		{ what => 'a topic that takes smaller batches than are sent', check => 'kafka.sizes', verdict => 'warn', code => 'E2016',
			break => sub { $of{kafka}->topic_alter('shop.shop.orders', 'max.message.bytes=20000') }, shell => 1 },
		{ what => 'batches that are larger than what brokers take by default', check => 'kafka.sizes', verdict => 'warn', code => 'E2016',
			set => { 'batch.size' => '2000000', 'table.include.list' => 'shop\.items' }, setting => 1 },
		{ what => 'values that a topic does not take', check => 'kafka.sizes', verdict => 'warn', code => 'E2016', shell => 1,
			set => { 'max.value.bytes' => '4MB', 'table.include.list' => 'shop\.items', 'message.prefix.exclude.list' => '.*' } },
		{ what => 'letters that the brokers would refuse, too', check => 'kafka.sizes', verdict => 'warn', code => 'E2016', shell => 1,
			set => { 'on.error' => 'dead-letter', 'table.include.list' => 'shop\.items' } },

		# ---- the registry ----
		{ what => 'nobody is at that port', check => 'registry.connection', code => 'E1801', set => { 'registry.url' => 'http://127.0.0.1:' . free_port() },
			given => [ 'registry.url', registry() ] },
		{ what => 'a path is missing', check => 'registry.connection', code => 'E1805', set => { 'registry.url' => registry() =~ s{^(\w+://[^/]+).*}{$1}r },
			path => 1 },
		{ what => 'a registry that wants a login', check => 'registry.connection', code => 'E1804', set => { $registry_with->(), 'registry.ssl.ca.location' => "$of{dir}/ca.crt" },
			given => [ 'registry.basic.auth.user.info', 'relay:registry-one' ] },
		{ what => 'a registry of another authority', check => 'registry.connection', code => 'E1801',
			set => { $registry_with->(), 'registry.basic.auth.user.info' => 'relay:registry-one' }, given => [ 'registry.ssl.ca.location', "$of{dir}/ca.crt" ] },
		{ what => 'a schema that is incompatible', check => 'registry.schemas', code => 'E1802', break => $of{incompatible}, shell => 1,
			undo => 'ALTER TABLE shop.orders ADD v text' },
		{ what => 'schemas that are not registered', check => 'registry.schemas', code => 'E1806',
			set => { 'topic.prefix' => 'absent', 'auto.register.schemas' => 'false' }, setting => 1 },

		# ---- this machine, and settings ----
		{ what => 'a port in use', check => 'machine.admin_listen', code => 'E1002', break => $of{take_port}, given => [ 'admin.listen', '127.0.0.1:' . free_port() ],
			undo => $of{leave_port} },
		{ what => 'few descriptors', check => 'machine.descriptors', verdict => 'warn', code => 'E1007', limit => 512, shell => 'ulimit' },
		{ what => 'a setting that there is not', code => 'E1001', set => { 'topic.prefx' => 'shop' }, rename => 1 },
		{ what => 'a setting in the wrong section', code => 'E1001', set => { 'source.topic.prefix' => 'shop' }, rename => 1 },
		{ what => 'a value with a bad unit', code => 'E1002', set => { 'status.interval.ms' => '10 parsecs' }, setting => 'value' },
		{ what => 'a setting that is missing', check => 'settings', code => 'E1003', set => { 'topic.prefix' => undef }, given => [ 'topic.prefix', 'shop' ] },
		{ what => 'settings that contradict each other', check => 'settings', code => 'E1002', set => { 'use.latest.version' => 'true' }, setting => 1 },
		{ what => 'pauses that are the wrong way round', check => 'settings', code => 'E1002',
			set => { 'retry.backoff.ms' => '900ms', 'retry.backoff.max.ms' => '500ms' }, setting => 'to' },
		{ what => 'a secret that may not be read', code => 'E1004', set => { 'registry.basic.auth.user.info.file' => $of{closed} },
			shell => 1 });
}

1;
