"""The initial snapshot of one table: walrelay beside Debezium, the same broker and registry.

    ROWS=10000000  WORKLOAD=narrow|wide|uuid-key  RUNS=1
    THREADS=1,2,4  CONTENDERS=walrelay,debezium,debezium-tuned  PARTITIONS=1
    DEBEZIUM_ROWS=  (its own, shorter table)  DEBEZIUM_VERSION=3.7.0.Final  DEBEZIUM_HEAP=2g
    RELAY_OPTIONS='--snapshot.chunk.size=... ...'
    PG_CONFIG=  RELAY=build/walrelay  PLUGIN=  BUILD=

One contender after the other, each into a topic of its own: `walrelay run` with
snapshot.mode=initial_only, which ends by itself, once for each of THREADS, then
Debezium in a worker of Kafka Connect, as it comes and tuned.  Prints two tables, and
one JSON line for each contender.  README.md says more.
"""
import datetime
import json
import os
import subprocess
import sys
import time

from cluster import (BUILD, ROOT, USER, WAIT_S, Cluster, Processor, build, die, median, number,
                     peak_rss_mb, print_table, process_cpu_s, process_started, say, setting,
                     settings, usage)
from services import Relay, Services
from workloads import SNAPSHOTS

sys.path[:0] = [os.path.join(ROOT, 't', 'lib'), os.path.join(ROOT, 'contrib', 'peers')]

import kafka                                                        # noqa: E402
from kafka.admin import KafkaAdminClient                            # noqa: E402
from kafka.structs import TopicPartition                            # noqa: E402
import read_topic                                                   # noqa: E402
from worker import Worker, avro_settings                            # noqa: E402

WARM_ROWS = 100_000     # by the first contender, for the broker's and the registry's first time
SAMPLE = 100            # records decoded at the start, the middle and the end of a partition
POLL_S = 0.5
STALL_S = 120           # without a new row, and a contender counts as stuck
RELAY_LIMIT_S = 7200
CLAIM_RATE = 5          # times the rows a second of Debezium
CLAIM_MB = 128
MARKS = {'first', 'first_in_data_collection', 'true', 'last_in_data_collection', 'last'}
# Without a choice of ours but for what makes its events the same as the relay's; it does
# not try again, so that a failure is seen at once.
DEBEZIUM = {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector', 'tasks.max': '1',
    'plugin.name': 'pgoutput', 'snapshot.mode': 'initial_only', 'database.hostname': '127.0.0.1',
    'schema.name.adjustment.mode': 'avro', 'extended.headers.enabled': 'false', 'errors.max.retries': '0',
}
TUNED = {
    'snapshot.max.threads': '2', 'snapshot.fetch.size': '20000', 'max.batch.size': '8192',
    'max.queue.size': '32768', 'producer.override.linger.ms': '50',
    'producer.override.batch.size': '524288', 'producer.override.compression.type': 'lz4',
}
# connect's own is of a second, for slots that are to move.
WORKER = 'offset.flush.interval.ms=60000'
# Figure: heading, and how it is shown.
FIGURES = {
    'rows_per_s': ('rows/s', '{:,.0f}'), 'rows_per_s_from_start': ('from start', '{:,.0f}'),
    'first_row_s': ('first row s', '{:.2f}'), 'cpu_s_per_million': ('CPU s/M', '{:.2f}'),
    'server_cpu_s_per_million': ('server CPU s/M', '{:.2f}'),
    'broker_cpu_s_per_million': ('broker CPU s/M', '{:.2f}'),
    'rss_mb': ('peak RSS MB', '{:.1f}'), 'steal_pct': ('steal %', '{:.1f}'),
}


class Table:
    """public.bench or one of another schema, loaded and vacuumed, so that no reader pays
    for hint bits; rows of it."""

    def __init__(self, cluster, workload, schema, rows):
        self.cluster, self.schema, self.rows = cluster, schema, rows
        say(f'loading {rows:,} rows into {schema}.bench')
        cluster.sql(f'CREATE SCHEMA IF NOT EXISTS {schema};\nSET search_path = {schema};\n' +
                    workload.setup.format(rows=rows) + workload.load.format(rows=rows) +
                    'VACUUM ANALYZE bench;\nCHECKPOINT;')

    def size_mb(self):
        return int(self.cluster.sql(f"SELECT pg_table_size('{self.schema}.bench')")) / 2 ** 20

    def rows_of(self, ids):
        """{id as text: the row}, as the server says it in JSON."""
        literals = ', '.join(f"'{ident}'" for ident in ids)
        found = self.cluster.sql(f'SELECT row_to_json(bench) FROM {self.schema}.bench WHERE id IN ({literals})')
        return {str(row['id']): row for row in map(json.loads, found.splitlines())}


def same(found, wanted):
    """Is a value of an event that of the table?  A time may be written in two ways."""
    if found == wanted:
        return True
    try:
        return datetime.datetime.fromisoformat(found) == datetime.datetime.fromisoformat(wanted)
    except (TypeError, ValueError):
        return False


class Topic:
    """A topic of one contender, in which the broker notes when it has appended a record."""

    def __init__(self, bench, prefix, table):
        self.table, self.services = table, bench.services
        self.brokers = self.services.kafka.env['KAFKA_BOOTSTRAP']
        self.name = self.services.topic(prefix, bench.partitions, table.schema,
                                        ['message.timestamp.type=LogAppendTime'])
        self.partitions = [TopicPartition(self.name, partition) for partition in range(bench.partitions)]
        self.consumer = kafka.KafkaConsumer(
            bootstrap_servers=self.brokers, group_id=None, enable_auto_commit=False,
            auto_offset_reset='earliest', allow_auto_create_topics=False,
            max_partition_fetch_bytes=16 << 20)

    def count(self):
        return sum(self.consumer.end_offsets(self.partitions).values())

    def records(self, partition, offset, count):
        """So many records from that offset on, without gaps."""
        self.consumer.assign([partition])
        self.consumer.seek(partition, offset)
        found, deadline = [], time.monotonic() + WAIT_S
        while len(found) < count:
            found += self.consumer.poll(timeout_ms=1000, max_records=count).get(partition, [])
            if time.monotonic() > deadline:
                die(f'{self.name} [{partition.partition}] has no {count} records from offset {offset} on')
        return found[:count]

    def samples(self):
        """Records of the start, the middle and the end of each partition that holds any."""
        for partition, end in self.consumer.end_offsets(self.partitions).items():
            count = min(SAMPLE, end)
            for offset in sorted({0, (end - count) // 2, end - count} if end else ()):
                yield from self.records(partition, offset, count)

    def check(self):
        """Every row is there once, and a sample says what the table does; (first, last) time of
        a record in seconds.  Dies otherwise."""
        rows = self.table.rows
        if self.count() != rows:
            die(f'{self.name} ends at {self.count()}, not at {rows}')
        tally = json.loads(subprocess.check_output(
            [f'{BUILD}/bareproducer', 'capture', os.devnull, str(rows), self.brokers, self.name]))
        if tally['rows'] != rows or tally['repeated'] or tally['strange']:
            die(f'{self.name} does not hold the {rows} rows once: {tally}')
        registry = read_topic.Registry(self.services.registry.env['REGISTRY_URL'])
        records = list(self.samples())
        decoded = [read_topic.record_decode(record, registry, None)[1::2] for record in records]
        stored = self.table.rows_of({key['id'] for key, _ in decoded})
        for record, (key, value) in zip(records, decoded):
            row = stored[str(key['id'])]
            if (value['op'] != 'r' or value['before'] is not None or value['source']['snapshot'] not in MARKS or
                    value['after'].keys() != row.keys() or
                    not all(same(value['after'][name], row[name]) for name in row)):
                die(f'{self.name} [{record.partition}] @{record.offset}: {key}: {value} is not {row}')
        times = [record.timestamp / 1000 for record in records]
        return min(times), max(times)

    def drop(self):
        """Gives its disk back; the next contender's is then as empty."""
        self.consumer.close()
        admin = KafkaAdminClient(bootstrap_servers=self.brokers)
        admin.delete_topics([self.name])
        admin.close()


class Bench:
    """A server with the tables, a broker, a registry."""

    def __init__(self, workload, rows, debezium_rows, contenders):
        self.workload = SNAPSHOTS[workload]
        self.partitions = number('PARTITIONS', 1)
        self.relay_options = setting('RELAY_OPTIONS', '').split()
        self.version = setting('DEBEZIUM_VERSION', '3.7.0.Final')
        self.heap = setting('DEBEZIUM_HEAP', '2g')
        self.cluster = Cluster()
        self.services = Services(self.cluster)
        self.warm = self.table('warm', min(rows, WARM_ROWS))
        self.full = self.table('public', rows)
        self.short = self.full
        self.has_debezium = any(name.startswith('debezium') for name in contenders)
        if self.has_debezium and debezium_rows != rows:
            self.short = self.table('short', debezium_rows)

    def table(self, schema, rows):
        return Table(self.cluster, self.workload, schema, rows)

    def relay_run(self, topic, prefix, threads):
        """What the snapshot costs `walrelay run`, up to its end."""
        relay = Relay(self.cluster, prefix, [
            *self.services.arguments(prefix, slot=prefix, transport='tcp', snapshot='initial_only'),
            '--slot.create=true', f'--table.include.list={topic.table.schema}.bench',
            f'--snapshot.max.threads={threads}', *self.relay_options])
        started = process_started(relay.pid)
        _, cpu_s = relay.finish(RELAY_LIMIT_S)
        return {'started': started, 'cpu_s': cpu_s, 'rss_mb': relay.rss_mb}

    def connector_write(self, topic, prefix, more):
        """The connector's settings; the name of the file."""
        path = os.path.join(self.cluster.dir, f'{prefix}.json')
        with open(path, 'w') as file:
            json.dump({'name': prefix, **DEBEZIUM, 'database.port': str(self.cluster.port),
                       'database.user': USER, 'database.dbname': USER, 'slot.name': prefix,
                       'topic.prefix': prefix, 'table.include.list': f'{topic.table.schema}.bench',
                       **avro_settings(self.services.registry.env['REGISTRY_URL']), **more}, file)
        return path

    def debezium_run(self, topic, prefix, more):
        """What the snapshot costs a worker, up to the last row."""
        folder = os.path.join(self.cluster.dir, f'connect-{prefix}')
        with Worker(folder, self.version, self.connector_write(topic, prefix, more),
                    KAFKA_BOOTSTRAP=topic.brokers, CONNECT_HEAP=self.heap,
                    CONNECT_PROPERTIES=WORKER) as worker:
            pid = int(worker.env['CONNECT_PID'])
            started = process_started(pid)
            self.rows_wait(topic, worker, prefix, folder)
            return {'started': started, 'cpu_s': process_cpu_s(pid), 'rss_mb': peak_rss_mb(pid)}

    @staticmethod
    def rows_wait(topic, worker, name, folder):
        """Until all rows are in the topic."""
        count, since = 0, time.monotonic()
        while count < topic.table.rows:
            time.sleep(POLL_S)
            before, count = count, topic.count()
            if count > before:
                since = time.monotonic()
                continue
            failure = worker.failure(name)
            if failure or time.monotonic() - since > STALL_S:
                with open(os.path.join(folder, 'log')) as log:
                    die(f'Debezium stands at {count} rows:\n{log.read()[-4000:]}\n{failure or ""}')

    def once(self, use, prefix, table):
        """One snapshot: its figures."""
        topic, broker = Topic(self, prefix, table), self.services.kafka.env['KAFKA_PID']
        os.sync()           # what the one before has left to be written is not ours to pay
        server_s, broker_s = self.cluster.ended_cpu_s(), process_cpu_s(broker)
        processor = Processor()
        figures = use(topic, prefix)
        figures['steal_pct'] = processor.steal_pct()
        figures['broker_s'] = process_cpu_s(broker) - broker_s
        figures['server_s'] = self.cluster.ended_cpu_s() - server_s
        self.cluster.sql('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots')
        figures['first'], figures['last'] = topic.check()
        topic.drop()
        return figures


def contenders_of(bench, names, threads):
    """name -> (what runs it for a topic and a prefix, the table)."""
    found = {}
    for name in names:
        if name == 'walrelay':
            for count in threads:
                found[f'walrelay-{count}'] = (
                    lambda topic, prefix, count=count: bench.relay_run(topic, prefix, count), bench.full)
        else:
            more = TUNED if name == 'debezium-tuned' else {}
            found[name] = (lambda topic, prefix, more=more: bench.debezium_run(topic, prefix, more),
                           bench.short)
    return found


def measure(bench, contenders, runs):
    """In turn, the order rotating: name -> figures of each run."""
    results, names = {name: [] for name in contenders}, list(contenders)
    say(f'warm-up: {names[0]}')
    bench.once(contenders[names[0]][0], 'warm', bench.warm)
    for run in range(runs):
        first = run % len(names)
        for name in names[first:] + names[:first]:
            use, table = contenders[name]
            figures = bench.once(use, f"{name.replace('-', '_')}_{run + 1}", table)
            say(f"  run {run + 1}/{runs} {name}: {figures['last'] - figures['started']:.1f} s, "
                f"{figures['last'] - figures['first']:.1f} s from the first row on, "
                f"{figures['cpu_s']:.1f} CPU s")
            results[name].append(figures)
    return results


def summary(table, runs):
    """Figures of a contender's JSON line: medians, but the largest memory and steal."""
    def middle(value):
        return median([value(run) for run in runs])

    def rate(since):
        return round(table.rows / max(middle(lambda run: run['last'] - run[since]), 0.001))

    million = table.rows / 1e6
    return {
        'rows': table.rows, 'rows_per_s': rate('first'), 'rows_per_s_from_start': rate('started'),
        'first_row_s': round(middle(lambda run: run['first'] - run['started']), 2),
        'cpu_s_per_million': round(middle(lambda run: run['cpu_s']) / million, 3),
        'server_cpu_s_per_million': round(middle(lambda run: run['server_s']) / million, 3),
        'broker_cpu_s_per_million': round(middle(lambda run: run['broker_s']) / million, 3),
        'rss_mb': round(max(run['rss_mb'] for run in runs), 1),
        'steal_pct': max(run['steal_pct'] for run in runs),
    }


def ratios(ours, theirs):
    """How many times better ours is: rates by theirs, their costs by ours."""
    return {name: round(ours[name] / theirs[name] if name.startswith('rows_per_s') else theirs[name] / ours[name], 2)
            for name in ('rows_per_s', 'rows_per_s_from_start', 'cpu_s_per_million',
                         'server_cpu_s_per_million', 'rss_mb') if ours[name] and theirs[name]}


def report(figures, compared):
    print_table([['', 'rows', *(heading for heading, _ in FIGURES.values())]] +
                [[name, f"{figure['rows']:,}", *(form.format(figure[key])
                                                 for key, (_, form) in FIGURES.items())]
                 for name, figure in figures.items()])
    if not compared:
        return
    keys = ['rows_per_s', 'rows_per_s_from_start', 'cpu_s_per_million', 'server_cpu_s_per_million', 'rss_mb']
    print_table([['times better', *(FIGURES[key][0] for key in keys)]] +
                [[f'{ours} than {theirs}', *(f'{times[key]:.2f}' if key in times else '-' for key in keys)]
                 for ours, peers in compared.items() for theirs, times in peers.items()])
    for ours, peers in compared.items():
        for theirs, times in peers.items():
            print(f"{ours}: {times['rows_per_s']:.1f} times the rows/s of {theirs}: "
                  f"{'' if times['rows_per_s'] >= CLAIM_RATE else 'NOT '}at least {CLAIM_RATE}")
    for ours in compared:
        print(f"{ours}: {figures[ours]['rss_mb']:.0f} MB: "
              f"{'' if figures[ours]['rss_mb'] < CLAIM_MB else 'NOT '}under {CLAIM_MB}")


def threads_given():
    try:
        return [int(count) for count in setting('THREADS', '1,2,4').split(',')]
    except ValueError:
        die('THREADS must be whole numbers with commas')


def main():
    usage(__doc__)
    names = ('walrelay', 'debezium', 'debezium-tuned')
    workload = settings('WORKLOAD', 'narrow', SNAPSHOTS)[0]
    rows, runs, threads = number('ROWS', SNAPSHOTS[workload].rows), number('RUNS', 1), threads_given()
    chosen = settings('CONTENDERS', ','.join(names), names)
    build('all')
    bench = Bench(workload, rows, number('DEBEZIUM_ROWS', rows), chosen)
    contenders = contenders_of(bench, chosen, threads)
    results = measure(bench, contenders, runs)

    figures = {name: summary(contenders[name][1], result) for name, result in results.items()}
    compared = {ours: {theirs: ratios(figures[ours], figures[theirs])
                       for theirs in figures if theirs.startswith('debezium')}
                for ours in figures if ours.startswith('walrelay')}
    compared = {ours: peers for ours, peers in compared.items() if peers}
    print(f'initial snapshot: {rows:,} {bench.workload.text}, {bench.full.size_mb():,.0f} MB; '
          f'{bench.partitions} partition(s); medians of {runs} run(s); PostgreSQL {bench.cluster.version}')
    if bench.has_debezium:
        print(f'Debezium {bench.version} with a heap of {bench.heap}' +
              (f', WHICH READS {bench.short.rows:,} ROWS ONLY' if bench.short.rows != rows else '') +
              '; debezium-tuned with ' + ' '.join(f'{name}={value}' for name, value in TUNED.items()))
    report(figures, compared)
    for name, figure in figures.items():
        print(json.dumps({'bench': 'snapshot', 'contender': name, 'workload': workload, 'transport': 'tcp',
                          'runs': runs, 'partitions': bench.partitions, 'server': bench.cluster.version,
                          **figure, **{f'times_{peer}': times for peer, times in compared.get(name, {}).items()}}),
              flush=True)


if __name__ == '__main__':
    main()
