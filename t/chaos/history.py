"""history.py: every version of every row that the ledger had, as the triggers of
history.sql noted them, and what its tables held once just some of its transactions had
been committed.  What a row of a snapshot must be is known from here, not from the relay.
Pure but for load().  Used by seam.py, checker.py and model_snapshot.py.
"""
import collections
import os

import outcomes
from tables import TABLES, digest


class Version:
    """A change: old and new are rows, None where there is none; both None: a truncate.  lsn:
    where WAL was written then, which is before its transaction's commit record begins."""
    __slots__ = ('txid', 'lsn', 'table', 'old', 'new')

    def __init__(self, txid, lsn, table, old, new):
        self.txid, self.lsn, self.table, self.old, self.new = txid, lsn, table, old, new


class State:
    """What tables hold.  rows: table -> key -> digest; bags: table without key -> digest ->
    count; bigs: (table, key) -> MD5 of the large value, where an event need not have it."""

    def __init__(self):
        self.rows = {name: {} for name, table in TABLES.items() if table.key}
        self.bags = {name: collections.Counter() for name, table in TABLES.items() if not table.key}
        self.bigs = {}

    def apply(self, version):
        table, old, new = TABLES[version.table], version.old, version.new
        if not table.key:
            self.bags[table.name].subtract([digest(row) for row in (old,) if row])
            self.bags[table.name].update([digest(row) for row in (new,) if row])
            return
        rows = self.rows[table.name]
        if not old and not new:
            rows.clear()
        if old:
            rows.pop(table.key_of(old), None)
            self.bigs.pop((table.name, table.key_of(old)), None)
        if new:
            rows[table.key_of(new)] = digest(new)
            if 'big' in new and not table.full:
                self.bigs[table.name, table.key_of(new)] = new['big'][0]


class History:
    """versions: in an order in which those of one row are as they came about."""

    def __init__(self, versions=()):
        self.versions = list(versions)
        self.first, self.last = {}, {}      # txid -> LSN of its first and its last version
        for version in self.versions:
            self.first.setdefault(version.txid, version.lsn)
            self.last[version.txid] = version.lsn
        # transactions do not change it, but for the one that makes the accounts
        self.balance = sum((version.new or {}).get('bal', 0) - (version.old or {}).get('bal', 0)
                           for version in self.versions if version.table == 'acct')

    def state(self, txids):
        """What there is once these are committed, and no others."""
        state = State()
        for version in self.versions:
            if version.txid in txids:
                state.apply(version)
        return state

    def rows(self, txids):
        """The same of tables with a key: table -> key -> row."""
        rows = {name: {} for name, table in TABLES.items() if table.key}
        for version in self.versions:
            if version.txid not in txids or version.table not in rows:
                continue
            key_of, there = TABLES[version.table].key_of, rows[version.table]
            if not version.old and not version.new:
                there.clear()
            if version.old:
                there.pop(key_of(version.old), None)
            if version.new:
                there[key_of(version.new)] = version.new
        return rows


def row_read(table, value):
    """A row as events have it, from to_jsonb(); of a large value there is the MD5."""
    if value is None:
        return None
    row = {name: value.get(name) for name in table.columns}
    for name, kind in table.columns.items():
        if kind == 'bytes' and row[name] is not None:
            row[name] = bytes.fromhex(row[name][2:])
    if 'big' in row:
        row['big'] = (row['sum'],)
    return row


def load(folder):
    """The history in a folder of workload.py, None if it has none."""
    name = os.path.join(folder, 'history.jsonl')
    if not os.path.exists(name):
        return None
    versions = []
    for txid, lsn, table, old, new in outcomes.lines(name):
        versions.append(Version(txid, lsn, table, row_read(TABLES[table], old),
                                row_read(TABLES[table], new)))
    return History(versions)
