# README.sh: a newcomer's servers and tables for README.md, and make demo-kafka, with servers of
# its own.  Sourced by check.py.
# shellcheck shell=bash
make -s -C "$ROOT" demo-kafka >"$WORK/demo.txt"
grep -q '"op": *"d"' "$WORK/demo.txt"

lab_start
lab_database shop
psql -qX <<'SQL'
CREATE TABLE orders (id bigint PRIMARY KEY, customer text NOT NULL);
INSERT INTO orders SELECT i, 'early' FROM generate_series(1, 10) i;
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id bigint PRIMARY KEY, total numeric(10,2), state text);
CREATE TABLE shop.archive_2025 (LIKE shop.orders INCLUDING ALL);
INSERT INTO shop.orders VALUES (1, 19.99, 'open'), (11, 5, 'open'), (12, 5, 'done');
INSERT INTO shop.archive_2025 VALUES (10, 3, 'open');
SQL
export WALRELAY_CONFIG=$WORK/walrelay.conf

# localize FILE: our hosts, and what a reader ends by Ctrl-C, or starts in another terminal.
localize()
{
	sed -i -e "s/host=db.example/host=127.0.0.1 port=$PGPORT/; s/kafka.example:9092/$KAFKA/" \
		-e "s|http://registry.example:8081|$REGISTRY|; s/--config=FILE/--config=walrelay.conf/" \
		-e 's/^\(walrelay run -c walrelay.conf\)$/\1 2>walrelay.log \& relay=$!/' \
		-e 's/ -f --offset=end .*/ -f --offset=end >follow.txt \&/' \
		-e "s/^pg_recvlogical .* --start/& --endpos=\$(wal_end)/" "$1"
}

# relay_again ARGS...: the relay anew, with these, until it streams
relay_again()
{
	kill "$relay"
	wait "$relay"
	walrelay run "$@" 2>walrelay.log &
	relay=$!
	until grep -q 'streaming database' walrelay.log; do
		kill -0 "$relay"
		sleep 0.1
	done
}

# rows_again: how many rows have been read by incremental snapshots
rows_again()
{
	local topic
	for topic in orders archive_2025; do walrelay cat "shop.shop.$topic" --value-only; done |
		jq -s '[.[] | select(.source.snapshot == "incremental")] | length'
}

# topic_limit BYTES: of a record of shop.orders
topic_limit()
{
	kafka-configs.sh --bootstrap-server "$KAFKA" --alter --entity-type topics --entity-name shop.shop.orders \
		--add-config "max.message.bytes=$1"
}

# wal_end: behind a change that is committed now
wal_end()
{
	psql -XAtq -c "INSERT INTO orders SELECT max(id) + 1, 'Ada' FROM orders" -c 'SELECT pg_current_wal_lsn()'
}
