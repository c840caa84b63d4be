# upgrading.sh: PostgreSQL 17 with a table that is written all the time, and a relay that
# streams it.  Sourced by check.py, in what upgrade-trees makes: OLD and NEW are set there.
# shellcheck shell=bash
mkdir "$WORK/bin"
ln -s "$ROOT/build/walrelay" "$WORK/bin/walrelay"
PATH=$WORK/bin:$NEW:$PATH
OLD_DATA=$WORK/old NEW_DATA=$WORK/new
unset WALRELAY_SNAPSHOT_MODE
KAFKA_BOOTSTRAP='' REGISTRY_URL=''
lab_kafka

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
CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, total numeric(10,2), at timestamptz NOT NULL);
INSERT INTO orders SELECT i, 'early', i, now() FROM generate_series(1, 100) i;
SQL
cat >"$WORK/walrelay.conf" <<CONF
[source]
conninfo = host=127.0.0.1 port=$PGPORT dbname=shop user=postgres
[kafka]
bootstrap.servers = $KAFKA
topic.prefix = shop
[registry]
registry.url = $REGISTRY
[format]
decimal.handling.mode = string
CONF
cat >"$WORK/changes.py" <<'END'
"""The rows that are there after all changes of the topic, sorted, one a line; in twice.txt how many changes came more than once."""
import collections, json, subprocess
rows, seen = {}, collections.Counter()
for line in subprocess.run(['walrelay', 'cat', 'shop.public.orders', '-c', 'walrelay.conf'], check=True, capture_output=True, text=True).stdout.splitlines():
    change = json.loads(line)
    key, value = change['key']['id'], change['payload']
    rows[key] = value and value['after']
    if value and value['op'] != 'r':
        seen[value['source']['lsn'], key, value['op']] += 1
print(*sorted(' '.join(str(row[name]) for name in ('id', 'customer', 'total', 'at')) for row in rows.values() if row), sep='\n')
with open('twice.txt', 'w') as file:
    print(sum(1 for count in seen.values() if count > 1), file=file)
END
cd "$WORK"
walrelay slot create -c walrelay.conf
walrelay run -c walrelay.conf 2>walrelay.log &
relay=$!
until grep -q 'snapshot is done' walrelay.log; do
	kill -0 "$relay"
	sleep 0.1
done

writer_begin
before=0
until [ "$before" -gt 100 ]; do
	sleep 0.1
	before=$(psql -XAtc "SELECT count(*) FROM orders WHERE customer = 'Ada'")
done

finish()
{
	"$ROOT/contrib/quickstart/kafka" kill "$WORK/kafka"
	"$ROOT/contrib/quickstart/registry" kill "$WORK/registry"
	"$OLD/pg_ctl" -D "$OLD_DATA" stop -m immediate || :
	"$NEW/pg_ctl" -D "$NEW_DATA" stop -m immediate || :
}
