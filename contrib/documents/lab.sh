# lab.sh: servers for the pages of docs/, in $WORK, and the names by which the pages
# call them.  Sourced by check.py before PAGE.sh, which starts what it needs; everything
# ends with the shell.
# shellcheck shell=bash
. "$ROOT/contrib/quickstart/common.sh"

# The relay, Python with Avro and Kafka, and Kafka's tools under their usual names.
lab_programs()
{
	local python jars
	python=$("$ROOT/t/lib/venv")
	jars=$("$ROOT/contrib/quickstart/fetch-kafka" kafka)
	mkdir "$WORK/bin"
	ln -s "${WALRELAY:-$ROOT/build/walrelay}" "$WORK/bin/walrelay"
	program python3 "$python"
	program kafka-topics.sh java -cp "$jars/*" org.apache.kafka.tools.TopicCommand
	program kafka-configs.sh java -cp "$jars/*" kafka.admin.ConfigCommand
	program kafka-delete-records.sh java -cp "$jars/*" org.apache.kafka.tools.DeleteRecordsCommand
	PATH=$WORK/bin:$PATH
	unset WALRELAY_SNAPSHOT_MODE		# tests have another default
}

# program NAME COMMAND...
program()
{
	{
		echo '#!/bin/sh'
		printf 'exec'
		printf " '%s'" "${@:2}"
		# shellcheck disable=SC2016
		echo ' "$@"'
	} >"$WORK/bin/$1"
	chmod 755 "$WORK/bin/$1"
}

# lab_kafka: a broker and a registry, unless the test run shares its own
lab_kafka()
{
	if [ -z "${KAFKA_BOOTSTRAP:-}" ]; then
		"$ROOT/contrib/quickstart/kafka" start "$WORK/kafka"
		KAFKA_BOOTSTRAP=$(env_get KAFKA_BOOTSTRAP "$WORK/kafka")
	fi
	if [ -z "${REGISTRY_URL:-}" ]; then
		"$ROOT/contrib/quickstart/registry" start "$WORK/registry"
		REGISTRY_URL=$(env_get REGISTRY_URL "$WORK/registry")
	fi
	export KAFKA=$KAFKA_BOOTSTRAP REGISTRY=$REGISTRY_URL
}

# server_start FOLDER: PostgreSQL.  Somebody else may have taken the port that was free.
server_start()
{
	"$ROOT/contrib/quickstart/postgres" start "$1" || { rm -rf "$1"; "$ROOT/contrib/quickstart/postgres" start "$1"; }
}

# lab_postgres: the server that the relay streams from
lab_postgres()
{
	server_start "$WORK/pg"
	PGHOST=127.0.0.1 PGPORT=$(env_get PGPORT "$WORK/pg")
	export PGHOST PGPORT PGUSER=postgres
}

# lab_database NAME
lab_database()
{
	createdb "$1"
	export PGDATABASE=$1
}

# writer_begin: into orders (id, customer, total, at), transactions of one change and of several, of every
# kind, until writer_end
writer_begin()
{
	cat >"$WORK/writer.sql" <<'SQL'
\set id random(1, 1000000000000)
\set many random(1, 4)
BEGIN;
INSERT INTO orders (id, customer, total, at) SELECT :id + i, 'Ada', i, now() FROM generate_series(1, :many) i ON CONFLICT DO NOTHING;
UPDATE orders SET total = total + 1, at = now() WHERE id = :id + 1;
DELETE FROM orders WHERE id = :id + 3;
COMMIT;
SQL
	pgbench -n -f "$WORK/writer.sql" -R 50 -T 100000 >"$WORK/writer.out" 2>&1 &
	writer=$!
}

writer_end()
{
	kill "$writer"
	wait "$writer" || :
}

# finish: of what was started
finish()
{
	[ ! -e "$WORK/connect" ] || "$ROOT/contrib/peers/connect" stop "$WORK/connect"
	[ ! -e "$WORK/kafka" ] || "$ROOT/contrib/quickstart/kafka" kill "$WORK/kafka"
	[ ! -e "$WORK/registry" ] || "$ROOT/contrib/quickstart/registry" kill "$WORK/registry"
	for server in pg copy; do
		[ ! -e "$WORK/$server" ] || "$ROOT/contrib/quickstart/postgres" stop "$WORK/$server"
	done
}

# lab_start: what most pages need
lab_start()
{
	lab_programs
	lab_postgres
	lab_kafka
}
