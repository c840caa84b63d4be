"""tables.py: what the ledger's tables are (schema.sql) and what makes a row of them
whole.  Knows nothing of PostgreSQL, Kafka or time.  Imported by workload.py, which
writes the rows, by check.py, which judges what came of them, and by model.py.
"""
import hashlib

POISON = 'POISON-never-committed'   # in everything that is rolled back
PLACEHOLDER = '__debezium_unavailable_value'
REGIONS = {'part_eu': 'eu', 'part_us': 'us'}


class Table:
    """key: () for none.  columns: name -> 'int', 'text' or 'bytes'.  full: replica
    identity FULL.  partitions: of its topic; what has no key, and what is truncated,
    needs one, because records without a key go to any.  checked: columns in chk."""

    def __init__(self, name, key, columns, full=False, partitions=3, checked=()):
        self.name, self.key, self.full = name, key, full
        self.collection = f'public.{name}'
        self.columns = dict(column.split() for column in columns)
        self.partitions, self.checked = partitions, checked

    def key_of(self, row):
        return tuple(row[name] for name in self.key)


WIDE = ['id int', 'seq int', 'sum text', 'big text', 'note text', 'chk text']
PART = ['id int', 'region text', 'seq int', 'body text', 'chk text']

TABLES = {table.name: table for table in (
    Table('acct', ('id',), ['id int', 'seq int', 'bal int', 'prevhash bytes', 'pad text'], full=True),
    Table('txlog', ('txid8',), ['txid8 int', 'worker int', 'n int', 'expected_n int', 'tag text', 'tables text']),
    Table('item', ('id',), ['id int', 'seq int', 'body text', 'chk text'], full=True,
          checked=('id', 'seq', 'body')),
    Table('wide', ('id',), WIDE, checked=('id', 'seq', 'sum', 'note')),
    Table('wide_full', ('id',), WIDE, full=True, checked=('id', 'seq', 'sum', 'note')),
    Table('side', ('id',), ['id int', 'body text', 'chk text'], partitions=1, checked=('id', 'body')),
    Table('bulk', ('id',), ['id int', 'worker int', 'body text', 'chk text'],
          checked=('id', 'worker', 'body')),
    Table('part_eu', ('id', 'region'), PART, full=True, checked=('id', 'seq', 'body')),
    Table('part_us', ('id', 'region'), PART, full=True, checked=('id', 'seq', 'body')),
    Table('nokey', (), ['worker int', 'n int', 'body text', 'chk text'], full=True, partitions=1,
          checked=('worker', 'n', 'body')),
)}

# What a relay must be told to capture just this, in this order.
RELAY_ARGS = ['--table.exclude.list=public[.]hidden,public[.]history', '--skipped.operations=none',
              '--provide.transaction.metadata=true']


def topics(prefix):
    """Names of the topics, with their partitions."""
    names = {f'{prefix}.{table.collection}': table.partitions for table in TABLES.values()}
    names[f'{prefix}.transaction'] = names[f'{prefix}.message'] = 1
    return names


def digest(value):
    """What stands for a row where there are many."""
    return int.from_bytes(hashlib.blake2b(repr(value).encode(), digest_size=8).digest(), 'big')


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


def checksum(table, row):
    """chk of a row, as the triggers of schema.sql make it."""
    return md5('|'.join(str(row[name]) for name in table.checked if row[name] is not None))


def chain(prevhash, seq, bal, tag):
    """prevhash of an account's next version."""
    return hashlib.sha256(prevhash + seq.to_bytes(8, 'big', signed=True)
                          + bal.to_bytes(8, 'big', signed=True) + tag.encode()).digest()


def content_fault(table, row):
    """What is wrong with the content of a row, None if nothing; big is text, or its MD5
    as (MD5,) where the text is known from before."""
    if table.checked and row['chk'] != checksum(table, row):
        return 'chk does not fit the columns'
    if 'big' in row:
        have = row['big'][0] if isinstance(row['big'], tuple) else md5(row['big'])
        if have != row['sum']:
            return 'sum is not the MD5 of big'
    if table.name in REGIONS and row['region'] != REGIONS[table.name]:
        return f"region {row['region']} in {table.name}"
    return None
