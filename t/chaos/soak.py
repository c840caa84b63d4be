#!/usr/bin/env python3
"""One relay for hours: a steady load, faults that it must live through, and its figures.

    make soak    SECONDS=7200 TPS=2000 EVERY=30 SEED= MODE=at-least-once FAULTS=
    make outage  SECONDS=3600 TPS=1000          (the broker is away for so long)

soak: a fault every EVERY seconds, of those after which the same process goes on; the lag
must be under a second again before the next one comes.  outage: one absence of the
broker, with wal_sender_timeout = 2s: the walsender must stay the same.  Both: memory and
descriptors of the relay are sampled (samples.jsonl), and pulse.py proves that all came.
Prints each check, then "N passed, N failed"; the folder of a failing run is kept, of the others
with KEEP=1.  The machine should do nothing else.
"""
import collections
import contextlib
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time

import kafka.admin

import pulse
import pulse_tally
from faults import FAULTS
from lab import HERE, PREFIX, SLOT, log_grep, pq, say, wait_until
from trial import Trial, main, number, patterns

# After these another process goes on, or small disks are needed: they are make chaos's.
ENDING = ('relay-kill', 'relay-term', 'relay-zombie', 'kafka-zombie', 'clock-jump', 'registry-', 'disk-')
LAG_MAX_S = 1.0
LOOK_S = 0.1
SAMPLE_S = 5
RECOVER_S = 300
DRAIN_S = 1800
GROWTH_MAX = 6 << 20    # bytes that memory may grow behind the first quarter
MEMORY_MAX = 128 << 20  # bytes, whatever is away: max.in.flight.bytes and what librdkafka needs for it


class Pace(threading.Thread):
    """How many seconds the slot's position is behind what is written."""

    def __init__(self, lab):
        super().__init__(name='pace', daemon=True)
        self.lab, self.over = lab, threading.Event()
        self.written = collections.deque()      # (when, LSN): not confirmed yet
        self.walsender = set()                  # pids

    def run(self):
        while not self.over.is_set():
            with contextlib.suppress(pq.Error, ValueError), pq.Session(self.lab.postgres.conninfo) as sql:
                while not self.over.is_set():
                    lsn, pid = sql.rows("SELECT pg_current_wal_insert_lsn() - '0/0', (SELECT active_pid FROM "
                                        f"pg_replication_slots WHERE slot_name = '{SLOT}')")[0]
                    self.written.append((time.monotonic(), int(lsn)))
                    self.walsender.update([pid] if pid else [])
                    self.over.wait(LOOK_S)
            self.over.wait(LOOK_S)

    def lag(self):
        """While the server is away nothing is written."""
        confirmed = self.lab.watch.confirmed
        while self.written and self.written[0][1] <= confirmed:
            self.written.popleft()
        return time.monotonic() - self.written[0][0] if self.written else 0.0


def memory(pid):
    """Bytes of memory of its own that a process has."""
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith('RssAnon:'))


def processor(pid):
    """Seconds that a process has computed."""
    with open(f'/proc/{pid}/stat', encoding='ascii') as file:
        fields = file.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def slope(points):
    """Least squares, of (x, y)."""
    x, y = zip(*points)
    middle = statistics.fmean(x)
    spread = sum((at - middle) ** 2 for at in x)
    return sum((at - middle) * value for at, value in points) / spread if spread else 0.0


class Soak(Trial):
    def __init__(self):
        super().__init__('soak', ['--table.include.list=public[.]pulse'])
        self.is_outage = os.environ.get('AWAY') == '1'
        self.seconds = number('SECONDS', 3600.0 if self.is_outage else 7200.0)
        self.tps = number('TPS', 1000 if self.is_outage else 2000)
        self.every = number('EVERY', 30.0)
        asked = patterns()
        self.kinds = [name for name, fault in FAULTS.items() if not name.startswith(ENDING)
                      and fault.weight and not fault.skip(self.mode) and (not asked or name in asked)]
        if not self.kinds:
            sys.exit(f'FAULTS: none of these lets the relay live: {" ".join(asked)}')
        self.load = self.pace = None
        self.samples, self.records = [], []

    def title(self):
        return f'TPS={self.tps} SECONDS={self.seconds:.0f}'

    def repeat(self):
        return 'outage' if self.is_outage else 'soak', {'SECONDS': round(self.seconds), 'TPS': self.tps}, ('EVERY',)

    # ---- what is watched ----

    def sample(self, file):
        pid = self.lab.relay.process.pid
        with contextlib.suppress(OSError):
            record = {'at': round(time.monotonic() - self.began, 1), 'memory': memory(pid),
                      'fds': len(os.listdir(f'/proc/{pid}/fd')), 'cpu_s': processor(pid),
                      'lag': round(self.pace.lag(), 2), 'kept': self.lab.watch.kept}
            self.samples.append(record)
            file.write(json.dumps(record) + '\n')
            file.flush()

    def watch(self, over):
        """Until over(): a sample every few seconds, a line every minute."""
        said = 0.0
        with open(self.lab.path('samples.jsonl'), 'a', encoding='utf-8') as file:
            while not over():
                self.sample(file)
                if self.lab.relay.lives > 1:
                    raise ValueError('the relay has ended')
                if time.monotonic() - said >= 60 and self.samples:
                    said, last = time.monotonic(), self.samples[-1]
                    say(f"{last['at']:.0f} of {self.seconds:.0f} s: lag {last['lag']} s, "
                        f"{last['memory'] / 1e6:.1f} MB, {last['fds']} descriptors, "
                        f"{len(self.records)} faults")
                threading.Event().wait(SAMPLE_S)

    # ---- faults ----

    def strike(self, name, rng):
        record = {'fault': name, 'at': round(time.monotonic() - self.began, 1)}
        started = time.monotonic()
        try:
            record['evidence'] = FAULTS[name].strike(self.lab, rng)
            over = time.monotonic()
            record['fault_s'] = round(over - started, 2)
            mark = self.lab.watch.insert_lsn()
            wait_until(lambda: self.lab.watch.confirmed >= mark and self.pace.lag() < LAG_MAX_S,
                       'the lag to be under a second', RECOVER_S)
            record['caught_up_s'] = round(time.monotonic() - over, 2)
        except (TimeoutError, OSError, ValueError, subprocess.CalledProcessError) as error:
            record['failed'] = f'{type(error).__name__}: {error}'
        return record

    def faults(self, end):
        weights = [FAULTS[name].weight for name in self.kinds]
        choose = random.Random(self.seed)
        next_at = time.monotonic() + self.every
        with open(self.lab.path('faults.jsonl'), 'w', encoding='utf-8') as file:
            while self.load.is_alive():
                threading.Event().wait(max(0, min(next_at, end) - time.monotonic()))
                if next_at > end:
                    return
                name = choose.choices(self.kinds, weights)[0]
                record = self.strike(name, random.Random(f'{self.seed}/{len(self.records)}'))
                self.records.append(record)
                file.write(json.dumps(record) + '\n')
                file.flush()
                if 'failed' in record:
                    return      # what comes later would only say the same
                while next_at <= time.monotonic():
                    next_at += self.every

    def soak(self):
        end = self.began + self.seconds
        striker = threading.Thread(target=self.faults, args=(end,), name='faults', daemon=True)
        striker.start()
        self.watch(lambda: not striker.is_alive())
        self.check(time.monotonic() >= end, f'it went on for {time.monotonic() - self.began:.0f} s')
        failed = [json.dumps(record) for record in self.records if 'failed' in record]
        caught_up = sorted(record['caught_up_s'] for record in self.records if 'caught_up_s' in record)
        self.check(self.records and not failed, f'{len(self.records)} faults; lag under {LAG_MAX_S:.0f} s after '
                   + (f'{statistics.median(caught_up)} s in the middle, {caught_up[-1]} s at most' if caught_up else '-'),
                   '\n'.join(failed))
        late = sum(seconds > self.every for seconds in caught_up)
        self.check(not late, f'{late} faults were still felt when the next one was due')
        quarter_s = self.seconds / 4
        points = [(sample['at'], sample['memory']) for sample in self.samples if sample['at'] > quarter_s]
        hourly = slope(points) * 3600
        self.check(hourly * (self.seconds - quarter_s) / 3600 < GROWTH_MAX, f'memory {min(p[1] for p in points) / 1e6:.1f} to '
                   f'{max(p[1] for p in points) / 1e6:.1f} MB behind {quarter_s:.0f} s, {hourly / 1e6:+.2f} MB an hour')
        fds = [sample['fds'] for sample in self.samples]
        quarter = max(1, len(fds) // 4)
        self.check(max(fds[-quarter:]) <= max(fds[:quarter]) + 1,
                   f'descriptors: {min(fds[:quarter])} to {max(fds[:quarter])} at first, '
                   f'{min(fds[-quarter:])} to {max(fds[-quarter:])} at last')

    # ---- the broker is away ----

    def outage(self):
        lab = self.lab
        wait_until(lambda: self.pace.lag() < LAG_MAX_S, 'the lag to be under a second', RECOVER_S)
        before = memory(lab.relay.process.pid)
        senders = set(self.pace.walsender)
        lab.kafka.do('kill')
        end = time.monotonic() + self.seconds
        self.watch(lambda: time.monotonic() > end)
        most = max(sample['memory'] for sample in self.samples)
        growth = slope([(sample['at'], sample['memory']) for sample in self.samples if sample['at'] > self.seconds / 4])
        self.check(most < MEMORY_MAX, f'memory {before / 1e6:.1f} MB before, at most {most / 1e6:.1f} MB without a broker, '
                   f'{growth * 3600 / 1e6:+.2f} MB an hour')
        killed = log_grep(lab.postgres.log, 'terminating walsender')
        self.check(self.pace.walsender == senders and not killed,
                   f'one walsender all the time: {sorted(self.pace.walsender)}', '\n'.join(killed))
        lag, kept = self.pace.lag(), lab.watch.kept
        lab.kafka.do('start')
        started, cpu = time.monotonic(), processor(lab.relay.process.pid)
        with open(lab.path('samples.jsonl'), 'a', encoding='utf-8') as file:
            def caught_up():
                self.sample(file)
                return self.pace.lag() < LAG_MAX_S
            wait_until(caught_up, 'the relay to catch up', DRAIN_S)
        took = time.monotonic() - started
        self.check(True, f'{lag:.0f} s of lag, {kept >> 20} MB of WAL worked off in {took:.1f} s while the load went on, '
                   f'{processor(lab.relay.process.pid) - cpu:.1f} CPU s of the relay')

    # ---- the end ----

    def prove(self):
        lab = self.lab
        self.load.stop()
        mark = lab.watch.insert_lsn()
        wait_until(lambda: lab.watch.confirmed >= mark, 'everything to be confirmed', DRAIN_S)
        rows = pulse.table(lab.postgres.conninfo)
        cpu = processor(lab.relay.process.pid)
        status = lab.relay.stop()
        self.check(status == 0 and lab.relay.lives == 1 and not lab.relay.wrong,
                   f'the relay, life {lab.relay.lives}, ended with {status}', '\n'.join(lab.relay.wrong))
        readers = [subprocess.Popen([sys.executable, os.path.join(HERE, 'pulse.py'), lab.bootstrap, lab.registry_url,
                                     PREFIX, str(partition)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
                   for partition in range(pulse.PARTITIONS)]
        tallies = []
        for reader in readers:
            text = reader.communicate()[0]
            tally = pulse_tally.Tally()
            vars(tally).update(json.loads(text, object_hook=numbered))
            tallies.append(tally)
        wrong, records, repeated = pulse_tally.judge(tallies, rows)
        committed = sum(rows.values())
        self.check(not wrong, f'{committed} transactions, {records} records, {repeated} repeated, none missing, '
                   f'none out of order; relay {cpu:.1f} CPU s', '\n'.join(wrong))
        if self.mode == 'exactly-once':
            self.check(not repeated, f'{repeated} repeated')
        self.check_server_log()

    def release(self):
        if self.load:
            self.load.stop()
        if self.pace:
            self.pace.over.set()

    def prepare(self):
        lab = self.lab
        lab.start()
        if self.is_outage:
            with pq.Session(lab.postgres.conninfo) as sql:
                sql.rows("ALTER SYSTEM SET wal_sender_timeout = '2s'")
                sql.rows('SELECT pg_reload_conf()')
        pulse.setup(lab.postgres.conninfo)
        admin = kafka.admin.KafkaAdminClient(bootstrap_servers=lab.bootstrap)
        try:
            admin.create_topics([kafka.admin.NewTopic(f'{PREFIX}.{pulse.TOPIC}', pulse.PARTITIONS, 1)])
        finally:
            admin.close()
        lab.relay_start()
        self.pace = Pace(lab)
        self.pace.start()
        self.load = pulse.Load(lab, self.tps, self.seed)
        self.load.start()
        wait_until(lambda: lab.watch.confirmed, 'a first position', RECOVER_S)
        mark = lab.watch.insert_lsn()
        wait_until(lambda: lab.watch.confirmed > mark, 'the stream to run', RECOVER_S)
        self.began = time.monotonic()

    def go(self):
        self.prepare()
        if self.is_outage:
            self.outage()
        else:
            self.soak()
        self.prove()


def numbered(table):
    """Rows' numbers are text as keys of JSON."""
    return {int(key) if key.isdigit() else key: value for key, value in table.items()}


if __name__ == '__main__':
    main(Soak, __doc__)
