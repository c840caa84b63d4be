"""reading_mutations.py: ways to break a correct log of model_reading.py: as mutations.py, but for
what reading.py must see.  Run by checker_test.py, one at a time.
"""
import copy
import struct

from check import POSITION
from model import PREFIX
from model_reading import KEYED
from mutations import Mutation
from seam_mutations import SeamMutation
from tables import PLACEHOLDER, POISON, TABLES


def breaks(*kinds, exactly_once=False, positions=None, **log):
    """What one of must be reported; which log the mutation is of: model_reading.Readings()."""
    def mark(function):
        function.breaks = kinds
        function.log = {'exactly_once': exactly_once, 'positions': positions, 'readings': log}
        return function
    return mark


class ReadingMutation(Mutation):
    is_read = staticmethod(SeamMutation.is_read)
    named = staticmethod(SeamMutation.named)

    def __init__(self, made, readings, rng):
        super().__init__(made, readings.log, rng)
        self.made, self.readings, self.opened = made, readings.readings, readings.opened

    # ---- finding records ----

    def read(self, table=None, wanted=lambda record: True):
        """(partition's list, index) of a row that was read."""
        return self.find(lambda record: self.is_read(record) and wanted(record), table and f'public.{table}')

    def edit_read(self, table=None, wanted=lambda record: True):
        return self.edit(*self.read(table, wanted))['value']

    def rows(self, item):
        """(table, key) -> row, behind that item."""
        rows = self.made.states[item][0]
        return {(name, key): row for name in KEYED for key, row in rows[name].items()}

    def item_at(self, lsn):
        """What was streamed last in front of it."""
        return max(at for at, item in enumerate(self.made.items) if item.end_lsn <= lsn)

    def reading_of(self, record):
        lsn = record['value']['source']['lsn']
        return next(reading for reading in self.readings if reading.first < lsn <= reading.last)

    def versions(self, record, reading):
        """The row behind each item from where the reading was asked for on, to its end."""
        return [self.rows(item).get(self.named(record))
                for item in range(self.item_at(reading.first), self.item_at(reading.last) + 1)]

    def is_quiet(self, record):
        """Nothing happens to the row while the reading lasts."""
        return all(row == record['value']['after'] for row in self.versions(record, self.reading_of(record)))

    def put(self, name, row, lsn):
        """A row more, at that position."""
        part, at = self.find(self.is_read)
        record = copy.deepcopy(part[at])
        table, value, item = TABLES[name], record['value'], self.item_at(lsn)
        value['after'] = dict(row)
        value['source'].update(table=name, lsn=lsn, sequence=f'[null,"{lsn}"]')
        key = {column: row[column] for column in table.key}
        record.update(topic=f'{PREFIX}.{table.collection}', key=key, key_raw=repr(key).encode(), item=item, end_lsn=lsn)
        if record['headers']:
            record['headers'] = [(POSITION, struct.pack('>QQ', lsn - 1, 0))]
        home = self.log.parts[self.made.home(self.log, record)]
        place = next((place for place, other in enumerate(home) if other['item'] > item
                      or self.is_read(other) and other['end_lsn'] > lsn), len(home))
        if place and home[place - 1]['item'] == item:
            record['group'] = home[place - 1]['group']
        home.insert(place, record)

    def positions(self, name=None):
        """LSNs of chunks (of a table)."""
        return sorted({part[at]['value']['source']['lsn'] for part, at in self.log.all() if self.is_read(part[at])
                       and name in (None, part[at]['topic'][len(PREFIX) + 8:])})

    # ---- rows are missing ----

    def drop_read(self, wanted=lambda record: True, table=None):
        part, at = self.read(table, lambda record: wanted(record) and self.is_quiet(record))
        del part[at]

    @breaks('unread')
    def row_missing(self):
        """a row is not read"""
        self.drop_read()

    @breaks('unread', exactly_once=True)
    def row_missing_once(self):
        """a row is not read, exactly once"""
        self.drop_read()

    @breaks('unread', is_all=True)
    def row_missing_largest(self):
        """the row with the largest key is not read"""
        name = self.rng.choice(['acct', 'wide', 'wide_full', 'txlog', 'item'])
        largest = max(key for key, _ in self.due(name))
        self.drop_read(lambda record: self.named(record) == (name, largest))

    def due(self, name):
        return self.made.states[self.item_at(self.readings[0].first)][0][name].items()

    @breaks('unread')
    def row_missing_gone(self):
        """a row is not read that is changed behind the end"""
        self.drop_read(lambda record: any(
            self.rows(item).get(self.named(record)) != record['value']['after']
            for item in range(self.item_at(self.reading_of(record).last), len(self.made.states))))

    @breaks('unread', is_all=True)
    def row_missing_partial(self):
        """a row is left out for a change that does not have its large value"""
        def only_partial(record):
            reading, whole = self.reading_of(record), []
            first, last = self.item_at(reading.first), self.item_at(reading.last)
            for item in self.made.items[first + 1:last + 1]:
                whole += [PLACEHOLDER not in message['value']['after'].values() for message in item.messages
                          if message['value'] and message['value'].get('after') and message['key'] == record['key']
                          and message['topic'] == record['topic']]
            return whole and not any(whole) and None not in self.versions(record, reading)
        part, at = self.read('wide', only_partial)
        del part[at]

    @breaks('unread', is_all=True)
    def chunk_missing(self):
        """a chunk is not sent"""
        part, at = self.read(None, self.is_quiet)
        lsn = part[at]['end_lsn']
        self.drop(lambda record: self.is_read(record) and record['end_lsn'] == lsn)

    @breaks('unread', is_all=True)
    def table_missing(self):
        """a table is not read"""
        name = self.rng.choice(['acct', 'txlog', 'wide'])
        self.read(name, self.is_quiet)      # there is one
        self.drop(lambda record: self.is_read(record) and record['topic'].endswith(f'.{name}'))

    @breaks('unread', is_all=True)
    def all_missing(self):
        """nothing is read"""
        self.drop(self.is_read)

    @breaks('unread', is_all=True, number=2)
    def first_missing(self):
        """the first reading lacks a row, the second has it"""
        self.drop_read(lambda record: self.reading_of(record) is self.readings[0])

    @breaks('unread', is_all=True, number=2)
    def second_missing(self):
        """the second reading lacks a row, the first has it"""
        self.drop_read(lambda record: self.reading_of(record) is self.readings[1])

    @breaks('unread', is_all=True, kills=1)
    def rest_missing(self):
        """what is behind a death is not read"""
        positions = self.positions()
        half = positions[len(positions) // 2]
        before = {self.named(part[at]) for part, at in self.log.all()
                  if self.is_read(part[at]) and part[at]['end_lsn'] <= half}
        self.read(None, lambda record: self.is_quiet(record) and self.named(record) not in before)    # there is one
        self.drop(lambda record: self.is_read(record) and record['end_lsn'] > half)

    @breaks('unread')
    def row_missing_filter(self):
        """a row is not read although it meets the condition"""
        self.drop_read(lambda record: self.reading_of(record).tables[self.named(record)[0]])

    # ---- rows are not what was there ----

    def other_version(self, is_wanted):
        """A record of a row, and what it was behind another item."""
        found = []
        for part, at in self.log.all():
            if not self.is_read(part[at]):
                continue
            there = self.item_at(part[at]['end_lsn'])
            found += [(part, at, row) for item in range(len(self.made.states)) if is_wanted(item, there)
                      for row in [self.rows(item).get(self.named(part[at]))]
                      if row not in (None, part[at]['value']['after'])]
        part, at, row = self.rng.choice(found)
        return self.edit(part, at), row

    @breaks('seam', is_all=True)
    def row_older(self):
        """a row is as it was before"""
        record, row = self.other_version(lambda item, there: item < there)
        record['value']['after'] = dict(row)

    @breaks('seam', is_all=True)
    def row_newer(self):
        """a row is as a change made it that is streamed behind it"""
        record, row = self.other_version(lambda item, there: item > there)
        record['value']['after'] = dict(row)

    @breaks('seam', is_all=True)
    def row_replaced(self):
        """a row is sent although it was changed since the window was opened"""
        found = []
        for lsn, item in self.opened.items():
            then, now = self.rows(item), self.rows(self.item_at(lsn))
            found += [(name, row, lsn) for (name, key), row in then.items() if now.get((name, key)) != row
                      and lsn in self.positions(name)]
        self.put(*self.rng.choice(found))

    @breaks('seam', is_all=True)
    def row_gone(self):
        """a row is sent that was deleted before"""
        found = []
        for lsn in self.positions():
            now = self.rows(self.item_at(lsn))
            found += [(name, row, lsn) for item in range(self.item_at(lsn)) for (name, key), row
                      in self.rows(item).items() if (name, key) not in now]
        self.put(*self.rng.choice(found))

    @breaks('seam', is_all=True)
    def row_ahead(self):
        """a row is sent that a transaction inserts which is streamed behind it"""
        lsn = self.rng.choice(self.positions())
        now, then = self.rows(self.item_at(lsn)), self.rows(len(self.made.states) - 1)
        name, key = self.rng.choice([named for named in then.keys() - now.keys()])
        self.put(name, then[name, key], lsn)

    @breaks('content', is_all=True)
    def row_content(self):
        """a value is another one"""
        self.edit_read('wide')['after']['note'] = 'another'

    @breaks('content', is_all=True)
    def row_large(self):
        """a large value is cut off"""
        row = self.edit_read('wide_full')['after']
        row['big'] = row['big'][:-1]

    @breaks('seam', is_all=True)
    def row_placeholder(self):
        """a large value is left out"""
        self.edit_read('wide')['after']['big'] = PLACEHOLDER

    @breaks('seam', is_all=True)
    def row_null(self):
        """a value is NULL"""
        self.edit_read('acct')['after']['pad'] = None

    @breaks('poison', is_all=True)
    def row_poison(self):
        """text of a transaction that was rolled back"""
        self.edit_read('txlog')['after']['tag'] = POISON

    @breaks('twice')
    def row_twice(self):
        """a row is there twice at one position"""
        part, at = self.read()
        part.insert(at + 1, copy.deepcopy(part[at]))

    @breaks('twice', exactly_once=True, is_all=True)
    def row_twice_once(self):
        """a row is read again, at another position, exactly once"""
        found = []
        for part, at in self.log.all():
            if self.is_read(part[at]):
                found += [(*self.named(part[at])[:1], part[at]['value']['after'], lsn) for lsn in self.positions()
                          if lsn > part[at]['end_lsn'] and self.rows(self.item_at(lsn)).get(self.named(part[at]))
                          == part[at]['value']['after']]
        self.put(*self.rng.choice(found))

    # ---- places ----

    @breaks('barrier')
    def change_early(self):
        """a change behind the position is in front of a row"""
        self.swap(lambda one, two: self.is_read(one) and self.is_row(two) and not self.is_read(two))

    @breaks('barrier')
    def change_late(self):
        """a change in front of the position is behind a row"""
        self.swap(lambda one, two: self.is_row(one) and not self.is_read(one) and self.is_read(two))

    def swap(self, wanted):
        places = [(part, at) for part, at in self.log.all() if at + 1 < len(part) and wanted(part[at], part[at + 1])]
        part, at = self.rng.choice(places)
        part[at], part[at + 1] = part[at + 1], part[at]

    @breaks('barrier', is_all=True)
    def row_late(self):
        """a row comes at the end of its partition"""
        part, at = self.read('acct')
        while self.is_read(part[-1]):
            part, at = self.read('acct')
        part.append(part.pop(at))

    @breaks('barrier', 'seam', is_all=True)
    def row_position(self):
        """rows have the position at which their window was opened"""
        lsn = self.rng.choice([lsn for lsn, item in self.opened.items() if lsn in self.positions()
                               and self.item_at(lsn) > item + 1])
        earlier = self.made.items[self.opened[lsn]].end_lsn
        found = [(part, at) for part, at in self.log.all() if self.is_read(part[at]) and part[at]['end_lsn'] == lsn]
        if not any(self.is_row(record) and earlier < record['end_lsn'] < lsn for part, at in found for record in part[:at]):
            raise IndexError
        for part, at in found:
            source = self.edit(part, at)['value']['source']
            source['lsn'], source['sequence'] = earlier, f'[null,"{earlier}"]'

    @breaks('replay', kills=3, number=2)
    def row_in_replay(self):
        """a row comes while changes come again"""
        places = [(part, at) for part, at in self.log.all() if 0 < at < len(part) - 2
                  and all(self.is_row(record) and not self.is_read(record) for record in part[at - 1:at + 3])
                  and any(map(self.is_read, part[:at]))]
        part, at = self.rng.choice(places)
        read = next(record for record in part if self.is_read(record))
        part[at + 1:at + 1] = [part[at - 1], read]

    # ---- what was asked for ----

    @breaks('filter')
    def row_filter(self):
        """a row is read that does not meet the condition"""
        found = []
        for lsn in self.positions():
            reading = next(reading for reading in self.readings if reading.first < lsn <= reading.last)
            found += [(name, row, lsn) for (name, _), row in self.rows(self.item_at(lsn)).items()
                      if reading.tables.get(name) and not reading.wants(name, row)]
        self.put(*self.rng.choice(found))

    @breaks('op')
    def row_unasked(self):
        """a row of a table is read that nobody asked for"""
        lsn = self.rng.choice(self.positions())
        name, row = self.rng.choice([(name, row) for (name, _), row in self.rows(self.item_at(lsn)).items()
                                     if name not in self.readings[0].tables])
        self.put(name, row, lsn)

    @breaks('op', is_all=True)
    def row_early(self):
        """a row is read before anybody asked for it"""
        item = self.item_at(self.readings[0].first)
        (name, _), row = self.rng.choice(list(self.rows(item - 1).items()))
        self.put(name, row, self.made.items[item - 1].end_lsn + 1)

    @breaks('op', is_all=True)
    def row_behind(self):
        """a row is read though all had been read"""
        item = len(self.made.items) - 1
        (name, _), row = self.rng.choice(list(self.rows(item).items()))
        self.put(name, row, max(self.made.items[item].end_lsn, self.readings[0].last) + 1)

    # ---- the envelope ----

    @breaks('mark')
    def mark_true(self):
        """a row is marked as of an initial snapshot"""
        self.edit_read()['source']['snapshot'] = self.rng.choice(['true', 'last', 'false'])

    @breaks('op', is_all=True)
    def row_before(self):
        """a row has a before image"""
        value = self.edit_read('item')
        value['before'] = dict(value['after'])

    @breaks('op')
    def row_block(self):
        """a row is of a transaction"""
        self.edit_read()['transaction'] = {'id': '1:1', 'total_order': 1, 'data_collection_order': 1}

    @breaks('source')
    def row_transaction(self):
        """source names a transaction"""
        self.edit_read()['source']['txId'] = 7

    @breaks('source', is_all=True)
    def row_table(self):
        """source names another table"""
        self.edit_read('item')['source']['table'] = 'acct'

    @breaks('source')
    def row_sequence(self):
        """sequence has another position"""
        self.edit_read()['source']['sequence'] = '[null,"7"]'

    @breaks('key', is_all=True)
    def row_key(self):
        """a row has another's key"""
        self.edit(*self.read('item'))['key'] = {'id': -1}

    @breaks('partition', is_all=True)
    def row_partition(self):
        """a row is in another partition than its key belongs in"""
        part, at = self.read('item')
        record = part.pop(at)
        number = next(number for (topic, number), other in self.log.parts.items()
                      if topic == record['topic'] and other is not part)
        self.log.parts[record['topic'], number].insert(0, record)

    @breaks('position', positions='message')
    def row_header(self):
        """a row lacks the position header"""
        self.edit(*self.read())['headers'] = []


def mutations():
    return [(name, function) for name, function in vars(ReadingMutation).items() if hasattr(function, 'breaks')]
