"""reading.py: the rules of incremental snapshots: rows that were there before (op r), read in
chunks while the stream goes on, each time that somebody asks for it.  Pure.  As seam.py, whose
rules hold where nothing else is said here: it is called by check.py, too.

A reading is one such wish, for some of the tables, perhaps with a condition.  Each chunk has
a position of its own, its rows' source.lsn: its place in the stream is behind all that ends
there, and in front of everything else, and a row is what all of that has made of it.  So
whoever applies a topic in its order has what the table has, whatever was read when; and
behind a reading nothing may be missing of what was there when it was asked for.

What a breach is called here:
  seam         a row is not what was there at its position: gone by then, or older, or newer
  unread       a row that was there when the reading was asked for is not in it, nor was it told
               of as a whole by an event between that and its end
  twice        a row is there twice at one position; exactly once: twice in one reading
  barrier      a change behind a row's position is in front of it, or one before it behind it
  mark         source.snapshot is not incremental
  filter       a row that does not meet the condition
  op           a row of a table that nobody asked for, or before anybody did, or with a
               transaction, or an image before it
"""
import collections
import json

from seam import END, Kind, Seam
from tables import PLACEHOLDER, TABLES, content_fault, digest

MARK = 'incremental'


class Condition:
    """column % modulus = rest."""

    def __init__(self, column, modulus, rest):
        self.column, self.modulus, self.rest = column, modulus, rest

    def __call__(self, row):
        value = row[self.column]
        return value is not None and value % self.modulus == self.rest

    def sql(self):
        return f'{self.column} % {self.modulus} = {self.rest}'

    def plain(self):
        return [self.column, self.modulus, self.rest]


class Reading:
    """first: LSN at which it was asked for.  last: it was known to be done when WAL was written
    there.  tables: name -> Condition, None for all rows."""

    def __init__(self, first, last, tables):
        self.first, self.last, self.tables = first, last, tables

    def wants(self, table, row):
        condition = self.tables[table]
        return condition is None or condition(row)

    def plain(self):
        """As JSON has it."""
        return {'first': self.first, 'last': self.last,
                'tables': {name: condition and condition.plain() for name, condition in self.tables.items()}}

    @staticmethod
    def of_plain(value):
        return Reading(value['first'], value['last'], {
            name: condition and Condition(*condition) for name, condition in value['tables'].items()})


class Rules:
    """readings: in their order, none of them begins before the one before is done.  start: what is
    committed from this LSN on must be in the log.  kills: may the relay have died?"""
    kind = Kind(reads=True, again=False, past=True, streams=True)
    past = True
    done = 0

    def __init__(self, history, readings, start=0, kills=False, exactly_once=False):
        self.history, self.readings, self.start = history, readings, start
        self.kills, self.exactly_once = kills, exactly_once

    def seam(self, *parts):
        return Readings(self, *parts)


class Readings(Seam):
    """jobs: the readings."""

    def __init__(self, rules, *parts):
        super().__init__(rules, *parts)
        self.jobs = rules.readings
        self.due = []           # of each: table -> keys of rows that were there when it was asked for
        self.found = set()      # (place in jobs, table, key) of rows
        self.chunks = collections.Counter()     # position -> rows

    # ---- before the log is read ----

    def learn(self, log):
        self.seed()
        for reading in self.jobs:
            rows = self.rules.history.rows(self.committed(reading.first))
            self.due.append({name: {key for key, row in rows[name].items() if reading.wants(name, row)}
                             for name in reading.tables})

    def committed(self, position):
        """Transactions that were committed before."""
        found = set()
        for i, txn in enumerate(self.transactions.made):
            end = self.transactions.end_lsn(i)
            if i in self.transactions.excused or end is not None and end <= position:
                found.add(txn.txid)
        return found

    # ---- as the log is read ----

    def row(self, table, place, record, where):
        value, source = record['value'], record['value']['source']
        row, position = value['after'], source['lsn']
        self.rows += 1
        self.chunks[position] += 1
        if value['before'] or not row or value.get('transaction'):
            self.breaches.add('op', where, f"op r with{'' if value['before'] else 'out'} before, "
                              f"with{'' if row else 'out'} after, "
                              f"with{'' if value.get('transaction') else 'out'} transaction")
            return
        self.source_check(table, source, where)
        if source['txId'] is not None:
            self.breaches.add('source', where, f"a row of transaction {source['txId']}")
        self.barrier_check(place, position, where)
        if source['snapshot'] != MARK:
            self.breaches.add('mark', where, f"source.snapshot is {source['snapshot']}")
        at = self.place_of(position)
        if at is None or table.name not in self.jobs[at].tables:
            self.breaches.add('op', where, f'nobody has asked for rows of {table.name}')
            return
        if not self.jobs[at].wants(table.name, row):
            self.breaches.add('filter', where, 'a row that does not meet the condition')
        if not table.full and PLACEHOLDER in row.values():
            self.breaches.add('seam', where, 'a value is left out')
            return
        plain = self.tables.plain(table, row)
        fault = content_fault(table, plain)
        if fault:
            self.breaches.add('content', where, fault)
        key = table.key_of(row)
        if self.rules.exactly_once and (at, table.name, key) in self.found:
            self.breaches.add('twice', where, f'row {key} is there twice in one snapshot')
        self.found.add((at, table.name, key))
        self.keyed(table, key, digest(plain), position, where)

    def place_of(self, position):
        """The reading that a row is of, None if it is of none."""
        begun = [at for at, reading in enumerate(self.jobs) if reading.first < position]
        return begun[-1] if begun and position <= self.jobs[begun[-1]].last else None

    def job_at(self, position):
        return self.jobs[self.place_of(position)]

    def told_check(self, table, key, position, where):
        """Something happens to a row at this position; what it was must have been told by every
        reading that had ended then, if it was there when that was asked for."""
        said = self.said.get((table.name, key), 0)
        for reading, due in zip(self.jobs, self.due):
            if said < reading.first and reading.last < position and key in due.get(table.name, ()):
                self.breaches.add('unread', where, f'row {key} of {table.name} was there at {reading.first:x}, '
                                  'and was not read')
                break

    def bag_event(self, table, op, before, after, end, where):
        """What has no key is not read."""

    # ---- at the end ----

    def finish(self):
        for name, rows in self.tables.rows.items():
            for key in rows:
                self.told_check(TABLES[name], key, END, f'{name} {key}')

    def replaced(self):
        """How many rows were due, and are there, but were only told of by changes."""
        return sum((at, name, key) not in self.found and key in self.tables.rows[name]
                   for at, due in enumerate(self.due) for name, keys in due.items() for key in keys)

    def report(self):
        return {'rows': self.rows, 'jobs': len(self.jobs), 'repeats': self.repeats, 'places': len(self.chunks),
                'due': sum(len(keys) for due in self.due for keys in due.values()), 'replaced': self.replaced()}


def load(name, history, start, kills, exactly_once):
    """The rules for readings that a file has, as JSON."""
    with open(name, encoding='utf-8') as file:
        readings = [Reading.of_plain(value) for value in json.load(file)]
    return Rules(history, readings, start, kills, exactly_once)
