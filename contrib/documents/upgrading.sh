# upgrading.sh: PostgreSQL 17 with a table, and a relay that streams it.  Sourced by check.py,
# in what upgrade-trees makes: OLD and NEW are set there.
# shellcheck shell=bash
mkdir "$WORK/bin"
ln -s "$ROOT/build/walrelay" "$WORK/bin/walrelay"
program kafka-get-offsets.sh java -cp "$("$ROOT/contrib/quickstart/fetch-kafka" kafka)/*" org.apache.kafka.tools.GetOffsetShell
PATH=$WORK/bin:$NEW:$PATH
OLD_DATA=$WORK/old NEW_DATA=$WORK/new
unset WALRELAY_SNAPSHOT_MODE
KAFKA_BOOTSTRAP=''
"$ROOT/contrib/quickstart/kafka" start "$WORK/kafka"
KAFKA=$(env_get KAFKA_BOOTSTRAP "$WORK/kafka")

PGPORT=$(ports_free 1)
export PGHOST=$WORK PGPORT PGUSER=postgres PGDATABASE=shop
network="port = $PGPORT
unix_socket_directories = '$WORK'
listen_addresses = '127.0.0.1'"
"$OLD/initdb" -D "$OLD_DATA" -U postgres -A trust -E UTF8 --locale=C.UTF-8 -N >"$WORK/initdb.log" 2>&1
printf '%s\n' "$network" 'wal_level = logical' "output_plugin_libraries = 'pgoutput, test_decoding, walrelay'" >>"$OLD_DATA/postgresql.conf"
"$OLD/pg_ctl" -D "$OLD_DATA" -l "$WORK/old.log" -w start
createdb shop
psql -qX <<'SQL'
CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL);
INSERT INTO orders SELECT i, 'early' FROM generate_series(1, 100) i;
SQL
cat >"$WORK/walrelay.conf" <<CONF
[source]
conninfo = host=127.0.0.1 port=$PGPORT dbname=shop user=postgres
[kafka]
bootstrap.servers = $KAFKA
topic.prefix = shop
CONF
cd "$WORK"
walrelay slot create -c walrelay.conf
walrelay run -c walrelay.conf 2>walrelay.log &
relay=$!
until grep -q 'snapshot is done' walrelay.log; do
	kill -0 "$relay"
	sleep 0.1
done

finish()
{
	"$ROOT/contrib/quickstart/kafka" kill "$WORK/kafka"
	"$OLD/pg_ctl" -D "$OLD_DATA" stop -m immediate || :
	"$NEW/pg_ctl" -D "$NEW_DATA" stop -m immediate || :
}
