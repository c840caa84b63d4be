/*
 * explanations.c
 *		The texts behind the stable codes; see explain.h.
 *
 * What is said here of actions and exit codes is policy.h's.
 */
#include "explain.h"

#define KEPT "The slot keeps what is not confirmed: nothing is lost, and WAL gathers on the server."
#define STOPS(codes) "walrelay stops with exit code " codes ". " KEPT
#define TRIES                                                                                      \
	"At its start walrelay stops with exit code 69; once it has streamed it tries again for ever, " \
	"with growing pauses. " KEPT
#define REFUSED_SCHEMA                                                                             \
	"The stream stands still and asks again until the registry accepts it, or, with "              \
	"`schema.on.incompatible` or `on.error`, such changes become dead letters or are skipped while "  \
	"the others go on. " KEPT
#define RECORD                                                                                     \
	"With `on.error=stop`, the default, walrelay stops before the record with exit code 1; with "  \
	"`dead-letter` or `skip` the record goes there, and the others go on. " KEPT
#define ACCEPT                                                                                     \
	"The hint ends with a token: whoever has read what is missing, and has loaded the tables again " \
	"downstream where that matters, starts once with `--accept-gap=TOKEN`."

const struct explanation explanations[] = {
	{E1001,
	 "A key on the command line, in the configuration file or in a variable that begins with "
	 "WALRELAY_ is none that walrelay knows; in `[kafka]`, none that librdkafka knows.",
	 "Nothing has started: exit code 2 for the command line, 78 otherwise.",
	 "Correct the name: the hint has the nearest one, `walrelay run --help` all of them. Names of "
	 "Java's Kafka clients differ from librdkafka's in places; its CONFIGURATION.md is the list."},
	{E1002,
	 "A setting has a value that it cannot have, two settings contradict each other, or the address "
	 "of `admin.listen` is not of this machine or is taken.",
	 "Nothing has started: exit code 78.",
	 "Do what the hint says; `walrelay config` shows every setting with where it comes from."},
	{E1003, "One of the few settings without a default is not given.",
	 "Nothing has started: exit code 78.",
	 "Set the key that the message names. `walrelay config` shows what is set, and from where."},
	{E1004,
	 "The configuration file, or a file that a setting names for a secret, does not exist, may not "
	 "be read, or has a line that is not understood.",
	 "Nothing has started: exit code 78.",
	 "Make the file readable for the user that walrelay runs as; lines are `[section]`, `key = "
	 "value`, or comments that begin with `;`."},
	{E1005,
	 "A property of librdkafka in `[kafka]` would let acknowledged records be lost, reordered or "
	 "repeated: acks, idempotence and the like are walrelay's own to set.",
	 "Nothing has started: exit code 78.",
	 "Remove the line. `delivery` chooses between at least once and exactly once."},
	{E1006, "A word or an option of the command line is unknown, incomplete, or does not fit the "
	 "command.",
	 "Nothing was done: exit code 2.", "Look at `walrelay COMMAND --help`."},
	{E1007,
	 "The process may open no more files and connections, or the system gives out no more. Kafka "
	 "wants one or two for each broker, a snapshot one for each connection.",
	 "What is under way waits or is tried again. " KEPT,
	 "Raise the limit: `LimitNOFILE=` in the unit, `ulimit -n` in a shell, `--ulimit nofile=` for a "
	 "container; `fs.file-max` if the whole system has run out."},
	{E1008,
	 "`walrelay config import` has read a Debezium connector's settings, and some of them ask for "
	 "what walrelay has not, has under another form, or has to be told by hand.",
	 "The configuration is printed whole, with these properties as comments and what there is "
	 "instead; exit code 1.",
	 "Decide of each whether it matters: transforms, for instance, belong to consumers. Then run "
	 "`walrelay check` with the file."},
	{E1009,
	 "`walrelay status` and `top` ask the relay at `admin.listen`, and nobody answers there, or "
	 "something else does.",
	 "Nothing is changed; exit code 69. `top` goes on asking once it had an answer.",
	 "Start the relay with `admin.listen=HOST:PORT`, and give these commands the same. Of a relay on "
	 "another machine it has to be an address that can be reached from here."},

	{E1201,
	 "Nobody answers at the address in `source.conninfo` (or `PGHOST`, `PGPORT`), or not in time: "
	 "the server is down or starting, the address is wrong, or something in between drops packets. Or it "
	 "answers, and its certificate is not accepted.",
	 TRIES,
	 "Try `psql` with the same connection string from the same machine. Check that the server runs "
	 "and has the address in `listen_addresses`, and firewalls in between."},
	{E1202,
	 "The server was reached and does not let the role in: the password is wrong, the role may not "
	 "log in, or pg_hba.conf has no line for this database, role and address. A line for "
	 "replication needs a database name for walrelay, not the keyword `replication`: its connection "
	 "is one to a database.",
	 "walrelay stops with exit code 77. " KEPT " A login that was accepted before is tried again for a "
	 "minute if a secret is from a file (`KEY.file`), which is read again.",
	 "The server's log says which line of pg_hba.conf it was. `SELECT * FROM pg_hba_file_rules`, "
	 "correct the file, then `SELECT pg_reload_conf()`. A password belongs into `PGPASSFILE`, not "
	 "into the connection string."},
	{E1203, "The server has no database of the name in `source.conninfo`.", STOPS("78"),
	 "Correct `dbname` (or `PGDATABASE`); `psql -l` lists the databases."},
	{E1204,
	 "Since the minor releases of August 2026 a server loads only output plugins that "
	 "`output_plugin_libraries` lists; a minor upgrade stops a stream that ran until then, and its "
	 "slot keeps WAL meanwhile. A list that was written as one quoted string allows nothing.",
	 STOPS("78"),
	 "As superuser, without quotes around the list: `ALTER SYSTEM SET output_plugin_libraries = "
	 "pgoutput, test_decoding, walrelay;` and `SELECT pg_reload_conf();`. Or for the one role: "
	 "`ALTER ROLE walrelay SET output_plugin_libraries = pgoutput, test_decoding, walrelay;`."},
	{E1205,
	 "The server's machine has no walrelay.so in PostgreSQL's library folder, or not in that of "
	 "this major version.",
	 STOPS("78"),
	 "Install the plugin there: `make install`, with `PG_CONFIG=` of that version if there are "
	 "several. PostgreSQL need not be restarted, and `CREATE EXTENSION` plays no part."},
	{E1206, "Changes can only be decoded from WAL that was written with `wal_level = logical`.",
	 STOPS("78"),
	 "`ALTER SYSTEM SET wal_level = logical;`, then restart PostgreSQL. It costs writers little: a "
	 "few bytes for each transaction and old keys of updated rows."},
	{E1207,
	 "The server has no slot of the name in `slot.name`: it was never made, somebody has dropped "
	 "it, or a standby without a copy of it was promoted.",
	 "walrelay stops with exit code 78. What committed since the slot was gone cannot be decoded "
	 "any more.",
	 "For a first start: `walrelay slot create`, or `slot.create=true`. If it was there before, make "
	 "it again, load the tables again, for instance with `snapshot.mode=always`, and accept the gap. "
	 ACCEPT},
	{E1208, "A slot of this name is physical, or was made for another plugin such as pgoutput.",
	 STOPS("78"),
	 "Choose another `slot.name`. A slot's plugin cannot be changed; Debezium's slot stays as it is "
	 "and can be used beside it."},
	{E1209, "A logical slot belongs to one database, and the connection is to another one.",
	 STOPS("78"), "Set `dbname` in `source.conninfo` to the slot's database, or choose another `slot.name`."},
	{E1210,
	 "Somebody else streams from the slot: another walrelay, or the connection of one that died and "
	 "that the server still takes for alive, until `wal_sender_timeout` at the latest.",
	 "It is tried again for `slot.wait.ms`, at the start as later, then walrelay stops with exit code "
	 "75. A second relay that waits in this way is a hot standby of the first.",
	 "`SELECT pid, client_addr, backend_start, state FROM pg_stat_replication;` shows who it is. End "
	 "it there, or with `SELECT pg_terminate_backend(PID);` if it is dead."},
	{E1211,
	 "The server has invalidated the slot: WAL that it needed was removed because of "
	 "`max_slot_wal_keep_size`, it was unused for `idle_replication_slot_timeout`, or its rows or "
	 "wal_level are gone on a standby.",
	 "walrelay stops with exit code 78. What the slot had not sent is lost to it.",
	 "`walrelay slot drop`, `walrelay slot create`, load the tables again, and accept the gap. " ACCEPT
	 " Raise `max_slot_wal_keep_size` so that it covers the longest outage that you expect."},
	{E1212, "The role may log in, but not replicate, or not connect to this database.", STOPS("77"),
	 "As superuser what the hint says: `ALTER ROLE walrelay REPLICATION;` or `GRANT CONNECT ON "
	 "DATABASE ... TO walrelay;`. Neither a superuser nor ownership of tables is needed."},
	{E1213,
	 "`max_replication_slots` slots exist, or `max_wal_senders` connections for replication are in "
	 "use.",
	 "Without a free slot walrelay stops with exit code 78; without a free connection it is tried "
	 "again once it has streamed. " KEPT,
	 "Drop slots that nobody uses: `SELECT slot_name, active, restart_lsn FROM "
	 "pg_replication_slots;`. Or raise the limit and restart PostgreSQL."},
	{E1214,
	 "The connection ended while it streamed: the server was stopped or restarted, somebody ended "
	 "the process, or the network broke.",
	 "walrelay connects again and streams from the last confirmed position. " KEPT,
	 "Nothing, if it comes back. If it comes often, the server's log says why it ended; look at "
	 "`wal_sender_timeout`, at timeouts of proxies, and at memory on the server."},
	{E1215,
	 "The server's plugin does not know an option that walrelay gave it, or does not take its value; "
	 "mostly the plugin is of an older release.",
	 STOPS("78"),
	 "Install the plugin of the same release as the program; the new one is loaded by the next "
	 "connection. Otherwise correct the setting that the message names."},
	{E1216, "The server is older than what walrelay supports.", STOPS("78"),
	 "Upgrade PostgreSQL to a supported major version."},
	{E1217, "A slot of this name is there already.", "Nothing was done: exit code 78.",
	 "`walrelay slot status` shows it. Use it, drop it with `walrelay slot drop`, or choose another "
	 "`slot.name`."},
	{E1218,
	 "What was confirmed is written down in Kafka, and this server does not have it: it is another "
	 "cluster, an older timeline, restored from a backup, or the slot was made anew or moved on by "
	 "somebody else. To go on in silence would lose changes.",
	 "walrelay stops with exit code 78, before anything is sent.",
	 "Check that `source.conninfo` leads to the right server. If this one is to stay, load the "
	 "tables again and accept the gap. " ACCEPT},
	{E1219,
	 "A large transaction was delivered in part when the stream ended, and the server does not send "
	 "it again, or less of it: it was restored or failed over to a point before.",
	 "walrelay stops with exit code 78. Rows that were never committed may be in Kafka.",
	 "Correct the tables downstream. At least once, the next start goes on. Exactly once: " ACCEPT},
	{E1220,
	 "A large transaction was delivered in part when the stream ended, and settings or the release "
	 "were changed since: its rest would not fit what is in Kafka.",
	 "walrelay stops with exit code 78. " KEPT,
	 "Start with the settings and the release of before until the transaction is through. Or accept "
	 "that it is sent again as a whole. " ACCEPT},
	{E1221,
	 "Not a byte has come for a long time, and the server does not answer either: a firewall, NAT, "
	 "balancer or proxy has forgotten the connection, or the server stands still.",
	 "walrelay drops the connection and makes a new one. Changes come again from the confirmed "
	 "position.",
	 "Nothing, if it was once. Otherwise let idle connections live longer in what is between, or set "
	 "`wal_sender_timeout` below its limit."},
	{E1222,
	 "The slot keeps more than half of the WAL that `max_slot_wal_keep_size` or `slot.guard.bytes` "
	 "allows, or a quarter and the rest will be used up within half an hour; without either, more than "
	 "10 GB. The detail says what keeps it, and how long it lasts at the rate of the last minute.",
	 "It is said once for each step: half, three quarters, nine tenths. With `slot.guard=pause` no more "
	 "rows of snapshots are read from three quarters on, with `stop` walrelay ends at nine tenths if "
	 "nothing is confirmed (E1223).",
	 "If what has come is not confirmed, see what `walrelay status` waits for: Kafka, the registry. If "
	 "it is, end the transactions that stay open. To win time raise `max_slot_wal_keep_size`; a reload "
	 "is enough, if the disk has room."},
	{E1223,
	 "With `slot.guard=stop`: nine tenths of the WAL that the slot may keep are used, and nothing was "
	 "confirmed for 20 seconds, as long as this process has looked.",
	 "walrelay stops with exit code 79. The slot stays and keeps its WAL: nothing is lost yet, and "
	 "nobody but you drops it.",
	 "Mend what the detail names and start again: a relay that gets on is not ended for this. Or "
	 "decide against the slot before the disk is full: `walrelay slot drop`; then make a new one and "
	 "load the tables again."},
	{E1230,
	 "The server is a standby whose slot is only a copy, or one before PostgreSQL 16, which cannot "
	 "decode.",
	 TRIES,
	 "Name the hosts of the primary and of its standbys in `source.conninfo`, with "
	 "`target_session_attrs=primary`; or promote the server."},
	{E1231, "`slot.failover=true` needs PostgreSQL 17 or later, and a primary.", STOPS("78"),
	 "Set `slot.failover=auto`: the slot then is one that standbys copy where that can be."},
	{E1232,
	 "With `--from-lsn` rows were loaded by hand as of a position, and the slot, the server or what "
	 "is in the progress topic does not fit it.",
	 STOPS("78"),
	 "Do what the hint says: give a position of the slot, or leave `--from-lsn` out, which is for "
	 "the first start only."},
	{E1240,
	 "Tables of the snapshot may not be read by the role, or their row security would hide rows.",
	 "At the start walrelay stops with exit code 77, before a row is read. While it streams the "
	 "table is tried again; changes and other tables go on.",
	 "The hint has the statements: `GRANT SELECT ON ... TO walrelay;`, `GRANT USAGE ON SCHEMA ... TO "
	 "walrelay;`, and for row security `ALTER ROLE walrelay BYPASSRLS;`."},
	{E1241, "A standby cannot export the snapshot, or write the watermarks, that a snapshot needs.",
	 "The snapshot waits; no row is read.",
	 "Set `snapshot.conninfo` to the primary; or `snapshot.mode=never`."},
	{E1242,
	 "The server reports an error whenever the table is read: a lock that is held for long, a "
	 "damaged page, a right that was taken away, or a key whose index has no order.",
	 "The table is tried again, with growing pauses; changes and other tables go on.",
	 "Put right what the detail says. To give the table up: `walrelay snapshot stop TABLE`."},
	{E1243, "The table was altered, truncated, rewritten, renamed or dropped while it was read.",
	 "It is read again as it is now. Rows that were read before and are gone are not taken back, "
	 "but what has changed is in the stream.",
	 "Nothing. If it comes each time and nobody alters it, a standby sorts otherwise than the "
	 "primary: leave `snapshot.conninfo` out."},
	{E1244,
	 "A signal for snapshots came that cannot be read, asks for what there is not, has a condition "
	 "that the server refuses, or is of somebody who may give none.",
	 "The signal is passed over. Nothing else changes.",
	 "Send it again in the form that the detail asks for; `walrelay snapshot start` writes it right. "
	 "`signal.enabled.channels` says who may."},
	{E1245, "No captured table has the name, or matches the expression, that was given.",
	 "Nothing is read.",
	 "Write `schema.table`, or a regular expression for all of it; look at `table.include.list`."},
	{E1246, "`snapshot.conninfo` and `source.conninfo` lead to servers with different system "
	 "identifiers: rows of one would be mixed with changes of the other.",
	 "The snapshot waits; no row is read.",
	 "Point `snapshot.conninfo` at a standby of the source, or at its primary; or leave it out."},
	{E1250,
	 "`table.include.list` and `table.exclude.list` leave no table of the database, or it has none.",
	 "`walrelay check` says so; `walrelay run` streams, and sends nothing until there is one.",
	 "The lists have regular expressions for the whole of `schema.table`, separated by commas; a dot "
	 "of the name is written `\\.`. `dbname` in `source.conninfo` has to be the database that the "
	 "tables are in."},
	{E1251,
	 "A table without a primary key, or with REPLICA IDENTITY NOTHING, logs nothing of a deleted "
	 "row, nor what the key of an updated one was before.",
	 "Inserts and updates are sent; deletes cannot be, and are counted.",
	 "Give it a primary key, or `ALTER TABLE ... REPLICA IDENTITY FULL;`, which logs whole old rows."},
	{E1252,
	 "The slot keeps more than half of the WAL that `max_slot_wal_keep_size` allows. Beyond that "
	 "the server removes it, and the slot is lost with all that it had not sent.",
	 "Nothing changes by it.",
	 "Start walrelay, or find what holds it up: `walrelay slot status`, `walrelay_lag_bytes`. Raise "
	 "`max_slot_wal_keep_size` if the disk has room; a reload is enough."},
	{E1253,
	 "This machine's clock and the server's say different times.",
	 "Positions do not depend on clocks. Lags in seconds are off, and brokers may refuse timestamps "
	 "that lie in the future.",
	 "Have both machines set by NTP: `timedatectl set-ntp true`."},
	{E1254,
	 "A good part of what was decoded for the slot did not fit into `logical_decoding_work_mem` and "
	 "went to disk and back.",
	 "Nothing is lost; decoding is slower, and the server writes more.",
	 "`ALTER ROLE walrelay SET logical_decoding_work_mem = '256MB';`, which counts from the next "
	 "connection on. `SELECT pg_stat_reset_replication_slot('walrelay');` begins to count anew."},
	{E1255,
	 "`synchronous_standby_names` lists walrelay's application_name, or everybody: the server waits "
	 "with commits until Kafka has their changes.",
	 "Commits on the source are slow, and stand still as long as Kafka is away.",
	 "List only standbys in `synchronous_standby_names`, or give walrelay another `application_name` "
	 "in `source.conninfo`."},
	{E1256,
	 "`slot.failover=true`, and the slot was made without it: after a failover the new primary has "
	 "no such slot.",
	 "It streams as before.",
	 "Stop walrelay, `walrelay slot alter`, start it again."},
	{E1257,
	 "Debezium has no form for the type of a column: composite types, types of extensions that it "
	 "does not know, arrays of some.",
	 "Events of the table do not have the column, as Debezium's have not.",
	 "`include.unknown.datatypes=true` sends such values as the bytes of their text; for arrays, "
	 "`exact.types=array` sends PostgreSQL's own text."},
	{E1299, "PostgreSQL reported an error that has no code of its own here; its SQLSTATE and text are "
	 "in the message. Also a warning that something of the server's holds things up.",
	 "By SQLSTATE: what passes by itself is tried again, else walrelay stops with exit code 78. "
	 KEPT,
	 "Put right what the server says; its own log has what came before."},

	{E1401, "The bytes do not begin as a frame of the plugin does: another plugin's slot, "
	 "`format=text`, or a file that is something else.",
	 STOPS("1"), "Check the slot's plugin, and the options that it was started with."},
	{E1402, "A frame ends before it should: a file of pg_recvlogical was read while it was written, "
	 "or cut off.",
	 STOPS("1"), "Stop pg_recvlogical with SIGINT before its file is read. From a server it is a mistake "
	 "of walrelay's: report it."},
	{E1403, "The plugin on the server and this program are of releases that do not understand each "
	 "other.",
	 STOPS("1 or 78"), "Install both from one release. A new plugin is loaded by the next connection; "
	 "PostgreSQL need not be restarted."},
	{E1404, "A record of the plugin or a row of a snapshot is not what the protocol says.",
	 STOPS("1"), "Install plugin and program from one release. If it stays, it is a mistake of "
	 "walrelay's: report it with `walrelay version`."},
	{E1405, "Records came in an order that the protocol does not have.", STOPS("1"),
	 "Install plugin and program from one release. If it stays, report it."},
	{E1406, "A change names a table that was not described before.", STOPS("1"),
	 "Install plugin and program from one release. If it stays, report it."},

	{E1601, "A table or column cannot become an Avro schema: mostly a name that Avro does not allow, or "
	 "a server encoding that cannot be converted.",
	 STOPS("1 or 78"),
	 "Set `schema.name.adjustment.mode=avro` and `field.name.adjustment.mode=avro`, rename what the "
	 "detail names, or leave the table out."},
	{E1602, "A value in the message key is one that its Avro type does not have: infinity, NaN, a year "
	 "beyond the range.",
	 RECORD,
	 "Correct the value, name its type in `exact.types`, or give the table a key without the "
	 "column."},
	{E1603, "With `avro.verify` each record is read back and compared, and one was not the same.", RECORD,
	 "It is a mistake of walrelay's: report it with `walrelay version` and the table's definition, "
	 "without rows. `walrelay cat` says it of a record that was cut off, or written with another "
	 "schema than it names: see its bytes with `--raw`."},
	{E1604, "A value is longer than `max.value.bytes`.", RECORD,
	 "Raise `max.value.bytes`, and with it `message.max.bytes` in `[kafka]` and the topic's "
	 "`max.message.bytes`; or leave the table out."},
	{E1605, "Two columns become one field, or two tables one topic, once what Avro or Kafka does not "
	 "allow is replaced.",
	 STOPS("78"),
	 "Set `field.name.adjustment.mode=avro_unicode`, which keeps columns apart; else rename one, or "
	 "leave one table out."},

	{E1801, "No registry in `registry.url` answers, or its certificate is not accepted.",
	 "`run`: changes of known schemas go on; one that needs a new schema waits, and all behind it, and "
	 "it is asked again until it answers. " KEPT " Other commands end.",
	 "Start the registry, or correct `registry.url` and `registry.ssl.*`; try it with `curl "
	 "URL/subjects`."},
	{E1802, "The registry's compatibility level for the subject does not allow the new schema: a column "
	 "was dropped, renamed or altered in a way that readers of older records would not survive.",
	 REFUSED_SCHEMA,
	 "Agree with the topic's consumers, then lower the subject's level by the command in the hint; "
	 "or set `schema.on.incompatible`."},
	{E1803, "The registry does not take the schema for valid Avro: mostly a name.", REFUSED_SCHEMA,
	 "Set `schema.name.adjustment.mode=avro` and `field.name.adjustment.mode=avro`, or leave the "
	 "table out."},
	{E1804, "The registry wants a login, or does not let this one write the subject.",
	 "As for a registry that is not there: what needs it waits, and it is asked again. " KEPT,
	 "Set `registry.basic.auth.user.info` or `registry.bearer.auth.token`, or grant the right in the "
	 "registry."},
	{E1805, "What answers at `registry.url` does not speak a schema registry's language, or its path is "
	 "wrong.",
	 STOPS("1 or 78"),
	 "Give the base of an interface like Confluent's: for Apicurio `/apis/ccompat/v7`."},
	{E1806, "With `auto.register.schemas=false` schemas are only looked up, and this one is not there.",
	 REFUSED_SCHEMA,
	 "Register it by the command in the hint, or set `auto.register.schemas=true`. If `walrelay cat` "
	 "says it, a record names a schema of another registry: set `registry.url` to that one."},
	{E1807, "With `use.latest.version=true` the subject's latest version has to be the schema of the "
	 "rows, and is another one.",
	 REFUSED_SCHEMA, "Register the schema of the rows as the latest, or set `use.latest.version=false`."},
	{E1808, "The registry or the subject is in a mode that takes no schemas.", REFUSED_SCHEMA,
	 "Make it writable by the command in the hint."},
	{E1809,
	 "`walrelay schema diff` has found that the newest schemas in the registry are others than those "
	 "that the relay would register today, or that there are none yet.",
	 "They are printed, with the fields that differ; exit code 1, which nothing else ends that "
	 "command with. Nothing is registered.",
	 "Nothing, where the registry accepts them: the relay registers them with the first change that "
	 "needs them. Where it would refuse one, do what is printed beside it, before that change comes."},

	{E2001, "None of `bootstrap.servers` answers, or none says who leads a topic; or their certificate is "
	 "not accepted, and then the detail says why.", TRIES,
	 "Start the brokers; correct `bootstrap.servers`, and `security.protocol`, `ssl.*` and `sasl.*` "
	 "in `[kafka]`. `advertised.listeners` of the brokers must be reachable from here, too: `kcat -L "
	 "-b HOST:PORT` lists them."},
	{E2002, "A topic is not there, and the brokers do not make it by themselves.", STOPS("78"),
	 "Make it by the command in the hint, or let the brokers create topics, or grant Create on it."},
	{E2003, "A record is larger than `max.message.bytes` of its topic, or than `message.max.bytes` of "
	 "the brokers.",
	 RECORD,
	 "Raise `max.message.bytes` of the topic by the command in the hint; consumers may need a larger "
	 "`fetch.max.bytes`."},
	{E2004, "The brokers refuse the login, or the user lacks rights on a topic or a transactional id.",
	 STOPS("77") " A login that was accepted before is tried again for a minute if a secret is from a file "
	 "(`KEY.file`), which is read again.",
	 "The hint has the command that grants what is missing; `docs/security/kafka-acls.sh` has all of "
	 "them. For a login correct `sasl.*` and `ssl.*` in `[kafka]`. librdkafka before 2.6.1 cannot log in "
	 "to Kafka 4 by SCRAM at all."},
	{E2005, "librdkafka's producer cannot go on: a fatal error of idempotence, mostly after a broker "
	 "has lost what it knew of the producer. Releases before 2.5.3 also fail so after a mere "
	 "disconnect.",
	 "A new producer begins at the last confirmed position; changes since then are sent again.",
	 "Nothing, if it is rare. Otherwise use librdkafka 2.5.3 or newer and look into the brokers' "
	 "logs."},
	{E2006, "The brokers refuse a record for good: its timestamp, its name, or a setting of the topic.",
	 "With `on.error=stop`, the default, walrelay stops before the record with exit code 78; with "
	 "`dead-letter` or `skip` the record goes there, and the others go on. " KEPT,
	 "Look at the topic's settings: `kafka-configs.sh --describe --entity-type topics`. For a "
	 "timestamp, set the clocks right: it is refused whatever `on.error` says."},
	{E2007, "The file, pipe or folder that walrelay writes to cannot be written.",
	 "A full file system or an absent reader is waited for; else walrelay stops with exit code 1, 77 or 78. "
	 KEPT,
	 "Make room, let this user write there, or set `format.sink.file` or `registry.schemas.dir` to "
	 "another place."},
	{E2008, "A topic that walrelay reads back cannot be read, or has records that it did not write.",
	 STOPS("1"),
	 "Do what the detail says; the topic of schema changes begins anew under another "
	 "`topic.schema.changes`. Nobody else may write to it."},
	{E2009, "Another producer with the same transactional id has begun: a second walrelay for this "
	 "slot, or one that everybody took for dead.",
	 "The transaction is given up, and walrelay begins again at the confirmed position, if the slot "
	 "is free. Nothing is doubled for readers of committed records.",
	 "Run one walrelay for each slot, each with a `topic.prefix` or `transactional.id` of its own."},
	{E2010, "The topic with the position cannot be made, read or understood: it lacks rights, is of "
	 "a newer release, or has records of somebody else.",
	 STOPS("78"),
	 "Do what the hint says: run the newer release, grant Create, Read, Write and Describe, or set "
	 "`topic.progress` to another name, which begins where the slot stands."},
	{E2011, "A topic has another number of partitions than when it was last written: the same key may "
	 "go to another partition, and be read there before older changes.",
	 "walrelay stops with exit code 78, before anything is sent. " KEPT,
	 "Let consumers read the topic to its end, then accept it. " ACCEPT},
	{E2012, "A topic gives offsets again that were acknowledged before: it was deleted and made anew, "
	 "or brokers have lost records by an unclean election.",
	 "walrelay stops with exit code 78, before anything is sent. " KEPT,
	 "Find out what was lost, load the tables again where that matters, and accept the gap. " ACCEPT},
	{E2013, "The brokers can be reached and do not answer about transactions: partitions of "
	 "`__transaction_state` lack a leader or replicas.",
	 "With `delivery=exactly-once` it is waited for. " KEPT,
	 "`kafka-topics.sh --describe --unavailable-partitions`; start the brokers that are missing."},
	{E2014,
	 "Topics that tables' changes go to are not there, and the brokers make topics by themselves: "
	 "with `num.partitions` and `default.replication.factor`.",
	 "They are made by the first record.",
	 "Make those that are to be otherwise before, by the commands in the hint. Another number of "
	 "partitions later on sends keys elsewhere."},
	{E2015,
	 "The brokers do not make a topic: its name, its settings or their number of replicas is not "
	 "allowed, a policy of theirs forbids it, or they did not answer.",
	 "`walrelay topics create` makes the others, and then ends with the code of the first that it "
	 "could not make. A relay asks again if there was no answer, else it leaves a topic of its own to "
	 "the brokers, and stops with this error if there is none then.",
	 "The detail has what the brokers say. Put that right, or create it by the command in the hint, "
	 "changed as they want it, and run it again: what is there is left alone."},
	{E2016,
	 "A topic is there, and works, and in the long run loses what it is for: it is compacted where "
	 "records of one key are to stay, lets them expire where they are to stay, or has several "
	 "partitions where their order matters. Or its `max.message.bytes` is less than what may be sent: "
	 "a batch of `batch.size`, or, where `max.value.bytes` or `message.max.bytes` in `[kafka]` say how "
	 "large a record may be, such a record; of dead letters those that other topics refuse.",
	 "`walrelay topics plan` tells it, with exit code 1, and `walrelay check` that of sizes; nothing is "
	 "changed. What is too large once it is compressed is refused when it comes (E2003).",
	 "Run the command in the hint."},
	{E2017,
	 "`walrelay topics plan` has found that topics are not there, or not as they should be.",
	 "They are printed, each with what mends it; exit code 1, which nothing else ends that command "
	 "with.",
	 "Run `walrelay topics create`, which makes what is not there and changes nothing, and the "
	 "commands that were printed."},
	{.code = E0}};
