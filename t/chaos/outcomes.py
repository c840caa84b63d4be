"""outcomes.py: what the writers know of their transactions, one file each in a folder,
in lines of JSON that are written before and after whatever may fail:

  {"k": "try", "txid", "tag", "worker", "n", "tables": {collection: events}}  before COMMIT
  {"k": "end", "tag", "outcome": "committed" | "aborted"}    behind it; none: unknown
  {"k": "abort", ...as try}                                  before ROLLBACK
  {"k": "say", "content"}, {"k": "said", "content", "lsn"}   a message outside transactions
  {"k": "lost"}                                              the connection: what was said may be, too
  {"k": "fault", "state", "text"}                            an error that should not be

and in resolved.jsonl what became of the unknown ones ("end" lines).  txid is the full,
64-bit one; after a crash the server may give the same again to another transaction,
hence the tags.  Written by workload.py, read by checker.py.
"""
import glob
import json
import os

COMMITTED, ABORTED, UNKNOWN = 'committed', 'aborted', 'unknown'


class Transaction:
    """tables: collection -> events that it must have; outcome: as its client knows it."""
    __slots__ = ('txid', 'tag', 'worker', 'n', 'tables', 'outcome')

    def __init__(self, txid, tag, worker, n, tables, outcome):
        self.txid, self.tag, self.worker, self.n = txid, tag, worker, n
        self.tables, self.outcome = tables, outcome

    @property
    def events(self):
        return sum(self.tables.values())


class Outcomes:
    """transactions: of all writers.  messages: content -> must it be in the log?  Those
    that need not may be; said_at: content -> LSN of its end.  faults: texts."""

    def __init__(self, transactions=(), messages=None, faults=()):
        self.transactions = list(transactions)
        self.messages = messages or {}
        self.said_at = {}
        self.faults = list(faults)
        self.shapes = {}    # most transactions touch the same tables as others do

    def shape(self, tables):
        return self.shapes.setdefault(tuple(sorted(tables.items())), tables)

    def file_read(self, name):
        by_tag, said = {}, []
        for line in lines(name):
            kind = line['k']
            if kind in ('try', 'abort'):
                txn = Transaction(line['txid'], line['tag'], line['worker'], line['n'],
                                  self.shape(line['tables']), UNKNOWN if kind == 'try' else ABORTED)
                by_tag[txn.tag] = txn
                self.transactions.append(txn)
            elif kind == 'end':
                by_tag[line['tag']].outcome = line['outcome']
                if line['outcome'] == COMMITTED:
                    # its WAL lies behind theirs, and it is on disk
                    self.messages.update(dict.fromkeys(said, True))
                    said.clear()
            elif kind == 'say':
                self.messages[line['content']] = False
            elif kind == 'said':
                said.append(line['content'])
                self.said_at[line['content']] = lsn_number(line.get('lsn', '0/0'))
            elif kind == 'lost':
                # the server may have crashed, and no commit had put them on disk
                said.clear()
            elif kind == 'fault':
                self.faults.append(f"{line['state']}: {line['text']}")

    def resolve(self, outcome_of):
        """outcome_of: tag -> outcome, for those still unknown."""
        for txn in self.transactions:
            if txn.outcome == UNKNOWN:
                txn.outcome = outcome_of.get(txn.tag, UNKNOWN)


def lsn_number(text):
    high, low = (int(half, 16) for half in text.split('/'))
    return high << 32 | low


def lines(name):
    """The values of a file of JSON lines; a last line that was cut off is none."""
    with open(name, encoding='utf-8') as file:
        for line in file:
            if line.endswith('\n'):
                yield json.loads(line)


def load(folder):
    """The outcomes in a folder."""
    outcomes = Outcomes()
    for name in sorted(glob.glob(os.path.join(folder, 'outcomes-*.jsonl'))):
        outcomes.file_read(name)
    resolved = os.path.join(folder, 'resolved.jsonl')
    if os.path.exists(resolved):
        outcomes.resolve({line['tag']: line['outcome'] for line in lines(resolved)})
    return outcomes
