"""model_snapshot.py: the log that a relay without fault writes that reads the rows, too, of
model.py's ledger, whenever it dies: what seam.py must pass, and what seam_mutations.py
breaks.  What is read is taken from the model's tables, not from the history.
"""
import collections
import json
import struct

from check import POSITION
from model import PREFIX, MemoryLog
from seam import KINDS, Rules
from tables import TABLES

CHUNK = 5           # rows, about, that are sent and acknowledged together
STEP = 3            # items, at most, until rows are read again


class Snapshots:
    """One log.  kills: how often the relay dies while it reads; gives_up: and then begins anew,
    with the first snapshot.  cut: while the first one is read, a table is truncated that was not
    read to its end; 'rows': which has rows again when it is, 'empty': and has none; 'before': it was
    truncated before that one began, and has none."""

    def __init__(self, made, kind, kills=0, exactly_once=False, gives_up=False, cut=None):
        self.made, self.kind, self.kills, self.exactly_once = made, kind, kills, exactly_once
        self.gives_up = gives_up
        self.rng, self.log = made.rng, MemoryLog()
        self.session = self.chunks = 0
        last = len(made.items) - 1
        # the slot begins behind this item
        self.begin = self.rng.randint(2, last // 5) if cut != 'before' else made.emptied_at[0]
        self.at = self.begin                                        # what was streamed last
        self.start = made.items[self.begin].end_lsn
        self.positions = []         # items behind which rows were read
        self.reads = 2 if kind == 'always' else 1 if KINDS[kind].reads else 0
        self.begins = []            # position of each job's last rows but the last one's
        for number in range(self.reads):
            if number:
                self.begins.append(made.items[self.at].end_lsn)
            if cut in ('rows', 'empty') and number == 0:
                self.job_cut(cut)
            else:
                self.job(self.at if cut == 'before' and number == 0 else self.later(), gives_up and number == 0)
        self.done = made.items[self.at].end_lsn
        if KINDS[kind].streams:
            self.stream(last)
        if exactly_once:
            made.groups_make(self.log, self.positions)

    def rules(self):
        return Rules(self.kind, self.made.history(), self.start, self.done, self.kills > 0,
                     jobs=self.reads if KINDS[self.kind].reads and not self.kills else None,
                     begins=self.begins, given_up=[0] if self.gives_up else [])

    def runs_max(self):
        return 0 if self.exactly_once else self.session

    def later(self):
        """An item to go on to; there are always some behind it."""
        return self.at + self.rng.randint(1, STEP)

    def stream(self, upto, first=None):
        """Items up to this one, and all behind first once more."""
        first = self.at if first is None else first
        for at in range(first + 1, upto + 1):
            for message in self.made.items[at].messages:
                self.made.append(self.log, message, self.session, at == first + 1, at)
            self.log.now += self.rng.randint(1, 40)
        self.at = max(self.at, upto)

    def job(self, at, gives_up):
        """The rows behind this item, or later ones: as often as it takes."""
        if KINDS[self.kind].past:
            self.stream(at)
        self.at = at
        done, read = collections.Counter(), False
        for kill in range(self.kills + 1):
            rows = self.rows_due(done)
            sent = self.rng.randint(0, len(rows)) if kill < self.kills else len(rows)
            sent -= sent % CHUNK if kill < self.kills else 0
            self.send(rows, sent, not read)
            read = read or sent > 0
            self.positions.append(self.at)
            if kill == self.kills:
                break
            # what was not acknowledged, or nobody wrote down that it was, comes again
            kept = sent if self.exactly_once else max(0, sent - CHUNK * self.rng.randint(0, 2))
            done &= collections.Counter(map(repr, self.rows()))     # what went is of no range
            done.update(map(repr, rows[:kept]))
            self.session += 1
            behind = self.later()
            again = self.rng.randint(0, 3) if KINDS[self.kind].past and not self.exactly_once else 0
            self.stream(behind, max(self.begin, self.at - again))
            self.at = behind
            if gives_up:
                break

    def job_cut(self, cut):
        """The rows, but of side not all; what it has behind its truncate."""
        behind = self.made.emptied_at[0]
        at = next(at for at in range(behind - 1, self.begin, -1) if self.made.states[at][0]['side'])
        if KINDS[self.kind].past:
            self.stream(at)
        self.at = at
        kept = self.rng.randint(0, len(self.made.states[at][0]['side']))
        rows = self.rows_due({})
        first = next(number for number, (name, _) in enumerate(rows) if name == 'side')
        rows = [row for number, row in enumerate(rows) if row[0] != 'side' or number < first + kept]
        self.send(rows, len(rows), True, 'side')
        self.positions.append(at)
        if cut == 'rows':
            behind = next(at for at in range(behind, len(self.made.items)) if self.made.states[at][0]['side'])
        self.stream(behind)
        rows = [row for row in self.rows_due({}) if row[0] == 'side']
        if rows:
            self.send(rows, len(rows), False)
            self.positions.append(self.at)

    def rows(self):
        return self.made.all_rows(*self.made.states[self.at])

    def rows_due(self, done):
        """Rows of ranges that are not done, and those that came about since."""
        due, done = [], collections.Counter(done)
        for row in sorted(self.rows(), key=lambda row: list(TABLES).index(row[0])):
            if done[repr(row)] > 0:
                done[repr(row)] -= 1
            else:
                due.append(row)
        return due

    def send(self, rows, count, is_first, cut=None):
        """cut: the table that another round goes on with."""
        tables = [name for name, _ in rows]
        joins = {0: (self.at, 'before')} if self.rng.random() < 0.5 else {}
        if count == len(rows) and self.rng.random() < 0.5:
            joins[(count - 1) // CHUNK] = self.at + 1, 'behind'
        for number, (name, row) in enumerate(rows[:count]):
            if number % CHUNK == 0:
                self.chunks += 1
                self.log.now += self.rng.randint(1, 5)
            begins = number == 0 or tables[number - 1] != name
            ends = number == len(rows) - 1 or tables[number + 1] != name
            mark = 'true'
            if ends and name != cut:
                mark = 'last' if number == len(rows) - 1 and not cut else 'last_in_data_collection'
            elif begins:
                mark = 'first_in_data_collection'
            if number == 0 and is_first:
                mark = 'first'
            self.row(TABLES[name], row, mark, joins.get(number // CHUNK) if self.exactly_once else None)

    def row(self, table, row, mark, joins, lsn=None):
        lsn = lsn or self.made.items[self.at].end_lsn
        key = {column: row[column] for column in table.key} if table.key else None
        source = {'version': '0', 'connector': 'postgresql', 'name': PREFIX, 'ts_ms': self.log.now, 'snapshot': mark,
                  'db': 'd', 'sequence': json.dumps([None, str(lsn)]), 'schema': 'public', 'table': table.name,
                  'txId': None, 'lsn': lsn, 'xmin': None}
        message = {'number': 0, 'topic': f'{PREFIX}.{table.collection}', 'key': key,
                   'key_raw': None if key is None else repr(key).encode(),
                   'headers': [(POSITION, struct.pack('>QQ', lsn - 1, 0))] if self.made.positions else [],
                   'value': {'before': None, 'after': dict(row), 'source': source, 'transaction': None, 'op': 'r',
                             'ts_ms': self.log.now}}
        self.log.parts[self.made.home(self.log, message)].append(
            {**message, 'group': f'chunk {self.chunks}' if self.exactly_once else None, 'item': self.at,
             'time': self.log.now, 'end_lsn': lsn, **({'joins': joins} if joins else {})})
