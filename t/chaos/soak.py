#!/usr/bin/env python3
"""One relay for hours: a steady load, faults that it must live through, and its figures.

    make soak    SECONDS=7200 TPS=2000 EVERY=30 SEED= MODE=at-least-once FAULTS=
    make outage  SECONDS=3600 TPS=1000          (the broker is away for so long)

soak: a fault every EVERY seconds, of those after which the same process goes on; the lag
must be under a second again before the next one comes.  outage: one absence of the
broker, with wal_sender_timeout = 2s: the walsender must stay the same.  Both: memory and
descriptors of the relay are sampled (samples.jsonl), soak_judge.py says whether they are
good, and pulse.py proves that all came.  Prints each check, then "N passed, N failed"; the
folder of a failing run is kept, of the others with KEEP=1, and contrib/soak --judge DIR
judges it again.  The machine should do nothing else.
"""
import collections
import contextlib
import json
import os
import random
import subprocess
import sys
import threading
import time

import kafka.admin

import pulse
import pulse_tally
import soak_judge
from faults import FAULTS
from lab import HERE, PREFIX, SLOT, START_S, log_grep, pq, say, wait_until
from trial import Trial, main, number, patterns

# After these another process goes on, or small disks are needed: they are make chaos's.
ENDING = ('relay-kill', 'relay-term', 'relay-zombie', 'kafka-zombie', 'clock-jump', 'registry-', 'disk-')
os.environ['WALRELAY_ADMIN_CORE_DUMPS'] = 'true'     # the relay's descriptors are counted
LOOK_S = 0.1
SAMPLE_S = 5
DRAIN_SAMPLE_S = 0.5    # while it catches up
RECOVER_S = 300
DRAIN_S = 1800


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


class Soak(Trial):
    def __init__(self):
        super().__init__('soak', ['--table.include.list=public[.]pulse', '--snapshot.mode=never'])
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
        self.load_began = self.load_s = None
        self.samples, self.records = [], []
        self.walsenders = None      # since the broker was killed

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

    def watch(self, over, pause_s=SAMPLE_S):
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
                threading.Event().wait(pause_s)

    # ---- faults ----

    def strike(self, name, rng):
        record = {'fault': name, 'at': round(time.monotonic() - self.began, 1)}
        started = time.monotonic()
        try:
            record['evidence'] = FAULTS[name].strike(self.lab, rng)
            over = time.monotonic()
            record['fault_s'] = round(over - started, 2)
            mark = self.lab.watch.insert_lsn()
            wait_until(lambda: self.lab.watch.confirmed >= mark and self.pace.lag() < soak_judge.LAG_MAX_S,
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

    # ---- the broker is away ----

    def walsender(self):
        """The pid of the only one."""
        with pq.Session(self.lab.postgres.conninfo) as sql:
            return wait_until(lambda: sql.value('SELECT active_pid FROM pg_replication_slots '
                                                f"WHERE slot_name = '{SLOT}'"), 'a walsender', START_S)

    def outage(self):
        """Broken and mended; what is judged is judged of both times."""
        lab = self.lab
        self.pace.walsender = {self.walsender()}
        lab.kafka.do('kill')
        end = time.monotonic() + self.seconds
        self.watch(lambda: time.monotonic() > end)
        lag, kept = self.pace.lag(), lab.watch.kept
        lab.kafka.do('start')
        started, cpu = time.monotonic(), processor(lab.relay.process.pid)
        self.watch(lambda: self.is_caught_up(started), DRAIN_SAMPLE_S)
        took = time.monotonic() - started
        self.walsenders = sorted(self.pace.walsender | {self.walsender()})
        killed = log_grep(lab.postgres.log, 'terminating walsender')
        self.check(not killed, 'no walsender was terminated', '\n'.join(killed))
        self.check(True, f'{lag:.0f} s of lag, {kept >> 20} MB of WAL worked off in {took:.1f} s while the load went on, '
                   f'{processor(lab.relay.process.pid) - cpu:.1f} CPU s of the relay')

    def is_caught_up(self, started):
        if time.monotonic() > started + DRAIN_S:
            raise TimeoutError(f'the relay did not catch up in {DRAIN_S} s')
        return self.samples[-1]['lag'] < soak_judge.LAG_MAX_S

    # ---- the end ----

    def prove(self):
        lab = self.lab
        self.load.stop()
        self.load_s = time.monotonic() - self.load_began
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
        self.check_server_log()
        self.judge(committed, records, repeated)

    def judge(self, committed, records, repeated):
        run = {'seconds': self.seconds, 'tps': self.tps, 'every': self.every, 'mode': self.mode,
               'is_outage': self.is_outage, 'load_s': round(self.load_s, 1), 'committed': committed, 'records': records,
               'repeated': repeated, 'restarts': len(log_grep(self.lab.relay_log, soak_judge.BEGUN)) - 1,
               'walsenders': self.walsenders}
        with open(self.lab.path('run.json'), 'w', encoding='utf-8') as file:
            json.dump(run, file)
        for well, what, detail in soak_judge.judge(run, self.samples, self.records):
            if well is None:
                say(what)
            else:
                self.check(well, what, detail)

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
        self.load_began = time.monotonic()
        wait_until(lambda: lab.watch.confirmed, 'a first position', RECOVER_S)
        mark = lab.watch.insert_lsn()
        wait_until(lambda: lab.watch.confirmed > mark and self.pace.lag() < soak_judge.LAG_MAX_S,
                   'the stream to run', RECOVER_S)
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
