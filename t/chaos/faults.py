"""faults.py: the faults of the chaos campaign by name, with their weights.

A fault is a function of the lab (lab.py) and a generator of random numbers.  It breaks
something, mends it if it is one that lasts, and returns when nothing is broken any more
but what the relay itself has to mend.  What it returns is evidence that it bit; one that
does not bite raises ValueError: it would prove nothing.
"""
import contextlib
import os
import random
import shutil
import signal
import struct
import subprocess
import threading
import time

from lab import (BROKERS, HERE, PREFIX, SERVER, SLOT, START_S, UNAVAILABLE, TEMPORARY, log_grep,
                 wait_until, pq)
from network import BITE_S, Bite, kafka_zombie, last, network


class Fault:
    """weight 0: only by name.  needs: words of root, cc, exactly-once, brokers; see skip()."""

    def __init__(self, weight, strike, needs=''):
        self.weight, self.strike, self.needs = weight, strike, needs

    def skip(self, mode):
        """Why it cannot be done here, or None.  exactly-once: without its fencing what a
        zombie writes comes after newer data, as the README says."""
        needs = self.needs.split()
        if 'root' in needs and os.getuid() != 0:
            return 'only root can mount a small disk'
        if 'cc' in needs and not shutil.which('cc'):
            return 'there is no C compiler'
        if 'brokers' in needs and BROKERS < 3:
            return 'it takes BROKERS=3'
        if self.strike is disk_broker and BROKERS > 1:
            return 'it is for BROKERS=1'
        if 'exactly-once' in needs and mode != 'exactly-once':
            return 'nothing fences a zombie in this mode'
        return None


def waited(lab, lives):
    """What only lasts is no reason to end."""
    if lab.relay.lives != lives:
        lab.relay.wrong.append('the relay ended, where it should have waited')


# ---- the relay ----

def relay_kill(lab, _):
    lab.relay.replace(signal.SIGKILL)
    return {}


def relay_term(lab, _):
    """A restart: what is in flight is drained first."""
    started = time.monotonic()
    lab.relay.replace(signal.SIGTERM)
    return {'stopped_in_s': round(time.monotonic() - started, 2)}


def second_start(lab):
    """Another instance for the same slot, as an operator or an orchestrator errs; and what greps
    its log, which earlier ones wrote, too."""
    log = lab.path('relay-second.log')
    offset = os.path.getsize(log) if os.path.exists(log) else 0
    return lab.relay.launch(log), lambda pattern: log_grep(log, pattern, offset)


def second_stop(process):
    process.terminate()
    try:
        return process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def sender_timeout(lab, value):
    """Of walsenders that run, too."""
    with pq.Session(lab.postgres.conninfo) as sql:
        sql.rows(f"ALTER SYSTEM SET wal_sender_timeout = '{value}'")
        sql.rows('SELECT pg_reload_conf()')


def relay_stop_holding(lab):
    """It has the slot then, and keeps it."""
    def holds():
        pid = lab.relay.signal(signal.SIGSTOP)
        with pq.Session(lab.postgres.conninfo) as sql:
            if sql.value(f"SELECT active FROM pg_replication_slots WHERE slot_name = '{SLOT}'") == 't':
                return True
        os.kill(pid, signal.SIGCONT)
        return False
    sender_timeout(lab, '0')
    mark = lab.watch.insert_lsn()
    wait_until(lambda: lab.watch.confirmed >= mark, 'the walsender to go on', START_S)
    wait_until(holds, 'the relay to have its slot', START_S)


def relay_stop(lab, rng):
    """It stands still, while a second one waits for its slot, however long that takes to start."""
    second = None
    try:
        relay_stop_holding(lab)
        second, says = second_start(lab)
        stood = last(rng, 1, 10)
        told = wait_until(lambda: says('E1210') or second.poll() is not None,
                          'the second relay to find the slot active', START_S)
    finally:
        lab.relay.signal(signal.SIGCONT)
        sender_timeout(lab, SERVER['wal_sender_timeout'])
        status = second_stop(second) if second else None
    if status not in (0, UNAVAILABLE, TEMPORARY):
        lab.relay.wrong.append(f'the second relay ended with {status}')
    return {'stood_s': stood, 'second': 'E1210' if told is not True else f'ended with {status}'}


def relay_zombie(lab, rng):
    """It stands still so long that a second one takes over, and goes on then."""
    pid = lab.relay.signal(signal.SIGSTOP)
    second, mark = None, lab.watch.insert_lsn()
    try:
        walsender_kill(lab, rng)
        second, _ = second_start(lab)
        wait_until(lambda: lab.watch.confirmed >= mark, 'the second relay to take over', START_S)
    finally:
        lab.relay.replaced.add(pid)     # that it is fenced, or ends for it, is as it should be
        lab.relay.signal(signal.SIGCONT)
        last(rng, 0.5, 2)
        status = second_stop(second) if second else None
    return {'second': status}


def clock_jump(lab, rng):
    """Its wall clock is set to and fro (clock.c), ahead by less than the hour by which
    brokers let a record's time be ahead of theirs (message.timestamp.after.max.ms)."""
    name, library = lab.path('clock'), lab.path('clock.so')
    jumps = [rng.randint(600, 3000), -rng.randint(600, 200_000), rng.randint(-3000, 3000), 0]
    rng.shuffle(jumps)

    def jump(seconds):
        with open(name, 'r+b') as file:
            file.write(struct.pack('q', seconds))

    with open(name, 'wb') as file:
        file.write(b'\0' * 8)
    subprocess.run(['cc', '-shared', '-fPIC', '-O2', '-o', library, os.path.join(HERE, 'clock.c')],
                   check=True)
    lab.relay.env = {'LD_PRELOAD': library, 'WALRELAY_CLOCK': name}
    try:
        offset = os.path.getsize(lab.relay_log)
        lab.relay.replace(signal.SIGTERM)
        wait_until(lambda: log_grep(lab.relay_log, 'streaming database', offset),
                   'the relay to stream', START_S)
        took = []
        for seconds in jumps:
            jump(seconds)
            started, mark = time.monotonic(), lab.watch.insert_lsn()
            wait_until(lambda mark=mark: lab.watch.confirmed >= mark,
                       f'the position behind a jump to {seconds} s', START_S)
            took.append(round(time.monotonic() - started, 2))
        offset = os.path.getsize(lab.relay_log)
        lab.proxies['pg'].do('reset')       # a line in the log, with the time of that clock
        wait_until(lambda: log_grep(lab.relay_log, 'ts=', offset), 'a line in the log', START_S)
    finally:
        lab.relay.env = {}
    line = log_grep(lab.relay_log, 'ts=', offset)[0]
    lab.relay.replace(signal.SIGTERM)
    return {'jumps': jumps, 'took_s': took, 'log': line[:30]}


# ---- PostgreSQL ----

def pg_kill(lab, _):
    lab.postgres.kill()
    lab.postgres.start()
    return {}


def pg_immediate(lab, _):
    lab.postgres.ctl('stop', '-m', 'immediate')
    lab.postgres.start()
    return {}


def pg_fast(lab, _):
    started = time.monotonic()
    lab.postgres.ctl('stop', '-m', 'fast')
    stopped = time.monotonic() - started
    lab.postgres.start()
    return {'stopped_in_s': round(stopped, 2)}


def walsender_kill(lab, _):
    """As an administrator ends it."""
    def ended():
        with contextlib.suppress(pq.Error), pq.Session(lab.postgres.conninfo) as sql:
            return sql.value('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots '
                             f"WHERE slot_name = '{SLOT}' AND active") == 't'
    wait_until(ended, 'a walsender', START_S)
    return {}


def walsender_stop(lab, rng):
    """It stands still, as on a machine that has no time for it."""
    def sender():
        with contextlib.suppress(pq.Error), pq.Session(lab.postgres.conninfo) as sql:
            return sql.value('SELECT active_pid FROM pg_replication_slots '
                             f"WHERE slot_name = '{SLOT}'")
    pid = int(wait_until(sender, 'a walsender', START_S))
    os.kill(pid, signal.SIGSTOP)
    try:
        return {'stood_s': last(rng, 1, 8)}
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


# ---- Kafka and the registry ----

def broker_kill(lab, rng):
    lab.kafka.do('kill')
    away = last(rng, 0, 3)
    lab.kafka.do('start')
    return {'away_s': away}


def broker_stop(lab, rng):
    """One; it loses what it led, and comes back as if nothing had been."""
    pid = (int(lab.kafka.env('KAFKA_PID')) if BROKERS == 1 else
           lab.kafka.pid(rng.choice(lab.kafka.NODES)))
    os.kill(pid, signal.SIGSTOP)
    try:
        return {'stood_s': last(rng, 1, 10)}
    finally:
        os.kill(pid, signal.SIGCONT)


# ---- a cluster of brokers ----

PROGRESS, STATE = f'{PREFIX}.progress', '__transaction_state'


def ledger_partitions(lab):
    """Those of the ledger's topics, of the progress topic and of the transactions' own."""
    partitions = wait_until(lab.kafka.partitions, 'brokers to answer', START_S)
    return {place: partition for place, partition in partitions.items()
            if place[0].startswith(PREFIX + '.') or place[0] == STATE}


def brokers_leaders(lab, rng):
    """Leaders move while everything runs."""
    moved = 0
    for _ in range(rng.randint(1, 3)):
        places = ledger_partitions(lab)
        leaders = {place: rng.choice([node for node in partition['replicas'] if node != partition['leader']])
                   for place, partition in places.items()}
        lab.kafka.lead(leaders)
        moved += len(leaders)
    return {'moved': moved}


def brokers_roll(lab, rng):
    """One after the other is restarted, as for an upgrade."""
    took = {}
    for node in rng.sample(lab.kafka.NODES, BROKERS):
        started = time.monotonic()
        lab.kafka.do('stop', node)
        lab.kafka.do('start', node)
        lab.kafka.wait_whole()
        took[node] = round(time.monotonic() - started, 2)
    return {'took_s': took}


def brokers_down(lab, rng, nodes):
    """kill -9, and back: before the others have noticed, or long after that."""
    for node in nodes:
        os.kill(lab.kafka.pid(node), signal.SIGKILL)
    away = last(rng, 0, 10)
    for node in nodes:
        lab.kafka.do('kill', node)      # it waits until the process is gone
    lab.kafka.do('start')
    lab.kafka.wait_whole()
    return {'nodes': nodes, 'away_s': away}


def brokers_kill(lab, rng):
    return brokers_down(lab, rng, [rng.choice(lab.kafka.NODES)])


def brokers_kill_two(lab, rng):
    """Nobody is left to be in sync with, nor a majority of controllers: that is waited for."""
    lives = lab.relay.lives
    evidence = brokers_down(lab, rng, rng.sample(lab.kafka.NODES, 2))
    waited(lab, lives)
    return evidence


def brokers_kill_progress(lab, rng):
    """The one that leads the progress topic."""
    return brokers_down(lab, rng, [lab.kafka.leader(PROGRESS)])


def brokers_kill_coordinator(lab, rng):
    """The one that coordinates our Kafka transactions."""
    return brokers_down(lab, rng, [lab.kafka.leader(STATE)])


def brokers_kill_controller(lab, rng):
    return brokers_down(lab, rng, [lab.kafka.controller()])


def brokers_too_few(lab, rng):
    """One is gone, and the topics want all three in sync: NOT_ENOUGH_REPLICAS."""
    lives, node = lab.relay.lives, rng.choice(lab.kafka.NODES)
    others = [other for other in lab.kafka.NODES if other != node]
    topics = [f'{PREFIX}.public.txlog', PROGRESS]       # each transaction has a row there
    refused = lambda: sum(len(log_grep(lab.kafka.log(other), 'NotEnoughReplicas'))     # noqa: E731
                          for other in others)
    before = refused()
    try:
        for topic in topics:
            lab.kafka.do('topic', 'alter', topic, 'min.insync.replicas=3')
        lab.kafka.do('kill', node)
        wait_until(lambda: refused() > before, 'a record to be refused', START_S)
        mark = lab.watch.insert_lsn()
        stood = last(rng, 1, 5)
        if lab.watch.confirmed >= mark:
            lab.relay.wrong.append('a position was confirmed that no broker has')
    finally:
        lab.kafka.do('start')
        for topic in topics:
            lab.kafka.do('topic', 'alter', topic, 'min.insync.replicas=2')
    lab.kafka.wait_whole()
    waited(lab, lives)
    return {'node': node, 'refused': refused() - before, 'stood_s': stood}


# ---- the registry ----

SCHEMAS_MAX = 100
# Columns that writers always give a value, so that no row ever has their default.
ALTERED = ('acct ALTER pad', 'txlog ALTER tag')


def schema_change(lab, rng):
    """The next change of a table needs a schema that nobody knows: one with another default.
    The lock is not waited for where that would hold up the writers."""
    def done():
        with contextlib.suppress(pq.Error), pq.Session(lab.postgres.conninfo) as sql:
            sql.rows("SET lock_timeout = '200ms'")
            sql.rows(f"ALTER TABLE {rng.choice(ALTERED)} SET DEFAULT '{rng.random()}'")
            return True
    wait_until(done, 'a schema to change', START_S)


def registry_schema(lab, rng):
    """It is away for ten seconds at the moment of a schema change."""
    lives, offset = lab.relay.lives, os.path.getsize(lab.relay_log)
    lab.registry.do('kill')
    try:
        schema_change(lab, rng)
        told = wait_until(lambda: log_grep(lab.relay_log, 'E1801', offset), 'E1801', START_S)
        mark = lab.watch.insert_lsn()
        last(rng, 10, 10)
        if lab.watch.confirmed >= mark:
            lab.relay.wrong.append('a position was confirmed behind a change without a schema')
    finally:
        lab.registry.do('restart')
    waited(lab, lives)
    return {'log': told[0][:200]}


def registry_schemas(lab, rng):
    """It is restarted twice while schemas change all the time; not more of them than a slow
    one can register within the time that a campaign gives."""
    lives, over, changes = lab.relay.lives, threading.Event(), []
    inner, bite = random.Random(rng.random()), Bite(lab.proxies['registry'])

    def change():
        while len(changes) < SCHEMAS_MAX and not over.wait(inner.uniform(0, 0.5)):
            schema_change(lab, inner)
            changes.append(1)
    changer = threading.Thread(target=change)
    changer.start()
    try:
        for command in ('kill', 'stop'):
            lab.registry.do(command)
            away = last(rng, 0, 2)
            lab.registry.do('restart')
    finally:
        over.set()
        changer.join()
    waited(lab, lives)
    bite.prove('unreachable')
    return {'changes': len(changes), 'away_s': away, **bite.counts()}


def registry_restart(lab, rng):
    """With a relay that needs it: one that has just been started knows no schema id."""
    bite = Bite(lab.proxies['registry'])
    lab.registry.do('kill')
    try:
        lab.relay.replace(signal.SIGKILL)
        bite.prove('unreachable')
        away = last(rng, 0, 3)
    finally:
        # On a slow machine it may give up on its own database.
        wait_until(lambda: lab.registry.do('restart', check=False) == 0, 'the registry to start', START_S)
        lab.registry_find()
    return {'away_s': away, **bite.counts()}


# ---- full disks ----

class Filler:
    """Fills the disk that a folder is on, all but the last block of it."""

    def __init__(self, folder):
        self.name = os.path.join(folder, 'filler')

    def __enter__(self):
        self.fill()
        return self

    def fill(self):
        with open(self.name, 'ab', buffering=0) as file:
            with contextlib.suppress(OSError):
                for size in (1 << 20, 4096):
                    with contextlib.suppress(OSError):
                        while True:
                            file.write(b'\0' * size)

    def __exit__(self, *_):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.name)


def disk_wal(lab, _):
    """The server cannot write its log: it goes down, until there is room again."""
    offset = os.path.getsize(lab.postgres.log)
    full = lambda: log_grep(lab.postgres.log, 'No space left on device', offset)    # noqa: E731
    with Filler(os.path.join(lab.postgres.data, 'pg_wal')) as filler:
        def bitten():
            filler.fill()               # what was recycled meanwhile, too
            with contextlib.suppress(pq.Error), pq.Session(lab.postgres.conninfo) as sql:
                # rolled back, so that it comes to nobody
                sql.rows("BEGIN; SELECT pg_logical_emit_message(true, 'fill', repeat('x', 1000000)), "
                         'pg_switch_wal(); ROLLBACK')
            return full()
        wait_until(bitten, 'the server to run out of disk', START_S)
        line = full()[0]
        with contextlib.suppress(TimeoutError):
            wait_until(lambda: not lab.postgres.alive(), 'the server to end', BITE_S)
        ended = not lab.postgres.alive()
    if not lab.postgres.alive():
        lab.postgres.start()
    return {'log': line[:200], 'server_ended': ended}


def disk_broker(lab, _):
    """The broker cannot append: it gives up its only log folder and ends."""
    log = os.path.join(lab.kafka.dir, 'log')
    pid = int(lab.kafka.env('KAFKA_PID'))
    gone = lambda: not os.path.exists(f'/proc/{pid}')                   # noqa: E731
    offset = os.path.getsize(log)
    with Filler(lab.path('kafka-disk')):
        wait_until(lambda: gone() or log_grep(log, 'No space left on device', offset),
                   'the broker to run out of disk', START_S)
        line = (log_grep(log, 'No space left on device', offset) or ['?'])[0]
        with contextlib.suppress(TimeoutError):
            wait_until(gone, 'the broker to end', BITE_S)
        ended = gone()
    lab.kafka.do('kill')
    lab.kafka.do('start')
    return {'log': line[:200], 'broker_ended': ended}


def disk_relay_log(lab, rng):
    """The relay cannot log; that must not stop it."""
    lives, lost = lab.relay.lives, 0
    with Filler(os.path.dirname(lab.relay_log)) as filler:
        for _ in range(100):
            size = os.path.getsize(lab.relay_log)
            filler.fill()
            walsender_kill(lab, rng)        # something to say each time
            mark = lab.watch.insert_lsn()
            wait_until(lambda mark=mark: lab.watch.confirmed >= mark, 'the relay to go on', START_S)
            lost += os.path.getsize(lab.relay_log) == size
            if lost == 3:
                break
    if lost < 3:
        raise ValueError('the log never was full')
    if lab.relay.lives != lives:
        lab.relay.wrong.append('the relay ended because its log was full')
    return {'losses': lost}


# ---- the table ----

FAULTS = {
    'relay-kill': Fault(12, relay_kill),
    'relay-term': Fault(4, relay_term),
    'relay-stop': Fault(2, relay_stop),
    'relay-zombie': Fault(2, relay_zombie, 'exactly-once'),
    'clock-jump': Fault(1, clock_jump, 'cc'),
    'pg-kill': Fault(3, pg_kill),
    'pg-immediate': Fault(3, pg_immediate),
    'pg-fast': Fault(3, pg_fast),
    'walsender-kill': Fault(3, walsender_kill),
    'walsender-stop': Fault(1, walsender_stop),
    'broker-kill': Fault(2, broker_kill),
    'broker-stop': Fault(2, broker_stop),
    'registry-restart': Fault(1, registry_restart),
    'registry-schema': Fault(0.5, registry_schema),
    'registry-schemas': Fault(0.5, registry_schemas),
    'kafka-zombie': Fault(2, kafka_zombie, 'exactly-once'),
    'brokers-leaders': Fault(4, brokers_leaders, 'brokers'),
    'brokers-roll': Fault(3, brokers_roll, 'brokers'),
    'brokers-kill': Fault(4, brokers_kill, 'brokers'),
    'brokers-kill-two': Fault(4, brokers_kill_two, 'brokers'),
    'brokers-kill-progress': Fault(3, brokers_kill_progress, 'brokers'),
    'brokers-kill-coordinator': Fault(3, brokers_kill_coordinator, 'brokers exactly-once'),
    'brokers-kill-controller': Fault(3, brokers_kill_controller, 'brokers'),
    'brokers-too-few': Fault(2, brokers_too_few, 'brokers'),
    'disk-wal': Fault(0, disk_wal, 'root'),
    'disk-broker': Fault(0, disk_broker, 'root'),
    'disk-relay-log': Fault(0, disk_relay_log, 'root'),
}

# How many bytes of a direction pass before a cut: what is asked or acknowledged is little.
CUTS = {('pg', 'up'): 200, ('pg', 'down'): 200_000, ('kafka', 'up'): 200_000,
        ('kafka', 'down'): 500, ('registry', 'up'): 3000, ('registry', 'down'): 1000}

for peer in ('pg', 'kafka', 'registry'):
    lasts = (0.5, 5)
    FAULTS.update({
        f'{peer}-drop': Fault(1, network(peer, 'drop')),
        f'{peer}-reset': Fault(1, network(peer, 'reset')),
        f'{peer}-refuse': Fault(0.5, network(peer, 'refuse', lasts)),
        f'{peer}-refuse-reset': Fault(0.5, network(peer, 'refuse reset', lasts)),
        f'{peer}-slow': Fault(0.5, network(
            peer, lambda rng: f'slow {rng.randint(2_000, 100_000)}', lasts)),
        f'{peer}-bytewise': Fault(0.5, network(peer, 'bytewise', lasts)),
        f'{peer}-delay': Fault(0.5, network(peer, lambda rng: f'delay {rng.randint(20, 1000)}', lasts)),
    })
    for way in ('up', 'down', 'both'):
        FAULTS[f'{peer}-blackhole-{way}'] = Fault(0.4, network(peer, f'blackhole {way}', lasts))
    for way in ('up', 'down'):
        FAULTS[f'{peer}-hold-{way}'] = Fault(0.5, network(peer, f'hold {way}', lasts))
        FAULTS[f'{peer}-cut-{way}'] = Fault(0.8, network(
            peer, lambda rng, peer=peer, way=way: f'cut {way} {rng.randint(1, CUTS[peer, way])}'))
