#!/usr/bin/env python3
"""Faults, one after the other, while a ledger is written, streamed and then proven whole.

    make chaos N=100 SEED= MODE=at-least-once|exactly-once FAULTS=relay-kill,kafka-*
               TPS=60  RELAY=build/walrelay  RELAY_ARGS=  PG_CONFIG=  KEEP=1

N faults are drawn by weight from faults.py (FAULTS: only these, by name or pattern;
contrib/chaos --list names all; N=each: each of them once; LIMIT_S=3600: none begins later
than that; PART=1/2: half of them, and 2/2 the others, by the seed); what this machine, or MODE, cannot have is passed over, so that a seed's others
stay the same everywhere.  Behind each the slot's position must pass where WAL was written
when the fault was over, within RECOVER_S=180, and move again within BACK_S=30 (one broker);
told to end, relay and server must do so within STOP_S=10; behind the last fault, within
SETTLE_S=60, what is written must be confirmed within a second.  For slow machines these are
settings.  At the end the workload stops, everything must be
confirmed, and checker.py compares what is in Kafka with what the writers did, and what
restarts repeated with what they may.  One line of JSON for each fault goes to
faults.jsonl.  Prints each check, a table, then "N passed, N failed"; the folder of a
failing run is kept.  Called by make chaos, t/072_chaos.pl and t/077_chaos_once.pl.
"""
import collections
import fnmatch
import json
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time

from faults import FAULTS
from lab import BROKERS, log_grep, say, wait_until
from ledger_trial import DRAIN_S, SPLIT_MESSAGES, WHOLE_EVENTS, LedgerTrial, Workload, story
from trial import main, number, patterns

PROMPT_S = 1                # in so long what is written is confirmed, as a rule
KILLS_FEW = 10              # of more than so many, at least once, one must have led to a repetition
PROGRESS_MS = 200           # so often a position is written down; a restart repeats what came since
LATE_MS = 10_000            # and what was in flight: with 30 processes a processor, 5 s were seen
HOLDING = ('kafka-*', 'broker-*', 'disk-broker', 'relay-stop')  # faults that keep them away


class Campaign(LedgerTrial):
    def __init__(self):
        settings = [f'--progress.interval.ms={PROGRESS_MS}', '--snapshot.mode=never']
        if os.environ.get('MODE') == 'exactly-once':
            settings.append(f'--transaction.max.messages={SPLIT_MESSAGES}')
        super().__init__('chaos', settings)
        self.recover_s, self.limit_s = number('RECOVER_S', 180.0), number('LIMIT_S', float('inf'))
        self.back_s, self.stop_s = number('BACK_S', 30.0), number('STOP_S', 10.0)
        self.settle_s = number('SETTLE_S', 60.0)
        self.asked, kinds = self.kinds_choose()
        self.kinds = self.kinds_part(kinds)
        self.is_each = os.environ.get('N') == 'each'
        self.number = len(self.kinds) if self.is_each else number('N', 100)
        self.records = []           # of the faults: what goes to faults.jsonl

    def title(self):
        return f'N={self.number}'

    # ---- what is to be done ----

    def kinds_choose(self):
        """(names of the faults to draw from, those of them that can be had).  One that was asked
        for by its name and cannot be had is told."""
        asked, chosen = [], []
        wanted = patterns()
        for pattern in wanted:
            if not fnmatch.filter(FAULTS, pattern):
                sys.exit(f'no fault is called {pattern}: ' + ' '.join(FAULTS))
        for name, fault in FAULTS.items():
            named = any(fnmatch.fnmatchcase(name, pattern) for pattern in wanted)
            if not (named or not wanted and fault.weight):
                continue
            asked.append(name)
            reason = fault.skip(self.mode)
            if reason and not (name in wanted and fault.needs == 'exactly-once'):
                say(f'skipped: {name}: {reason}')
                continue
            chosen.append(name)
        if not chosen:
            sys.exit('none of these faults can be had here')
        return asked, chosen

    def kinds_part(self, kinds):
        """Those of PART.  What exactly once alone can have is in each part."""
        part, _, parts = (os.environ.get('PART') or '1/1').partition('/')
        shared = [name for name in kinds if 'exactly-once' not in FAULTS[name].needs]
        left_out = set(shared).difference(random.Random(f'{self.seed}/parts').sample(shared, len(shared))[int(part) - 1::int(parts)])
        return [name for name in kinds if name not in left_out]

    def sequence(self):
        """(name, generator of its own) of each fault: what one draws changes no other, and what
        cannot be had here is drawn all the same, and passed over."""
        rng, found = random.Random(self.seed), 0
        weights = [FAULTS[name].weight or 1 for name in self.asked]
        order = iter(rng.sample(self.asked, len(self.asked))) if self.is_each else None
        place = 0
        while found < self.number:
            name = next(order) if self.is_each else rng.choices(self.asked, weights)[0]
            if name in self.kinds:
                found += 1
                yield name, random.Random(f'{self.seed}/{place}')
            place += 1

    def repeat(self):
        return ('chaos', {'N': 'each' if self.is_each else self.number},
                ('PART', 'TPS', 'RECOVER_S', 'LIMIT_S', 'BACK_S', 'STOP_S', 'SETTLE_S'))

    # ---- one fault ----

    def strike(self, place, name, rng):
        """Injects one and waits until the relay is back; its record."""
        lab, watch = self.lab, self.lab.watch
        threading.Event().wait(rng.uniform(0, 1))       # any moment, not just after recovery
        record = {'n': place, 'fault': name, 'at': round(time.time(), 3)}
        offset, lives = os.path.getsize(lab.relay_log), lab.relay.lives
        watch.reset()
        started = time.monotonic()
        try:
            record['evidence'] = FAULTS[name].strike(lab, rng)
            over, before = time.monotonic(), watch.confirmed
            record['fault_s'] = round(over - started, 3)
            wait_until(lambda: watch.confirmed > before, 'a new position', self.recover_s)
            record['recover_s'] = round(watch.moved - over, 3)
            mark = watch.insert_lsn()
            wait_until(lambda: watch.confirmed >= mark, 'the position to catch up', self.recover_s)
            record['caught_up_s'] = round(time.monotonic() - over, 3)
        except (TimeoutError, OSError, ValueError, subprocess.CalledProcessError) as error:
            record['failed'] = f'{type(error).__name__}: {error}'
        record['standstill_s'] = round(watch.standstill, 3)
        record['relay_restarts'] = lab.relay.lives - lives
        record['codes'] = collections.Counter(
            code for line in log_grep(lab.relay_log, 'E[0-9]{4}', offset)
            for code in re.findall(r'\bE[0-9]{4}\b', line))
        return record

    def faults(self):
        started = time.monotonic()
        with open(self.lab.path('faults.jsonl'), 'w', encoding='utf-8') as file:
            for place, (name, rng) in enumerate(self.sequence(), 1):
                if time.monotonic() > started + self.limit_s:
                    say(f'LIMIT_S: {place - 1} of {self.number} faults')
                    return
                record = self.strike(place, name, rng)
                self.records.append(record)
                file.write(json.dumps(record) + '\n')
                file.flush()
                failed = record.get('failed')
                self.check(not failed, f'{place} {name}: ' + (
                    failed or f"{record['fault_s']} s, back after {record['recover_s']} s, "
                    f"caught up after {record['caught_up_s']} s"), json.dumps(record))
                if failed or self.workload.process.poll() is not None or self.lab.watch.lost:
                    return      # what comes later would only say the same

    def settle(self):
        """Until what is written is confirmed within a second again."""
        watch, started = self.lab.watch, time.monotonic()

        def is_prompt():
            mark, asked = watch.insert_lsn(), time.monotonic()
            wait_until(lambda: watch.confirmed >= mark, 'the position to catch up', self.recover_s)
            return time.monotonic() - asked < PROMPT_S
        try:
            wait_until(is_prompt, 'what is written to be confirmed within a second', self.settle_s)
        except TimeoutError as error:
            self.check(False, str(error))
            return
        took = time.monotonic() - started
        self.check(took <= self.settle_s, f'behind the last fault what is written is confirmed within {PROMPT_S} s '
                   f'after {took:.1f} s')

    def judge_times(self):
        """Of all faults: how long until the relay is back, and until what is told to end has."""
        back = [record['recover_s'] for record in self.records if 'recover_s' in record]
        if back and BROKERS == 1:
            self.check(max(back) <= self.back_s, f'back after {max(back)} s at most, {self.back_s:.0f} s are allowed')
        stopped = [record['evidence']['stopped_in_s'] for record in self.records
                   if 'stopped_in_s' in record.get('evidence', {})]
        if stopped:
            self.check(max(stopped) <= self.stop_s, f'told to end, relay or server did so within {max(stopped)} s, '
                       f'{self.stop_s:.0f} s are allowed')

    # ---- the end ----

    def drain(self):
        """Everything is mended, the writers stop, and all of it must be confirmed."""
        lab = self.lab
        lab.clear()
        status = self.workload.stop()
        self.check(status == 0, f'the workload ended with {status}: '
                   + self.log_end('workload.log', 1).strip(), self.log_end('workload.log'))
        mark, started = self.workload.finish(), time.monotonic()
        try:
            wait_until(lambda: lab.watch.confirmed >= mark, 'everything to be confirmed', DRAIN_S)
            self.check(True, f'everything confirmed {time.monotonic() - started:.1f} s after the last write')
        except TimeoutError as error:
            self.check(False, str(error), self.log_end(lab.relay_log))
        status = lab.relay.stop()
        self.check(status == 0, f'the last relay ended with {status}', self.log_end(lab.relay_log))
        self.check(not lab.relay.wrong, f'{lab.relay.lives} relays ended as they should: '
                   + ', '.join(f'{count} with {status}' for status, count in
                               sorted(lab.relay.exits.items())), '\n'.join(lab.relay.wrong))
        self.check(not lab.watch.lost, f'the slot kept at most {lab.watch.kept >> 20} MB of WAL', lab.watch.lost)

    def run_ms_max(self):
        """How much a restart may repeat, by the time in which it came."""
        held_s = max((record.get('fault_s', 0) for record in self.records
                      if any(fnmatch.fnmatchcase(record['fault'], name) for name in HOLDING)), default=0)
        return PROGRESS_MS + LATE_MS + round(held_s * 1000)

    def prove(self):
        status, report = self.judge(
            self.workload.dir, '--mode', self.mode, '--runs-max', str(self.runs_max()), '--run-ms-max',
            str(self.run_ms_max()), '--whole-max', str(WHOLE_EVENTS))
        self.check(status == 0, 'the checker finds every change in its place: ' + report[:300].strip(),
                   story(report) + self.log_end('checker.log'))
        if self.records and status == 0:
            self.prove_much(json.loads(report))

    def prove_much(self, report):
        """A checker that finds nothing wrong has said nothing, if nothing was there."""
        few = [name for name in ('transactions', 'aborted', 'messages') if not report[name]]
        self.check(not few, f"{report['transactions']} transactions, {report['aborted']} rolled back, "
                   f"{report['messages']} messages outside of them: none of these is 0", few)
        kills = sum(record['fault'] == 'relay-kill' for record in self.records)
        if self.mode == 'at-least-once' and kills > KILLS_FEW:
            self.check(report['runs'], f"{report['runs']} runs come again behind {kills} kills: without any, "
                       'nothing would be known of them')

    def logs(self):
        self.check_server_log('signal 6|No space left' if any('disk-wal' == record['fault'] for record
                                                              in self.records) else '(?!)')
        errors = [f'{name}: {error}' for name, proxy in self.lab.proxies.items()
                  for error in proxy.stats()['errors']]
        self.check(not errors, 'the proxies did as they were told', '\n'.join(errors))

    def table(self):
        kinds = collections.defaultdict(list)
        for record in self.records:
            kinds[record['fault']].append(record)

        def figures(records, what):
            values = [record[what] for record in records if what in record]
            return (f'{statistics.median(values):8.2f} {max(values):8.2f}' if values
                    else f"{'-':>8} {'-':>8}")

        print(f"\n{'':22} {'':>5} {'fault lasts, s':>17} {'recovery, s':>17} {'no position for, s':>18}")
        print(f"{'fault':22} {'count':>5}" + f" {'median':>8} {'max':>8}" * 3)
        for name, records in [*sorted(kinds.items()), ('all', self.records)]:
            print(f'{name:22} {len(records):5} ' + ' '.join(
                figures(records, what) for what in ('fault_s', 'recover_s', 'standstill_s')))
        print(flush=True)

    def go(self):
        self.lab.start(self.kinds)
        self.workload = Workload(self.lab, 'ledger', self.lab.postgres.conninfo, '--seed', self.seed,
                                 '--tps', number('TPS', 60))
        settings, topics = self.workload.setup()
        self.topics_create(topics)
        self.lab.settings[:0] = settings
        self.lab.relay_start()
        self.workload.start()
        wait_until(lambda: self.lab.watch.confirmed, 'a first position', self.recover_s)
        mark = self.lab.watch.insert_lsn()
        wait_until(lambda: self.lab.watch.confirmed >= mark, 'the stream to run', self.recover_s)
        self.faults()
        self.judge_times()
        if not self.failed:
            self.settle()
        self.drain()
        self.prove()
        self.logs()


if __name__ == '__main__':
    if sys.argv[1:] == ['--list']:
        print('\n'.join(f'{name:22} weight {fault.weight}  {fault.needs}' for name, fault in FAULTS.items()))
        sys.exit(0)
    main(Campaign, __doc__)
