#!/usr/bin/env python3
"""SEEDS=1 checker_test.py [SEED]: does check.py see what is wrong, and nothing else?  Each of the
mutations of a correct log must be reported, and as what it is; and what is no mistake must
pass: replays, crashes within them, outcomes that nobody knows.  Over SEEDS seeds.  Prints
TAP.  Run by 070_checker.pl.
"""
import contextlib
import json
import os
import random
import sys
import tempfile

import check
import model
import mutations
import outcomes
import reading_mutations
import seam
import seam_mutations
from model import WHOLE_MAX, Model
from model_reading import Readings
from model_snapshot import Snapshots

SEEDS = int(os.environ.get('SEEDS') or 1)
FIRST_SEED = 1
TRANSACTIONS = 40
ATTEMPTS = 20


# Of a run: the interval, what was in flight, and a transaction that was just coming
RUN_MS_MAX = model.INTERVAL_MS + model.FLIGHT_MS + 200


def options(exactly_once=False, crashes=0, run_ms_max=RUN_MS_MAX, snapshot=None):
    return check.Options(exactly_once=exactly_once, runs_max=crashes, run_ms_max=run_ms_max,
                         whole_max=WHOLE_MAX - 3, snapshot=snapshot)


def snapshots_options(snapshots):
    return options(snapshots.exactly_once, snapshots.runs_max(), None, snapshots.rules())


def legitimate(seed):
    """(what, report) of logs in which nothing is wrong."""
    for positions in (None, 'message', 'change'):
        made = Model(seed, TRANSACTIONS, positions)
        said = f', positions by {positions}' if positions else ''
        for crashes in (0, 1, 5):
            yield f'{crashes} crashes{said}', check.check(made.log(crashes), made.outcomes(), made.final(),
                                                         options(crashes=crashes))
        yield f'exactly once{said}', check.check(made.log(exactly_once=True), made.outcomes(), made.final(),
                                                 options(exactly_once=True))
    made = Model(seed, TRANSACTIONS, 'message', metadata=False)
    yield 'positions without transaction metadata', check.check(made.log(2), made.outcomes(), made.final(),
                                                                options(crashes=2))
    made = Model(seed, TRANSACTIONS)
    yield 'whole suffix again', whole_suffix(made)
    known = made.outcomes()
    for txn in known.transactions:
        txn.outcome = outcomes.UNKNOWN
    yield 'no outcome is known', check.check(made.log(), known, made.final(), options())
    made = Model(seed, TRANSACTIONS)
    known = made.outcomes()
    known.messages['said, but perhaps lost in a crash'] = False
    known.transactions.insert(0, outcomes.Transaction(known.transactions[-1].txid, 'lost', 1, 1, {},
                                                      outcomes.ABORTED))
    yield 'an id that a crash gave back', check.check(made.log(), known, made.final(), options())
    yield 'nothing at all', check.check(model.MemoryLog(), outcomes.Outcomes(), [], options())


def legitimate_snapshots(seed):
    """(what, report) of logs with the rows that were there before."""
    for kind, kills, gives_up in (*((kind, kills, False) for kind in seam.KINDS for kills in (0, 1, 3)),
                                  ('always', 1, True)):
        for exactly_once in (False, True):
            made = Model(seed, TRANSACTIONS, 'message' if kills == 1 else None)
            snapshots = Snapshots(made, kind, kills, exactly_once, gives_up)
            yield (f"snapshot.mode {kind}, {kills} deaths{', the first given up' if gives_up else ''}, "
                   f"{'exactly' if exactly_once else 'at least'} once",
                   check.check(snapshots.log, made.outcomes(), made.final(), snapshots_options(snapshots)))


def legitimate_readings(seed):
    """(what, report) of logs with rows that were read while the stream went on."""
    for kills in (0, 1, 3):
        for exactly_once in (False, True):
            made = Model(seed, TRANSACTIONS, 'message' if kills == 1 else None)
            for number, is_all in ((1, True), (2, False)):
                readings = Readings(made, kills, exactly_once, number, is_all)
                yield (f"{number} incremental snapshots of {'all' if is_all else 'some'} tables, {kills} deaths, "
                       f"{'exactly' if exactly_once else 'at least'} once",
                       check.check(readings.log, made.outcomes(), made.final(), snapshots_options(readings)))


def legitimate_cuts(seed):
    """(what, report) of logs with rows of a table that was truncated while it was read."""
    for kind in (kind for kind in seam.KINDS if seam.KINDS[kind].reads):
        for cut, said in (('rows', ' as it is read'), ('empty', ' as it is read, for good'), ('before', ' before')):
            for exactly_once in (False, True):
                made = Model(seed, TRANSACTIONS)
                snapshots = Snapshots(made, kind, exactly_once=exactly_once, cut=cut)
                yield (f"snapshot.mode {kind}, a table is truncated{said}, "
                       f"{'exactly' if exactly_once else 'at least'} once",
                       check.check(snapshots.log, made.outcomes(), made.final(), snapshots_options(snapshots)))


def whole_suffix(made):
    """Every partition repeats all that it has from one transaction on: nothing was written
    down meanwhile."""
    log = made.log()
    start = len(made.items) // 2
    log.progress = [record for record in log.progress if record['lsn'] < made.items[start].end_lsn]
    for part in log.parts.values():
        part += [{**record, 'time': log.now} for record in part if record['item'] >= start]
    return check.check(log, made.outcomes(), made.final(), options(crashes=1, run_ms_max=None))


def outcomes_read(*lines):
    """outcomes.load() of one writer's lines; the last one is cut off."""
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, 'outcomes-1.jsonl'), 'w', encoding='utf-8') as file:
            file.write(''.join(json.dumps(line) + '\n' for line in lines) + '{"k": "sa')
        with open(os.path.join(folder, 'resolved.jsonl'), 'w', encoding='utf-8') as file:
            file.write(json.dumps({'k': 'end', 'tag': 'resolved', 'outcome': outcomes.COMMITTED}) + '\n')
        return outcomes.load(folder)


def outcomes_test(tap):
    """What the lines of a writer mean."""
    def attempt(tag, kind='try'):
        return {'k': kind, 'txid': 7, 'tag': tag, 'worker': 1, 'n': 1, 'tables': {'public.acct': 2}}
    end = {'k': 'end', 'tag': 'a', 'outcome': outcomes.COMMITTED}
    say, said, lost = {'k': 'say', 'content': 'm'}, {'k': 'said', 'content': 'm'}, {'k': 'lost'}
    for what, lines, wanted in (
            ('no end', [attempt('a')], outcomes.UNKNOWN), ('committed', [attempt('a'), end], outcomes.COMMITTED),
            ('rolled back', [attempt('a', 'abort')], outcomes.ABORTED),
            ('resolved later', [attempt('resolved')], outcomes.COMMITTED)):
        have = outcomes_read(*lines).transactions[0].outcome
        tap.ok(have == wanted, f'outcomes: {what}', have)
    for what, lines, wanted in (
            ('a commit is behind it', [say, said, attempt('a'), end], True), ('no commit', [say, said], False),
            ('nobody knows whether it was sent', [say, attempt('a'), end], False),
            ('the connection was lost between', [say, said, lost, attempt('a'), end], False),
            ('and once it is due, it stays so', [say, said, attempt('a'), end, lost], True)):
        have = outcomes_read(*lines).messages['m']
        tap.ok(have == wanted, f'a message outside of transactions: {what}', have)


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def ok(self, well, what, detail=''):
        self.count += 1
        self.failed += not well
        print(f"{'ok' if well else 'not ok'} {self.count} - {what}", flush=True)
        if not well:
            print(f'# {detail}', flush=True)


def snapshot_mutate(name, function, seed, made):
    """(the mutation, done, options of the checker); in the first log that has a place for it."""
    of = function.log
    for attempt in range(ATTEMPTS):
        made.rng.seed(f'{seed}/{name}/{attempt}')
        snapshots = Snapshots(made, of['mode'], of['kills'], of['exactly_once'], cut=of['cut'])
        mutation = seam_mutations.SeamMutation(made, snapshots, random.Random(f'{seed}/{name}/{attempt}'))
        with contextlib.suppress(IndexError, StopIteration):
            function(mutation)
            return mutation, snapshots_options(snapshots)
    raise LookupError(f'{name}: no log has a place for it')


def reading_mutate(name, function, seed, made):
    """The same of an incremental one, perhaps of another ledger."""
    for attempt in range(ATTEMPTS):
        if attempt >= ATTEMPTS // 4:
            made = Model(f'{seed}/{attempt}', TRANSACTIONS, function.log['positions'])
        made.rng.seed(f'{seed}/{name}/{attempt}')
        readings = Readings(made, exactly_once=function.log['exactly_once'], **function.log['readings'])
        mutation = reading_mutations.ReadingMutation(made, readings, random.Random(f'{seed}/{name}/{attempt}'))
        with contextlib.suppress(IndexError, StopIteration):
            function(mutation)
            return mutation, snapshots_options(readings)
    raise LookupError(f'{name}: no log has a place for it')


def mutation_report(name, function, seed, models):
    """What the checker says of one."""
    of = function.log
    made = models.setdefault((seed, of['positions']), Model(seed, TRANSACTIONS, of['positions']))
    if 'readings' in of:
        mutation, rules = reading_mutate(name, function, seed, made)
    elif 'mode' in of:
        mutation, rules = snapshot_mutate(name, function, seed, made)
    else:
        made.rng.seed(f'{seed}/{name}')
        mutation = mutations.Mutation(made, made.log(of['crashes'], of['exactly_once']),
                                      random.Random(f'{seed}/{name}'))
        function(mutation)
        rules = options(of['exactly_once'], of['crashes'])
    return check.check(mutation.log, mutation.outcomes, mutation.final, rules)


def mutation_test(name, function, seeds, models):
    """(whether every seed's was reported as what it is, what was reported)"""
    kinds = set()
    for seed in seeds:
        report = mutation_report(name, function, seed, models)
        if not set(report['kinds']) & set(function.breaks):
            return False, f"seed {seed}: {dict(report['kinds'])}, but it is {function.breaks}"
        kinds |= set(report['kinds'])
    return True, ', '.join(sorted(kinds))


def main():
    first = int(sys.argv[1]) if sys.argv[1:] else FIRST_SEED
    seeds = range(first, first + SEEDS)
    tap, models = Tap(), {}
    outcomes_test(tap)
    passed = {}
    for seed in seeds:
        for what, report in (*legitimate(seed), *legitimate_snapshots(seed), *legitimate_readings(seed), *legitimate_cuts(seed)):
            passed.setdefault(what, []).extend([] if not report['kinds'] else [(seed, report['breaches'][:3])])
    for what, wrong in passed.items():
        tap.ok(not wrong, f'passes: {what}', wrong)
    for name, function in mutations.mutations() + seam_mutations.mutations() + reading_mutations.mutations():
        well, said = mutation_test(name, function, seeds, models)
        tap.ok(well, f'{name}: {" ".join(function.__doc__.split())}: {said if well else ""}', said)
    print(f'1..{tap.count}')
    sys.exit(1 if tap.failed else 0)


if __name__ == '__main__':
    main()
