#!/usr/bin/env python3
"""pulse_test.py: do pulse_tally.py, soak_judge.py (soak_judge_test.py) and the faults of the
network (network_test.py) see what is wrong, and nothing else?  Prints TAP.  Run by 076_pulse.pl.
"""
import itertools
import random
import sys

import network_test
import soak_judge_test
from pulse_tally import Tally, judge

ROWS, STEPS, PARTITIONS, SEEDS = 12, 400, 3, 20
SEEDS_SOAK = 10


def record(partition, offset, key, n, op='u'):
    return {'topic': 'p.public.pulse', 'partition': partition, 'offset': offset, 'key': {'id': key},
            'value': {'op': op, 'after': {'id': key, 'n': n}}}


def log(rng):
    """(partitions, rows) of a stream in which nothing is wrong."""
    rows, parts = dict.fromkeys(range(1, ROWS + 1), 0), [[] for _ in range(PARTITIONS)]
    for _ in range(STEPS):
        key = rng.randint(1, ROWS)
        rows[key] += 1
        part = key % PARTITIONS
        parts[part].append(record(part, len(parts[part]), key, rows[key]))
    return parts, rows


def verdict(parts, rows):
    tallies = []
    for part in parts:
        tally = Tally()
        for each in part:
            tally.take(each)
        tallies.append(tally)
    return judge(tallies, rows)


def lose(rng, parts):
    """Neither the first nor the last of its row is needed to see it: any."""
    part = rng.choice(parts)
    del part[rng.randrange(len(part))]


def lose_tail(_, parts):
    del parts[1][-5:]


def lose_row(rng, parts):
    """All of a row."""
    part = rng.choice(parts)
    key = part[0]['key']
    part[:] = [each for each in part if each['key'] != key]


def swap(rng, parts):
    part = rng.choice(parts)
    key = rng.choice(part)['key']
    own = [place for place, each in enumerate(part) if each['key'] == key]
    place = rng.randrange(len(own) - 1)
    one, two = own[place], own[place + 1]
    part[one], part[two] = part[two], part[one]


def stale(rng, parts):
    """An old record comes behind newer ones and stays the newest."""
    part = rng.choice(parts)
    part.append(part[rng.randrange(len(part) // 2)])


def rekey(rng, parts):
    each = rng.choice(rng.choice(parts))
    each['key'] = {'id': each['key']['id'] + 1}


def move(rng, parts):
    """To another partition."""
    each = parts[0].pop(rng.randrange(len(parts[0])))
    parts[1].append(each)


def delete(rng, parts):
    rng.choice(rng.choice(parts))['value']['op'] = 'd'


def tombstone(rng, parts):
    rng.choice(rng.choice(parts))['value'] = None


MUTATIONS = (lose, lose_tail, lose_row, swap, stale, rekey, move, delete, tombstone)


def repeat(rng, parts):
    """What at least once may do: a run again, from the same place of all partitions' time on."""
    count = 0
    for part in parts:
        tail = part[len(part) // 2:len(part) // 2 + rng.randint(1, 30)]
        rest = part[len(part) // 2 + len(tail):]
        part[:] = part[:len(part) // 2] + tail + tail + rest
        count += len(tail)
    return count


def main():
    number, failed = 0, 0

    def ok(well, what):
        nonlocal number, failed
        number += 1
        failed += not well
        print(('ok' if well else 'not ok'), number, '-', what)

    for seed in range(SEEDS):
        wrong, records, repeated = verdict(*log(random.Random(seed)))
        ok(not wrong and records == STEPS and not repeated, f'seed {seed}: nothing is wrong')
        rng = random.Random(seed)
        parts, rows = log(rng)
        count = repeat(rng, parts)
        wrong, records, repeated = verdict(parts, rows)
        ok(not wrong and repeated == count and records == STEPS + count, f'seed {seed}: a run that is repeated is counted')
        for mutation in MUTATIONS:
            rng = random.Random(seed)
            parts, rows = log(rng)
            mutation(rng, parts)
            ok(verdict(parts, rows)[0], f'seed {seed}: {mutation.__name__}')
    for well, what in itertools.chain(soak_judge_test.cases(SEEDS_SOAK), network_test.cases()):
        ok(well, what)
    print(f'1..{number}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
