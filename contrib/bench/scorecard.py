"""What it is like to have walrelay, beside a real Debezium in Kafka Connect, in one run on the same
PostgreSQL, broker and registry.

    RUNS=5  PEER_RUNS=3  CHANGES=300000  RATE=1000  LOAD_S=30  OUTAGE_S=20  LOOK_S=30  WAIT_S=120
    PARTS=start,load,drain,size,faults   (set-up always)
    FAULTS=REGEX  (some of them)  TEXTS=FOLDER  (what both said of the faults; a temporary one, removed, if not given)
    DEBEZIUM_VERSION=3.7.0.Final  DEBEZIUM_HEAP=2g
    PG_CONFIG=  RELAY=build/walrelay  PLUGIN=  BUILD=

Prints a table with ratios, one of the faults, and a JSON line.  README.md says more.
"""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from cluster import BUILD, USER, Cluster, Processor, build, die, median, number, print_table, say, setting, settings, usage
from contenders import Debezium, Memory, Walrelay, settings_of, sizes_mb
from scorecard_faults import Trial
from services import Services
from witness import Witness
from workloads import marker

PARTS = ('start', 'load', 'drain', 'size', 'faults')
CLAIM_MS = 300          # first event with slot and topics
ARRIVES_S = 300
ROW = ("INSERT INTO bench SELECT n, n % 1000, n % 77, '#' || lpad(n::text, 9, '0') || '#', now() "
       "FROM nextval('numbers') n;\n")


class Scorecard:
    def __init__(self):
        self.cluster = Cluster()
        self.services = Services(self.cluster)
        self.brokers = self.services.kafka.env['KAFKA_BOOTSTRAP']
        self.broker = int(self.services.kafka.env['KAFKA_PID'])
        self.relay = Walrelay(self.cluster, self.services)
        self.peer = Debezium(self.cluster, self.services, setting('DEBEZIUM_VERSION', '3.7.0.Final'),
                             setting('DEBEZIUM_HEAP', '2g'))
        self.both = (self.relay, self.peer)
        self.figures = {contender.name: {} for contender in self.both}

    def note(self, contender, **figures):
        self.figures[contender.name].update(figures)
        say(f'  {contender.name}: ' + ', '.join(f'{name} {value}' for name, value in figures.items()))

    def witness(self, contender):
        return Witness(self.brokers, contender.topic, ARRIVES_S)

    # ---- what is measured ----

    def set_up(self):
        """From installed parts and an empty database with one row to that row in Kafka."""
        for contender in self.both:
            say(f'{contender.name}: set up')
            row, witness = contender.insert(1), self.witness(contender)
            began = time.perf_counter()
            contender.set_up()
            came = witness.row(marker(row))
            witness.close()
            if came is None:
                die(f'{contender.name} brings no row:\n{contender.text()[-4000:]}')
            contender.settled()
            contender.stop()
            self.note(contender, steps=len(contender.commands) + len(contender.files) + len(contender.statements),
                      commands=contender.commands, statements=contender.statements,
                      settings={name: len(settings_of(text)) for name, text in contender.files.items()},
                      set_up_s=round(came - began, 2))

    def start(self, runs):
        """Slot, position, topics and schemas are there; a row was committed before the start."""
        for contender in self.both:
            times = []
            for _ in range(runs[contender.name]):
                row = contender.insert(1)
                times.append(contender.timed_start(self.witness(contender), marker(row)))
                contender.settled()
                contender.stop()
            self.note(contender, first_event_ms=round(1000 * median(times), 1), first_event_runs=len(times),
                      first_event_min_ms=round(1000 * min(times), 1), first_event_max_ms=round(1000 * max(times), 1))

    def load(self, contender, rate, load_s, outage_s):
        """Single inserts at a rate; then the broker stands still while they go on; then it goes on."""
        rows, held = contender.rows(), contender.messages()
        contender.start()
        memory = Memory(contender.pid)
        script = os.path.join(self.cluster.dir, 'row.sql')
        with open(script, 'w') as file:
            file.write(ROW)
        since, cpu_s = time.monotonic(), contender.cpu_s()
        load = subprocess.Popen(
            [f'{self.cluster.bindir}/pgbench', '-n', '-M', 'prepared', '-R', str(rate), '-T', str(load_s + outage_s),
             '-f', script, '-h', self.cluster.dir, '-p', str(self.cluster.port), '-U', USER, contender.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(load_s)
        stops, steady_cpu_s = time.monotonic(), contender.cpu_s() - cpu_s
        os.kill(self.broker, signal.SIGSTOP)
        try:
            load.wait()
        finally:
            os.kill(self.broker, signal.SIGCONT)
        goes_on = time.monotonic()
        came = contender.rows() - rows
        contender.wait_for_rows(came, held, 'rows after the outage', ARRIVES_S)
        memory.end()
        steady, outage = memory.between(since + load_s / 2, stops), memory.between(stops, goes_on)
        everything = memory.between(since, time.monotonic())
        self.note(contender, rate=rate, load_rows=came,
                  steady_rss_mb=round(median([rss for rss, _ in steady]), 1),
                  steady_pss_mb=round(median([pss for _, pss in steady]), 1),
                  outage_rss_mb=round(max(rss for rss, _ in outage), 1),
                  most_rss_mb=round(max(rss for rss, _ in everything), 1),
                  steady_cpu_pct=round(100 * steady_cpu_s / (stops - since), 1))
        contender.settled()
        contender.stop()

    def drain(self, contender, changes):
        """So many inserts wait in the slot; from the start of the process until all are in Kafka."""
        contender.insert(changes, 100)
        held, server_s = contender.messages(), self.cluster.ended_cpu_s()
        began = contender.start()
        contender.wait_for_rows(changes, held, f'{changes} changes', ARRIVES_S)
        wall_s, cpu_s = time.perf_counter() - began, contender.cpu_s()
        contender.settled()
        contender.stop()
        self.note(contender, changes=changes, drain_cpu_s=round(cpu_s, 2), drain_s=round(wall_s, 1),
                  drain_server_cpu_s=round(self.cluster.ended_cpu_s() - server_s, 2))

    def complete(self):
        """Every row of both is in Kafka; repeats after a kill are allowed, and counted."""
        for contender in self.both:
            rows = contender.rows()
            tally = json.loads(subprocess.check_output(
                [f'{BUILD}/bareproducer', 'tally', str(rows), self.brokers, contender.topic]))
            if tally['rows'] != rows or tally['strange']:
                die(f'{contender.name} has not brought its {rows} rows: {tally}')
            self.note(contender, rows=rows, repeated=tally['repeated'])

    def size(self):
        for contender in self.both:
            parts = contender.parts()
            plain, packed = sizes_mb(parts)
            self.note(contender, parts=list(parts), installed_mb=round(plain, 1), packed_mb=round(packed, 1))


# ---- what is printed ----

ROWS = [
    ('to be installed, parts', lambda f: len(f['parts']), '{}'),
    ('installed, with all they need, MB', lambda f: f['installed_mb'], '{:,.1f}'),
    ('the same packed by gzip, MB', lambda f: f['packed_mb'], '{:,.1f}'),
    ('settings to write, lines', lambda f: sum(f['settings'].values()), '{}'),
    ('files, statements, commands to run', lambda f: f['steps'], '{}'),
    ('from nothing to the first event, s', lambda f: f['set_up_s'], '{:.2f}'),
    ('start to first event, median ms', lambda f: f['first_event_ms'], '{:,.0f}'),
    ('start to first event, slowest ms', lambda f: f['first_event_max_ms'], '{:,.0f}'),
    ('resident under load, MB', lambda f: f['steady_rss_mb'], '{:,.1f}'),
    ('of it not shared (PSS), MB', lambda f: f['steady_pss_mb'], '{:,.1f}'),
    ('resident, broker stands still, MB', lambda f: f['outage_rss_mb'], '{:,.1f}'),
    ('most resident of all of it, MB', lambda f: f['most_rss_mb'], '{:,.1f}'),
    ('processor under load, % of a core', lambda f: f['steady_cpu_pct'], '{:.1f}'),
    ('processor for the backlog, s', lambda f: f['drain_cpu_s'], '{:.2f}'),
    ("the server's for it, s", lambda f: f['drain_server_cpu_s'], '{:.2f}'),
    ('the backlog is in Kafka after, s', lambda f: f['drain_s'], '{:.1f}'),
]


def report(figures):
    table = [['', 'walrelay', 'Debezium', 'ratio']]
    for name, take, shown in ROWS:
        try:
            ours, theirs = (take(figures[who]) for who in ('walrelay', 'debezium'))
        except KeyError:
            continue            # of a part that was not asked for
        table.append([name, shown.format(ours), shown.format(theirs),
                      f'{theirs / ours:.1f}' if ours else '-'])
    print_table(table)


def report_faults(results):
    def answers(judgement):
        if not judgement.lines:     # in that time: no text to judge
            return ['none', '-', '-', '-']
        return [str(judgement.lines), *('yes' if value else 'no'
                                        for value in (judgement.trace, judgement.names, judgement.remedy))]

    print_table([['said of a fault', 'lines', 'trace', 'names it', 'remedy', 'lines', 'trace', 'names it', 'remedy'],
                 ['', *['walrelay'] * 4, *['Debezium'] * 4]] +
                [[name, *answers(ours), *answers(theirs)] for name, (ours, theirs) in results.items()] +
                [['all', *(str(sum(judged[who][field] for judged in results.values()))
                           for who in (0, 1) for field in range(4))]])


def main():
    usage(__doc__)
    parts = settings('PARTS', ','.join(PARTS), PARTS)
    if not shutil.which('kcat'):
        die('no kcat here: install the package kcat')
    build('all')
    processor, card = Processor(), Scorecard()
    loads = [os.getloadavg()[0]]
    card.set_up()
    if 'start' in parts:
        card.start({'walrelay': number('RUNS', 5), 'debezium': number('PEER_RUNS', 3)})
        loads.append(os.getloadavg()[0])
    for contender in card.both:
        if 'load' in parts:
            card.load(contender, number('RATE', 1000), number('LOAD_S', 30), number('OUTAGE_S', 20))
        if 'drain' in parts:
            card.drain(contender, number('CHANGES', 300_000))
    card.complete()
    if 'size' in parts:
        card.size()
    results = {}
    if 'faults' in parts:
        with tempfile.TemporaryDirectory() as folder:
            results = Trial(card.relay, card.peer, number('LOOK_S', 30), number('WAIT_S', 120),
                            setting('TEXTS', folder)).all()
    print(f"PostgreSQL {card.cluster.version}, Debezium {card.peer.version} with a heap of {card.peer.heap} in Kafka "
          f"Connect; one broker, one registry on this machine; steal {processor.steal_pct()} %, load average "
          f"{', '.join(f'{load:.1f}' for load in loads)}")
    report(card.figures)
    if results:
        report_faults(results)
    slowest = card.figures['walrelay'].get('first_event_max_ms')
    if slowest is not None:
        print(f"the slowest first event of walrelay is {'under' if slowest < CLAIM_MS else 'NOT UNDER'} {CLAIM_MS} ms")
    print(json.dumps({'bench': 'scorecard', 'server': card.cluster.version, 'debezium': card.peer.version,
                      'steal_pct': processor.steal_pct(), 'figures': card.figures,
                      'faults': {name: [judged._asdict() for judged in pair] for name, pair in results.items()}}),
          flush=True)


if __name__ == '__main__':
    main()
