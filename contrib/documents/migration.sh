# migration.sh: the Debezium that docs/migration.md takes its reader away from, with a
# table that is written all the time.  Sourced by check.py.
# shellcheck shell=bash
DEBEZIUM=3.6.3.Final

lab_start
lab_database shop
psql -qX <<'SQL'
CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, total numeric(10,2), at timestamptz NOT NULL);
ALTER TABLE orders REPLICA IDENTITY FULL;
INSERT INTO orders SELECT i, 'early', i, now() FROM generate_series(1, 100) i;
SQL

converter=''
for side in key value; do
	converter+="
	\"$side.converter\": \"io.apicurio.registry.utils.converter.AvroConverter\",
	\"$side.converter.apicurio.registry.url\": \"${REGISTRY/ccompat\/v7/registry\/v2}\",
	\"$side.converter.apicurio.registry.auto-register\": \"true\",
	\"$side.converter.apicurio.registry.find-latest\": \"true\",
	\"$side.converter.apicurio.registry.as-confluent\": \"true\",
	\"$side.converter.apicurio.registry.headers.enabled\": \"false\",
	\"$side.converter.apicurio.registry.use-id\": \"contentId\","
done
cat >"$WORK/connector.json" <<JSON
{$converter
	"connector.class": "io.debezium.connector.postgresql.PostgresConnector",
	"name": "shop", "topic.prefix": "shop", "plugin.name": "pgoutput",
	"database.hostname": "$PGHOST", "database.port": "$PGPORT", "database.user": "postgres", "database.dbname": "shop",
	"slot.name": "debezium", "publication.name": "debezium", "publication.autocreate.mode": "filtered",
	"table.include.list": "public.orders", "schema.name.adjustment.mode": "avro"
}
JSON
export KAFKA_BOOTSTRAP
CONNECT_HEAP=512m "$ROOT/contrib/peers/connect" start "$WORK/connect" "$DEBEZIUM" "$WORK/connector.json"
CONNECT=$(env_get CONNECT_URL "$WORK/connect")

connector_runs()
{
	curl -s --noproxy '*' "$CONNECT/connectors/shop/status" | grep -q '"RUNNING".*"RUNNING"' &&
		psql -XAtc "SELECT active FROM pg_replication_slots WHERE slot_name = 'debezium'" | grep -q t
}
until connector_runs; do sleep 0.2; done

writer_begin
