"""capture.py OUT NAME...: run Debezium under the settings of t/golden/NAME.config
while the statements of NAME's statement file run; write OUT/NAME.schemas.json,
OUT/NAME.records.jsonl (what t/golden/import reads), a copy of NAME.config and
OUT/log.  Everything runs in a temporary folder and ends with the script.

NAME.config holds a setting=value of Debezium's a line, but for two of our own:
statements=S  tables of t/golden/S.sql, statements of t/golden/S.dml.sql
version=V     Debezium's, 3.4.0.Final if there is none

Captures of the same statements share their database and their WAL.  One whose
connector stops is reported, with Debezium's reason, and the others go on.
"""
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
GOLDEN = os.path.join(ROOT, 't', 'golden')
QUICKSTART = os.path.join(ROOT, 'contrib', 'quickstart')
sys.path.insert(0, os.path.join(ROOT, 't', 'lib'))

import kafka  # noqa: E402
from kafka.structs import TopicPartition  # noqa: E402
import read_topic  # noqa: E402
from worker import Service, Worker, avro_settings, http  # noqa: E402

TOGETHER = 8		# connectors at a time: a server has ten replication slots
WAIT_S = 180
PLAIN = {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'plugin.name': 'pgoutput', 'tasks.max': '1', 'database.user': 'postgres',
    'database.hostname': '127.0.0.1', 'snapshot.mode': 'no_data', 'poll.interval.ms': '10',
    'schema.name.adjustment.mode': 'avro', 'extended.headers.enabled': 'false', 'errors.max.retries': '0',
}


def say(text):
    print(text, file=sys.stderr, flush=True)


def wait_for(what, condition):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f'capture: waited {WAIT_S} s for {what}')
        time.sleep(0.1)


class Postgres(Service):
    def psql(self, database, *arguments):
        return subprocess.run(
            ['psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', database, *arguments], check=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **self.env, 'PGTZ': 'UTC', 'PGCLIENTENCODING': 'UTF8'}).stdout.strip()

    def query(self, database, sql):
        return self.psql(database, '-c', sql)


class Capture:
    """A name of ours and what its .config says."""

    def __init__(self, name):
        self.name, self.config = name, os.path.join(GOLDEN, name + '.config')
        with open(self.config) as file:
            self.settings = dict(line.rstrip('\n').split('=', 1) for line in file)
        self.statements = self.settings.pop('statements')
        self.version = self.settings.pop('version', '3.4.0.Final')
        self.database, self.slot = f'g_{self.statements}', f'd_{name}'
        self.why = None

    def failed(self, worker):
        """Has its connector stopped?  why says for what reason."""
        self.why = self.why or worker.failure(self.name)
        return self.why is not None

    def connector(self, postgres, registry):
        """The connector's settings."""
        return {
            'name': self.name, **PLAIN, 'database.port': postgres.env['PGPORT'], 'slot.name': self.slot,
            'database.dbname': self.database, 'topic.prefix': self.name, **self.settings,
            **avro_settings(registry.env['REGISTRY_URL']),
        }


def sentinel_count(consumer, capture):
    """How many rows of the table sentinel have arrived."""
    partition = TopicPartition(f'{capture.name}.public.sentinel', 0)
    if partition.topic not in consumer.topics():
        return 0
    return consumer.end_offsets([partition])[partition]


def records_read(consumer, registry, name):
    """All records under the topic prefix, decoded, by topic and offset."""
    topics = sorted(topic for topic in consumer.topics() if topic.startswith(name + '.'))
    decoder = read_topic.Registry(registry.env['REGISTRY_URL'])
    for topic in topics:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        end = consumer.end_offsets([partition])[partition]
        while consumer.position(partition) < end:
            for record in consumer.poll(timeout_ms=1000).get(partition, []):
                yield json.loads(read_topic.record_line(record, decoder, None))


def xid_of(record):
    """Of a change, or of a record of the transaction topic."""
    value = record['value'] or {}
    if 'source' in value:
        return value['source']['txId']
    return int(value['id'].split(':')[0]) if 'id' in value else None


def capture_write(out, capture, records, registry):
    """Without what came after the statements: the second row of sentinel."""
    last = next(record for record in records
                if record['topic'].endswith('.public.sentinel') and record['offset'] == 1)
    records = [record for record in records if xid_of(record) != xid_of(last)]
    ids = sorted({record[side] for record in records for side in ('key_schema', 'value_schema')} - {None})
    schemas = {}
    for number in ids:
        schemas[number] = json.loads(http('GET', f"{registry.env['REGISTRY_URL']}/schemas/ids/{number}")['schema'])
    with open(os.path.join(out, capture.name + '.schemas.json'), 'w') as file:
        json.dump(schemas, file, ensure_ascii=False)
    with open(os.path.join(out, capture.name + '.records.jsonl'), 'w') as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False) + '\n')
    shutil.copy(capture.config, out)
    say(f'{capture.name}: {len(records)} records, {len(schemas)} schemas')


def streaming(captures, postgres, worker):
    """Do all connectors stream, but for those that have failed?"""
    active = postgres.query('postgres', 'SELECT slot_name FROM pg_replication_slots JOIN pg_stat_replication '
                            "ON pid = active_pid WHERE state = 'streaming'").split()
    return all(capture.slot in active or capture.failed(worker) for capture in captures)


def arrived(captures, consumer, worker):
    """Has the second row of sentinel arrived from all, but for those that have failed?"""
    return all(sentinel_count(consumer, capture) == 2 or capture.failed(worker) for capture in captures)


def statements_run(captures, postgres, broker, registry, worker, out):
    """The statements, and what the captures' connectors made of them."""
    wait_for('the connectors', lambda: streaming(captures, postgres, worker))
    database = captures[0].database
    postgres.psql(database, '-o', '/dev/null', '-f', os.path.join(GOLDEN, captures[0].statements + '.dml.sql'))
    postgres.query(database, 'INSERT INTO sentinel VALUES (2)')
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=broker.env['KAFKA_BOOTSTRAP'], group_id=None, enable_auto_commit=False,
        auto_offset_reset='earliest', max_partition_fetch_bytes=16 << 20)
    wait_for('the last record', lambda: arrived(captures, consumer, worker))
    for capture in captures:
        if capture.why:
            say(f'{capture.name}: FAILED: {capture.why}')
        else:
            capture_write(out, capture, list(records_read(consumer, registry, capture.name)), registry)
    consumer.close()


def batch_run(captures, folder, postgres, broker, registry, out):
    """Captures of the same statements with the same Debezium, side by side."""
    database, version = captures[0].database, captures[0].version
    postgres.query('postgres', f'CREATE DATABASE {database}')
    postgres.psql(database, '-f', os.path.join(GOLDEN, captures[0].statements + '.sql'))
    postgres.query(database, 'CREATE PUBLICATION dbz_publication FOR ALL TABLES')
    files = []
    for capture in captures:
        files.append(os.path.join(folder, capture.name + '.json'))
        with open(files[-1], 'w') as file:
            json.dump(capture.connector(postgres, registry), file)
    connect = tempfile.mkdtemp(prefix='connect.', dir=folder)
    with Worker(connect, version, *files,
                KAFKA_BOOTSTRAP=broker.env['KAFKA_BOOTSTRAP']) as worker:
        try:
            statements_run(captures, postgres, broker, registry, worker, out)
        finally:
            with open(os.path.join(connect, 'log')) as log, open(os.path.join(out, 'log'), 'a') as kept:
                shutil.copyfileobj(log, kept)
    drop = 'SELECT count(pg_drop_replication_slot(slot_name)) FROM pg_replication_slots WHERE NOT active'
    wait_for('the slots', lambda: postgres.query('postgres', drop) and
             postgres.query('postgres', 'SELECT count(*) FROM pg_replication_slots') == '0')
    postgres.query('postgres', f'DROP DATABASE {database} WITH (FORCE)')


def batches(captures):
    """At most TOGETHER of the same version and statements at a time."""
    def same(capture):
        return capture.version, capture.statements

    for _, group in itertools.groupby(sorted(captures, key=same), same):
        while batch := list(itertools.islice(group, TOGETHER)):
            yield batch


def main():
    if len(sys.argv) < 3:
        sys.exit('usage: capture OUT NAME...')
    out = sys.argv[1]
    captures = [Capture(name) for name in sys.argv[2:]]
    os.makedirs(out, exist_ok=True)
    folder = tempfile.mkdtemp(prefix='walrelay-peers.')
    os.chmod(folder, 0o755)
    try:
        with Service(f'{QUICKSTART}/kafka', f'{folder}/kafka') as broker, \
                Service(f'{QUICKSTART}/registry', f'{folder}/registry') as registry, \
                Postgres(f'{QUICKSTART}/postgres', f'{folder}/postgres') as postgres:
            # Not at its start: Apicurio cannot take away a rule that it does not have.
            http('PUT', registry.env['REGISTRY_URL'] + '/config', {'compatibility': 'NONE'})
            postgres.query('postgres', "ALTER SYSTEM SET timezone = 'UTC'")
            postgres.query('postgres', 'SELECT pg_reload_conf()')
            for batch in batches(captures):
                batch_run(batch, folder, postgres, broker, registry, out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(any(capture.why for capture in captures))


main()
