"""soak_judge_test.py: does soak_judge.py see what is wrong with a run, and nothing else?  Runs
as they were seen, made by seed, and each way to spoil one.  Part of pulse_test.py.
"""
import random

import soak_judge

MB = 1 << 20
EVERY_S, SAMPLE_S = 30, 5


def soak(rng, hours=2.0, leak=0, **values):
    """(run, samples, faults) of a soak in which nothing is wrong but leak, in bytes an hour.
    Memory warms up, goes back at once now and then and comes again, and has peaks."""
    seconds = hours * 3600
    faults, samples, at, base = [], [], EVERY_S, 3.0
    while at < seconds:
        faults.append({'fault': rng.choice(['kafka-hold-up', 'pg-kill', 'pg-drop']), 'at': at,
                       'fault_s': round(rng.uniform(0, 5), 2), 'caught_up_s': round(rng.uniform(0.1, 2), 2)})
        at += EVERY_S
    at = 0.0
    while at < seconds:
        base += (26 - base) * rng.uniform(0, 0.03) if at > 60 else 0
        if rng.random() < SAMPLE_S / 2400:      # every forty minutes or so
            base = min(base, 26 - rng.uniform(0, 4))
        last = faults[min(int(at / EVERY_S), len(faults)) - 1] if at >= EVERY_S else None
        felt = last is not None and at <= last['at'] + last['fault_s'] + 5
        samples.append({'at': at, 'memory': int((base + (rng.uniform(0, 8) if felt and rng.random() < 0.02 else 0)) * MB
                                                + leak * at / 3600),
                        'fds': rng.choice([17, 18, 18]) + (2 if felt and rng.random() < 0.05 else 0),
                        'lag': rng.uniform(0, 4) if felt else rng.uniform(0, 0.4) if rng.random() < 0.98 else 1.2})
        at += SAMPLE_S
    away = sum(fault['fault_s'] + 1 for fault in faults if fault['fault'] == 'pg-kill')
    tps = 2000
    run = {'seconds': seconds, 'tps': tps, 'every': EVERY_S, 'mode': 'at-least-once', 'is_outage': False,
           'load_s': seconds + 5, 'committed': int(tps * (seconds + 5 - away)), 'records': 0, 'repeated': 900, 'restarts': 60,
           'walsenders': None, **values}
    return run, samples, faults


def outage(rng, **values):
    """... of an outage of an hour."""
    run, samples, _ = soak(rng, 1.0, is_outage=True, walsenders=['17'], restarts=0, repeated=0, **values)
    for sample in samples:
        sample['lag'], sample['memory'] = sample['at'], 21 * MB
    samples += [{'at': 3600 + at, 'memory': 35 * MB, 'fds': 18, 'lag': 3600 - at * 36} for at in range(101)]
    run['committed'] = int(run['tps'] * run['load_s'])
    return run, samples, []


def edit(what, **values):
    """Spoils a run's own figures."""
    def spoil(_rng, run, _samples, _faults):
        run.update({name: value(run) if callable(value) else value for name, value in values.items()})
    spoil.__doc__ = what
    return spoil


def peak(_rng, _run, samples, _faults):
    """memory is over its bound for a moment, at the end"""
    samples[-1]['memory'] = 85 * MB


def descriptor_leak(_rng, _run, samples, _faults):
    """a fault leaves a descriptor now and then"""
    for place, sample in enumerate(samples):
        sample['fds'] += place * 8 // len(samples)


def descriptor_peaks(_rng, _run, samples, faults):
    """more and more descriptors, but not always"""
    for place, sample in enumerate(soak_judge.calm(samples, faults)):
        sample['fds'] += 3 * (place > len(samples) / 4 and place % 5 == 0)


def slow_now_and_then(rng, _run, samples, _faults):
    """the lag is over a second in every tenth sample"""
    for sample in samples:
        sample['lag'] += 2 * (rng.random() < 0.1)


def fault_failed(_rng, _run, _samples, faults):
    """a fault that the relay does not come back from"""
    faults[-1] = {'fault': 'pg-kill', 'at': faults[-1]['at'], 'failed': 'TimeoutError'}


def fault_late(_rng, _run, _samples, faults):
    """one is still felt when the next one is due"""
    faults[5]['caught_up_s'] = EVERY_S + 1


def fault_none(_rng, _run, _samples, faults):
    """there are no faults"""
    faults.clear()


def cut_short(_rng, run, samples, _faults):
    """it ended before its time"""
    samples[:] = [sample for sample in samples if sample['at'] < run['seconds'] * 0.9]


def no_samples(_rng, _run, samples, _faults):
    """nobody has looked"""
    samples.clear()


SPOILS = (peak, descriptor_leak, descriptor_peaks, slow_now_and_then, fault_failed, fault_late, fault_none, cut_short, no_samples,
          edit('a tenth of the load is missing', committed=lambda run: run['committed'] * 9 // 10),
          edit('nothing was written', committed=0),
          edit('it repeats without a restart', restarts=0),
          edit('it repeats more than was in flight', repeated=60 * 20_000),
          edit('it repeats, exactly once', mode='exactly-once'))


def peak_behind(_rng, _run, samples, _faults):
    """memory is over its bound while it catches up"""
    samples[-50]['memory'] = 81 * MB


def still_behind(_rng, _run, samples, _faults):
    """it does not catch up"""
    samples[-1]['lag'] = 2


SPOILS_OUTAGE = (peak_behind, still_behind, cut_short, edit('there is a second walsender', walsenders=['17', '18']),
                 edit('there is no walsender', walsenders=[]),
                 edit('the load stopped with the broker', committed=lambda run: run['tps'] * 60))


def failed(run, samples, faults):
    return [what for well, what, _ in soak_judge.judge(run, samples, faults) if well is False]


def cases(seeds):
    """(whether it is well, what)"""
    for seed in range(seeds):
        for hours in (0.2, 1.0, 2.0, 8.0) if seed < 3 else (0.2, 1.0, 2.0):
            wrong = failed(*soak(random.Random(seed), hours))
            yield not wrong, f'seed {seed}: nothing is wrong in {hours} h {wrong}'
        for hours, leak in ((2.0, 7.5e6), (8.0, 3e6)) if seed < 3 else ((2.0, 7.5e6),):
            yield failed(*soak(random.Random(seed), hours, leak)), f'seed {seed}: a leak of {leak / 1e6} MB an hour in {hours} h'
        wrong = failed(*outage(random.Random(seed)))
        yield not wrong, f'seed {seed}: nothing is wrong in an outage {wrong}'
        for make, spoils in ((soak, SPOILS), (outage, SPOILS_OUTAGE)):
            for spoil in spoils:
                rng = random.Random(seed)
                made = make(rng, 0.2) if make is soak else make(rng)
                spoil(rng, *made)
                yield len(failed(*made)) > 0, f'seed {seed}: {make.__name__}: {spoil.__doc__}'
    run, samples, faults = soak(random.Random(0), 0.2, committed=None, repeated=None, restarts=None)
    unknown = [what for well, what, _ in soak_judge.judge(run, samples, faults) if well is None]
    yield len(unknown) == 3 and not failed(run, samples, faults), 'what is not known is neither good nor bad'
