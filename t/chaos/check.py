"""check.py: the rules that a log must obey, given what the writers did.  Pure: a log, the
outcomes (outcomes.py) and the tables' last rows in, a report out; no Kafka, no clock, no
files.  Called by checker.py with what is in Kafka, by mutations.py with logs from memory.

A log has
  prefix             topics are PREFIX.schema.table, PREFIX.transaction, PREFIX.message
  partitions()       every (topic, partition), of any topic of the prefix
  partition_count(topic)
  records(topic, partition)   dicts in offset order; each call begins anew: topic,
                     partition, offset, key and value (decoded; None), key_raw (bytes
                     or None), headers (list of (name, bytes)), time (milliseconds, when
                     the broker appended it; None: not known)

What each breach is called, and the rule that it breaks:
  lost         a committed transaction is not there, or not all of it
  counts       an event too many, or not of the table that it should be of; places in
               the transaction that do not fit
  aborted      an event of a transaction that was rolled back; poison: text of one
  stranger     an event of a transaction that nobody made, or of a table not captured
  order        something seen for the first time behind what comes after it
  replay       records come again, but not as a run that starts with a transaction and
               goes on to the end of what was there;  runs: more such runs than allowed
  written      records come again behind a position that says that they are there
  long         a run repeats what came in a longer time than allowed
  progress     the positions that are written down go back
  differs      a record that comes again is not the same
  duplicate    a record comes again, and delivery is exactly once
  torn         exactly once: a transaction in two Kafka transactions, though it is small, or
               a delete and its tombstone;  cut: the Kafka transactions of two
               partitions do not end at the same places, or within a small transaction
  op           the operation does not fit the images;  before: before is not the row as
               it was;  seq: an account's version is skipped;  content: a row that does
               not fit its own checksum or hash chain, or a message that is not its
               transaction's;  sum: balances do not add up
  key          the key is not the row's;  partition: not where its key belongs
  tombstone    a delete without one, or one without a delete
  boundary     BEGIN or END of a transaction missing, or wrong
  source       the source block contradicts itself or the transaction
  position     the position header is missing, or contradicts itself or the transaction
  message      a message outside transactions is lost, or nobody sent it
  state        replayed, the log is not what the tables hold
Those of snapshots are in seam.py and reading.py.  Long because one log is read, once, for all of them.
"""
import array
import bisect
import collections
import json
import statistics
import struct

from outcomes import ABORTED, COMMITTED, lsn_number
from tables import PLACEHOLDER, POISON, TABLES, chain, content_fault, digest, md5

POSITION = '__walrelay.position'
PROGRESS = 'progress'
IGNORED = ('schema-changes', PROGRESS, 'dead-letter')       # topics without rows of tables
PLACES = 1 << 62        # of a transaction, for what is behind its last event; a snapshot's rows are there
ROWS = PLACES << 2      # in the order keys of these, and of no others
TIMES = ('ts_ms', 'ts_us', 'ts_ns')     # of an envelope: when it was made; of a source: when it was committed
TABLE_OF = {table.collection: table for table in TABLES.values()}


def murmur2(data):
    """The partitioner of Kafka's own producer."""
    mask = 0xffffffff
    value = 0x9747b28c ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        part = int.from_bytes(data[at:at + 4], 'little') * 0x5bd1e995 & mask
        part = (part ^ part >> 24) * 0x5bd1e995 & mask
        value = value * 0x5bd1e995 & mask ^ part
    if whole < len(data):
        value = (value ^ int.from_bytes(data[whole:], 'little')) * 0x5bd1e995 & mask
    value = (value ^ value >> 13) * 0x5bd1e995 & mask
    return value ^ value >> 15


def order_key(lsn, place, sub):
    """One number that sorts as (lsn, place, sub) does."""
    return lsn << 66 | place << 2 | sub


def lsn_of(key):
    return key >> 66


def key_text(key):
    """LSN and place in the transaction."""
    return f'{lsn_of(key):x}/{key >> 2 & PLACES - 1}'


class Options:
    """exactly_once: no duplicates, whole transactions.  runs_max: replays allowed in each
    partition; run_ms_max: in how many milliseconds what one repeats may have come;
    None: any number.  whole_max: transactions of more events may be split.  snapshot: seam.Rules, or
    reading.Rules; None: the relay has been there from the first transaction on."""

    def __init__(self, exactly_once=False, runs_max=None, run_ms_max=None, whole_max=10000, breaches_max=20,
                 snapshot=None):
        self.exactly_once, self.runs_max, self.run_ms_max = exactly_once, runs_max, run_ms_max
        self.whole_max, self.breaches_max, self.snapshot = whole_max, breaches_max, snapshot


class Breaches:
    """The first of all, and how many of each kind."""

    def __init__(self, most):
        self.most, self.first, self.kinds = most, [], collections.Counter()

    def add(self, kind, where, text):
        self.kinds[kind] += 1
        if len(self.first) < self.most or self.kinds[kind] == 1:
            self.first.append({'kind': kind, 'where': where, 'what': text})


class Transactions:
    """What has been seen of each of the writers' transactions.  Dense: there may be
    millions of them."""

    def __init__(self, outcomes, breaches):
        self.breaches = breaches
        self.made = outcomes.transactions
        count = len(self.made)
        self.index = {}         # 32-bit xid, as events have it -> place in made
        for i, txn in enumerate(self.made):
            known = self.index.get(txn.txid & 0xffffffff)
            # an id that a crash gave back is of the one that was not rolled back
            if known is None or self.made[known].outcome == ABORTED or txn.outcome == COMMITTED:
                self.index[txn.txid & 0xffffffff] = i
        self.places = [None] * count    # event's number - 1 -> its place in the header + 1, 0: not seen
        self.counts = {name: array.array('I', bytes(4 * count)) for name in [*TABLE_OF, 'message']}
        self.orders = {name: array.array('Q', bytes(8 * count)) for name in self.counts}
        self.delta = array.array('q', bytes(8 * count))     # of the balances
        self.begun = bytearray(count)
        self.ends = [None] * count      # (end LSN, event_count, counts by collection)
        self.lsns = array.array('Q', bytes(8 * count))      # of the position headers
        self.excused = set()    # of which nothing need be there

    def find(self, xid):
        return self.index.get(xid)

    def end_lsn(self, i):
        return self.ends[i][0] if self.ends[i] else None

    def span(self, i):
        """Order keys between which all that a transaction has must be."""
        lsn = self.lsns[i] or self.end_lsn(i) or 0
        return order_key(lsn, 0, 0), order_key(lsn, PLACES - 1, 3)

    def event(self, i, collection, place, block, where):
        """An event that was not seen before.  False: it was, somewhere else."""
        seen = self.places[i]
        if seen is None:
            seen = self.places[i] = array.array('Q')
        if block is None:       # no transaction metadata: the header's places are all there is
            seen.append(place + 1)
            if self.ends[i]:
                self.breaches.add('counts', where, 'it has no transaction block')
        else:
            order = block['total_order']
            if order < 1 or order > 1 << 32:
                self.breaches.add('counts', where, f'event number {order}')
                return True
            if order > len(seen):
                seen.frombytes(bytes(8 * (order - len(seen))))
            if seen[order - 1]:
                self.breaches.add('counts', where, f'event {order} of transaction {self.made[i].txid} is there twice')
                return False
            seen[order - 1] = place + 1
            self.orders[collection][i] += block['data_collection_order']
        self.counts[collection][i] += 1
        return True

    def check(self, has_boundaries):
        present = 0
        for i, txn in enumerate(self.made):
            seen = self.places[i]
            where = f'transaction {txn.txid} ({txn.tag})'
            if self.index[txn.txid & 0xffffffff] != i:
                continue
            if not seen:
                if txn.outcome == COMMITTED and i not in self.excused:
                    self.breaches.add('lost', where, f'none of its {txn.events} events is there')
                elif self.begun[i] or self.ends[i]:
                    self.breaches.add('boundary', where, 'a boundary of a transaction without events')
                continue
            if txn.outcome == ABORTED:
                continue            # was reported event by event
            present += 1
            self.check_seen(i, txn, seen, where, has_boundaries)
            if has_boundaries:
                self.check_boundaries(i, txn, where)
        return present

    def check_seen(self, i, txn, seen, where, has_blocks):
        missing = txn.events - sum(map(bool, seen))
        if missing > 0 or 0 in seen:
            hole = seen.index(0) + 1 if 0 in seen else len(seen) + 1
            self.breaches.add('lost', where, f'{missing} of its {txn.events} events are not there, first number {hole}')
            return
        for name, counts in self.counts.items():
            count, wanted = counts[i], txn.tables.get(name, 0)
            if count != wanted:
                self.breaches.add('counts', where, f'{count} events of {name}, not {wanted}')
            elif has_blocks and self.orders[name][i] != count * (count + 1) // 2:
                self.breaches.add('counts', where, f'events of {name} are not numbered 1 to {count}')
        if self.delta[i]:
            self.breaches.add('sum', where, f'it changes the sum of balances by {self.delta[i]}')
        if has_blocks and any(a > b for a, b in zip(seen, seen[1:])):
            self.breaches.add('position', where, 'the positions of its events are not in their order')

    def check_boundaries(self, i, txn, where):
        if not self.begun[i]:
            self.breaches.add('boundary', where, 'there is no BEGIN')
        if not self.ends[i]:
            self.breaches.add('boundary', where, 'there is no END')
        elif self.ends[i][1:] != (txn.events, tuple(sorted(txn.tables.items()))):
            self.breaches.add('boundary', where, f'END has {self.ends[i][1:]}, not {txn.events} of {txn.tables}')


class Place:
    """A partition while it is read.  history: order keys of what was seen, rising;
    replay: where in it a running replay has come to."""

    def __init__(self):
        self.history, self.digests = [], array.array('Q')
        self.times = array.array('q')   # when each of them was appended, the last time
        self.time = None                # when the record before was
        self.replay = None
        self.runs = self.repeats = self.records = 0
        self.deleted = None     # a delete just seen: its order key, key, end LSN, transaction
        self.text = ''          # what must be the same when the record comes again
        self.positions = None   # do records have the header?
        self.groups = []        # exactly once: Group between gaps of offsets
        self.next_offset = None
        self.read = 0           # position of the last row of a snapshot

    def seen(self):
        """The end of the last transaction of which something was seen, 0: of none."""
        return lsn_of(self.history[-1]) if self.history else 0


class Group:
    """Records of one partition and one Kafka transaction: order keys of the first and the last."""
    __slots__ = ('first', 'last')

    def __init__(self, key):
        self.first = self.last = key


class Positions:
    """What the progress topic said, and when."""

    def __init__(self):
        self.times, self.lsns = [], []

    def add(self, time, lsn):
        if time is not None:
            self.times.append(max(time, self.times[-1] if self.times else time))
            self.lsns.append(max(lsn, self.lsns[-1] if self.lsns else lsn))

    def before(self, time):
        """The position that was there before that millisecond; 0: none."""
        at = bisect.bisect_left(self.times, time)
        return self.lsns[at - 1] if at else 0


class Tables:
    """The log replayed: for each table the row's digest by key, and checks of each change
    against the row that it changes."""

    def __init__(self, breaches, transactions):
        self.breaches, self.transactions = breaches, transactions
        self.rows = {name: {} for name in TABLES}
        self.bags = {name: collections.Counter() for name, table in TABLES.items() if not table.key}
        self.bigs = {}          # (table, key) -> MD5 of the large value, where an event need not have it

    def seed(self, state):
        """What they held when the capture began: a history.State."""
        self.rows.update(state.rows)
        self.bags.update(state.bags)
        self.bigs.update(state.bigs)

    def plain(self, table, row, key=None):
        """A row as it is compared: large values by their MD5, an untouched one by what it was."""
        if 'big' not in row:
            return row
        big = row['big']
        if big == PLACEHOLDER and not table.full:
            return {**row, 'big': (self.bigs.get((table.name, key)),)}
        return {**row, 'big': (md5(big),)}

    def change(self, table, value, i, where):
        op, before, after = value['op'], value['before'], value['after']
        fits = {'c': not before and after, 'd': before and not after, 't': not before and not after,
                'u': after and bool(before) == table.full}
        if not fits.get(op):
            self.breaches.add('op', where, f"op {op} with{'' if before else 'out'} before, "
                              f"with{'' if after else 'out'} after")
            return
        if op == 't':
            self.rows[table.name].clear()
        elif not table.key:
            self.bag_change(table, before, after, where)
        else:
            self.row_change(table, op, before, after, i, where)

    def bag_change(self, table, before, after, where):
        bag = self.bags[table.name]
        if before:
            old = digest(before)
            bag[old] -= 1
            if bag[old] < 0:
                self.breaches.add('before', where, 'before is no row that is there')
        if after:
            self.content(table, after, where)
            bag[digest(after)] += 1

    def row_change(self, table, op, before, after, i, where):
        rows = self.rows[table.name]
        key = table.key_of(after or before)
        have = rows.get(key)
        if (have is None) != (op == 'c'):
            self.breaches.add('before', where, f"op {op} of a row that is {'not ' if have is None else ''}there")
        elif before and table.full:
            if digest(self.plain(table, before)) != have:
                self.breaches.add('before', where, 'before is not the row as it was')
        elif before and any(before[name] is not None for name in table.columns if name not in table.key):
            self.breaches.add('before', where, 'before has more than the key')
        if op == 'd':
            rows.pop(key, None)
            self.bigs.pop((table.name, key), None)
            return
        plain = self.plain(table, after, key)
        self.content(table, plain, where)
        if table.name == 'acct':
            self.account(before, after, i, where)
        elif table.name == 'txlog':
            self.txlog(after, i, where)
        if 'big' in plain and not table.full:
            self.bigs[table.name, key] = plain['big'][0]
        rows[key] = digest(plain)

    def content(self, table, plain, where):
        fault = content_fault(table, plain)
        if fault:
            self.breaches.add('content', where, fault)

    def account(self, before, after, i, where):
        tag = self.transactions.made[i].tag
        if (after['pad'] or '').split('|')[0] != tag:
            self.breaches.add('content', where, 'pad is not of the transaction')
        old = before or {'seq': 0, 'prevhash': b'', 'bal': after['bal']}
        if after['seq'] != old['seq'] + 1:
            self.breaches.add('seq', where, f"account {after['id']} goes from version {old['seq']} to {after['seq']}")
        if after['prevhash'] != chain(old['prevhash'], after['seq'], after['bal'], tag):
            self.breaches.add('content', where, f"account {after['id']}: the hash chain is broken")
        self.transactions.delta[i] += after['bal'] - old['bal']

    def txlog(self, row, i, where):
        txn = self.transactions.made[i]
        wanted = {'txid8': txn.txid, 'worker': txn.worker, 'n': txn.n, 'expected_n': txn.events, 'tag': txn.tag}
        if any(row[name] != value for name, value in wanted.items()) or json.loads(row['tables']) != txn.tables:
            self.breaches.add('content', where, f'txlog has {row}, its writer {wanted} {txn.tables}')

    def compare(self, final):
        """final: (table name, row) of every row that the source has."""
        wanted = {name: {} for name in TABLES}
        bags = {name: collections.Counter() for name in self.bags}
        for name, row in final:
            table = TABLES[name]
            if table.key:
                wanted[name][table.key_of(row)] = digest(row)
            else:
                bags[name][digest(row)] += 1
        for name, rows in wanted.items():
            have = self.rows[name]
            for key in rows.keys() | have.keys():
                if rows.get(key) != have.get(key):
                    text = ('only in the log' if key not in rows else
                            'only in the table' if key not in have else 'different')
                    self.breaches.add('state', f'{name} {key}', f'this row is {text}')
        for name, bag in bags.items():
            have = self.bags[name]
            if +bag != +have:
                self.breaches.add('state', name, f'{sum((have - bag).values())} rows only in the log, '
                                  f'{sum((bag - have).values())} only in the table')


class Check:
    """Reads a log once, partition by partition; PREFIX.transaction once more before, for
    where transactions end."""

    def __init__(self, log, outcomes, options):
        self.log, self.outcomes, self.options = log, outcomes, options
        self.breaches = Breaches(options.breaches_max)
        self.transactions = Transactions(outcomes, self.breaches)
        self.tables = Tables(self.breaches, self.transactions)
        self.seam = options.snapshot and options.snapshot.seam(self.transactions, self.tables, self.breaches)
        self.said = collections.Counter()
        self.has_positions = False
        self.has_boundaries = False
        self.ignored = set()
        self.cuts = []          # exactly once: (partition, order keys between which there is an end)
        self.zones = []         # [from, to): order keys behind which there is none
        self.written = Positions()
        self.run_ms = []        # of each run, where the times are known
        self.records = self.repeats = self.runs = self.runs_most = 0

    # ---- order ----

    def ends_learn(self):
        """From the ENDs: where transactions lie, which their events may not say."""
        for topic, partition in self.log.partitions():
            if topic != f'{self.log.prefix}.transaction':
                continue
            for record in self.log.records(topic, partition):
                self.has_boundaries = True
                value = record['value']
                xid, lsn = map(int, value['id'].split(':'))
                i = self.transactions.find(xid)
                if value['status'] == 'END' and i is not None and self.transactions.ends[i] is None:
                    counts = {item['data_collection']: item['event_count'] for item in value['data_collections'] or ()}
                    self.transactions.ends[i] = (lsn, value['event_count'], tuple(sorted(counts.items())))

    def positions_learn(self):
        """From the progress topic.  Its other keys tell of topics."""
        last = 0, 0
        for topic, partition in self.log.partitions():
            if topic != f'{self.log.prefix}.{PROGRESS}':
                continue
            for record in self.log.records(topic, partition):
                if b'/' in record['key_raw'] or record['value'] is None:
                    continue
                value = json.loads(record['value'])
                lsn, before = lsn_number(value['lsn']), last
                last = lsn, value.get('changes', 0)
                if last < before:
                    self.breaches.add('progress', f"{topic} @{record['offset']}", f'{lsn:x} after {before[0]:x}')
                self.written.add(record['time'], lsn)

    def position(self, place, record, where):
        """(LSN, place) of the header, None if there is none."""
        data = next((data for name, data in record['headers'] if name == POSITION), None)
        if place.positions is None:
            place.positions = data is not None
        if (data is not None) != place.positions:
            self.breaches.add('position', where, 'some records of this topic have the header, some have not')
        if data is None:
            return None
        if len(data) != 16:
            self.breaches.add('position', where, f'the header has {len(data)} bytes')
            return None
        self.has_positions = True
        return struct.unpack('>QQ', data)

    def position_check(self, i, position, where):
        """A transaction has one LSN, which is not behind its end."""
        lsns, end = self.transactions.lsns, self.transactions.end_lsn(i)
        if position and lsns[i] not in (0, position[0]):
            self.breaches.add('position', where, f'LSN {position[0]:x} of a transaction at {lsns[i]:x}')
        elif position and end and position[0] > end:
            self.breaches.add('position', where, f'LSN {position[0]:x} of a transaction that ends at {end:x}')
        elif position:
            lsns[i] = position[0]

    def place_record(self, place, key, end, record, where):
        """True for a record seen for the first time.  end: of its transaction, if it is known."""
        before, place.time = place.time, record['time']
        history = place.history
        sign = digest(place.text)
        if not history or key > history[-1]:
            if place.replay not in (None, len(history)):
                self.breaches.add('replay', where, f'it stops {len(history) - place.replay} records '
                                  'before the end of what was there')
            place.replay = None
            history.append(key)
            place.digests.append(sign)
            place.times.append(-1 if place.time is None else place.time)
            return True
        at = bisect.bisect_left(history, key)
        if history[at] != key:
            self.breaches.add('order', where, 'seen for the first time behind what comes after it')
            return True
        if place.replay != at:
            self.run_measure(before, place.times[at], where)
        self.repeated(place, at, sign, where)
        if place.time is not None:
            place.times[at] = place.time
            position = self.written.before(place.time)
            if not self.options.exactly_once and (end <= position if end else lsn_of(key) < position):
                self.breaches.add('written', where, f'it comes again, but {position:x} was written down')
        return False

    def run_measure(self, last, first, where):
        """What comes again was appended, the last time, between these."""
        if last is None or first < 0:
            return
        self.run_ms.append(last - first)
        if self.options.run_ms_max is not None and last - first > self.options.run_ms_max:
            self.breaches.add('long', where, f'it repeats what came in {last - first} ms')

    def repeated(self, place, at, sign, where):
        place.repeats += 1
        if self.options.exactly_once:
            self.breaches.add('duplicate', where, 'it was there before')
        if place.digests[at] != sign:
            self.breaches.add('differs', where, 'it is not what it was the first time')
        if place.replay != at:
            if place.replay is not None and at > place.replay:
                self.breaches.add('replay', where, f'it skips {at - place.replay} records')
            if at > 0 and lsn_of(place.history[at - 1]) == lsn_of(place.history[at]):
                self.breaches.add('replay', where, 'it starts inside a transaction')
            place.runs += 1
        place.replay = at + 1

    def essence(self, record):
        """What must be the same when a record comes again: all but the times at which it was
        made, and what a new stream does not know: the end of the transaction before, and its
        time, which is that of a message outside of transactions."""
        value = record['value']
        if value is not None:
            value = {name: item for name, item in value.items() if name not in TIMES}
            if 'source' in value:
                value['source'] = {**value['source'], 'sequence': None}
                if value['source']['txId'] is None:
                    value['source'].update(dict.fromkeys(TIMES))
        headers = [header for header in record['headers'] if not header[0].startswith('__debezium.context')]
        return record['key'], value, headers

    # ---- partitions ----

    def partition_check(self, topic, partition):
        suffix = topic[len(self.log.prefix) + 1:]
        if suffix.startswith(IGNORED):
            self.ignored.add(topic)
            return
        table = TABLE_OF.get(suffix)
        judge = {'transaction': self.boundary, 'message': self.message}.get(suffix)
        if table and table.partitions == 1 < self.log.partition_count(topic):
            raise ValueError(f'topic {topic} must have one partition: it has records without a key')
        place, where = Place(), topic
        for record in self.log.records(topic, partition):
            where = f"{topic} [{partition}] @{record['offset']}"
            place.records += 1
            place.text = repr(self.essence(record))
            if POISON in place.text:
                self.breaches.add('poison', where, 'text of a transaction that was rolled back')
            if judge:
                judge(place, record, where)
            elif table:
                self.row_record(table, place, record, where)
            else:
                self.breaches.add('stranger', where, 'this table is not captured')
        if place.replay not in (None, len(place.history)):
            self.breaches.add('replay', where, 'the log ends in it')
        if place.deleted:
            self.breaches.add('tombstone', where, 'the log ends with a delete')
        self.partition_sum(topic, partition, place)

    def partition_sum(self, topic, partition, place):
        where = f'{topic} [{partition}]'
        self.records += place.records
        self.repeats += place.repeats
        self.runs += place.runs
        self.runs_most = max(self.runs_most, place.runs)
        if self.options.runs_max is not None and place.runs > self.options.runs_max:
            self.breaches.add('runs', where, f'{place.runs} replays, {self.options.runs_max} are accounted for')
        for group, following in zip(place.groups, [*place.groups[1:], None]):
            if following and following.first > group.last:
                self.cuts.append((where, group.last, following.first))
            if group.first < group.last:
                self.zones.append((group.first, group.last))

    def group(self, place, record, key, i, where):
        """Exactly once: a control record takes an offset at each end of a Kafka transaction."""
        if not self.options.exactly_once:
            return
        if record['offset'] == place.next_offset:
            place.groups[-1].last = key
        else:
            if place.groups:
                self.torn_check(place.groups[-1].last, key, i, where)
            place.groups.append(Group(key))
        place.next_offset = record['offset'] + 1

    def torn_check(self, last, key, i, where):
        """A Kafka transaction ends between these two."""
        if i is None or lsn_of(last) != lsn_of(key):
            return
        if self.is_whole(i):
            self.breaches.add('torn', where, f'transaction {self.transactions.made[i].txid} goes on '
                              'in another Kafka transaction')
        elif key == last | 1:
            self.breaches.add('torn', where, 'a tombstone is in another Kafka transaction than its delete')

    def is_whole(self, i):
        return self.transactions.made[i].events <= self.options.whole_max

    def row_record(self, table, place, record, where):
        if record['value'] is None:
            self.tombstone(table, place, record, where)
            return
        value, deleted = record['value'], place.deleted
        place.deleted = None
        if value['op'] == 'r':
            self.row_snapshot(table, place, record, deleted, where)
            return
        i = self.transaction_of(value, where)
        position = self.position(place, record, where)
        if i is None:
            return
        key = self.event_key(i, value, position, where)
        if key is None:
            return
        end = self.transactions.end_lsn(i)
        is_new = self.place_record(place, key, end, record, where)
        if deleted and is_new:
            self.breaches.add('tombstone', where, 'the delete before it has none')
        if value['op'] == 'd':
            place.deleted = key, record['key'], end, i
        self.group(place, record, key, i, where)
        if is_new:
            self.row_first(table, place, record, i, key, position, where)

    def row_snapshot(self, table, place, record, deleted, where):
        if self.seam is None:
            self.breaches.add('op', where, 'a row of a snapshot')
            return
        lsn, position = record['value']['source']['lsn'], self.position(place, record, where)
        if deleted:
            self.breaches.add('tombstone', where, 'the delete before it has none')
        # where no commit record begins: behind all transactions from before it
        if position and position[0] != lsn - 1:
            self.breaches.add('position', where, f'LSN {position[0]:x} of a row at {lsn:x}')
        # behind all that ends at its position, but not behind a commit record that begins there
        self.group(place, record, order_key(position[0] if position else lsn, PLACES, 0), None, where)
        self.key_check(table, record, where)
        self.seam.row(table, place, record, where)

    def transaction_of(self, value, where):
        source = value['source']
        i = self.transactions.find(source['txId'])
        if i is None:
            self.breaches.add('stranger', where, f"nobody made a transaction {source['txId']}")
        elif self.transactions.made[i].outcome == ABORTED:
            self.breaches.add('aborted', where, f"transaction {source['txId']} was rolled back")
        else:
            return i
        return None

    def event_key(self, i, value, position, where):
        """Where an event is in the order of all.  The second half of a key change may share its
        place with the first; and a commit record may begin where a message outside of
        transactions ends, which comes first then."""
        sub = {'c': 2, 'm': 1}.get(value['op'], 0)
        if position:
            self.position_check(i, position, where)
            return order_key(*position, sub)
        block, lsn = value.get('transaction'), self.transactions.end_lsn(i)
        if block is None:
            self.breaches.add('position', where, 'neither a position header nor a transaction block')
        elif lsn is None:
            self.breaches.add('boundary', where, 'nothing says where its transaction ends')
        else:
            return order_key(lsn, block['total_order'], sub)
        return None

    def tombstone(self, table, place, record, where):
        deleted, place.deleted = place.deleted, None
        position = self.position(place, record, where)
        if deleted is None or deleted[1] != record['key']:
            self.breaches.add('tombstone', where, 'the record before it is no delete of this key')
            return
        key = deleted[0] | 1
        if position and (position[0] != lsn_of(key) or position[1] < (key >> 2 & PLACES - 1)):
            self.breaches.add('position', where, "a tombstone's position is not behind its delete's")
        self.place_record(place, key, deleted[2], record, where)
        self.group(place, record, key, deleted[3], where)

    def row_first(self, table, place, record, i, key, position, where):
        value = record['value']
        source, block = value['source'], value.get('transaction')
        self.source_check(table.collection, source, block, i, where)
        number = position[1] if position else key >> 2 & PLACES - 1
        if not self.transactions.event(i, table.collection, number, block, where):
            return
        if self.seam:
            self.seam.event(table, place, value, self.transactions.end_lsn(i), where)
        self.key_check(table, record, where)
        self.tables.change(table, value, i, where)

    def source_check(self, collection, source, block, i, where):
        end = self.transactions.end_lsn(i)
        last, own = json.loads(source['sequence'])
        if f"{source['schema']}.{source['table']}" != collection:
            self.breaches.add('source', where, f"a change of {source['schema']}.{source['table']}")
        elif int(own) != source['lsn'] or (end and source['lsn'] > end):
            self.breaches.add('source', where, f"lsn {source['lsn']}, sequence {own}, transaction's end {end}")
        elif last is not None and end and int(last) > end:
            self.breaches.add('source', where, f'a transaction that ended at {last} before one that ended at {end}')
        elif block and block['id'] != f"{source['txId']}:{source['lsn']}":
            self.breaches.add('source', where, f"transaction {block['id']} at {source['txId']}:{source['lsn']}")

    def key_check(self, table, record, where):
        value, key, raw = record['value'], record['key'], record['key_raw']
        row = value['after'] or value['before']
        wanted = {name: row[name] for name in table.key} if row and table.key else None
        if key != wanted:
            self.breaches.add('key', where, f'the key is {key}, not {wanted}')
        if key is None or raw is None:
            return
        count = self.log.partition_count(record['topic'])
        home = (murmur2(raw) & 0x7fffffff) % count
        if count > 1 and record['partition'] != home:
            self.breaches.add('partition', where, f'its key belongs in partition {home}')

    # ---- other topics ----

    def boundary(self, place, record, where):
        value = record['value']
        xid, lsn = map(int, value['id'].split(':'))
        is_end = value['status'] == 'END'
        i = self.transactions.find(xid)
        if i is None or self.transactions.made[i].outcome == ABORTED:
            self.breaches.add('boundary', where, f'of transaction {xid}, which nobody committed')
            return
        end = self.transactions.end_lsn(i)
        if (record['key'] or {}).get('id') != value['id'] or value['status'] not in ('BEGIN', 'END'):
            self.breaches.add('boundary', where, 'the key is not of this boundary')
        if end is None:
            return          # there is no END, which is said at the end
        if is_end and lsn != end or lsn > end:
            self.breaches.add('boundary', where, f'transaction {xid} has its end at {end:x}, here at {lsn:x}')
        position = self.position(place, record, where)
        if position:
            self.position_check(i, position, where)
        key = order_key(*position, 0) if position else order_key(end, PLACES - 1 if is_end else 0, 0)
        is_new = self.place_record(place, key, end, record, where)
        self.group(place, record, key, i, where)
        if is_new and not is_end:
            if self.transactions.begun[i]:
                self.breaches.add('boundary', where, f'a second BEGIN of transaction {xid}')
            self.transactions.begun[i] = 1

    def message(self, place, record, where):
        value = record['value']
        source = value['source']
        position = self.position(place, record, where)
        if value['op'] != 'm' or record['key'] != {'prefix': value['message']['prefix']}:
            self.breaches.add('key', where, 'the key is not of this message')
        if value['message']['prefix'] == 'ledger':
            i = self.transaction_of(value, where)
            key = self.event_key(i, value, position, where) if i is not None else None
            if key is not None:
                self.group(place, record, key, i, where)
            if key is not None and self.place_record(place, key, self.transactions.end_lsn(i), record, where):
                self.message_first(value, i, key >> 2 & PLACES - 1, where)
            return
        # behind what ends in front of it, but for rows of a snapshot that are there; a commit record may begin there
        key = order_key(position[0] - 1, PLACES - 1, 3) if position else order_key(source['lsn'], 0, 0)
        self.group(place, record, key, None, where)
        if self.place_record(place, key, None, record, where):
            content = value['message']['content'].decode()
            self.said[content] += 1
            if content not in self.outcomes.messages:
                self.breaches.add('message', where, f'nobody sent {content}')
            elif self.said[content] > 1:
                self.breaches.add('message', where, f'{content} is there at two positions')

    def message_first(self, value, i, place, where):
        """One of a transaction, which writer.py lets say whose it is; it is of no table."""
        source, block, txn = value['source'], value.get('transaction'), self.transactions.made[i]
        self.source_check('.', source, block, i, where)
        if not self.transactions.event(i, 'message', place, block, where):
            return
        try:
            content = json.loads(value['message']['content'])
        except (TypeError, ValueError):
            content = None
        if content != {'tag': txn.tag, 'n': txn.n}:
            self.breaches.add('content', where, f"a message of transaction {txn.txid} ({txn.tag}), number {txn.n}: "
                              f"{value['message']['content']!r}")

    # ---- at the end ----

    def messages_check(self):
        for content, is_due in self.outcomes.messages.items():
            if is_due and not self.said[content] and not (
                    self.seam and not self.seam.message_is_due(self.outcomes.said_at.get(content, 0))):
                self.breaches.add('message', content, 'this message is not there')

    def cuts_check(self):
        """A Kafka transaction ends at the same place in every partition.  The records of one tell
        only between which of its own: so there must be a point in each such gap that is inside of
        no other partition's Kafka transaction, nor of a transaction that may not be split.  No
        transaction changes the sum (see sum): at these points, which are all that a
        read_committed reader can stop at, it is what it was, but within those that are split.
        Rows of a snapshot share one key, so that there are such points in it, unless a Kafka
        transaction goes from before it to behind it."""
        if self.options.exactly_once:
            self.zones += [self.transactions.span(i) for i in range(len(self.transactions.made)) if self.is_whole(i)]
        covered = []
        for first, last in sorted(self.zones):
            if covered and (first < covered[-1][1] or first == covered[-1][1] and not first & ROWS):
                covered[-1][1] = max(covered[-1][1], last)
            else:
                covered.append([first, last])
        firsts = [first for first, _ in covered]
        for where, last, first in self.cuts:
            at = bisect.bisect_right(firsts, last) - 1
            if at >= 0 and covered[at][1] >= first and not any(
                    key & ROWS and not self.is_inside(key, covered, firsts) for key in (last, first)):
                self.breaches.add('cut', where, f'a Kafka transaction ends between {key_text(last)} and '
                                  f'{key_text(first)}, where others, or transactions that stay whole, go on '
                                  f'from {key_text(covered[at][0])} to {key_text(covered[at][1])}')

    @staticmethod
    def is_inside(key, covered, firsts):
        at = bisect.bisect_left(firsts, key) - 1
        return at >= 0 and covered[at][1] > key

    def run(self, final):
        self.ends_learn()
        self.positions_learn()
        if self.seam:
            self.seam.learn(self.log)
        for topic, partition in self.log.partitions():
            self.partition_check(topic, partition)
        present = self.transactions.check(self.has_boundaries or not self.has_positions)
        self.messages_check()
        self.cuts_check()
        if self.seam:
            self.seam.finish()
        if self.seam is None or self.seam.kind.streams:
            self.tables.compare(final)
        return self.report(present)

    def report(self, present):
        outcomes = collections.Counter(txn.outcome for txn in self.outcomes.transactions)
        return {
            'records': self.records, 'transactions': present,
            'committed': outcomes[COMMITTED], 'aborted': outcomes[ABORTED],
            'unknown': len(self.outcomes.transactions) - outcomes[COMMITTED] - outcomes[ABORTED],
            'messages': sum(self.said.values()),
            'duplicates': self.repeats, 'runs': self.runs, 'runs_most': self.runs_most,
            'ratio': round(self.repeats / self.records, 6) if self.records else 0,
            'run_ms_median': statistics.median(self.run_ms) if self.run_ms else None,
            'run_ms_most': max(self.run_ms, default=None), 'run_ms_max': self.options.run_ms_max,
            'positions': self.has_positions, 'boundaries': self.has_boundaries,
            'ignored': sorted(self.ignored), 'snapshot': self.seam and self.seam.report(),
            'kinds': dict(self.breaches.kinds), 'breaches': self.breaches.first}


def check(log, outcomes, final, options=None):
    """The report; its kinds are empty if the log is what it must be."""
    return Check(log, outcomes, options or Options()).run(final)
