"""model_reading.py: the log that a relay without fault writes that is asked, while it streams, for
the rows of model.py's ledger: what reading.py must pass, and what reading_mutations.py
breaks.  As model_snapshot.py; rows are read in chunks by their keys, and what was changed
while a chunk was read is left out of it.
"""
import collections

from model import MemoryLog
from model_snapshot import Snapshots
from reading import MARK, Condition, Reading, Rules
from tables import PLACEHOLDER, TABLES

CHUNK = 6           # rows
STEP = 2            # items, at most, between the opening of a window and the snapshot, and from there on
ROOM = 8            # watermarks behind an item, less than there is to the next item's end
CONDITIONS = {'acct': 'seq', 'item': 'seq', 'txlog': 'n', 'wide_full': 'seq', 'bulk': 'id'}
KEYED = [name for name, table in TABLES.items() if table.key]


class Readings(Snapshots):
    """One log.  number: of readings; all: of all tables, without a condition."""

    def __init__(self, made, kills=0, exactly_once=False, number=1, is_all=False):
        self.made, self.kills, self.exactly_once = made, kills, exactly_once
        self.rng, self.log = made.rng, MemoryLog()
        self.session = self.chunks = 0
        self.end = len(made.items) - 1
        self.begin = self.at = self.rng.randint(2, self.end // 5)
        self.start = made.items[self.begin].end_lsn
        self.marks = collections.Counter()      # item -> LSNs behind it that are taken
        self.alone = set()                      # items behind which rows have Kafka transactions of their own
        self.readings = []
        self.opened = {}                        # LSN of rows -> item at which their window was opened
        for _ in range(number):
            self.reading(is_all)
        self.stream(self.end)
        if exactly_once:
            made.groups_make(self.log, self.alone)

    def rules(self):
        return Rules(self.made.history(), self.readings, self.start, self.kills > 0, self.exactly_once)

    def mark(self):
        """An LSN behind the item that was streamed last, and nothing else there; the next one's commit record
        may begin there."""
        if self.marks[self.at] >= ROOM and self.at < self.end:
            self.go(1)
        following = self.made.items[self.at + 1] if self.at < self.end else None
        if following and following.txn and self.rng.random() < 0.3:
            self.marks[self.at] = ROOM
            return following.commit_lsn
        self.marks[self.at] += 1
        return self.made.items[self.at].end_lsn + self.marks[self.at]

    def go(self, most):
        self.stream(min(self.end, self.at + self.rng.randint(1, most)))

    def go_perhaps(self):
        if self.rng.random() < 0.4:
            self.go(STEP)

    # ---- one reading ----

    def wish(self, is_all):
        if is_all:
            return dict.fromkeys(KEYED)
        names = self.rng.sample(KEYED, self.rng.randint(3, len(KEYED)))
        return {name: Condition(CONDITIONS[name], 2, self.rng.randint(0, 1))
                if name in CONDITIONS and self.rng.random() < 0.4 else None for name in names}

    def reading(self, is_all):
        self.go(STEP)
        reading = Reading(self.mark(), 0, self.wish(is_all))
        self.readings.append(reading)
        self.go(STEP)
        tables = {name: (None, max(self.made.states[self.at][0][name], default=None)) for name in reading.tables}
        kills, noted = self.kills, dict(tables)     # what may be written down, when it dies
        while tables:
            name = self.rng.choice(list(tables))
            after, upto = tables[name]
            kept = self.chunk(reading, TABLES[name], after, upto, kills > 0 and self.rng.random() < 0.3)
            if kept == 'killed':
                kills -= 1
                if not self.exactly_once and self.rng.random() < 0.5:
                    tables[name] = noted[name]
            elif kept == 'end':
                del tables[name]
            else:
                noted[name], tables[name] = tables[name], (kept, upto)
        reading.last = self.mark()

    def chunk(self, reading, table, after, upto, is_killed):
        """Reads and sends one; its last key, 'end' behind the last one, 'killed' in its middle."""
        if self.marks[self.at] >= ROOM and self.at < self.end:
            self.go(1)
        opened, stays = self.at, False
        while True:
            if not stays:
                self.go_perhaps()
            rows = self.rows_behind(reading, table, after, upto)
            read = rows[:CHUNK]
            if not stays:
                self.go_perhaps()
            changed, is_clear = self.changes(table, opened)
            if is_clear:
                break
            opened, stays = self.at, True
        lsn = self.mark()
        self.opened[lsn] = opened
        rows = [(key, row) for key, row in read if key not in changed]
        joins = self.joins()
        if is_killed:
            self.send_chunk(table, [] if self.exactly_once else rows[:self.rng.randint(0, len(rows))], lsn, joins)
            self.session += 1
            self.stream(min(self.end, self.at + self.rng.randint(1, STEP)),
                        self.at if self.exactly_once else max(self.begin, self.at - self.rng.randint(0, 3)))
            return 'killed'
        self.send_chunk(table, rows, lsn, joins)
        return read[-1][0] if len(read) == CHUNK else 'end'

    def rows_behind(self, reading, table, after, upto):
        rows = self.made.states[self.at][0][table.name]
        return [(key, row) for key, row in sorted(rows.items()) if (after is None or key > after)
                and upto is not None and key <= upto and reading.wants(table.name, row)]

    def changes(self, table, opened):
        """(keys that were changed behind that item, False: the chunk is to be read again)"""
        keys = set()
        for item in self.made.items[opened + 1:self.at + 1]:
            for message in item.messages:
                value = message['value']
                if not message['topic'].endswith('.' + table.collection) or value is None:
                    continue
                if value['op'] == 't' or PLACEHOLDER in (value['after'] or {}).values():
                    return keys, False      # all of them; not told as a whole
                keys.add(table.key_of(value['after'] or value['before']))
        return keys, True

    def joins(self):
        """What rows behind this item share a Kafka transaction with; all of them the same."""
        if self.marks[self.at] == 1 and self.rng.random() < 0.6:
            self.alone.add(self.at)
        return None if self.at in self.alone or not self.exactly_once else (self.at, 'before')

    def send_chunk(self, table, rows, lsn, joins):
        self.chunks += 1
        self.log.now += self.rng.randint(1, 5)
        for _, row in rows:
            self.row(table, row, MARK, joins, lsn)
