#!/usr/bin/env python3
"""soak_judge.py: whether the figures of a soak or an outage are good: its samples, its faults
and what came of it in; verdicts out.  Knows nothing of servers or processes.  Used by
soak.py at its end; soak_judge.py DIR (contrib/soak --judge DIR) judges a folder that was
kept; soak_judge_test.py breaks runs for it.

A run is a dict: seconds, tps, every, is_outage; load_s (in how many seconds the load was to
run), committed, records, repeated, restarts (of the stream) and walsenders (pids since the
broker was killed), each None if it is not known.  A sample: at (seconds), memory (bytes of
its own), fds, lag (seconds).  A fault: fault (its name), at, fault_s, caught_up_s; or failed.
"""
import contextlib
import json
import os
import shlex
import statistics
import sys

LAG_MAX_S = 1.0
LAG_SHARE = 0.95        # of the samples in which no fault is felt
FELT_S = 5              # behind a fault
RATE_SHARE = 0.95       # of the transactions that were to be, are
AWAY = ('pg-kill', 'pg-immediate', 'pg-fast')   # while these last nobody can write,
AWAY_S = 2              # and so long behind them: pgbench is started again
MEMORY_MAX = (16 + 64) << 20    # bytes: max.in.flight.bytes, and what librdkafka and schemas need
SLOPE_MAX = 1e6         # bytes an hour,
SWING = 4e6             # and so many by which malloc's own ups and downs were seen to differ
SLOPE_S = 3600          # the least that a run must last to have a slope
WINDOWS = 100           # in which the floor of memory is looked for
END_S = 15              # before the end of a run there is a last sample
INTERVAL_S = 0.2        # progress.interval.ms
IN_FLIGHT = 50_000      # max.in.flight.messages
BEGUN = 'msg="streaming database'       # in the relay's log, whenever a stream begins


class Verdicts(list):
    """Of (whether it is well, what, detail).  well None: could not be judged."""

    def add(self, well, what, detail=''):
        self.append((well if well is None else bool(well), what, detail))


def floors(samples, count=WINDOWS):
    """(time, memory): the least of each of so many equal times.  What is in flight comes on top
    of it for seconds."""
    first, last = samples[0]['at'], samples[-1]['at']
    width = (last - first) / count or 1
    lowest = {}
    for sample in samples:
        window = min(count - 1, int((sample['at'] - first) / width))
        if window not in lowest or sample['memory'] < lowest[window][1]:
            lowest[window] = sample['at'], sample['memory']
    return [point for _, point in sorted(lowest.items())]


def slope(points):
    """The median of the slopes between any two points (Theil, Sen), a second."""
    slopes = [(late[1] - early[1]) / (late[0] - early[0]) for place, early in enumerate(points)
              for late in points[place + 1:] if late[0] > early[0]]
    return statistics.median(slopes) if slopes else 0.0


def quarters(samples):
    """The first and the last quarter."""
    size = max(1, len(samples) // 4)
    return samples[:size], samples[-size:]


def judge_memory(run, samples, verdicts):
    """Never more than a bound; and no slope behind the first quarter.  malloc gives back some
    megabytes at once now and then and takes them again within the hour: a line by least squares
    is about where in the run that happened.  The median of the floor's slopes is so far less,
    because a leak lifts all pairs of windows, such a step only those that lie across it.  What a
    run is too short to tell from a swing is allowed, and said: 1.5 h tell 3.7 MB an hour, 6 h
    1.7, three days 1.1."""
    most = max(sample['memory'] for sample in samples)
    verdicts.add(most < MEMORY_MAX, f'memory {min(sample["memory"] for sample in samples) / 1e6:.1f} to {most / 1e6:.1f} MB, '
                 f'{MEMORY_MAX / 1e6:.1f} MB are allowed')
    behind = [sample for sample in samples if run['seconds'] / 4 < sample['at'] <= run['seconds']]
    if run['seconds'] < SLOPE_S:
        verdicts.add(None, f'memory has no slope in less than {SLOPE_S} s: it is still warming up')
        return
    hourly = slope(floors(behind)) * 3600 if behind else float('inf')
    allowed = SLOPE_MAX + SWING / (run['seconds'] * 3 / 4 / 3600)
    verdicts.add(hourly < allowed, f'memory behind {run["seconds"] / 4:.0f} s: {hourly / 1e6:+.2f} MB an hour; '
                 f'less than {allowed / 1e6:.2f} could not be told from what malloc does')


def calm(samples, faults):
    """Those in which no fault is felt."""
    times = [(fault['at'], fault['at'] + fault.get('fault_s', 0) + FELT_S) for fault in faults]
    return [sample for sample in samples if not any(begin <= sample['at'] <= end for begin, end in times)]


def judge_descriptors(quiet, verdicts):
    """Of calm(): within a fault there are connections that are tried.  One more or less is one
    that is just made."""
    if not quiet:
        verdicts.add(False, 'no descriptors were counted but within faults')
        return
    first, last = ([sample['fds'] for sample in part] for part in quarters(quiet))
    verdicts.add(max(last) <= max(first) + 1 and min(last) <= min(first) + 1,
                 f'descriptors: {min(first)} to {max(first)} at first, {min(last)} to {max(last)} at last')


def judge_faults(run, faults, verdicts):
    failed = [json.dumps(fault) for fault in faults if 'failed' in fault]
    caught_up = sorted(fault['caught_up_s'] for fault in faults if 'caught_up_s' in fault)
    verdicts.add(caught_up and not failed, f'{len(faults)} faults; lag under {LAG_MAX_S:.0f} s after '
                 + (f'{statistics.median(caught_up)} s in the middle, {caught_up[-1]} s at most' if caught_up else '-'),
                 '\n'.join(failed))
    late = sum(seconds > run['every'] for seconds in caught_up)
    verdicts.add(not late, f'{late} faults were still felt when the next one was due')


def judge_lag(quiet, verdicts):
    """Of calm()."""
    lags = [sample['lag'] for sample in quiet]
    share = sum(lag < LAG_MAX_S for lag in lags) / len(lags) if lags else 0
    verdicts.add(share >= LAG_SHARE, f'lag under {LAG_MAX_S:.0f} s in {share:.1%} of {len(lags)} samples in which no fault '
                 f'is felt, {max(lags, default=0)} s at most')


def judge_rate(run, faults, verdicts):
    """Did the load run at all?"""
    if run['committed'] is None or not run['tps'] or not run['load_s']:
        verdicts.add(None, 'how many transactions were committed is not known')
        return
    away = sum(fault.get('fault_s', 0) + AWAY_S for fault in faults if fault['fault'] in AWAY)
    wanted = RATE_SHARE * run['tps'] * (run['load_s'] - away)
    verdicts.add(run['committed'] >= wanted > 0, f"{run['committed']} transactions in {run['load_s']:.0f} s, {away:.0f} s of "
                 f'them without a server; {wanted:.0f} are the least')


def judge_repeated(run, faults, verdicts):
    """A stream that begins anew repeats what came in an interval, and what was in flight: what
    a fault held back, no more than fits."""
    if run['mode'] == 'exactly-once':
        verdicts.add(run['repeated'] == 0 if run['repeated'] is not None else None, f"{run['repeated']} records repeated")
        return
    if run['repeated'] is None or run['restarts'] is None or not run['tps']:
        verdicts.add(None, 'how many records came again is not known')
        return
    held_s = LAG_MAX_S + (run['seconds'] if run['is_outage'] else max((fault.get('fault_s', 0) for fault in faults), default=0))
    each = round(INTERVAL_S * run['tps'] + min(IN_FLIGHT, held_s * run['tps']))
    verdicts.add(run['repeated'] <= run['restarts'] * each,
                 f"{run['repeated']} records repeated, {run['restarts']} restarts of the stream may repeat {each} each")


def judge_walsenders(run, verdicts):
    """From the moment on in which the broker is killed."""
    if run['walsenders'] is None:
        verdicts.add(None, 'which walsenders there were is not known')
    else:
        verdicts.add(len(run['walsenders']) == 1, f"walsenders since the broker was killed: {run['walsenders']}")


def judge(run, samples, faults):
    """Verdicts of all."""
    verdicts = Verdicts()
    if not samples:
        verdicts.add(False, 'there are no samples')
        return verdicts
    verdicts.add(samples[-1]['at'] >= run['seconds'] - END_S, f"sampled for {samples[-1]['at']} of {run['seconds']:.0f} s")
    judge_memory(run, samples, verdicts)
    if run['is_outage']:
        judge_walsenders(run, verdicts)
        verdicts.add(samples[-1]['lag'] < LAG_MAX_S, f"lag {max(sample['lag'] for sample in samples):.0f} s at most, "
                     f"{samples[-1]['lag']} s at last")
    else:
        quiet = calm(samples, faults)
        judge_descriptors(quiet, verdicts)
        judge_faults(run, faults, verdicts)
        judge_lag(quiet, verdicts)
    judge_rate(run, faults, verdicts)
    judge_repeated(run, faults, verdicts)
    return verdicts


# ---- a folder that was kept ----

def lines(name):
    with contextlib.suppress(FileNotFoundError), open(name, encoding='utf-8') as file:
        return [json.loads(line) for line in file if line.endswith('\n')]
    return []


def folder_run(folder, samples):
    """run.json; or what the command that repeats it and the relay's log say."""
    with contextlib.suppress(FileNotFoundError), open(os.path.join(folder, 'run.json'), encoding='utf-8') as file:
        return json.load(file)
    words = ['make', 'soak']
    with contextlib.suppress(FileNotFoundError), open(os.path.join(folder, 'repeat'), encoding='utf-8') as file:
        words = shlex.split(file.read())
    said = dict(word.split('=', 1) for word in words if '=' in word)
    restarts = None
    with contextlib.suppress(FileNotFoundError), open(os.path.join(folder, 'relay.log'), encoding='utf-8',
                                                      errors='replace') as file:
        restarts = sum(BEGUN in line for line in file) - 1
    return {'seconds': float(said.get('SECONDS', samples[-1]['at'] if samples else 0)), 'tps': int(said.get('TPS', 0)),
            'every': float(said.get('EVERY', 30)), 'mode': said.get('MODE', 'at-least-once'),
            'is_outage': 'outage' in words, 'load_s': None, 'committed': None, 'records': None, 'repeated': None,
            'restarts': restarts, 'walsenders': None}


def main():
    if len(sys.argv) != 2 or not os.path.isdir(sys.argv[1]):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    folder = sys.argv[1]
    samples, faults = (lines(os.path.join(folder, name)) for name in ('samples.jsonl', 'faults.jsonl'))
    verdicts = judge(folder_run(folder, samples), samples, faults)
    for well, what, detail in verdicts:
        print({True: 'ok   ', False: 'FAIL ', None: '-    '}[well] + what)
        for line in detail.splitlines() if well is False else ():
            print('     ' + line)
    failed = sum(well is False for well, _, _ in verdicts)
    print(f'{sum(well is True for well, _, _ in verdicts)} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
