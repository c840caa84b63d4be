"""What the benchmarks load, and the backlog it makes; imported by most of them.

Every row that is loaded carries its number as #NNNNNNNNN# in a text column:
receive.c finds it in whatever form a plugin writes, and counts.  A workload is
made in two steps, because the slot must come into being between them.  The
slots that are read are copies of that one, so all of them hold the same WAL.
"""
from collections import namedtuple

from cluster import Cluster, say

# rows: default number; setup: SQL before the slot exists; load: the measured SQL,
# in both {rows} stands for the number of rows; text: what it is, for people.
Workload = namedtuple('Workload', 'rows setup load text')

MARKER = "'#' || lpad(n::text, 9, '0') || '#'"


def marker(number):
    """The same as bytes, as it stands in a record."""
    return b'#%09d#' % number


NARROW = 'CREATE TABLE bench (id bigint PRIMARY KEY, a int, b int, t text, at timestamptz);\n'
NARROW_VALUES = "n, n % 1000, n % 77, {marker}, timestamptz '2026-01-01' + n * interval '1 ms'"
WIDE_COLUMNS = [f'c{i:02d}' for i in range(1, 21)]


def batches(statement, rows_per_transaction):
    """statement for the numbers from .. upto, again and again, each time committed."""
    return f"""
DO $$
DECLARE
    upto bigint;
BEGIN
    FOR since IN 1 .. {{rows}} BY {rows_per_transaction} LOOP
        upto := least(since + {rows_per_transaction - 1}, {{rows}});
        {statement};
        COMMIT;
    END LOOP;
END $$;
"""


def insert(values):
    return f'INSERT INTO bench SELECT {values} FROM generate_series(since, upto) n'


def filled(identity):
    """A table of narrow rows to be updated; their text carries no marker yet."""
    values = NARROW_VALUES.replace('{marker}', MARKER.replace('#', '='))
    return (NARROW + f'INSERT INTO bench SELECT {values} FROM generate_series(1, {{rows}}) n;\n'
            f'ALTER TABLE bench REPLICA IDENTITY {identity};\nANALYZE bench;\n')


def wide_table():
    """2 kB in the row itself: PLAIN keeps the values from being compressed."""
    columns = ', '.join(f'{name} text' for name in WIDE_COLUMNS)
    plain = ', '.join(f'ALTER {name} SET STORAGE PLAIN' for name in WIDE_COLUMNS)
    return f'CREATE TABLE bench (id bigint PRIMARY KEY, {columns});\nALTER TABLE bench {plain};\n'


def wide_values():
    return ', '.join(['n', f"{MARKER} || repeat('x', 89)"] +
                     [f'repeat(chr({65 + i} + (n % 20)::int), 100)'
                      for i in range(len(WIDE_COLUMNS) - 1)])


NARROW_INSERT = insert(NARROW_VALUES.replace('{marker}', MARKER))
NARROW_UPDATE = (f"UPDATE bench SET a = a + 1, t = {MARKER.replace('n::', 'id::')} "
                 'WHERE id BETWEEN since AND upto')

WORKLOADS = {
    'narrow': Workload(1_000_000, NARROW, batches(NARROW_INSERT, 1000),
                       'inserts of 5 columns, 1,000 rows a transaction'),
    'single': Workload(300_000, NARROW, batches(NARROW_INSERT, 1),
                       'inserts of 5 columns, 1 row a transaction'),
    'update': Workload(500_000, filled('DEFAULT'), batches(NARROW_UPDATE, 1000),
                       'updates of 2 columns, primary key identity, 1,000 rows a transaction'),
    'full': Workload(500_000, filled('FULL'), batches(NARROW_UPDATE, 1000),
                     'updates of 2 columns, REPLICA IDENTITY FULL, 1,000 rows a transaction'),
    'wide': Workload(200_000, wide_table(), batches(insert(wide_values()), 1000),
                     'inserts of 21 columns and 2 kB, 1,000 rows a transaction'),
}

# What bench-snapshot reads; load inserts all rows, and nothing happens to them afterwards.
UUID = NARROW.replace('id bigint', 'id uuid')
UUID_INSERT = NARROW_INSERT.replace('SELECT n,', 'SELECT md5(n::text)::uuid,')
SNAPSHOTS = {
    'narrow': Workload(10_000_000, NARROW, batches(NARROW_INSERT, 1000),
                       'rows of a bigint key, two ints, 11 characters of text and a timestamptz'),
    'uuid-key': Workload(10_000_000, UUID, batches(UUID_INSERT, 1000),
                         'rows of a random uuid key, two ints, 11 characters of text and a timestamptz'),
    'wide': WORKLOADS['wide']._replace(rows=1_000_000, text='rows of a bigint key and 20 texts of '
                                                            '100 characters'),
}


class Backlog:
    """A cluster that holds a loaded workload; endpos is the end of what was loaded."""

    def __init__(self, name, rows):
        workload = WORKLOADS[name]
        self.rows = rows
        self.cluster = cluster = Cluster()
        say(f'{name}: loading {rows:,} rows')
        cluster.sql(workload.setup.format(rows=rows) +
                    'CREATE PUBLICATION bench FOR TABLE bench;\nCHECKPOINT;')
        cluster.sql("SELECT pg_create_logical_replication_slot('base', 'floor')")
        start = cluster.sql('SELECT pg_current_wal_insert_lsn()')
        cluster.sql(workload.load.format(rows=rows))
        self.endpos = cluster.sql('SELECT pg_current_wal_insert_lsn()')
        self.wal_bytes = int(cluster.sql(f"SELECT '{self.endpos}'::pg_lsn - '{start}'"))
        # Writes all of it out, and some records behind it, so that a walsender
        # which has caught up is certain to stand past endpos.
        cluster.sql('CHECKPOINT')

    def on_copy(self, plugin, use):
        """use()'s result, while a slot named run of that plugin stands at the start."""
        self.cluster.sql("SELECT pg_copy_logical_replication_slot('base', 'run', false, "
                         f"'{plugin}')")
        result = use()
        self.cluster.ended_cpu_s()          # the walsender has let go of the slot
        self.cluster.sql("SELECT pg_drop_replication_slot('run')")
        return result
