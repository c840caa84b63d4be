#!/usr/bin/env python3
"""checker_test.py [SEED]: does check.py see what is wrong, and nothing else?  Each of the
mutations of a correct log must be reported, and as what it is; and what is no mistake must
pass: replays, crashes within them, outcomes that nobody knows.  Over several seeds.  Prints
TAP.  Run by 070_checker.pl.
"""
import random
import sys

import check
import model
import mutations
import outcomes
from model import WHOLE_MAX, Model

SEEDS = 3
FIRST_SEED = 1
TRANSACTIONS = 40


def options(exactly_once=False, crashes=0):
    return check.Options(exactly_once=exactly_once, runs_max=crashes, whole_max=WHOLE_MAX - 3)


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


def whole_suffix(made):
    """Every partition repeats all that it has from one transaction on."""
    log = made.log()
    start = len(made.items) // 2
    for part in log.parts.values():
        part += [record for record in part if record['item'] >= start]
    return check.check(log, made.outcomes(), made.final(), options(crashes=1))


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def ok(self, well, what, detail=''):
        self.count += 1
        self.failed += not well
        print(f"{'ok' if well else 'not ok'} {self.count} - {what}", flush=True)
        if not well:
            print(f'# {detail}', flush=True)


def mutation_test(name, function, seeds, models):
    """(whether every seed's was reported as what it is, what was reported)"""
    kinds = set()
    for seed in seeds:
        rng = random.Random(f'{seed}/{name}')
        of = function.log
        made = models.setdefault((seed, of['positions']), Model(seed, TRANSACTIONS, of['positions']))
        made.rng.seed(f'{seed}/{name}')
        mutation = mutations.Mutation(made, made.log(of['crashes'], of['exactly_once']), rng)
        function(mutation)
        report = check.check(mutation.log, mutation.outcomes, mutation.final,
                             options(of['exactly_once'], of['crashes']))
        if not set(report['kinds']) & set(function.breaks):
            return False, f"seed {seed}: {dict(report['kinds'])}, but it is {function.breaks}"
        kinds |= set(report['kinds'])
    return True, ', '.join(sorted(kinds))


def main():
    first = int(sys.argv[1]) if sys.argv[1:] else FIRST_SEED
    seeds = range(first, first + SEEDS)
    tap, models = Tap(), {}
    passed = {}
    for seed in seeds:
        for what, report in legitimate(seed):
            passed.setdefault(what, []).extend([] if not report['kinds'] else [(seed, report['breaches'][:3])])
    for what, wrong in passed.items():
        tap.ok(not wrong, f'passes: {what}', wrong)
    for name, function in mutations.mutations():
        well, said = mutation_test(name, function, seeds, models)
        tap.ok(well, f'{name}: {" ".join(function.__doc__.split())}: {said if well else ""}', said)
    print(f'1..{tap.count}')
    sys.exit(1 if tap.failed else 0)


if __name__ == '__main__':
    main()
