"""model.py: a small ledger in memory, and the log that a relay without fault writes of it:
what check.py must pass, and what mutations.py breaks.  Every kind of change that writer.py
makes is in each model.  By seed; no database, no Kafka, no clock.
"""
import collections
import json
import random
import struct

import history
import outcomes
from check import POSITION, PROGRESS, murmur2
from outcomes import ABORTED, COMMITTED, UNKNOWN
from tables import PLACEHOLDER, REGIONS, TABLES, chain, checksum, md5, topics

PREFIX = 'm'
ACCOUNTS = 8
WHOLE_MAX = 40      # messages of a transaction that is one Kafka transaction
PART = 30           # of a larger one, about, in each
INTERVAL_MS = 200   # a position is written so often, for what is so old that it is acknowledged:
FLIGHT_MS = 50
COMMIT = 8          # bytes of a commit record


class MemoryLog:
    """Records by partition.  group: the Kafka transaction that a record is in, None without.
    now: milliseconds, when the last one was appended.  progress: records of the progress topic."""

    def __init__(self):
        self.prefix = PREFIX
        self.counts = topics(PREFIX)
        self.parts = {(topic, number): [] for topic, count in self.counts.items() for number in range(count)}
        self.progress = []
        self.now = 1_000_000

    def partitions(self):
        return [*sorted(self.parts), (f'{PREFIX}.{PROGRESS}', 0)]

    def partition_count(self, topic):
        return self.counts[topic]

    def position(self, lsn):
        """Is written down now."""
        value = json.dumps({'lsn': f'{lsn >> 32:X}/{lsn & 0xffffffff:X}'}).encode()
        self.progress.append({'offset': len(self.progress), 'key_raw': b'slot', 'value': value, 'headers': [],
                              'time': self.now, 'lsn': lsn})

    def records(self, topic, partition):
        if topic == f'{PREFIX}.{PROGRESS}':
            yield from self.progress
            return
        offset, group = -1, None
        for at, record in enumerate(self.parts[topic, partition]):
            offset += 1 if at == 0 or record['group'] == group else 2    # the control record
            offset += record.get('skip', 0)
            group = record['group']
            yield {**record, 'topic': topic, 'partition': partition, 'offset': offset}

    def all(self):
        """(partition's list, index) of each record."""
        return [(part, at) for _, part in sorted(self.parts.items()) for at in range(len(part))]


class Item:
    """What is confirmed as one: a transaction, or a message outside of any."""

    def __init__(self, end_lsn, commit_lsn=None):
        self.end_lsn, self.commit_lsn, self.txn = end_lsn, commit_lsn or end_lsn, None
        self.messages = []


class Model:
    """positions: None, 'message' (the header counts messages) or 'change'.  metadata: are
    there transaction blocks and boundaries?"""

    def __init__(self, seed, transactions=90, positions=None, metadata=True):
        self.rng = random.Random(f'model/{seed}')
        self.positions, self.metadata = positions, metadata
        self.items, self.made, self.said, self.said_at = [], [], {}, {}
        self.rows = {name: {} for name in TABLES}
        self.bag = []               # of nokey
        self.versions = []          # what the history is
        self.emptied_at = []        # items behind which side is empty
        self.states = []            # behind each of items: rows by table and key, and the bag
        self.lsn, self.xid = 1000, 700
        self.last_end = self.lsn
        self.transaction(0, self.opening)
        kinds = [self.plain, self.plain, self.noisy, self.noisy, self.noisy, self.aborted, self.unknown, self.big]
        for n in range(1, transactions):
            if self.rng.random() < 0.2:
                self.message_said(n)
            # the last ones touch everything, so that every kind of mutation finds its place
            is_emptied = n in (transactions // 2, transactions * 3 // 4)
            self.transaction(n, self.emptied if is_emptied else
                             self.rng.choice(kinds) if n < transactions - 8 else self.noisy)
            if is_emptied:
                self.emptied_at.append(len(self.items) - 1)

    # ---- rows ----

    def row(self, name, **values):
        table = TABLES[name]
        row = {column: values.get(column) for column in table.columns}
        if 'big' in row:
            row['sum'] = md5(row['big'])
        if table.checked:
            row['chk'] = checksum(table, row)
        return row

    def write(self, name, after, key=None):
        """A change of the row at key (default: after's), after None: it goes."""
        table, rows = TABLES[name], self.rows[name]
        key = key or table.key_of(after)
        before = rows.pop(key, None)
        if after is not None:
            rows[table.key_of(after)] = after
        if before is not None and after is not None and table.key_of(after) != key:
            self.change(name, 'd', before, None)
            self.change(name, 'c', None, after)
        else:
            self.change(name, 'u' if before and after else 'c' if after else 'd', before, after)

    def change(self, name, op, before, after):
        """An event of the open transaction, and the tombstone of a delete."""
        table = TABLES[name]
        self.versions.append(history.Version(self.xid, self.lsn, name, self.final_row(before), self.final_row(after)))
        key = {column: (after or before)[column] for column in table.key} if table.key and op != 't' else None
        if not table.full and op == 'u':
            if 'big' in after and after['big'] == before['big']:
                after = {**after, 'big': PLACEHOLDER}
            before = None
        elif not table.full and op == 'd':
            before = {column: before[column] if column in table.key else None for column in table.columns}
        self.event(f'{PREFIX}.{table.collection}', table.collection, key,
                   {'before': before, 'after': after}, op)
        if op == 'd':
            self.send(f'{PREFIX}.{table.collection}', key, None, self.place - (self.positions == 'change'))

    def event(self, topic, collection, key, value, op):
        self.lsn += self.rng.randint(1, 50)
        self.total += 1
        self.tables[collection] = self.tables.get(collection, 0) + 1
        _, schema, table = topic.split('.') if topic.count('.') == 2 else ('', '', '')
        source = {'version': '0', 'connector': 'postgresql', 'name': PREFIX, 'ts_ms': self.xid * 10,
                  'snapshot': 'false', 'db': 'd', 'sequence': json.dumps([str(self.last_end), str(self.lsn)]),
                  'schema': schema, 'table': table, 'txId': self.xid, 'lsn': self.lsn, 'xmin': None}
        block = {'id': f'{self.xid}:{self.lsn}', 'total_order': self.total,
                 'data_collection_order': self.tables[collection]} if self.metadata else None
        self.send(topic, key, {**value, 'source': source, 'transaction': block, 'op': op, 'ts_ms': 1})

    def send(self, topic, key, value, place=None):
        place = self.place if place is None else place
        raw = None if key is None else repr(key).encode()
        self.item.messages.append({'number': len(self.item.messages), 'topic': topic, 'key': key, 'key_raw': raw,
                                   'value': value, 'headers': self.header(place)})
        self.place += place == self.place

    def header(self, place):
        return [(POSITION, struct.pack('>QQ', self.item.commit_lsn, place))] if self.positions else []

    # ---- transactions ----

    def transaction(self, n, fill):
        self.xid += self.rng.randint(1, 3)
        self.tag, self.n = f'w1n{n}', n
        self.tables, self.total, self.place = {}, 0, 0
        started = self.lsn
        # change LSNs may lie before the end of the transaction before: they run side by side
        self.lsn = max(1000, self.lsn - self.rng.randint(0, 60)) if n else self.lsn
        self.item = Item(started + 20000, started + 20000 - COMMIT)     # more than any transaction takes
        saved, versions = self.state(), len(self.versions)
        outcome, is_there = fill() or (COMMITTED, True)
        self.write('txlog', self.row('txlog', txid8=self.xid, worker=1, n=n, tag=self.tag,
                                     expected_n=self.total + 1, tables=json.dumps({**self.tables, 'public.txlog': 1})))
        txn = outcomes.Transaction(self.xid, self.tag, 1, n, self.tables, outcome)
        self.made.append(txn)
        self.item.txn = txn
        if not is_there:
            self.rows, self.bag = saved
            del self.versions[versions:]
            self.lsn = started
            return
        if self.metadata:
            self.bound()
        self.item_add()
        self.lsn = self.last_end = self.item.end_lsn

    def state(self):
        return {name: dict(rows) for name, rows in self.rows.items()}, list(self.bag)

    def item_add(self):
        self.items.append(self.item)
        self.states.append(self.state())

    def bound(self):
        """BEGIN and END around the messages."""
        first = self.item.messages[0]['value']['source']['lsn']
        messages, self.item.messages = self.item.messages, []
        topic, begin, end = f'{PREFIX}.transaction', f'{self.xid}:{first}', f'{self.xid}:{self.item.end_lsn}'
        place, self.place = self.place, 0
        self.send(topic, {'id': begin}, {'status': 'BEGIN', 'id': begin, 'event_count': None,
                                         'data_collections': None, 'ts_ms': self.xid})
        self.item.messages += messages
        self.place = place
        counts = [{'data_collection': name, 'event_count': count} for name, count in self.tables.items()]
        self.send(topic, {'id': end}, {'status': 'END', 'id': end, 'event_count': self.total,
                                       'data_collections': counts, 'ts_ms': self.xid})

    def opening(self):
        for account in range(ACCOUNTS):
            self.write('acct', self.row('acct', id=account, seq=1, bal=100, pad=self.tag + '|',
                                        prevhash=chain(b'', 1, 100, self.tag)))
        for key in range(4):
            self.write('item', self.row('item', id=key, seq=0, body=None))
            for name in ('wide', 'wide_full'):
                self.write(name, self.row(name, id=key, seq=0, big=f'big {key}', note='n'))

    def plain(self):
        accounts = self.rng.sample(range(ACCOUNTS), self.rng.randint(2, 6))
        amounts = [self.rng.randint(-9, 9) for _ in accounts[1:]]
        for account, amount in zip(accounts, [-sum(amounts)] + amounts):
            old = self.rows['acct'][account,]
            seq, bal = old['seq'] + 1, old['bal'] + amount
            self.write('acct', self.row('acct', id=account, seq=seq, bal=bal, pad=self.tag + '|x',
                                        prevhash=chain(old['prevhash'], seq, bal, self.tag)))

    def noisy(self):
        self.plain()
        doings = [self.item_do, self.wide_do, self.part_do, self.nokey_do, self.side_do, self.message_do]
        self.rng.shuffle(doings)
        for do in doings:
            do()

    def emptied(self):
        self.plain()
        self.rows['side'].clear()
        self.change('side', 't', None, None)

    def aborted(self):
        self.noisy()
        return ABORTED, False

    def unknown(self):
        self.noisy()
        return UNKNOWN, self.rng.random() < 0.5

    def big(self):
        """Rows come, and those of the one before go."""
        gone = sorted(self.rows['bulk'])[:WHOLE_MAX]
        for at in range(WHOLE_MAX):
            self.write('bulk', self.row('bulk', id=self.n * 1000 + at, worker=1, body=self.tag))
            if at < len(gone):
                self.write('bulk', None, gone[at])
        return COMMITTED, True

    def item_do(self):
        """Update, key change, delete and insert again."""
        rng, keys = self.rng, sorted(self.rows['item'])
        key = rng.choice(keys)
        self.write('item', self.row('item', id=key[0], seq=self.n, body=self.tag))
        self.write('item', self.row('item', id=1000 + self.n, seq=self.n, body='moved'), key)
        self.write('item', None, (1000 + self.n,))
        self.write('item', self.row('item', id=key[0], seq=self.n, body='again'))

    def wide_do(self):
        for name in ('wide', 'wide_full'):
            key = self.rng.choice(sorted(self.rows[name]))
            old = self.rows[name][key]
            self.write(name, self.row(name, **{**old, 'note': self.tag}))
            if (self.n + key[0]) % 2:
                self.write(name, self.row(name, **{**old, 'big': f'{name} {self.tag}', 'seq': self.n}))
            else:       # nobody is told the whole row; whatever is drawn next stays as it was
                self.rng.randint(1, 50)
            if self.rng.random() < 0.3:
                self.write(name, None, key)
                self.write(name, self.row(name, id=key[0], seq=self.n, big='back', note='n'))

    def part_do(self):
        """A row comes, moves and perhaps goes."""
        key = self.n
        names = self.rng.sample(sorted(REGIONS), 2)
        for name in names:
            row = self.row(name, id=key, region=REGIONS[name], seq=self.n, body=self.tag)
            self.write(name, row)
            if name == names[0]:
                self.write(name, None, TABLES[name].key_of(row))

    def nokey_do(self):
        row = self.row('nokey', worker=1, n=self.n, body=self.tag)
        for _ in range(2):
            self.bag.append(row)
            self.change('nokey', 'c', None, row)
        other = self.row('nokey', worker=1, n=self.n, body='changed')
        self.bag.remove(row)
        self.bag.append(other)
        self.change('nokey', 'u', row, other)
        if self.rng.random() < 0.5:
            gone = self.bag.pop(0)
            self.change('nokey', 'd', gone, None)

    def side_do(self):
        if self.rng.random() < 0.3:
            self.rows['side'].clear()
            self.change('side', 't', None, None)
        for at in range(self.rng.randint(1, 3)):
            self.write('side', self.row('side', id=self.n * 100 + at, body=self.tag))

    def message_do(self):
        self.event(f'{PREFIX}.message', 'message', {'prefix': 'ledger'},
                   {'message': {'prefix': 'ledger', 'content': json.dumps({'tag': self.tag, 'n': self.n}).encode()}}, 'm')

    def message_said(self, n):
        """Outside of any transaction; the last thing said may be lost."""
        self.item = Item(self.lsn + 10)
        content = f'said {n}'
        self.said[content] = True
        self.place = 0
        source = {'txId': None, 'lsn': self.item.end_lsn, 'sequence': '[null,null]', 'schema': '', 'table': ''}
        self.send(f'{PREFIX}.message', {'prefix': 'ledger-said'},
                  {'op': 'm', 'ts_ms': 1, 'source': source, 'transaction': None,
                   'message': {'prefix': 'ledger-said', 'content': content.encode()}})
        self.said_at[content] = self.item.end_lsn
        self.item_add()
        self.lsn = self.item.end_lsn

    # ---- what the checker gets ----

    def outcomes(self):
        known = outcomes.Outcomes(self.made, dict(self.said))
        known.said_at.update(self.said_at)
        return known

    def history(self):
        return history.History(self.versions)

    def final(self):
        return [(name, self.final_row(row)) for name, row in self.all_rows(self.rows, self.bag)]

    @staticmethod
    def all_rows(rows, bag):
        """(table name, row)"""
        return [(name, row) for name, rows in rows.items() for row in rows.values()] + [('nokey', row) for row in bag]

    @staticmethod
    def final_row(row):
        return {**row, 'big': (md5(row['big']),)} if row and 'big' in row else row

    def stamped(self, message, session, is_first):
        """As a session sends it: its own times, and for what a new stream sends first, its own
        start in place of the end of the transaction before."""
        value = message['value']
        if value is None or 'source' not in value:
            return dict(message)
        value = {**value, 'ts_ms': 1000 + session}
        if value['source']['txId'] is None:
            value['source'] = {**value['source'], 'ts_ms': session}
        elif is_first:
            last, own = json.loads(value['source']['sequence'])
            value['source'] = {**value['source'], 'sequence': json.dumps([str(int(last) - session), own])}
        return {**message, 'value': value}

    def log(self, crashes=0, exactly_once=False):
        """What the relay writes, killed so many times at random moments."""
        log, start = MemoryLog(), 0
        for session in range(crashes + 1):
            is_last = session == crashes
            upto = len(self.items) if is_last else self.rng.randint(start, len(self.items))
            first, acknowledged = start, collections.deque()
            written_ms = log.now
            for at in range(first, upto):
                for message in self.items[at].messages:
                    self.append(log, message, session, at == first, at)
                log.now += self.rng.randint(1, 40)
                acknowledged.append((log.now + self.rng.randint(0, FLIGHT_MS), at))
                if log.now < written_ms + INTERVAL_MS:
                    continue
                while acknowledged and acknowledged[0][0] <= log.now:
                    start = acknowledged.popleft()[1] + 1
                if start > first:
                    log.position(self.items[start - 1].end_lsn)
                    written_ms = log.now
            if not is_last:
                self.in_flight(log, upto, session, first == upto)
                log.now += self.rng.randint(500, 5000)      # until another one runs
        if exactly_once:
            self.groups_make(log)
        return log

    def append(self, log, message, session, is_first, item):
        log.now += self.rng.random() < 0.2
        record = {**self.stamped(message, session, is_first), 'group': None, 'item': item, 'time': log.now,
                  'end_lsn': self.items[item].end_lsn}
        log.parts[self.home(log, message)].append(record)

    def home(self, log, message):
        raw, topic = message['key_raw'], message['topic']
        return topic, (murmur2(raw) & 0x7fffffff) % log.counts[topic] if raw is not None else 0

    def in_flight(self, log, upto, session, is_first):
        """What was in flight as it died: of the next transactions each partition has got some
        records, no two the same number."""
        room = {}
        for at in range(upto, min(upto + 3, len(self.items))):
            for message in self.items[at].messages:
                home = self.home(log, message)
                if room.setdefault(home, self.rng.randint(0, 6)) > 0:
                    room[home] -= 1
                    self.append(log, message, session, is_first and at == upto, at)

    def groups_make(self, log, ends=()):
        """Kafka transactions of some items each, none of them beyond one of ends, large ones split;
        some offsets are of aborted ones.  Rows of a snapshot may join what is before or behind."""
        group, groups, edges = 0, {}, {}
        for at, item in enumerate(self.items):
            group += self.rng.random() < 0.4 or at - 1 in ends
            edges[at, 'behind'], have = group, 0
            for message in item.messages:
                if len(item.messages) > WHOLE_MAX and have >= PART and message['value'] is not None:
                    group, have = group + 1, 0
                groups[at, message['number']] = group
                have += 1
            edges[at, 'before'] = group
        for part in log.parts.values():
            last = None
            for record in part:
                if 'joins' in record:
                    record['group'] = edges[record['joins']]
                elif record['group'] is None:
                    record['group'] = groups[record['item'], record['number']]
                if record['group'] != last and self.rng.random() < 0.1:
                    record['skip'] = self.rng.randint(2, 9)
                last = record['group']
