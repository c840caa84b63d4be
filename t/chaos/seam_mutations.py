"""seam_mutations.py: ways to break a correct log of model_snapshot.py: as mutations.py, but for
what seam.py must see.  Run by checker_test.py, one at a time.
"""
import copy

from model import PREFIX
from mutations import Mutation
from tables import PLACEHOLDER, POISON, TABLES


def breaks(*kinds, mode='initial', kills=0, exactly_once=False, positions=None, cut=None):
    """What one of must be reported; which log the mutation is of."""
    def mark(function):
        function.breaks = kinds
        function.log = {'mode': mode, 'kills': kills, 'exactly_once': exactly_once, 'positions': positions,
                        'cut': cut}
        return function
    return mark


class SeamMutation(Mutation):
    def __init__(self, made, snapshots, rng):
        super().__init__(made, snapshots.log, rng)
        self.made, self.positions = made, snapshots.positions

    # ---- finding records ----

    @staticmethod
    def is_read(record):
        return record['value'] is not None and record['value'].get('op') == 'r'

    def is_change(self, record):
        return self.is_row(record) and not self.is_read(record)

    def read(self, table=None, wanted=lambda row: True, position=None):
        """(partition's list, index) of a row of a snapshot; position: place in positions."""
        item = None if position is None else self.positions[position]
        return self.find(lambda record: self.is_read(record) and wanted(record['value']['after'])
                         and item in (None, record['item']), table and f'public.{table}')

    def drop_read(self, table=None, wanted=lambda row: True, position=None):
        """A row that is neither first nor last is not there."""
        part, at = self.read(table, wanted, position)
        if part[at]['value']['source']['snapshot'] != 'true':
            raise IndexError
        del part[at]

    def edit_read(self, table=None, wanted=lambda row: True, position=None):
        return self.edit(*self.read(table, wanted, position))['value']

    def rows(self, item):
        """(table, key) -> row, behind that item."""
        return {(name, TABLES[name].key_of(row)): row
                for name, row in self.made.all_rows(*self.made.states[item]) if TABLES[name].key}

    def put(self, name, row, position=0):
        """A row of a snapshot more, behind others of its table."""
        part, at = self.read(name, position=position)
        record = copy.deepcopy(part[at])
        value = record['value']
        value['after'], value['source']['snapshot'] = dict(row), 'true'
        record['key'] = {column: row[column] for column in TABLES[name].key} or None
        record['key_raw'] = repr(record['key']).encode() if record['key'] else None
        home = self.log.parts[self.made.home(self.log, record)]
        places = [at for at, other in enumerate(home) if self.is_read(other) and other['item'] == record['item']]
        record['group'] = home[places[0]]['group']
        home.insert(places[0] + 1, record)
        if home[places[0]]['value']['source']['snapshot'].startswith('last'):
            home[places[0]], home[places[0] + 1] = record, home[places[0]]

    def updated(self):
        """(partition's list, index) of a row of a snapshot that is updated next, as its table's
        changes say."""
        behind = {}
        for part, at in self.log.all():
            if self.is_change(part[at]) and part[at]['item'] > self.positions[-1] and part[at]['key']:
                behind.setdefault((part[at]['topic'], repr(part[at]['key'])), part[at]['value']['op'])
        return self.find(lambda record: self.is_read(record)
                         and behind.get((record['topic'], repr(record['key']))) == 'u')

    # ---- rows are missing ----

    @breaks('unread')
    def row_missing(self):
        """a row is not read"""
        part, at = self.read()
        del part[at]

    @breaks('unread')
    def row_missing_quiet(self):
        """a row that nothing happens to is not read"""
        part, at = self.read('txlog')
        del part[at]

    @breaks('unread')
    def row_missing_updated(self):
        """a row is not read that is updated next"""
        part, at = self.updated()
        del part[at]

    @breaks('unread')
    def row_missing_truncated(self):
        """a row is not read whose table is truncated next"""
        part, at = self.read('side')
        if any(self.is_row(record) and record['value']['op'] == 't' for record in part[at:]):
            del part[at]
        else:
            raise IndexError

    @breaks('unread', mode='always')
    def row_missing_deleted(self):
        """a row without a key is not read that is deleted next"""
        gone = [record['value']['before'] for part, at in self.log.all() for record in (part[at],)
                if self.is_change(record) and record['value']['op'] == 'd' and record['item'] > self.positions[1]
                and record['topic'].endswith('.nokey')]
        part, at = self.read('nokey', gone.__contains__, 1)
        del part[at]

    @breaks('unread', exactly_once=True)
    def row_missing_once(self):
        """a row is not read, exactly once"""
        part, at = self.read()
        del part[at]

    @breaks('unread', 'lost', mode='initial_only')
    def row_missing_only(self):
        """a row is not read, and nothing is streamed"""
        part, at = self.read()
        del part[at]

    @breaks('unread')
    def table_missing(self):
        """a table is not read"""
        name = self.rng.choice(['acct', 'txlog', 'item', 'wide', 'wide_full'])
        self.drop(lambda record: self.is_read(record) and record['topic'].endswith(f'.{name}'))

    @breaks('unread')
    def chunk_missing(self):
        """rows that follow one another are not read"""
        part, at = self.read('acct')
        del part[max(0, at - 2):at + 1]

    @breaks('unread')
    def all_missing(self):
        """nothing is read"""
        self.drop(self.is_read)

    @breaks('unread', mode='always')
    def twin_missing(self):
        """one of two equal rows without a key is not read, the second time"""
        part, at = self.read('nokey', position=1)
        del part[at]

    @breaks('unread', mode='always')
    def second_missing(self):
        """the second snapshot lacks a row"""
        self.drop_read(position=1)

    @breaks('unread', mode='always')
    def first_missing(self):
        """the first snapshot lacks a row, the second has it"""
        self.drop_read(position=0)

    @breaks('unread', kills=1)
    def rest_missing(self):
        """behind a death, a row that was not read before is not read"""
        rows = self.rows(self.positions[0])
        before = {(part[at]['topic'], repr(part[at]['key'])) for part, at in self.log.all()
                  if self.is_read(part[at]) and part[at]['item'] == self.positions[0]}
        same = {(f'{PREFIX}.{TABLES[name].collection}', row['id']) for (name, key), row in rows.items()
                if name in ('wide', 'wide_full', 'acct', 'item', 'bulk')
                and self.rows(self.positions[1]).get((name, key)) == row}
        part, at = self.find(lambda record: self.is_read(record) and record['item'] == self.positions[1]
                             and (record['topic'], record['value']['after'].get('id')) in same
                             and (record['topic'], repr(record['key'])) not in before)
        del part[at]

    @breaks('unread', kills=1)
    def rest_missing_all(self):
        """behind a death, nothing is read"""
        self.drop(lambda record: self.is_read(record) and record['item'] == self.positions[1])

    # ---- rows are not what was there ----

    def other_version(self, item):
        """(record of a row, what it was behind that item), and it was another one."""
        then = self.rows(item)
        part, at = self.find(lambda record: self.is_read(record) and record['item'] == self.positions[-1]
                             and then.get(self.named(record)) not in (None, record['value']['after']))
        return self.edit(part, at), then[self.named(part[at])]

    @staticmethod
    def named(record):
        name = record['topic'][len(PREFIX) + 8:]
        table = TABLES[name]
        return (name, table.key_of(record['value']['after'])) if table.key else None

    @breaks('seam')
    def row_older(self):
        """a row is as it was before"""
        record, row = self.other_version(0)
        record['value']['after'] = dict(row)

    @breaks('seam')
    def row_newer(self):
        """a row is as a change made it that is streamed"""
        record, row = self.other_version(len(self.made.states) - 1)
        record['value']['after'] = dict(row)

    @breaks('seam', kills=1)
    def row_stale(self):
        """behind a death, a row is as it was at the position before"""
        then = self.rows(self.positions[0])
        rows = [(part, at) for part, at in self.log.all() if self.is_read(part[at])
                and part[at]['item'] == self.positions[1]
                and then.get(self.named(part[at])) not in (None, part[at]['value']['after'])]
        part, at = self.rng.choice(rows)
        self.edit(part, at)['value']['after'] = dict(then[self.named(part[at])])

    @breaks('seam')
    def row_ahead(self):
        """a row is there that a streamed transaction inserts"""
        now, then = self.rows(self.positions[-1]), self.rows(len(self.made.states) - 1)
        name, key = self.rng.choice([named for named in then.keys() - now.keys() if named[0] in ('txlog', 'bulk')
                                     and any(other[0] == named[0] for other in now)])
        self.put(name, then[name, key])

    @breaks('seam', mode='always')
    def row_gone(self):
        """a row is there that was deleted before"""
        now, gone = self.rows(self.positions[1]), []
        for item in range(self.positions[1]):
            gone += [(name, row) for (name, key), row in self.rows(item).items() if (name, key) not in now
                     and any(other[0] == name for other in now)]
        if not gone:
            row = next(row for (name, _), row in now.items() if name == 'txlog')
            gone = [('txlog', {**row, 'txid8': 1})]
        name, row = self.rng.choice(gone)
        self.put(name, row, 1)

    @breaks('seam', mode='always')
    def row_gone_bag(self):
        """a row without a key is there that was never"""
        row = self.edit_read('nokey', position=1)['after']
        row['n'] += 1 << 20

    @breaks('content')
    def row_content(self):
        """a value is another one"""
        self.edit_read('wide')['after']['note'] = 'another'

    @breaks('content')
    def row_large(self):
        """a large value is cut off"""
        row = self.edit_read('wide_full')['after']
        row['big'] = row['big'][:-1]

    @breaks('seam')
    def row_placeholder(self):
        """a large value is left out"""
        self.edit_read('wide')['after']['big'] = PLACEHOLDER

    @breaks('sum')
    def row_balance(self):
        """an account has another balance"""
        self.edit_read('acct')['after']['bal'] += 1

    @breaks('seam')
    def row_null(self):
        """a value is NULL"""
        self.edit_read('acct')['after']['pad'] = None

    @breaks('poison')
    def row_poison(self):
        """text of a transaction that was rolled back"""
        self.edit_read('txlog')['after']['tag'] = POISON

    @breaks('twice')
    def row_twice(self):
        """a row is read twice"""
        part, at = self.read(wanted=lambda row: 'n' not in row or 'tag' in row)
        part.insert(at + 1, self.plainly(part[at]))

    @breaks('twice', kills=2, exactly_once=True)
    def row_twice_once(self):
        """a row is read twice at one position, exactly once"""
        part, at = self.read(wanted=lambda row: 'n' not in row or 'tag' in row)
        part.insert(at + 1, self.plainly(part[at]))

    @breaks('twice', mode='always')
    def bag_twice(self):
        """a row without a key is read once more"""
        part, at = self.read('nokey', position=1)
        part.insert(at, self.plainly(part[at]))

    @staticmethod
    def plainly(record):
        record = copy.deepcopy(record)
        record['value']['source']['snapshot'] = 'true'
        return record

    # ---- the seam itself ----

    @breaks('lost', 'seam', 'unread', 'state', 'before')
    def transaction_missing(self):
        """the first transaction behind the position is in neither"""
        item = self.first_behind()
        self.drop(lambda record: record['item'] == item and not self.is_read(record))

    def first_behind(self):
        """The first item behind the position that is a transaction."""
        return next(item for item in range(self.positions[-1] + 1, len(self.made.items))
                    if self.made.items[item].txn)

    @breaks('lost')
    def transactions_missing(self):
        """transactions behind the position are in neither"""
        first = self.first_behind()
        self.drop(lambda record: first <= record['item'] < first + 6 and not self.is_read(record))

    @breaks('lost', 'seam', kills=1)
    def between_missing(self):
        """transactions between two positions are not streamed, though they are in rows of the second"""
        first, last = self.positions
        self.read(position=0)       # there is one
        next(item for item in range(first + 1, last + 1) if self.made.items[item].txn)
        self.drop(lambda record: first < record['item'] <= last and not self.is_read(record))

    @breaks('barrier')
    def transaction_twice(self):
        """the last transaction in front of the position is streamed, too"""
        item = next(item for item in range(self.positions[0], -1, -1) if self.made.items[item].txn)
        for message in reversed(self.made.items[item].messages):
            record = {**copy.deepcopy(message), 'group': None, 'item': item, 'time': self.log.now,
                      'end_lsn': self.made.items[item].end_lsn}
            self.log.parts[self.made.home(self.log, message)].insert(0, record)

    @breaks('barrier')
    def change_early(self):
        """a change behind the position is in front of a row"""
        parts = [part for part in self.log.parts.values() if part and self.is_read(part[0])
                 and any(not self.is_read(record) for record in part)]
        part = self.rng.choice(parts)
        at = next(at for at, record in enumerate(part) if not self.is_read(record))
        part[at - 1], part[at] = part[at], part[at - 1]

    @breaks('barrier', mode='always')
    def change_late(self):
        """a change in front of the position is behind a row"""
        item = self.positions[1]
        parts = [part for part in self.log.parts.values() for at in range(1, len(part))
                 if self.is_read(part[at]) and part[at]['item'] == item and self.is_change(part[at - 1])]
        part = self.rng.choice(parts)
        at = next(at for at, record in enumerate(part) if self.is_read(record) and record['item'] == item)
        part[at - 1], part[at] = part[at], part[at - 1]

    @breaks('barrier')
    def row_late(self):
        """a row comes at the end of its partition"""
        part, at = self.read('acct')
        while self.is_read(part[-1]):
            part, at = self.read('acct')
        part.append(part.pop(at))

    @breaks('seam', 'barrier')
    def row_position(self):
        """a row has another position than all others"""
        source = self.edit_read()['source']
        source['lsn'] += 1
        source['sequence'] = f'[null,"{source["lsn"]}"]'

    @breaks('barrier', 'seam', 'lost')
    def rows_position(self):
        """all rows have a position at which more was committed"""
        end = self.made.items[self.positions[0] + 2].end_lsn
        for part, at in self.log.all():
            if self.is_read(part[at]):
                source = self.edit(part, at)['value']['source']
                source['lsn'], source['sequence'] = end, f'[null,"{end}"]'

    @breaks('barrier', mode='initial_only')
    def only_streams(self):
        """there is a stream behind the last rows, and there should be none"""
        item = self.first_behind()
        for message in self.made.items[item].messages:
            self.log.parts[self.made.home(self.log, message)].append(
                {**copy.deepcopy(message), 'group': None, 'item': item, 'time': self.log.now,
                 'end_lsn': self.made.items[item].end_lsn})

    @breaks('op', mode='never')
    def never_reads(self):
        """there is a row, and none should be read"""
        part, at = self.event('acct', 'u')
        value = self.edit(part, at)['value']
        value['op'], value['before'], value['transaction'] = 'r', None, None

    @breaks('replay', mode='always', kills=1)
    def row_in_replay(self):
        """a row comes while changes come again"""
        places = [(part, at) for part, at in self.log.all() if 0 < at < len(part) - 2
                  and all(map(self.is_change, part[at - 1:at + 3])) and any(map(self.is_read, part))]
        part, at = self.rng.choice(places)
        read = next(record for record in part if self.is_read(record))
        part[at + 1:at + 1] = [part[at - 1], read]

    @breaks('cut', exactly_once=True, mode='always')
    def once_rows_joined(self):
        """in one partition a Kafka transaction goes from before the rows to behind them, where others end"""
        item = self.positions[1]
        parts = [part for part in self.log.parts.values() if part and self.is_row(part[0])
                 and {-1, 1} <= {(record['item'] > item) - (record['item'] < item) for record in part}
                 and any(self.is_read(record) and record['item'] == item for record in part)]
        part = self.rng.choice(parts)
        first = next(at for at, record in enumerate(part) if self.is_read(record) and record['item'] == item)
        last = next(at for at, record in enumerate(part) if record['item'] > item)
        if not first:
            raise IndexError
        self.join(part[first:last + 1], part[first - 1]['group'])

    # ---- how it is marked ----

    @breaks('mark')
    def mark_first_missing(self):
        """no row is the first"""
        self.mark_edit('first', 'first_in_data_collection')

    @breaks('mark')
    def mark_last_missing(self):
        """no row is the last"""
        self.mark_edit('last', 'last_in_data_collection')

    @breaks('mark')
    def mark_first_twice(self):
        """two rows are the first"""
        self.mark_edit('first_in_data_collection', 'first')

    @breaks('mark')
    def mark_last_twice(self):
        """two rows are the last"""
        self.mark_edit('last_in_data_collection', 'last')

    @breaks('mark')
    def mark_first_of_table(self):
        """no row is the first of its table"""
        self.mark_edit('first_in_data_collection', 'true', 0, ('item', 'wide'))

    @breaks('mark')
    def mark_last_of_table(self):
        """no row is the last of its table"""
        self.mark_edit('last_in_data_collection', 'true', 0, ('item', 'wide'))

    @breaks('mark')
    def mark_false(self):
        """a row is marked as streamed"""
        self.edit_read()['source']['snapshot'] = 'false'

    @breaks('mark')
    def mark_incremental(self):
        """a row is marked as of an incremental snapshot"""
        self.edit_read()['source']['snapshot'] = 'incremental'

    @breaks('mark')
    def mark_order(self):
        """a row is behind the last one of its table"""
        part, at = self.find(lambda record: self.is_read(record) and record['value']['source']['snapshot']
                             == 'last_in_data_collection' and record['topic'].endswith(('acct', 'bulk', 'wide', 'txlog')))
        if at == 0 or not self.is_read(part[at - 1]):
            self.put(part[at]['topic'][len(PREFIX) + 8:], part[at]['value']['after'])
            at += 1
        part[at - 1], part[at] = part[at], part[at - 1]

    @breaks('mark', mode='always')
    def mark_one_snapshot(self):
        """the second snapshot has no first row"""
        self.mark_edit('first', 'first_in_data_collection', 1)

    @breaks('mark', kills=1)
    def mark_last_killed(self):
        """behind a death, no row is the last"""
        self.mark_edit('last', 'last_in_data_collection')

    @breaks('mark', cut='rows')
    def mark_cut_early(self):
        """a row is the last, another position follows, and its row is the last, too"""
        self.mark_edit('last_in_data_collection', 'last', 0)

    @breaks('mark', cut='rows')
    def mark_cut_early_only(self):
        """the last row of the first position is the last, and that of the second is not"""
        self.mark_edit('last_in_data_collection', 'last', 0)
        self.mark_edit('last', 'last_in_data_collection', 1)

    @breaks('mark', cut='rows')
    def mark_cut_missing(self):
        """a table was truncated and read again, and no row is the last"""
        self.mark_edit('last', 'last_in_data_collection', 1)

    @breaks('mark', cut='rows')
    def mark_cut_open(self):
        """a table was truncated and read again, and no row of it is its last"""
        self.mark_edit('last', 'true', 1)

    @breaks('mark', cut='rows')
    def mark_cut_of_table(self):
        """a row is the last of its table, which is read again at another position"""
        self.side_end()

    @breaks('mark', cut='rows')
    def mark_cut_first(self):
        """a table begins anew, and no row is its first"""
        self.mark_edit('first_in_data_collection', 'true', 1)

    @breaks('mark', cut='rows')
    def mark_cut_first_twice(self):
        """a table begins anew, and its first row is the first of all once more"""
        self.mark_edit('first_in_data_collection', 'first', 1)

    @breaks('mark', cut='empty')
    def mark_cut_of_other(self):
        """a table was truncated and is empty, and another one has no last row"""
        self.mark_edit('last_in_data_collection', 'true', 0, ('acct', 'txlog', 'item', 'wide', 'bulk'))

    @breaks('mark', cut='empty')
    def mark_cut_ended(self):
        """a table has its last row, and then was truncated: nothing keeps the last of all from being it"""
        self.side_end()

    @breaks('mark', cut='before')
    def mark_last_before(self):
        """no row is the last, and a table is empty that was truncated before"""
        self.mark_edit('last', 'last_in_data_collection', 0)

    def side_end(self):
        """The last row of side at the first position is marked so."""
        part = self.log.parts[f'{PREFIX}.public.side', 0]
        at = max((at for at, record in enumerate(part) if self.is_read(record)
                  and record['item'] == self.positions[0]), default=None)
        if at is None:
            raise IndexError
        self.edit(part, at)['value']['source']['snapshot'] = 'last_in_data_collection'

    def mark_edit(self, mark, other, position=None, tables=tuple(TABLES)):
        item = None if position is None else self.positions[position]
        part, at = self.find(lambda record: self.is_read(record) and record['value']['source']['snapshot'] == mark
                             and item in (None, record['item']) and record['topic'].endswith(tables))
        self.edit(part, at)['value']['source']['snapshot'] = other

    # ---- the envelope ----

    @breaks('op')
    def row_before(self):
        """a row has a before image"""
        value = self.edit_read('item')
        value['before'] = dict(value['after'])

    @breaks('op')
    def row_block(self):
        """a row is of a transaction"""
        self.edit_read()['transaction'] = {'id': '1:1', 'total_order': 1, 'data_collection_order': 1}

    @breaks('key')
    def row_key(self):
        """a row has another's key"""
        part, at = self.read('item')
        self.edit(part, at)['key'] = {'id': -1}

    @breaks('partition')
    def row_partition(self):
        """a row is in another partition than its key belongs in"""
        part, at = self.read('item')
        record = part.pop(at)
        number = next(number for (topic, number), other in self.log.parts.items()
                      if topic == record['topic'] and other is not part)
        self.log.parts[record['topic'], number].insert(0, record)

    @breaks('source')
    def row_table(self):
        """source names another table"""
        self.edit_read('item')['source']['table'] = 'acct'

    @breaks('source')
    def row_sequence(self):
        """sequence has another position"""
        self.edit_read()['source']['sequence'] = '[null,"7"]'

    @breaks('position', positions='message')
    def row_header(self):
        """a row lacks the position header"""
        part, at = self.find(lambda record: self.is_read(record))
        self.edit(part, at)['headers'] = []


def mutations():
    return [(name, function) for name, function in vars(SeamMutation).items() if hasattr(function, 'breaks')]
