# consumers.sh: the readers of docs/consumers.md, in the versions that it names, and a relay
# that streams an empty database.  Sourced by check.py.  About 900 MB to fetch, once.
# shellcheck shell=bash
. "$ROOT/contrib/peers/maven.sh"

venv_fill()
{
	say "Fetching the consumers' Python packages from PyPI (about 600 MB) ..."
	/usr/bin/python3 -m venv "$1" &&
		"$1/bin/python3" -m pip -q --disable-pip-version-check install -r "$ROOT/contrib/documents/requirements.txt"
}

# The jars of Flink are a package of PyPI's; Maven Central lacks the SQL client's gateway of 2.0.2.
flink_fill()
{
	say "Fetching Flink from PyPI (about 310 MB), its connectors from Maven Central (about 40 MB) ..."
	"$python" -m pip -q --disable-pip-version-check download --no-deps --no-binary :all: -d "$1.sdist" \
		apache-flink-libraries==2.0.2 || return 1
	mkdir "$1/lib" "$1/conf"
	tar -xzf "$1.sdist"/*.tar.gz -C "$1.sdist" --no-same-owner
	cp "$1.sdist"/*/deps/lib/*.jar "$1.sdist"/*/deps/opt/*.jar "$1/lib/"
	jars_fetch "$1.c" "$1/lib" org.apache.flink:flink-sql-connector-kafka:4.0.1-2.0 \
		org.apache.flink:flink-sql-avro-confluent-registry:2.0.0 || return 1
	maven "$1.c.m2" "$plugin:copy" -Dartifact=org.apache.flink:flink-sql-gateway:2.0.0 -DoutputDirectory="$1/lib" || return 1
	printf '%s\n' 'execution:' '  target: local' >"$1/conf/config.yaml"
}

spark_fill()
{
	say "Fetching Spark's connectors from Maven Central (about 60 MB) ..."
	jars_fetch "$1.c" "$1" org.apache.spark:spark-sql-kafka-0-10_2.12:3.5.7 org.apache.spark:spark-avro_2.12:3.5.7
}

# A plugin is a folder in a folder of the worker's plugin.path.  What Connect has itself must not be
# there a second time: Jackson's services are looked up on both sides.
jdbc_fill()
{
	say "Fetching Debezium's JDBC sink from Maven Central (about 60 MB) ..."
	jars_fetch "$1" "$1/jdbc" io.debezium:debezium-connector-jdbc:3.5.0.Final || return 1
	rm "$1"/jdbc/{jackson,kafka-clients,connect-api,lz4,snappy,zstd,slf4j}-*.jar
}

# clickhouse_begin: what answers as a ClickHouse server does, see clickhouse.py
clickhouse_begin()
{
	local port
	port=$(ports_free 1)
	CLICKHOUSE=http://127.0.0.1:$port
	python3 "$ROOT/contrib/documents/clickhouse.py" "$port" "$WORK/clickhouse" 2>"$WORK/clickhouse.log" &
	until curl -sf --noproxy '*' "$CLICKHOUSE" --data-binary 'SELECT 1'; do
		kill -0 $!
		sleep 0.1
	done
}

# connect_prepare: a second PostgreSQL, Kafka Connect, and the settings of a worker with the JDBC sink
connect_prepare()
{
	local jdbc folders port
	jdbc=$(cache_make debezium-jdbc-3.5.0.Final jdbc_fill)
	mapfile -t folders < <("$ROOT/contrib/peers/fetch-debezium" 3.6.3.Final)
	program connect-standalone.sh java -Xmx512m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "${folders[0]}/*" \
		org.apache.kafka.connect.cli.ConnectStandalone
	port=$(ports_free 1)
	CONNECT=http://127.0.0.1:$port
	cat >"$WORK/worker.properties" <<-P
		bootstrap.servers=$KAFKA
		offset.storage.file.filename=$WORK/connect.offsets
		listeners=$CONNECT
		plugin.discovery=only_scan
		plugin.path=${folders[1]},$jdbc
		key.converter=org.apache.kafka.connect.json.JsonConverter
		value.converter=org.apache.kafka.connect.json.JsonConverter
	P
	APICURIO=${REGISTRY/ccompat\/v7/registry\/v2}
	server_start "$WORK/copy"
	COPY=127.0.0.1:$(env_get PGPORT "$WORK/copy")/postgres
}

lab_start
lab_database shop
venv=$(cache_make "consumers-$(sha256sum "$ROOT/contrib/documents/requirements.txt" | cut -c 1-12)" venv_fill)
python=$venv/bin/python3
flink=$(cache_make flink-2.0.2 flink_fill)
spark=$(cache_make spark-kafka-3.5.7 spark_fill)

program python3 "$python"
program sql-client.sh env FLINK_CONF_DIR="$flink/conf" java -Xmx1g --add-opens=java.base/java.util=ALL-UNNAMED \
	--add-opens=java.base/java.lang=ALL-UNNAMED -cp "$flink/lib/*" org.apache.flink.table.client.SqlClient embedded
program spark-submit env PYSPARK_PYTHON="$python" SPARK_LOCAL_IP=127.0.0.1 "$venv/bin/spark-submit" --master 'local[1]' \
	--conf spark.ui.enabled=false --conf spark.sql.shuffle.partitions=1 --driver-class-path "$spark/*"

cat >"$WORK/walrelay.conf" <<CONF
[source]
conninfo = host=$PGHOST port=$PGPORT dbname=shop user=postgres
[kafka]
bootstrap.servers = $KAFKA
topic.prefix = shop
[registry]
registry.url = $REGISTRY
CONF
walrelay slot create -c "$WORK/walrelay.conf"
walrelay run -c "$WORK/walrelay.conf" 2>"$WORK/walrelay.log" &
until grep -q 'snapshot is done' "$WORK/walrelay.log"; do
	kill -0 $!
	sleep 0.1
done
