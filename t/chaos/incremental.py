"""incremental.py: trials of snapshot.py whose rows are read while the relay streams, because
somebody asks for them: what is asked for, in which way, when it is done, and how that is
judged (reading.py).
"""
import contextlib
import json
import os
import subprocess
import time

import kafka
import kafka.admin

from lab import as_server_user, pq, wait_until
from ledger_trial import WHOLE_EVENTS
from model_reading import CONDITIONS, KEYED
from outcomes import lsn_number
from reading import Condition, Reading

ALL = ['PUBLIC[.].*', 'public\\..*', '.*']      # expressions for all tables; case does not matter
# Who may ask: whoever may write to the source, or to Kafka, where that is enabled; whoever may read the
# progress topic, and knows the key of the slot from there; walrelay snapshot, which does the same.
WAYS = ('source', 'key', 'kafka', 'command')
CHANNELS = ('source', 'kafka')
DELAY_MS = 30       # of some trials: so long each byte of PostgreSQL is on its way
RECOVER_S = 300


class Wish:
    """What is asked for.  pause: seconds for which it is paused meanwhile, and when."""

    def __init__(self, rng, name, ways):
        self.id, self.way = name, rng.choice(ways)
        self.is_all = rng.random() < 0.5
        names = KEYED if self.is_all else rng.sample(KEYED, rng.randint(2, 5))
        self.tables = {name: Condition(CONDITIONS[name], 2, rng.randint(0, 1))
                       if name in CONDITIONS and rng.random() < 0.3 else None for name in names}
        if self.way == 'command':       # has one condition, for all that it names
            self.tables = dict.fromkeys(self.tables)
        self.collections = [rng.choice(ALL)] if self.is_all else \
            [rng.choice([f'public.{name}', f'PUBLIC\\.{name.upper()}']) for name in names]
        self.moment = rng.uniform(0, 1)     # seconds from before
        self.pause = (rng.uniform(0, 0.3), rng.uniform(0.1, 1)) if rng.random() < 0.3 else None

    def signal(self):
        conditions = [{'data-collection': f'public.{name}', 'filter': condition.sql()}
                      for name, condition in self.tables.items() if condition]
        return self.json('execute-snapshot', {'data-collections': self.collections, 'type': 'incremental',
                                              **({'additional-conditions': conditions} if conditions else {})})

    def json(self, kind, data):
        return json.dumps({'id': self.id, 'type': kind, 'data': data})

    def __str__(self):
        filters = sum(condition is not None for condition in self.tables.values())
        return (f"{'all' if self.is_all else len(self.tables)} tables, {filters} conditions, by {self.way}"
                + (f', paused for {self.pause[1]:.2f} s' if self.pause else ''))


def channels(ways):
    """The setting that those ways need."""
    needed = [way for way in ways if way in CHANNELS]
    return [f"--signal.enabled.channels={','.join(needed)}"] if needed else []


class Incremental:
    """What snapshot.py's campaign does for them."""

    def wishes_begin(self, plan):
        """The relay runs, and streams."""
        lab = self.lab
        if plan.is_slow:
            lab.proxies['pg'].do(f'delay {DELAY_MS}')
        if 'kafka' in plan.ways:
            with contextlib.closing(kafka.admin.KafkaAdminClient(bootstrap_servers=lab.bootstrap)) as admin:
                admin.create_topics([kafka.admin.NewTopic(f'{lab.prefix}-signal', 2, 1)])
        lab.relay_run()
        self.caught_up('the stream to run')
        if 'kafka' in plan.ways:        # what was in the topic before it looked is none of its affair
            wait_until(lambda: (self.progress().get('/incremental') or {}).get('offsets'), 'the signal topic to be read',
                       RECOVER_S)

    def wishes_end(self):
        self.lab.proxies['pg'].do('clear')

    def wish(self, plan, wish, moments, record):
        """Asks, and waits until all of it has been read; the Reading."""
        lab = self.lab
        time.sleep(wish.moment)
        rows = sum(self.count(lab.database, name) for name in wish.tables)
        first = self.ask(wish, wish.signal(), 'start')
        if wish.pause:
            time.sleep(wish.pause[0])
            self.ask(wish, wish.json('pause-snapshot', {}), 'pause')
            time.sleep(wish.pause[1])
            self.ask(wish, wish.json('resume-snapshot', {}), 'resume')
        record['kills'] += self.strike(moments, rows)
        return Reading(first, self.wish_done(wish), wish.tables)

    def ask(self, wish, signal, command):
        """Where WAL was written, before the signal was committed."""
        lab = self.lab
        before = lab.watch.insert_lsn()
        if wish.way == 'kafka':
            producer = kafka.KafkaProducer(bootstrap_servers=lab.bootstrap, acks='all')
            producer.send(f'{lab.prefix}-signal', key=lab.prefix.encode(), value=signal.encode()).get(RECOVER_S)
            producer.close()
        elif wish.way == 'command':
            names = wish.collections if command == 'start' else []
            subprocess.run(lab.relay_command('snapshot', command, *names), check=True, cwd='/', timeout=RECOVER_S,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **as_server_user())
        else:
            text = f"signal {self.command_key() + ' ' if wish.way == 'key' else ''}{signal}"
            with pq.Session(lab.postgres.conninfo_of(lab.database)) as sql:
                return lsn_number(sql.value(f"SELECT pg_logical_emit_message(true, 'walrelay', {pq.literal(text)})"))
        return before

    def command_key(self):
        """As the progress topic has it."""
        return wait_until(lambda: (self.progress().get('/incremental') or {}).get('key'), 'a key for commands', RECOVER_S)

    def progress(self):
        """Key behind the slot's name -> newest value."""
        place, found = kafka.TopicPartition(f'{self.lab.prefix}.progress', 0), {}
        with contextlib.closing(self.consumer()) as consumer:
            if not consumer.partitions_for_topic(place.topic):
                return found        # the relay will make it
            consumer.assign([place])
            end = consumer.end_offsets([place])[place]
            while consumer.position(place) < end:
                for record in consumer.poll(timeout_ms=200).get(place, ()):
                    found[record.key.decode().removeprefix(self.lab.slot)] = json.loads(record.value or 'null')
        return found

    def is_idle(self, upto):
        """Nothing is asked for any more, or being read, and that is of a time when everything up to this
        LSN was there."""
        notes = self.progress()
        if lsn_number((notes.get('') or {'lsn': '0/0'})['lsn']) < upto:
            return False
        asked = (notes.get('/incremental') or {}).get('signals')
        return not asked and not any(note for name, note in notes.items() if name.startswith('/incremental/'))

    def is_heard(self, name):
        with contextlib.suppress(OSError), open(self.lab.relay_log, encoding='utf-8', errors='replace') as file:
            return name in file.read()
        return False

    def wish_done(self, wish):
        """Where WAL was written then."""
        lab = self.lab
        if wish.way == 'kafka':     # its offset is no LSN
            wait_until(lambda: self.is_heard(wish.id), f'the signal {wish.id} to be heard', RECOVER_S)
        asked = lab.watch.insert_lsn()
        wait_until(lambda: lab.relay.wrong or self.is_idle(asked), f'{wish.id} to be done', RECOVER_S)
        if lab.relay.wrong:
            raise ValueError('; '.join(lab.relay.wrong))
        return lab.watch.insert_lsn()

    def wishes_prove(self, plan, start, readings, kills):
        """The checker's report."""
        name = os.path.join(self.workload.dir, 'readings.json')
        with open(name, 'w', encoding='utf-8') as file:
            json.dump([reading.plain() for reading in readings], file)
        arguments = ['--mode', plan.mode, '--whole-max', str(WHOLE_EVENTS), '--readings', name, '--start', str(start),
                     '--runs-max', str(self.runs_max()), *(['--kills'] if kills else [])]
        return self.judged(arguments)

    def incremental(self, plan, record):
        """A trial of this kind."""
        start, _ = self.begin(plan)
        began, readings, record['kills'] = time.monotonic(), [], 0
        self.wishes_begin(plan)
        for place, wish in enumerate(plan.wishes):
            readings.append(self.wish(plan, wish, plan.moments[place::len(plan.wishes)], record))
        record['snapshot_s'] = round(time.monotonic() - began, 2)
        self.wishes_end()
        self.caught_up('the stream to go on behind the snapshot')
        self.finish(plan.what)
        return self.wishes_prove(plan, start, readings, record['kills'])
