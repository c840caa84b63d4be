"""mutations.py: ways to break a correct log of model.py, each a function of Mutation: its text
says what happens, @breaks what check.py must call it (one of the kinds named).  They know
nothing of how the checker finds out.  Run by checker_test.py, one at a time.  Long because
each is a few lines, and there are more than a hundred.
"""
import copy
import json
import struct

import check
import outcomes
from model import PREFIX, WHOLE_MAX
from tables import PLACEHOLDER, POISON, TABLES, chain, checksum

MANY = 6        # records of one partition in a row, of a large transaction


def breaks(*kinds, exactly_once=False, positions=None, crashes=0):
    """What one of must be reported; which log the mutation is of."""
    def mark(function):
        function.breaks = kinds
        function.log = {'exactly_once': exactly_once, 'positions': positions, 'crashes': crashes}
        return function
    return mark


class Mutation:
    """A log that a mutation may change, with what the writers know and the tables hold."""

    def __init__(self, made, log, rng):
        self.log, self.rng = log, rng
        self.outcomes = copy.deepcopy(made.outcomes())
        self.final = made.final()

    # ---- finding records ----

    def find(self, wanted, table=None):
        """(partition's list, index) of a record that is as wanted, any of them."""
        found = [(part, at) for part, at in self.log.all()
                 if table in (None, part[at]['topic'][len(PREFIX) + 1:]) and wanted(part[at])]
        return self.rng.choice(found)

    def event(self, table=None, op=None, wanted=lambda value: True):
        return self.find(lambda record: self.is_row(record) and (op is None or record['value']['op'] in op)
                         and wanted(record['value']), table and f'public.{table}')

    @staticmethod
    def is_row(record):
        return record['value'] is not None and '.public.' in record['topic']

    def late(self, choose):
        """A found record that has others behind it, not of the same transaction."""
        for _ in range(1000):
            part, at = choose()
            if part[at]['item'] != part[-1]['item']:
                return part, at
        raise LookupError('no record with others behind it')

    def boundary(self, status):
        return self.find(lambda record: record['value'] and record['value'].get('status') == status)

    def long_part(self):
        """A partition with records of many transactions."""
        return max(self.log.parts.values(), key=lambda part: (len({record['item'] for record in part}), len(part)))

    @staticmethod
    def edit(part, at):
        """The record, to be changed: no other shares anything with it."""
        part[at] = copy.deepcopy(part[at])
        return part[at]

    def edit_row(self, table, op='cu', image='after', wanted=lambda value: True):
        part, at = self.event(table, op, lambda value: value[image] and wanted(value))
        return self.edit(part, at)['value'][image]

    def drop(self, wanted):
        """All records that are as wanted."""
        for part in self.log.parts.values():
            part[:] = [record for record in part if not wanted(record)]

    def whole(self):
        """Item number of a committed transaction in the middle."""
        known = {txn.txid for txn in self.outcomes.transactions if txn.outcome == outcomes.COMMITTED}
        part, at = self.late(lambda: self.event('txlog', None, lambda value: value['source']['txId'] in known))
        return part[at]['item']

    def starts(self, part, first=0):
        """Where transactions begin in a partition."""
        return [at for at in range(max(first, 1), len(part)) if part[at]['item'] != part[at - 1]['item']]

    # ---- something is missing ----

    @breaks('lost')
    def drop_first(self):
        """the first record of a partition is dropped"""
        part, _ = self.event()
        while not self.is_row(part[0]):
            part, _ = self.event()
        del part[0]

    @breaks('lost')
    def drop_middle(self):
        """a record in the middle is dropped"""
        part, at = self.late(self.event)
        del part[at]

    @breaks('lost')
    def drop_last(self):
        """the last record of a partition is dropped"""
        part = self.event('txlog')[0]
        del part[-1]

    @breaks('lost')
    def drop_transaction(self):
        """a whole transaction is dropped, with its boundaries"""
        item = self.whole()
        self.drop(lambda record: record['item'] == item)

    @breaks('lost')
    def drop_last_transaction(self):
        """the last transaction is dropped: the slot was moved too far"""
        last = max(part[at]['item'] for part, at in self.log.all() if self.is_row(part[at]))
        self.drop(lambda record: record['item'] == last)

    @breaks('lost')
    def drop_tail_of_partition(self):
        """the last transactions are missing in one partition only"""
        part = self.long_part()
        del part[self.starts(part)[-4]:]

    @breaks('lost', 'seq')
    def drop_version(self):
        """one version of an account is dropped"""
        part, at = self.late(lambda: self.event('acct', 'u'))
        del part[at]

    @breaks('lost')
    def tear(self):
        """the second half of a transaction is missing everywhere"""
        item = self.whole()
        self.drop(lambda record: record['item'] == item and self.is_row(record)
                  and record['value']['transaction']['total_order'] > 2)

    @breaks('lost')
    def tear_unknown(self):
        """of a transaction with unknown outcome one event is missing"""
        unknown = {txn.txid for txn in self.outcomes.transactions if txn.outcome == outcomes.UNKNOWN}
        part, at = self.event(None, None, lambda value: value['source']['txId'] in unknown)
        del part[at]

    @breaks('tombstone')
    def drop_tombstone(self):
        """a tombstone is dropped"""
        part, at = self.find(lambda record: record['value'] is None)
        del part[at]

    @breaks('tombstone', 'lost')
    def drop_delete(self):
        """a delete is dropped, its tombstone is not"""
        part, at = self.event(None, 'd')
        del part[at]

    @breaks('lost')
    def drop_key_change(self):
        """the create under the new key is dropped"""
        part, at = self.event('item', 'c', lambda value: value['after']['body'] == 'moved')
        del part[at]

    @breaks('lost')
    def drop_moved_row(self):
        """a row moves between partitions and does not arrive"""
        part, at = self.event(self.rng.choice(['part_eu', 'part_us']), 'c')
        del part[at]

    @breaks('lost')
    def drop_truncate(self):
        """a truncate is dropped"""
        part, at = self.event('side', 't')
        del part[at]

    @breaks('lost')
    def drop_twin(self):
        """one of two equal rows without a key is dropped"""
        part, at = self.event('nokey', 'c')
        del part[at]

    @breaks('lost')
    def drop_message(self):
        """a transaction's message is dropped"""
        part, at = self.find(lambda record: record['topic'].endswith('.message')
                             and record['value']['message']['prefix'] == 'ledger')
        del part[at]

    @breaks('message')
    def drop_said(self):
        """a message outside of transactions is dropped"""
        part, at = self.find(lambda record: record['topic'].endswith('.message')
                             and record['value']['message']['prefix'] == 'ledger-said')
        del part[at]

    @breaks('boundary')
    def drop_begin(self):
        """a BEGIN is dropped"""
        part, at = self.boundary('BEGIN')
        del part[at]

    @breaks('boundary')
    def drop_end(self):
        """an END is dropped"""
        part, at = self.boundary('END')
        del part[at]

    # ---- something is there again ----

    @breaks('replay', 'runs')
    def duplicate_one(self):
        """one record comes again, alone"""
        part, at = self.late(self.event)
        part.insert(at + 1, part[at])

    @breaks('replay')
    def duplicate_one_later(self):
        """one record comes again at the end of its partition"""
        part, at = self.late(self.event)
        part.append(part[at])

    @breaks('runs', 'replay')
    def duplicate_last(self):
        """the last record comes again, though nothing was restarted"""
        part, _ = self.event('txlog')
        part.append(part[-1])

    @breaks('runs')
    def replay_unasked(self):
        """a whole suffix comes again, though nothing was restarted"""
        part = self.long_part()
        part += part[self.starts(part)[-3]:]

    @breaks('replay')
    def replay_with_hole(self):
        """a replay leaves out a record"""
        part = self.long_part()
        run = part[self.starts(part)[-5]:]
        del run[self.rng.randrange(1, len(run) - 1)]
        part += run

    @breaks('replay')
    def replay_stops_early(self):
        """a replay stops before the end of what was there, new data follow"""
        part = self.long_part()
        starts = self.starts(part)
        part[starts[-3]:starts[-3]] = part[starts[-8]:starts[-5]]

    @breaks('replay')
    def replay_never_ends(self):
        """the log ends within a replay"""
        part = self.long_part()
        starts = self.starts(part)
        part += part[starts[-6]:starts[-2]]

    @breaks('replay')
    def replay_from_inside(self):
        """a replay starts in the middle of a transaction"""
        inside = [(part, at) for part, at in self.log.all() if at > 0 and part[at]['item'] == part[at - 1]['item']
                  and part[at]['value'] is not None]
        part, at = self.rng.choice(inside)
        part += part[at:]

    @breaks('replay')
    def replay_skips_transaction(self):
        """a replay begins anew behind a gap: a position was confirmed too early"""
        part = self.long_part()
        starts = self.starts(part)
        part += part[starts[-8]:starts[-6]] + part[starts[-4]:]

    @breaks('differs', crashes=2)
    def replay_edited(self):
        """a record is another one when it comes again"""
        seen = set()
        for part, at in self.log.all():
            record = part[at]
            name = record['topic'], record['item'], record['number']
            if name in seen and self.is_row(record) and record['value']['after']:
                self.edit(part, at)['value']['source']['ts_ms'] += 1
                return
            seen.add(name)
        raise LookupError('nothing came again')

    def again(self, start):
        """Every partition repeats what it has from a transaction on."""
        for part in self.log.parts.values():
            part += [{**record, 'time': self.log.now} for record in part if record['item'] >= start]

    def transaction_at(self, lsn):
        """Item number of the last transaction that ends there or before."""
        records = [part[at] for part, at in self.log.all() if self.is_row(part[at])]
        ends = {record['item']: record['end_lsn'] for record in records}
        return max(item for item, end in ends.items() if end <= lsn)

    @breaks('written')
    def replay_of_written(self):
        """a restart begins with the last transaction that the written position is behind"""
        self.log.now += 1
        self.again(self.transaction_at(self.log.progress[-1]['lsn']))

    @breaks('written')
    def replay_from_older_position(self):
        """a restart begins at a position that was written before the last one"""
        self.log.now += 1
        self.again(self.transaction_at(self.log.progress[-3]['lsn']) + 1)

    @breaks('long')
    def replay_too_long(self):
        """a restart repeats more than an interval: positions were no longer written"""
        del self.log.progress[1:]
        self.again(self.transaction_at(self.log.progress[0]['lsn']) + 1)

    @breaks('progress')
    def position_back(self):
        """a position is written behind one that is further on"""
        self.log.progress[-1], self.log.progress[-2] = self.log.progress[-2], self.log.progress[-1]

    @breaks('replay', 'runs')
    def truncate_twice(self):
        """a truncate comes again, alone"""
        part, at = self.late(lambda: self.event('side', 't'))
        part.insert(at + 1, part[at])

    @breaks('tombstone')
    def tombstone_twice(self):
        """a tombstone comes again, alone"""
        part, at = self.late(lambda: self.find(lambda record: record['value'] is None))
        part.insert(at + 1, part[at])

    @breaks('tombstone')
    def tombstone_astray(self):
        """a tombstone of a row that nobody deleted"""
        part, at = self.event('acct', 'u')
        part.insert(at + 1, {**part[at], 'value': None})

    @breaks('message')
    def said_twice(self):
        """a message outside of transactions comes again at another position"""
        part, at = self.find(lambda record: record['topic'].endswith('.message')
                             and record['value']['message']['prefix'] == 'ledger-said')
        part.insert(at + 1, part[at])
        self.edit(part, at + 1)['value']['source']['lsn'] += 1

    @breaks('boundary', 'differs')
    def begin_twice(self):
        """a second BEGIN in another place of the order"""
        part, at = self.boundary('BEGIN')
        part.insert(at + 1, part[at])
        record = self.edit(part, at + 1)
        record['value']['id'] = record['key']['id'] = record['value']['id'] + '9'

    # ---- order and place ----

    @breaks('order')
    def swap_versions(self):
        """two versions of an account are swapped"""
        part, at = self.event('acct', 'u')
        key = part[at]['key']
        others = [other for other in range(len(part)) if part[other]['key'] == key and other != at]
        other = self.rng.choice(others)
        part[at], part[other] = part[other], part[at]

    @breaks('order')
    def swap_in_transaction(self):
        """two records of one transaction, of different keys, are swapped"""
        pairs = [(part, at) for part, at in self.log.all()
                 if at > 0 and self.is_row(part[at]) and self.is_row(part[at - 1])
                 and part[at]['item'] == part[at - 1]['item'] and part[at]['key'] != part[at - 1]['key']]
        part, at = self.rng.choice(pairs)
        part[at - 1], part[at] = part[at], part[at - 1]

    @breaks('order')
    def swap_transactions(self):
        """two transactions are swapped in a partition"""
        part = self.long_part()
        starts = self.starts(part)
        first, second, end = starts[-5], starts[-4], starts[-3]
        part[first:end] = part[second:end] + part[first:second]

    @breaks('order')
    def older_after_newer(self):
        """a record arrives late"""
        part, at = self.late(self.event)
        part.append(part.pop(at))

    @breaks('order')
    def boundaries_swapped(self):
        """END comes before BEGIN"""
        part, at = self.boundary('BEGIN')
        part[at], part[at + 1] = part[at + 1], part[at]

    @breaks('partition')
    def rekey_one(self):
        """a record is in another partition, in its place there"""
        part, at = self.event(self.rng.choice(['acct', 'txlog', 'item']))
        record = part.pop(at)
        topic, home = next(place for place, records in self.log.parts.items() if records is part)
        other = self.log.parts[topic, (home + 1) % self.log.counts[topic]]
        other.insert(sum((item['item'], item['number']) < (record['item'], record['number']) for item in other), record)

    @breaks('partition')
    def rekey_all(self):
        """all records of a key are in another partition"""
        part, at = self.event('acct')
        topic, home = next(place for place, records in self.log.parts.items() if records is part)
        key = part[at]['key']
        moved = [record for record in part if record['key'] == key]
        part[:] = [record for record in part if record['key'] != key]
        other = self.log.parts[topic, (home + 1) % self.log.counts[topic]]
        other[:] = sorted(other + moved, key=lambda record: (record['item'], record['number']))

    @breaks('counts')
    def in_two_partitions(self):
        """a record is in two partitions"""
        part, at = self.event('acct')
        record = part[at]
        topic, home = next(place for place, records in self.log.parts.items() if records is part)
        other = self.log.parts[topic, (home + 1) % self.log.counts[topic]]
        other.insert(sum((item['item'], item['number']) < (record['item'], record['number']) for item in other), record)

    # ---- values ----

    @breaks('content')
    def edit_text(self):
        """a text is another one"""
        self.edit_row('item')['body'] = 'edited'

    @breaks('content')
    def edit_bit_of_hash(self):
        """a bit of an account's hash is flipped"""
        row = self.edit_row('acct')
        row['prevhash'] = bytes([row['prevhash'][0] ^ 1]) + row['prevhash'][1:]

    @breaks('content')
    def edit_pad(self):
        """an account's text is another transaction's"""
        self.edit_row('acct', 'u')['pad'] = 'w9n9|'

    @breaks('content', 'sum')
    def edit_balance(self):
        """a balance is one higher"""
        self.edit_row('acct')['bal'] += 1

    @breaks('sum')
    def edit_balance_and_hash(self):
        """a balance is one higher, with the hash that fits"""
        part, at = self.event('acct', 'u')
        value = self.edit(part, at)['value']
        row, tag = value['after'], value['after']['pad'].split('|')[0]
        row['bal'] += 1
        row['prevhash'] = chain(value['before']['prevhash'], row['seq'], row['bal'], tag)

    @breaks('seq')
    def version_skipped(self):
        """an account's version is skipped, with the hash that fits"""
        part, at = self.event('acct', 'u')
        value = self.edit(part, at)['value']
        row = value['after']
        row['seq'] += 1
        row['prevhash'] = chain(value['before']['prevhash'], row['seq'], row['bal'], row['pad'].split('|')[0])

    @breaks('state')
    def edit_and_sum_up(self):
        """a row that is never written again is another one, with the checksum that fits"""
        keys = {row['id'] for name, row in self.final if name == 'bulk'}
        row = self.edit_row('bulk', wanted=lambda value: value['after']['id'] in keys)
        row['body'] = 'edited'
        row['chk'] = checksum(TABLES['bulk'], row)

    @breaks('content')
    def value_is_null(self):
        """a value becomes NULL"""
        self.edit_row('side')['body'] = None

    @breaks('content')
    def big_is_cut(self):
        """a large value is cut off"""
        row = self.edit_row('wide_full')
        row['big'] = row['big'][:-1]

    @breaks('content')
    def big_unavailable(self):
        """a large value that has changed is marked as not available"""
        self.edit_row('wide', 'u', wanted=lambda value: value['after']['big'] != PLACEHOLDER)['big'] = PLACEHOLDER

    @breaks('content')
    def big_unavailable_full(self):
        """a large value is marked as not available although the identity is FULL"""
        self.edit_row('wide_full', 'u')['big'] = PLACEHOLDER

    @breaks('content')
    def big_of_another(self):
        """a large value is that of another row"""
        row = self.edit_row('wide', wanted=lambda value: value['after']['big'] != PLACEHOLDER)
        row['big'] = 'another'

    @breaks('before')
    def before_bit(self):
        """a bit of before is flipped"""
        row = self.edit_row('acct', 'u', 'before')
        row['prevhash'] = row['prevhash'][:-1] + bytes([row['prevhash'][-1] ^ 128])

    @breaks('before', 'seq')
    def before_older(self):
        """before is the version before that"""
        row = self.edit_row('acct', 'u', 'before', lambda value: value['before']['seq'] > 1)
        row['seq'] -= 1

    @breaks('before')
    def before_of_delete(self):
        """before of a delete is another row's"""
        self.edit_row('item', 'd', 'before')['body'] = 'another'

    @breaks('before')
    def before_invented(self):
        """before has columns that the server does not log"""
        self.edit_row('wide', 'd', 'before')['note'] = 'invented'

    @breaks('before')
    def before_without_key(self):
        """before of a row without a key is none that is there"""
        self.edit_row('nokey', 'u', 'before')['body'] = 'none'

    @breaks('op')
    def before_missing(self):
        """an update of a FULL table has no before"""
        part, at = self.event('item', 'u')
        self.edit(part, at)['value']['before'] = None

    @breaks('op')
    def op_wrong(self):
        """a create says that it is an update"""
        part, at = self.event('item', 'c')
        self.edit(part, at)['value']['op'] = 'u'

    @breaks('before')
    def op_create_again(self):
        """an update of a table without FULL says that it is a create"""
        part, at = self.event('wide', 'u')
        self.edit(part, at)['value']['op'] = 'c'

    @breaks('op')
    def op_delete(self):
        """an update says that it is a delete"""
        part, at = self.event('acct', 'u')
        self.edit(part, at)['value']['op'] = 'd'

    @breaks('op')
    def op_snapshot(self):
        """a row is of a snapshot"""
        part, at = self.event('acct', 'u')
        self.edit(part, at)['value']['op'] = 'r'

    @breaks('key')
    def key_null(self):
        """a record has no key"""
        part, at = self.event('acct')
        record = self.edit(part, at)
        record['key'] = record['key_raw'] = None

    @breaks('key')
    def key_wrong(self):
        """the key is not the row's"""
        part, at = self.event('acct')
        self.edit(part, at)['key']['id'] += 1

    @breaks('key')
    def key_of_message(self):
        """a message has another's key"""
        part, at = self.find(lambda record: record['topic'].endswith('.message'))
        self.edit(part, at)['key'] = {'prefix': 'other'}

    def message_edit(self):
        """A message of a transaction, to be changed."""
        return self.edit(*self.find(lambda record: record['topic'].endswith('.message')
                                    and record['value']['message']['prefix'] == 'ledger'))['value']

    @breaks('content')
    def message_of_another(self):
        """a transaction's message is that of the one before"""
        message = self.message_edit()['message']
        content = json.loads(message['content'])
        message['content'] = json.dumps({**content, 'n': content['n'] - 1}).encode()

    @breaks('content')
    def message_cut(self):
        """a transaction's message is cut off"""
        message = self.message_edit()['message']
        message['content'] = message['content'][:-1]

    @breaks('source')
    def message_source_table(self):
        """a transaction's message is of a table"""
        self.message_edit()['source'].update(schema='public', table='acct')

    @breaks('source')
    def message_source_lsn(self):
        """a transaction's message has another LSN in its sequence"""
        source = self.message_edit()['source']
        source['sequence'] = json.dumps([None, str(source['lsn'] + 1)])

    @breaks('content')
    def txlog_count(self):
        """the writer's own count is another one"""
        self.edit_row('txlog')['expected_n'] += 1

    # ---- what must not be there ----

    @breaks('poison')
    def poison(self):
        """text of a savepoint that was rolled back"""
        row = self.edit_row('side')
        row['body'] = f'{POISON} x'
        row['chk'] = checksum(TABLES['side'], row)

    @breaks('aborted')
    def aborted(self):
        """events of a transaction that was rolled back"""
        txn = self.rng.choice([txn for txn in self.outcomes.transactions if txn.outcome == outcomes.COMMITTED])
        txn.outcome = outcomes.ABORTED

    @breaks('stranger')
    def filtered(self):
        """a row of a table that is not captured"""
        part, at = self.event('side', 'c')
        self.log.counts[f'{PREFIX}.public.hidden'] = 1
        self.log.parts[f'{PREFIX}.public.hidden', 0] = [part[at]]

    @breaks('stranger')
    def stranger(self):
        """an event of a transaction that nobody made"""
        part, at = self.event('side')
        self.edit(part, at)['value']['source']['txId'] += 1 << 20

    @breaks('message')
    def said_invented(self):
        """a message that nobody sent"""
        part, at = self.find(lambda record: record['topic'].endswith('.message')
                             and record['value']['message']['prefix'] == 'ledger-said')
        self.edit(part, at)['value']['message']['content'] = b'invented'

    @breaks('state')
    def row_only_in_log(self):
        """the source lacks a row"""
        del self.final[self.rng.randrange(len(self.final))]

    @breaks('state')
    def row_only_in_table(self):
        """the source has a row that never came"""
        self.final.append(('side', {'id': -1, 'body': 'x', 'chk': 'y'}))

    @breaks('state')
    def bag_only_in_log(self):
        """the source lacks one of two equal rows without a key"""
        del self.final[next(at for at, (name, _) in enumerate(self.final) if name == 'nokey')]

    @breaks('state')
    def row_different(self):
        """the source has another value"""
        at = self.rng.randrange(len(self.final))
        name, row = self.final[at]
        self.final[at] = name, {**row, next(column for column in row if column not in TABLES[name].key): -7}

    # ---- transaction metadata ----

    @breaks('boundary')
    def end_count(self):
        """END has another number of events"""
        self.edit(*self.boundary('END'))['value']['event_count'] += 1

    @breaks('boundary')
    def end_count_of_table(self):
        """END has another number of one table's events"""
        self.edit(*self.boundary('END'))['value']['data_collections'][0]['event_count'] -= 1

    @breaks('boundary')
    def end_key(self):
        """an END has another's key"""
        self.edit(*self.boundary('END'))['key']['id'] = '1:1'

    @breaks('boundary')
    def end_of_none(self):
        """boundaries of a transaction that nobody committed"""
        part, at = self.boundary('END')
        record = copy.deepcopy(part[at])
        record['value']['id'] = record['key']['id'] = '4000000:' + record['value']['id'].split(':')[1]
        part.insert(at + 1, record)

    @breaks('counts', 'differs')
    def order_in_transaction(self):
        """two events have one number in the transaction"""
        part, at = self.event('acct', 'u', lambda value: value['transaction']['total_order'] > 1)
        self.edit(part, at)['value']['transaction']['total_order'] -= 1

    @breaks('counts')
    def order_in_table(self):
        """an event has another number in its table"""
        part, at = self.event()
        self.edit(part, at)['value']['transaction']['data_collection_order'] += 1

    @breaks('counts')
    def order_zero(self):
        """an event has number 0 in the transaction"""
        part, at = self.event()
        self.edit(part, at)['value']['transaction']['total_order'] = 0

    @breaks('counts', positions='message')
    def block_missing(self):
        """an event lacks the transaction block"""
        part, at = self.event()
        self.edit(part, at)['value']['transaction'] = None

    @breaks('counts')
    def table_miscounted(self):
        """the transaction has an event more of one table, one less of another"""
        txn = next(txn for txn in self.outcomes.transactions if txn.tables.get('public.acct', 0) > 1
                   and txn.outcome == outcomes.COMMITTED)
        txn.tables = {**txn.tables, 'public.acct': txn.tables['public.acct'] - 1, 'public.txlog': 2}

    @breaks('boundary')
    def boundaries_alone(self):
        """of a transaction with unknown outcome there are BEGIN and END only"""
        unknown = {txn.txid for txn in self.outcomes.transactions if txn.outcome == outcomes.UNKNOWN}
        part, at = self.event(None, None, lambda value: value['source']['txId'] in unknown)
        item = part[at]['item']
        self.drop(lambda record: record['item'] == item and not (
            record['value'] and 'status' in record['value']))

    @breaks('source')
    def source_table(self):
        """source names another table"""
        part, at = self.event('acct')
        self.edit(part, at)['value']['source']['table'] = 'item'

    @breaks('source')
    def source_lsn(self):
        """source.lsn lies behind the end of the transaction"""
        part, at = self.event('acct')
        source = self.edit(part, at)['value']['source']
        source['lsn'] += 1 << 40
        source['sequence'] = json.dumps([None, str(source['lsn'])])

    @breaks('source')
    def source_sequence(self):
        """the transaction before ended behind this one"""
        part, at = self.event('acct')
        source = self.edit(part, at)['value']['source']
        source['sequence'] = json.dumps([str(1 << 50), str(source['lsn'])])

    @breaks('source')
    def block_id(self):
        """the transaction block is of another transaction"""
        part, at = self.event()
        self.edit(part, at)['value']['transaction']['id'] = '1:2'

    # ---- the position header ----

    def position_edit(self, change, part=None, at=None):
        if part is None:
            part, at = self.late(lambda: self.event('acct'))
        record = self.edit(part, at)
        record['headers'] = [(name, change(*struct.unpack('>QQ', data)) if name == check.POSITION else data)
                             for name, data in record['headers']]

    @breaks('position', positions='message')
    def position_missing(self):
        """a record lacks the header"""
        part, at = self.late(lambda: self.event('acct'))
        self.edit(part, at)['headers'] = []

    @breaks('position', positions='message')
    def position_cut(self):
        """the header is cut off"""
        self.position_edit(lambda lsn, place: struct.pack('>Q', lsn))

    @breaks('position', positions='message')
    def position_lsn(self):
        """the header has another LSN than the transaction"""
        self.position_edit(lambda lsn, place: struct.pack('>QQ', lsn - 1, place))

    @breaks('position', positions='change')
    def position_ahead(self):
        """the header's LSN is behind the transaction's end"""
        self.position_edit(lambda lsn, place: struct.pack('>QQ', lsn + (1 << 40), place))

    @breaks('position', positions='message')
    def position_ahead_all(self):
        """all headers of the last transaction have an LSN behind its end"""
        last = max(part[at]['item'] for part, at in self.log.all() if self.is_row(part[at]))
        for part, at in self.log.all():
            if part[at]['item'] == last:
                self.position_edit(lambda lsn, place: struct.pack('>QQ', lsn + (1 << 40), place), part, at)

    @breaks('position', 'order', positions='message')
    def position_place(self):
        """the header has another place in the transaction"""
        self.position_edit(lambda lsn, place: struct.pack('>QQ', lsn, place + 1000))

    @breaks('order', positions='message')
    def position_falls(self):
        """positions fall: two headers are swapped"""
        part, at = self.late(lambda: self.event('acct'))
        other = next(other for other in range(at + 1, len(part)) if part[other]['item'] != part[at]['item'])
        first, second = self.edit(part, at), self.edit(part, other)
        first['headers'], second['headers'] = second['headers'], first['headers']

    @breaks('position', positions='message')
    def tombstone_position(self):
        """a tombstone has a position before its delete"""
        part, at = self.find(lambda record: record['value'] is None)
        lsn, place = struct.unpack('>QQ', part[at]['headers'][0][1])
        self.edit(part, at)['headers'] = [(check.POSITION, struct.pack('>QQ', lsn, max(0, place - 2)))]

    # ---- exactly once ----

    @breaks('duplicate', exactly_once=True)
    def once_duplicate(self):
        """a record comes again in exactly-once"""
        part, at = self.event()
        part.insert(at + 1, part[at])

    @breaks('duplicate', exactly_once=True)
    def once_replay(self):
        """a run comes again, as at-least-once may"""
        part = self.long_part()
        part += part[self.starts(part)[-3]:]

    @breaks('lost', exactly_once=True)
    def once_lost(self):
        """a Kafka transaction was aborted and not written again"""
        group = self.event()[0][-1]['group']
        self.drop(lambda record: record['group'] == group)

    @breaks('torn', exactly_once=True)
    def once_torn(self):
        """a transaction's records in a partition are of two Kafka transactions"""
        small = [(part, at) for part, at in self.log.all() if at > 0 and part[at]['item'] == part[at - 1]['item']
                 and part[at]['number'] < WHOLE_MAX // 2 and part[at]['group'] == part[at - 1]['group']
                 and self.is_row(part[at])
                 and self.size(part[at]['item']) < WHOLE_MAX]
        part, at = self.rng.choice(small)
        for record in part[at:]:
            record['group'] += 1000

    def size(self, item):
        return sum(part[at]['item'] == item for part, at in self.log.all())

    def cut_at(self, part, at):
        """Another Kafka transaction begins with this record, in every partition."""
        place = part[at]['item'], part[at]['number']
        for other, index in self.log.all():
            if (other[index]['item'], other[index]['number']) >= place:
                other[index]['group'] += 1000

    @staticmethod
    def join(records, group):
        """They are in that Kafka transaction, and none that was aborted is before them."""
        for record in records:
            record['group'] = group
            record.pop('skip', None)

    def splits(self):
        """(partition's list, index) of the records with which parts of large transactions begin,
        where that partition has so many of the part that the others cannot have none between."""
        return [(part, at) for part, at in self.log.all() if 0 < at < len(part) - MANY
                and part[at]['group'] != part[at - 1]['group']
                and all(part[other]['item'] == part[at]['item'] for other in (at - 1, at + MANY))
                and part[at + MANY]['group'] == part[at]['group']]

    @breaks('torn', exactly_once=True)
    def once_split_small(self):
        """a transaction below the limit is split, at a record, in every partition alike"""
        part, at = self.find(lambda record: self.is_row(record) and record['value']['transaction']['total_order'] > 1
                             and self.size(record['item']) < WHOLE_MAX)
        self.cut_at(part, at)

    @breaks('cut', exactly_once=True)
    def once_split_small_apart(self):
        """a transaction below the limit is in one Kafka transaction here, in the next one there, and
        whole in each partition"""
        rows = [(part, at) for part, at in self.log.all() if self.is_row(part[at]) and at > 0
                and self.size(part[at]['item']) < WHOLE_MAX and part[at]['item'] != part[at - 1]['item']]
        for part, at in self.rng.sample(rows, len(rows)):
            item, number = part[at]['item'], part[at]['number']
            if all(other is part or other[index]['number'] < number for other, index in self.log.all()
                   if other[index]['item'] == item and other[index]['topic'] != f'{PREFIX}.transaction'):
                break
        # all that comes before, and the rest of the transaction, is one; this partition's part is of the next
        for other, index in self.log.all():
            record = other[index]
            if record['item'] <= item:
                record['group'] = -1
            if record['item'] > item or other is part and record['item'] == item:
                record['group'] += 1000

    @breaks('cut', exactly_once=True)
    def once_split_astray(self):
        """a large transaction is split at another record in one partition than in the others"""
        part, at = self.rng.choice(self.splits())
        self.join(part[at:at + MANY], part[at - 1]['group'])

    @breaks('cut', exactly_once=True)
    def once_split_missing(self):
        """in one partition two parts of a large transaction are one"""
        part, at = self.rng.choice(self.splits())
        self.join([record for record in part if record['group'] == part[at]['group']], part[at - 1]['group'])

    @breaks('torn', exactly_once=True)
    def once_split_tombstone(self):
        """a large transaction is split between a delete and its tombstone"""
        part, at = self.find(lambda record: record['value'] is None and self.size(record['item']) > WHOLE_MAX)
        self.cut_at(part, at)

    @breaks('cut', exactly_once=True)
    def once_joined(self):
        """in one partition a Kafka transaction goes on where it has ended in others"""
        part = self.log.parts[f'{PREFIX}.public.txlog', 0]
        ends = [at for at in range(1, len(part)) if part[at]['group'] != part[at - 1]['group']]
        at = self.rng.choice(ends)
        self.join([record for record in part if record['group'] == part[at]['group']], part[at - 1]['group'])

    @breaks('cut', exactly_once=True)
    def once_cut(self):
        """in one partition a Kafka transaction ends where it goes on in others: the sum of
        balances is wrong for who reads there"""
        part = self.log.parts[f'{PREFIX}.transaction', 0]
        inside = [at for at in self.starts(part) if part[at]['group'] == part[at - 1]['group']
                  and all(self.size(part[near]['item']) < WHOLE_MAX for near in (at - 1, at))]
        at = self.rng.choice(inside)
        for record in part[at:]:
            record['group'] += 1000


def mutations():
    return [(name, function) for name, function in vars(Mutation).items() if hasattr(function, 'breaks')]
