#!/usr/bin/env python3
"""Snapshots, one after the other, of tables that are written hard, half of them killed.

    make snapshot-campaign N=100 KINDS=initial,always,initial_only,no_data,never,incremental KILLS=half|all|none
                           SEED= MODE=at-least-once|exactly-once (each in turn without) TPS=60 TRUNCATES=0.03
                           RELAY=build/walrelay  RELAY_ARGS=  PG_CONFIG=  KEEP=1  LIMIT_S=3600

Of each kind (a snapshot.mode) N, each of a database of its own, with a slot and topics of its
own: some seconds of the ledger are in it, and its writers go on.  Number of connections,
size of chunks and mode of delivery are drawn, and so is when the relay is killed: before its
first row, within its rows, or when it streams.  incremental: there is no snapshot at first; rows
are asked for at random moments, of all tables or some, with conditions or without, by each
of the WAYS=source,key,kafka,command there are (incremental.py).  Then the writers end, everything must be
confirmed, and checker.py says whether each row, and each change, is what it must be at the
seam (seam.py, reading.py), from the history that the database has kept of itself.  No trial begins later
than LIMIT_S.  ONLY=initial/17: that one alone.  One line of JSON for each goes to
trials.jsonl.  Prints each check, a table, then "N passed, N failed"; what belongs to a
trial that fails is kept.  Called by make snapshot-campaign and t/079_snapshot_ledger.pl.
"""
import collections
import contextlib
import json
import os
import random
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import time

import kafka
import kafka.admin

import reading
import seam
from incremental import WAYS, Incremental, Wish, channels
from lab import POLL_S, log_grep, pq, say, wait_until
from ledger_trial import DRAIN_S, SPLIT_MESSAGES, WHOLE_EVENTS, LedgerTrial, Workload, story
from outcomes import lsn_number
from tables import TABLES
from trial import main, number

KINDS = {**seam.KINDS, 'incremental': reading.Rules.kind}
MODES = ('at-least-once', 'exactly-once')
KILLS = {'half': 0.5, 'all': 1.0, 'none': 0.0}
CHUNKS = (5, 20, 60, 200)       # rows
PROGRESS_MS = 100
RUNNING_ROWS = 1000             # of transactions at work as a job begins: they may be read again
RECOVER_S = 300
LOOK_S = 30                     # so long a kill waits for its moment at most
BASE = 'ledger'                 # the database that others are copies of


class Moment:
    """When the relay is killed: some time after it began, or when a share of the rows is there."""

    def __init__(self, rng):
        kind = rng.random()
        self.share = None if kind < 0.25 else rng.uniform(0, 1) if kind < 0.85 else 1.0
        self.pause = rng.uniform(0, 0.6) if self.share is None else rng.uniform(0, 0.03)
        if self.share == 1.0:
            self.pause = rng.uniform(0, 0.5)

    def __str__(self):
        return f'{self.pause:.2f} s after ' + ('it began' if self.share is None else f'{self.share:.0%} of the rows')


class Plan:
    """One trial, by seed, kind and number alone."""

    def __init__(self, seed, kind, place, modes, kills, ways):
        self.rng = rng = random.Random(f'{seed}/{kind}/{place}')
        self.kind, self.place = kind, place
        self.name = f'{kind}_{place}'
        self.mode = modes[(place + place // 2) % len(modes)]
        self.threads, self.chunk = rng.randint(1, 4), rng.choice(CHUNKS)
        self.wait_s = rng.uniform(0, 0.5)       # between slot and relay
        is_killed = place % 2 > 0 if kills == 0.5 else kills == 1.0     # in either mode
        self.moments = [Moment(rng) for _ in range(rng.choice((1, 1, 2, 3)))] if is_killed else []
        self.what, self.ways, self.wishes, self.is_slow = KINDS[kind], ways, [], False
        if kind == 'incremental':
            self.wishes = [Wish(rng, f'{self.name}_{number}', ways) for number in range(rng.choice((1, 1, 2)))]
            self.is_slow = rng.random() < 0.3
        if self.is_slow:        # a chunk costs a dozen delays: with small ones RECOVER_S would not do
            self.chunk = max(self.chunk, CHUNKS[2])

    def settings(self):
        mode = ['--snapshot.mode=never', *channels(self.ways)] if self.wishes else [f'--snapshot.mode={self.kind}']
        return [*mode, f'--snapshot.max.threads={self.threads}',
                f'--snapshot.chunk.size={self.chunk}', f'--delivery={self.mode}',
                f'--progress.interval.ms={PROGRESS_MS}',
                *([f'--transaction.max.messages={SPLIT_MESSAGES}'] if self.mode == 'exactly-once' else [])]

    def __str__(self):
        return (f'{self.kind} {self.place}, {self.mode}, {self.threads} connections, chunks of {self.chunk}'
                + ''.join(f'; {wish}' for wish in self.wishes) + (', slowly' if self.is_slow else '')
                + ''.join(f', killed {moment}' for moment in self.moments))


class SnapshotCampaign(Incremental, LedgerTrial):
    def __init__(self):
        super().__init__('snapshot')
        self.modes = [os.environ['MODE']] if os.environ.get('MODE') else MODES
        self.kinds = (os.environ.get('KINDS') or 'initial').replace(',', ' ').split()
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown:
            sys.exit(f"KINDS: {unknown[0]} is none of {', '.join(KINDS)}")
        if (os.environ.get('KILLS') or 'half') not in KILLS:
            sys.exit(f"KILLS is none of {', '.join(KILLS)}")
        self.ways = (os.environ.get('WAYS') or ','.join(WAYS)).replace(',', ' ').split()
        if not set(self.ways) <= set(WAYS):
            sys.exit(f"WAYS is none of {', '.join(WAYS)}")
        self.kills = KILLS[os.environ.get('KILLS') or 'half']
        self.number, self.tps = number('N', 100), number('TPS', 60)
        self.truncates = number('TRUNCATES', 0.03)
        self.base_s, self.limit_s = number('BASE_S', 4.0), number('LIMIT_S', float('inf'))
        self.base = None            # the workload that filled the database that others are copies of
        self.args, self.topics = [], {}
        self.seen = {}              # (prefix, number of a snapshot) -> LSN of the position before it
        self.records = []
        self.started = 0.0

    def title(self):
        return f"N={self.number} KINDS={','.join(self.kinds)}"

    def repeat(self):
        return ('snapshot-campaign', {'N': self.number, 'KINDS': ','.join(self.kinds)},
                ('KILLS', 'TPS', 'TRUNCATES', 'BASE_S', 'LIMIT_S', 'ONLY', 'WAYS'))

    def repeat_command(self):
        """Modes take turns without MODE."""
        command = super().repeat_command()
        return command if len(self.modes) == 1 else command.replace(f' MODE={self.mode}', '')

    def plans(self):
        only = os.environ.get('ONLY')
        for place in range(self.number):
            for kind in self.kinds:
                if only in (None, '', f'{kind}/{place}'):
                    yield Plan(self.seed, kind, place, self.modes, self.kills, self.ways)

    # ---- one trial ----

    def sql(self, statement, database='postgres'):
        with pq.Session(self.lab.postgres.conninfo_of(database)) as sql:
            return sql.value(statement)

    def base_make(self):
        """The tables with some seconds of the ledger in them."""
        self.sql(f'CREATE DATABASE {BASE}')
        self.base = Workload(self.lab, BASE, self.lab.postgres.conninfo_of(BASE), '--history', '--seed', self.seed,
                             '--tps', 0, '--seconds', self.base_s, '--big-every', 60, '--big-rows', 400,
                             '--big-values', 640, '--accounts', 300)
        self.args, self.topics = self.base.setup()
        for table in TABLES:        # so few rows in a block that tables are read in many chunks
            self.sql(f'ALTER TABLE {table} SET (fillfactor = 10)', BASE)
        self.workload = self.base
        self.base.start()
        status = self.base.process.wait(DRAIN_S)
        self.check(status == 0, f'the workload filled the tables, and ended with {status}: '
                   + self.log_end('workload.log', 1).strip(), self.log_end('workload.log'))
        self.sql('VACUUM ANALYZE', BASE)

    def begin(self, plan):
        """A database with writers, topics, a slot; (LSN from which the slot has all, rows there are)."""
        lab, name = self.lab, plan.name
        self.sql(f'CREATE DATABASE {name} TEMPLATE {BASE}')
        shutil.copytree(self.base.dir, lab.path(name))
        lab.slot = lab.prefix = lab.database = name
        lab.relay_log = lab.path(f'{name}.relay.log')
        lab.settings = [*self.args, *plan.settings(), *shlex.split(os.environ.get('RELAY_ARGS') or '')]
        self.topics_create(self.topics)
        self.workload = Workload(lab, name, lab.postgres.conninfo_of(name), '--seed', f'{self.seed}{name}',
                                 '--tps', self.tps, '--truncates', self.truncates, '--big-every', 150, '--big-rows', 400,
                                 '--big-values', 640)
        before = self.count(name, 'txlog')
        self.workload.start()
        wait_until(lambda: self.count(name, 'txlog') > before, 'the writers to write', RECOVER_S)
        lab.slot_create()
        start = lsn_number(self.sql(f"SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '{name}'"))
        time.sleep(plan.wait_s)
        return start, sum(self.count(name, table) for table in TABLES)

    def count(self, database, table):
        return int(self.sql(f'SELECT count(*) FROM {table}', database))

    def strike(self, moments, rows):
        """Kills the relay, as planned; how often.  rows: to be read from now on."""
        lab, struck = self.lab, 0
        with contextlib.closing(self.consumer()) as consumer:
            places = [kafka.TopicPartition(f'{lab.prefix}.{table.collection}', partition)
                      for table in TABLES.values() for partition in range(table.partitions)]
            before = sum(consumer.end_offsets(places).values())
            for moment in moments:
                deadline = time.monotonic() + LOOK_S
                while moment.share is not None and time.monotonic() < deadline and lab.relay.is_alive() and \
                        sum(consumer.end_offsets(places).values()) < before + moment.share * rows:
                    time.sleep(POLL_S / 4)
                time.sleep(moment.pause)
                if not lab.relay.is_alive():
                    break           # it has come to its end
                lab.relay.replace(signal.SIGKILL)
                struck += 1
        return struck

    def consumer(self):
        return kafka.KafkaConsumer(bootstrap_servers=self.lab.bootstrap, group_id=None, auto_offset_reset='earliest',
                                   isolation_level='read_committed', allow_auto_create_topics=False)

    def notes(self):
        """Number of each snapshot that the progress topic tells of -> (LSN of the position before it,
        is it done?).  What compaction has taken since it was seen first still counts."""
        place, last, found = kafka.TopicPartition(f'{self.lab.prefix}.progress', 0), 0, {}
        with contextlib.closing(self.consumer()) as consumer:
            if not consumer.partitions_for_topic(place.topic):
                return found        # the relay will make it
            consumer.assign([place])
            end = consumer.end_offsets([place])[place]
            while consumer.position(place) < end:
                for record in consumer.poll(timeout_ms=200).get(place, ()):
                    note = json.loads(record.value or '{}')
                    if record.key == self.lab.slot.encode() and note:
                        last = lsn_number(note['lsn'])
                    elif record.key == f'{self.lab.slot}/snapshot'.encode() and note:
                        number = note['snapshot']
                        begin = self.seen.setdefault((self.lab.prefix, number), last)
                        self.seen[self.lab.prefix, number] = begin = min(begin, last)
                        found[number] = begin, note['state'] == 'done'
        return found

    def newest(self):
        """(number, is it done?) of the newest snapshot, (0, False) without."""
        notes = self.notes()
        return (max(notes), notes[max(notes)][1]) if notes else (0, False)

    def read_all(self, after):
        """Waits until one newer than that is done; where WAL was written then."""
        lab = self.lab

        def is_done():
            number, done = self.newest()
            return done and number > after
        wait_until(lambda: lab.relay.wrong or is_done(), f'a snapshot after {after} to be done', RECOVER_S)
        if lab.relay.wrong:
            raise ValueError('; '.join(lab.relay.wrong))
        return lab.watch.insert_lsn()

    def caught_up(self, what):
        """Until everything that is written now is confirmed."""
        lab = self.lab
        mark = lab.watch.insert_lsn()
        wait_until(lambda: lab.watch.confirmed >= mark or not lab.relay.is_alive(), what, RECOVER_S)
        if lab.relay.wrong:
            raise ValueError('; '.join(lab.relay.wrong))

    def trial(self, plan, record):
        lab, kind = self.lab, plan.what
        start, rows = self.begin(plan)
        began = time.monotonic()
        lab.relay_run(is_finite=not kind.streams)
        record['kills'] = self.strike(plan.moments, rows)
        done = self.read_all(0) if kind.reads else 0
        record['snapshot_s'] = round(time.monotonic() - began, 2)
        if kind.again:
            number, _ = self.newest()
            lab.relay.replace(signal.SIGTERM)
            done = self.read_all(number)
        if kind.streams:
            self.caught_up('the stream to go on behind the snapshot')
        else:
            wait_until(lambda: not lab.relay.is_alive(), 'the relay to end', RECOVER_S)
        self.finish(kind)
        return self.prove(plan, start, done, record['kills'])

    def finish(self, kind):
        lab = self.lab
        status = self.workload.stop()
        if status:
            raise ValueError(f'the workload ended with {status}: ' + self.log_end('workload.log'))
        mark = self.workload.finish()
        if kind.streams:
            wait_until(lambda: lab.watch.confirmed >= mark or lab.relay.wrong, 'everything to be confirmed', DRAIN_S)
        status = lab.relay.stop()
        if status or lab.relay.wrong:
            raise ValueError(f'the last relay ended with {status}; ' + '; '.join(lab.relay.wrong))

    def prove(self, plan, start, done, kills):
        """The checker's report."""
        jobs = {'always': 2}.get(plan.kind, 1) if plan.what.reads and not kills else None
        notes = [note for _, note in sorted(self.notes().items())]
        arguments = ['--mode', plan.mode, '--whole-max', str(WHOLE_EVENTS), '--snapshot', plan.kind,
                     '--start', str(start), '--done', str(done), '--past',
                     '--begins', *(str(begin) for begin, _ in notes[1:]),
                     '--given-up', *(str(number) for number, (_, done) in enumerate(notes) if not done),
                     '--runs-max', str(self.runs_max())]
        arguments += (['--kills'] if kills else []) + (['--jobs', str(jobs)] if jobs else [])
        report = self.judged(arguments)
        repeats, most = report['snapshot']['repeats'], kills * RUNNING_ROWS
        if plan.mode == 'exactly-once' and repeats > most:
            raise ValueError(f'{repeats} rows were read once more that had not changed, {most} are accounted for')
        return report

    def judged(self, arguments):
        status, report = self.judge(self.workload.dir, *arguments)
        if status:
            self.judge(self.workload.dir, *arguments, '--dump', os.path.join(self.workload.dir, 'topics.jsonl'))
            raise ValueError(story(report) + self.log_end('checker.log'))
        return json.loads(report)

    def clear(self, is_well):
        """What belongs to a trial goes, if it was well."""
        lab, name = self.lab, self.lab.slot
        if lab.watch:
            lab.watch.over.set()
            lab.watch.join()
        if lab.relay:
            lab.relay.stop()
        self.workload.kill()
        wait_until(lambda: not self.sql(f"SELECT 1 FROM pg_replication_slots WHERE slot_name = '{name}' AND active"),
                   'the slot to be free', RECOVER_S)
        with contextlib.suppress(pq.Error):
            self.sql(f"SELECT pg_drop_replication_slot('{name}')")
        lab.relay = lab.watch = None
        if not is_well or os.environ.get('KEEP'):
            return
        self.sql(f'DROP DATABASE {name} WITH (FORCE)')
        shutil.rmtree(lab.path(name))
        os.unlink(lab.relay_log)
        with contextlib.closing(kafka.admin.KafkaAdminClient(bootstrap_servers=lab.bootstrap)) as admin:
            admin.delete_topics([topic for topic in admin.list_topics() if topic.startswith(name + '.')])

    def one(self, plan):
        record = {'kind': plan.kind, 'place': plan.place, 'mode': plan.mode, 'threads': plan.threads,
                  'chunk': plan.chunk, 'moments': list(map(str, plan.moments))}
        began, failed = time.monotonic(), None
        try:
            report = self.incremental(plan, record) if plan.wishes else self.trial(plan, record)
            record.update(records=report['records'], transactions=report['transactions'], snapshot=report['snapshot'],
                          duplicates=report['duplicates'])
        except (TimeoutError, OSError, ValueError, pq.Error, subprocess.SubprocessError) as error:
            failed = f'{type(error).__name__}: {error}\n' + self.log_end(self.lab.relay_log)
        record.update(seconds=round(time.monotonic() - began, 1), failed=bool(failed))
        snapshot = record.get('snapshot') or {}
        self.check(not failed, f'{plan}: ' + (
            f'ONLY={plan.kind}/{plan.place}' if failed else
            f"{snapshot['rows']} rows at {snapshot['places']} positions, {snapshot['repeats']} once more, "
            + (f"{snapshot['due']} were due, {snapshot['replaced']} of them told by changes alone, " if plan.wishes else '') +
            f"{record['transactions']} transactions, {record['kills']} kills, {record['snapshot_s']} s"), failed)
        self.records.append(record)
        with open(self.lab.path('trials.jsonl'), 'a', encoding='utf-8') as file:
            file.write(json.dumps(record) + '\n')
        self.clear(not failed)

    # ---- all of them ----

    def save(self):
        """A trial that fails has written its topics down."""

    def table(self):
        print(f"\n{'snapshot.mode':14} {'trials':>6} {'failed':>6} {'killed':>6} {'rows':>9} {'once more':>9} "
              f"{'transactions':>12} {'snapshot, s':>12} {'most':>6}")
        kinds = collections.defaultdict(list)
        for record in self.records:
            kinds[record['kind']].append(record)
        for kind, records in kinds.items():
            def total(name, of=records):
                return sum((record.get('snapshot') or {}).get(name, 0) for record in of)
            seconds = [record['snapshot_s'] for record in records if 'snapshot_s' in record] or [0]
            print(f"{kind:14} {len(records):6} {sum(record['failed'] for record in records):6} "
                  f"{sum(bool(record.get('kills')) for record in records):6} {total('rows'):9} {total('repeats'):9} "
                  f"{sum(record.get('transactions', 0) for record in records):12} "
                  f'{statistics.median(seconds):12.2f} {max(seconds):6.2f}')
        print(flush=True)

    def prove_much(self):
        """Trials in which nothing happened have shown nothing."""
        done = [record for record in self.records if not record['failed']]
        for kind in self.kinds:
            of = [record for record in done if record['kind'] == kind]
            if not of:
                continue
            if kind == 'incremental':
                self.check(all(record['snapshot']['places'] for record in of), f'{kind}: rows each time')
                replaced = sum(record['snapshot']['replaced'] for record in of)
                self.check(replaced or len(of) < 5, f'{kind}: {replaced} rows gave way to changes')
            elif KINDS[kind].reads:
                self.check(min(record['snapshot']['rows'] for record in of) > 1000, f'{kind}: many rows each time')
            if KINDS[kind].streams:
                self.check(all(record['transactions'] for record in of), f'{kind}: a stream each time')
            killed = [record for record in of if record['kills']]
            if KINDS[kind].reads and len(killed) > 5:
                several = sum(record['snapshot']['places'] > record['snapshot']['jobs'] for record in killed)
                self.check(several, f'{kind}: of {len(killed)} snapshots that were killed {several} have rows of '
                           'several positions')

    def go(self):
        self.started = time.monotonic()
        self.lab.start()
        self.base_make()
        for plan in self.plans():
            if time.monotonic() > self.started + self.limit_s:
                say(f'LIMIT_S: {len(self.records)} trials')
                break
            self.one(plan)
        self.prove_much()
        self.check_server_log()


if __name__ == '__main__':
    main(SnapshotCampaign, __doc__)
