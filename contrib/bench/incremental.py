"""An incremental snapshot of a table that is written hard: what does the slot keep of WAL?

    ROWS=3000000  WORKLOAD=narrow|uuid-key  RATE=2000 (transactions a second)  CLIENTS=4
    BASELINE_S=60  THREADS=2  DELIVERY=at-least-once  PARTITIONS=1  RELAY_OPTIONS='...'
    PG_CONFIG=  RELAY=build/walrelay  PLUGIN=  BUILD=

pgbench updates a row of the table and inserts one into another, RATE times a second, and
never stops; one relay streams all of it.  BASELINE_S seconds so, then the same while the
relay is told by a signal to read all rows of the table, until it has done so.  Once a
second, what the slot keeps and what it has not confirmed.  Then the topic is read: each
row must be there.  Prints a table and one JSON line; fails if the WAL that is kept grows
as long as rows are read.  README.md says more.
"""
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

from cluster import (BUILD, ROOT, TICKS, Cluster, Processor, build, die, median, number, peak_rss_mb,
                     print_table, process_cpu_s, say, setting, settings, stat_fields, usage, wait_for)
from services import RELAY, Services
from workloads import SNAPSHOTS

sys.path.insert(0, os.path.join(ROOT, 't', 'lib'))
import kafka                                                        # noqa: E402
import pq                                                           # noqa: E402

SLOT = PREFIX = 'run'
WARM_S = 5                  # of the load, before anything is measured
LIMIT_S = 7200
CAUGHT_UP_S = 120
SAMPLE_S = 1
GROWS = 2                   # times what the first half of the samples had at most, and a segment
SEGMENT_MB = 16
LOAD = """\
\\set n random(1, {rows})
BEGIN;
UPDATE bench SET a = a + 1, b = b - 1 WHERE id = {key};
INSERT INTO done (n, at) VALUES (:n, now());
COMMIT;
"""
KEYS = {'narrow': ':n', 'uuid-key': 'md5((:n)::text)::uuid'}
SIGNAL = {'id': 'bench', 'type': 'execute-snapshot',
          'data': {'data-collections': ['public.bench'], 'type': 'incremental'}}
FIGURES = {
    'seconds': ('s', '{:.0f}'), 'kept_mb': ('WAL kept MB', '{:.0f}'), 'kept_median_mb': ('median', '{:.0f}'),
    'unconfirmed_mb': ('unconfirmed MB', '{:.1f}'), 'wal_mb_per_s': ('WAL MB/s', '{:.1f}'),
    'tps': ('tps', '{:,.0f}'), 'latency_ms': ('latency ms', '{:.2f}'), 'rows_per_s': ('rows/s', '{:,.0f}'),
    'relay_cpu_s': ('relay CPU s', '{:.1f}'), 'server_cpu_s': ('server CPU s', '{:.1f}'),
    'rss_mb': ('peak RSS MB', '{:.0f}'), 'steal_pct': ('steal %', '{:.1f}'),
}


class Load:
    """pgbench; what it says of each second."""

    LINE = re.compile(r'progress: [\d.]+ s, ([\d.]+) tps, lat ([\d.]+) ms')

    def __init__(self, cluster, rows, key, rate, clients):
        script = os.path.join(cluster.dir, 'load.sql')
        with open(script, 'w') as file:
            file.write(LOAD.format(rows=rows, key=key))
        self.seconds = []           # (tps, ms)
        self.process = subprocess.Popen(
            [f'{cluster.bindir}/pgbench', '-n', '-M', 'prepared', '-c', str(clients), '-R', str(rate),
             '-P', '1', '-T', '86400', '-f', script, cluster.conninfo('unix')],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        cluster.before_close(self.end)
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        for line in self.process.stderr:
            found = self.LINE.search(line)
            if found:
                self.seconds.append(tuple(map(float, found.groups())))

    def end(self):
        self.process.kill()
        self.process.wait()


class Slot:
    """What pg_replication_slots says of it."""

    QUERY = ("SELECT pg_current_wal_insert_lsn() - '0/0', pg_current_wal_insert_lsn() - restart_lsn, "
             f"pg_current_wal_insert_lsn() - confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '{SLOT}'")

    def __init__(self, session):
        self.session = session

    def look(self):
        """(where WAL is written, bytes kept, bytes not confirmed)"""
        return tuple(map(int, self.session.rows(self.QUERY)[0]))


class Progress:
    """What the progress topic has, in which the relay notes how far it is."""

    def __init__(self, brokers):
        self.place = kafka.TopicPartition(f'{PREFIX}.progress', 0)
        self.newest = {}
        self.consumer = kafka.KafkaConsumer(bootstrap_servers=brokers, group_id=None, enable_auto_commit=False,
                                            auto_offset_reset='earliest', isolation_level='read_committed')
        self.consumer.assign([self.place])

    def read(self):
        """key -> value"""
        end = self.consumer.end_offsets([self.place])[self.place]
        while self.consumer.position(self.place) < end:
            for record in self.consumer.poll(timeout_ms=200).get(self.place, ()):
                self.newest[record.key.decode()] = json.loads(record.value or 'null')
        return self.newest

    def is_done(self, lsn):
        """Everything up to there is in Kafka, and nothing is being read."""
        notes = self.read()
        high, low = (int(half, 16) for half in (notes.get(SLOT) or {'lsn': '0/0'})['lsn'].split('/'))
        return high << 32 | low >= lsn and not (notes.get(f'{SLOT}/incremental') or {}).get('signals') and not any(
            note for key, note in notes.items() if key.startswith(f'{SLOT}/incremental/'))


class Bench:
    def __init__(self, workload, rows, rate, clients, relay_options):
        self.rows = rows
        self.cluster = cluster = Cluster(wal_keep_size='0', max_wal_size='4GB', checkpoint_timeout='5min')
        say(f'loading {rows:,} rows')
        table = SNAPSHOTS[workload]
        cluster.sql(table.setup.format(rows=rows) + 'CREATE TABLE done (id bigserial PRIMARY KEY, n bigint, at timestamptz);'
                    + table.load.format(rows=rows) + 'VACUUM ANALYZE bench;\nCHECKPOINT;')
        self.services = Services(cluster)
        self.topic = self.services.topic(PREFIX, number('PARTITIONS', 1))
        self.session = pq.Session(cluster.conninfo('unix'))
        self.session.rows(f"SELECT pg_create_logical_replication_slot('{SLOT}', 'walrelay')")
        self.slot = Slot(self.session)
        self.start(relay_options)
        self.progress = Progress(self.services.kafka.env['KAFKA_BOOTSTRAP'])
        self.load = Load(cluster, rows, KEYS[workload], rate, clients)
        wait_for('the load', lambda: len(self.load.seconds) >= WARM_S, CAUGHT_UP_S, pause=0.1)

    def start(self, options):
        self.log = open(os.path.join(self.cluster.dir, 'relay.log'), 'w+')
        self.relay = subprocess.Popen([RELAY, 'run', *self.services.arguments(PREFIX, slot=SLOT), '--log.format=logfmt',
                                       '--signal.enabled.channels=source', *options],
                                      stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.cluster.before_close(self.kill)
        wait_for('a first position', lambda: f'{PREFIX}.progress' in self.topics(), CAUGHT_UP_S, pause=0.2)

    def topics(self):
        self.alive()
        consumer = kafka.KafkaConsumer(bootstrap_servers=self.services.kafka.env['KAFKA_BOOTSTRAP'])
        with contextlib.closing(consumer):
            return consumer.topics()

    def kill(self):
        if self.relay.poll() is None:
            self.relay.send_signal(signal.SIGKILL)
            self.relay.wait()

    def alive(self):
        if self.relay.poll() is not None or self.load_has_ended():
            self.log.seek(0)
            die(f'walrelay ({self.relay.returncode}) or pgbench has ended:\n{self.log.read()[-4000:]}')

    def load_has_ended(self):
        return hasattr(self, 'load') and self.load.process.poll() is not None

    def server_cpu_s(self):
        """Of all server processes, those that have ended among them."""
        fields, total = stat_fields(self.cluster.server.pid), 0
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if int(stat_fields(pid)[1]) == self.cluster.server.pid:
                    total += process_cpu_s(pid)
        return total + (int(fields[13]) + int(fields[14])) / TICKS

    def signal(self):
        """Tells it to read; where WAL was written behind that."""
        self.session.rows(f"SELECT pg_logical_emit_message(true, 'walrelay', {pq.literal('signal ' + json.dumps(SIGNAL))})")
        return self.slot.look()[0]

    def phase(self, is_over):
        """Samples until it is over: the figures."""
        processor, seconds = Processor(), len(self.load.seconds)
        relay_s, server_s = process_cpu_s(self.relay.pid), self.server_cpu_s()
        since, samples = time.monotonic(), [self.slot.look()]
        while not is_over(time.monotonic() - since):
            if time.monotonic() > since + LIMIT_S:
                die(f'it takes longer than {LIMIT_S} s')
            self.alive()
            time.sleep(max(0, since + len(samples) * SAMPLE_S - time.monotonic()))
            samples.append(self.slot.look())
        took = time.monotonic() - since
        kept = [kept / 2 ** 20 for _, kept, _ in samples]
        said = self.load.seconds[seconds:] or [(0, 0)]
        half = len(kept) // 2 + 1
        return {
            'seconds': round(took, 1), 'kept_mb': round(max(kept), 1), 'kept_median_mb': round(median(kept), 1),
            'kept_first_half_mb': round(max(kept[:half]), 1), 'kept_second_half_mb': round(max(kept[half:] or [0]), 1),
            'unconfirmed_mb': round(max(bytes_ for *_, bytes_ in samples) / 2 ** 20, 2),
            'wal_mb_per_s': round((samples[-1][0] - samples[0][0]) / 2 ** 20 / took, 2),
            'tps': round(sum(tps for tps, _ in said) / len(said)),
            'latency_ms': round(median([ms for _, ms in said]), 2),
            'relay_cpu_s': round(process_cpu_s(self.relay.pid) - relay_s, 1),
            'server_cpu_s': round(self.server_cpu_s() - server_s, 1),
            'rss_mb': round(peak_rss_mb(self.relay.pid), 1), 'steal_pct': processor.steal_pct(),
            'kept_samples_mb': [round(value, 1) for value in kept]}

    def check(self):
        """Each row is in the topic."""
        self.load.end()
        lsn = self.slot.look()[0]
        wait_for('everything to be confirmed', lambda: self.progress.is_done(lsn), CAUGHT_UP_S, pause=0.2)
        tally = json.loads(subprocess.check_output(
            [f'{BUILD}/bareproducer', 'tally', str(self.rows), self.services.kafka.env['KAFKA_BOOTSTRAP'], self.topic]))
        if tally['rows'] != self.rows or tally['strange']:
            die(f'{self.topic} lacks rows: {tally}')


def main():
    usage(__doc__)
    workload = settings('WORKLOAD', 'narrow', KEYS)[0]
    rows, rate, seconds = number('ROWS', 3_000_000), number('RATE', 2000), number('BASELINE_S', 60)
    threads = number('THREADS', 2)
    delivery = settings('DELIVERY', 'at-least-once', ('at-least-once', 'exactly-once'))[0]
    build('all')
    bench = Bench(workload, rows, rate, number('CLIENTS', 4), [
        f'--snapshot.max.threads={threads}', f'--delivery={delivery}', *setting('RELAY_OPTIONS', '').split()])
    say(f'{seconds} s without a snapshot')
    figures = {'without': bench.phase(lambda took: took >= seconds)}
    say('with one')
    lsn = bench.signal()
    figures['with'] = bench.phase(lambda _: bench.progress.is_done(lsn))
    figures['with']['rows_per_s'] = round(rows / figures['with']['seconds'])
    bench.check()

    print(f'incremental snapshot of {rows:,} {SNAPSHOTS[workload].text}, {delivery}, {threads} connections, while pgbench '
          f'writes {rate:,} transactions a second; PostgreSQL {bench.cluster.version}, everything on this machine')
    print_table([['snapshot', *(heading for heading, _ in FIGURES.values())]] +
                [[name, *(form.format(figure[key]) if key in figure else '-' for key, (_, form) in FIGURES.items())]
                 for name, figure in figures.items()])
    during = figures['with']
    most = GROWS * max(during['kept_first_half_mb'], figures['without']['kept_mb']) + SEGMENT_MB
    is_bounded = during['kept_second_half_mb'] <= most
    print(f"WAL kept in the second half of the snapshot: {during['kept_second_half_mb']:.0f} MB, "
          f"{'' if is_bounded else 'NOT '}at most {most:.0f}")
    print(json.dumps({'bench': 'incremental', 'workload': workload, 'rows': rows, 'rate': rate, 'delivery': delivery,
                      'threads': threads, 'server': bench.cluster.version, **figures}), flush=True)
    sys.exit(not is_bounded)


if __name__ == '__main__':
    main()
