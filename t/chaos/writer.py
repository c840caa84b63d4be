"""writer.py: one session of the ledger workload: makes up transactions by seed, runs
them, notes what became of each (outcomes.py), and connects again whenever the server
goes away.  What a transaction does depends on seed, worker and its number only, never
on the time or on what went wrong before.  It must never note an outcome that it did not
see.  Run by workload.py, one process each.

Locks are taken in one order (accounts by id, what is the worker's own, side), so that
no deadlock is to be expected, and any error that is not a lost connection is a fault.
"""
import collections
import json
import os
import random
import time

import pq
from outcomes import ABORTED, COMMITTED
from tables import POISON

LOST = ('', '57P01', '57P02', '57P03', '57P05')     # and class 08
BACKOFF_S, BACKOFF_MAX_S = 0.05, 1.0
STRIPE = 1000       # ids of a worker's own rows: worker * STRIPE and up
ROWS_OWN = 40
LOOK_S = 0.1        # between looks at whether it is over
BIG_KEPT = 2        # big transactions of a worker whose rows stay
BEGUN = 'pg_current_xact_id()::text::bigint'


def is_lost(error):
    return error.state in LOST or error.state.startswith('08')


def session(conninfo):
    return pq.Session(conninfo + ' connect_timeout=5 application_name=ledger')


def filler(rng, longest=60):
    return 'x' * rng.randrange(longest)


class Plan:
    """What one transaction is to do."""

    KINDS = (('plain', 62), ('noisy', 25), ('aborted', 5), ('failed', 2), ('two-phase', 3),
             ('two-phase aborted', 1), ('hidden', 2))

    def __init__(self, options, worker, n):
        seed, big_every = options.seed, options.big_every
        self.rng = rng = random.Random(f'{seed}/{worker}/{n}')
        self.worker, self.n = worker, n
        self.tag = f's{seed}w{worker}n{n}'
        names, weights = zip(*self.KINDS)
        self.kind = rng.choices(names, [weights[0], *(weight * options.noise for weight in weights[1:])])[0]
        if big_every and n % big_every == big_every - 1:
            self.kind = 'big'
        self.is_poison = 'aborted' in self.kind or self.kind == 'failed'
        self.mark = POISON if self.is_poison else self.tag     # in all texts that it writes


def accounts_sql(rng, mark, accounts, amounts):
    """Moves amounts between accounts, in the order of their ids; 'mark' is the tag."""
    pads = [mark + '|' + filler(rng, 40) for _ in accounts]
    if rng.random() < 0.01:
        pads[0] += 'y' * 4000
    return ''.join(
        f'UPDATE acct SET seq = seq + 1, bal = bal + {amount}, prevhash = sha256(prevhash || int8send(seq + 1) '
        f"|| int8send(bal + {amount}) || '{mark}'::bytea), pad = '{pad}' WHERE id = {account};"
        for account, amount, pad in zip(accounts, amounts, pads))


def txlog_sql(plan, tables):
    """The last row; gives the transaction's full id."""
    text = json.dumps(tables, sort_keys=True, separators=(',', ':'))
    return (f'INSERT INTO txlog VALUES ({BEGUN}, {plan.worker}, {plan.n}, {sum(tables.values())}, '
            f"'{plan.tag}', '{text}') RETURNING txid8")


class Writer:
    """counts: shared with the parent: committed, aborted, unknown, lost, faults."""

    def __init__(self, options, worker, counts, is_over):
        self.options, self.worker, self.counts, self.is_over = options, worker, counts, is_over
        self.sql = None
        self.said = 0
        name = os.path.join(options.dir, f'outcomes-{worker}.jsonl')
        self.n = self.written(name)
        self.log = open(name, 'a', encoding='utf-8')
        self.note('lost')

    def written(self, name):
        """The number to go on with, if this folder has been written to before."""
        if not os.path.exists(name):
            return 1
        with open(name, encoding='utf-8') as file:
            lines = [json.loads(line) for line in file if line.endswith('\n')]
        self.said = sum(line['k'] == 'say' for line in lines)
        return max([line['n'] for line in lines if 'n' in line], default=0) + 1

    def note(self, kind, **what):
        """What must be known even if this process is killed right behind it."""
        self.log.write(json.dumps({'k': kind, **what}) + '\n')
        self.log.flush()

    # ---- connections ----

    def connect(self):
        """A session, however long that takes; None if it is over."""
        pause = BACKOFF_S
        while not self.is_over():
            try:
                self.sql = session(self.options.conninfo)
                self.prepared_end()
                return self.sql
            except pq.Error as error:
                self.disconnect()
                if not is_lost(error):
                    self.fault(error)
                time.sleep(pause)
                pause = min(pause * 2, BACKOFF_MAX_S)
        return None

    def disconnect(self):
        if self.sql:
            self.sql.close()
            self.sql = None

    def prepared_end(self):
        """Ends what a lost session of ours left prepared, as it was meant to end."""
        for (gid,) in self.sql.rows('SELECT gid FROM pg_prepared_xacts WHERE gid LIKE '
                                    f"'ledger-{self.worker}-%'"):
            prepared_end(self.sql, gid)

    def fault(self, error):
        self.counts['faults'] += 1
        self.note('fault', state=error.state, text=str(error))

    # ---- transactions ----

    def run(self):
        pause = self.options.writers / self.options.tps if self.options.tps else 0
        due = time.monotonic()
        while not self.is_over():
            if self.sql is None and self.connect() is None:
                break
            self.transaction(Plan(self.options, self.worker, self.n))
            self.n += 1
            due = max(due + pause, time.monotonic() - 1)
            while not self.is_over() and (left := due - time.monotonic()) > 0:
                time.sleep(min(left, LOOK_S))
        self.disconnect()
        self.log.close()

    def transaction(self, plan):
        """One, and whatever becomes of it is noted."""
        self.is_tried = False
        try:
            if plan.kind == 'plain':
                self.plain(plan)
            else:
                self.other(plan)
        except pq.Error as error:
            self.counts['unknown' if self.is_tried else 'aborted'] += 1
            if is_lost(error):
                self.counts['lost'] += 1
                self.note('lost')
                self.disconnect()
            else:
                self.fault(error)
                self.rollback()

    def rollback(self):
        try:
            self.sql.rows('ROLLBACK')
        except pq.Error:
            self.note('lost')
            self.disconnect()

    def commit(self, plan, txid, tables, statement='COMMIT'):
        self.note('try', txid=txid, tag=plan.tag, worker=self.worker, n=plan.n, tables=tables)
        self.is_tried = True
        self.sql.rows(statement)
        self.note('end', tag=plan.tag, outcome=COMMITTED)
        self.counts['committed'] += 1

    def abort(self, plan, txid, tables, statement='ROLLBACK'):
        self.note('abort', txid=txid, tag=plan.tag, worker=self.worker, n=plan.n, tables=tables)
        self.sql.rows(statement)
        self.counts['aborted'] += 1

    def transfer(self, plan):
        """(SQL of a transfer between 2 to 6 accounts, their number)"""
        rng = plan.rng
        accounts = sorted(rng.sample(range(1, self.options.accounts + 1), rng.randint(2, 6)))
        amounts = [rng.randint(-50, 50) for _ in accounts[1:]]
        return accounts_sql(rng, plan.mark, accounts, [-sum(amounts)] + amounts), accounts

    def plain(self, plan):
        """A transfer, in two messages to the server."""
        moves, accounts = self.transfer(plan)
        tables = {'public.acct': len(accounts), 'public.txlog': 1}
        txid = int(self.sql.value('BEGIN;' + moves + txlog_sql(plan, tables)))
        self.commit(plan, txid, tables)

    def other(self, plan):
        """A transfer with noise around it."""
        rng, kind = plan.rng, plan.kind
        tables = collections.Counter()
        self.sql.rows('BEGIN')
        if kind == 'hidden':
            self.op_hidden(plan, tables)
        else:
            moves, accounts = self.transfer(plan)
            self.sql.rows(moves)
            tables['public.acct'] += len(accounts)
            if rng.random() < 0.2:
                self.undone(plan, accounts)
            for name in rng.sample(OPERATIONS, rng.randint(1, 5)):
                self.operation(name, plan, tables)
            if kind == 'big':
                self.op_bulk(plan, tables)
            self.op_side(plan, tables)
        self.end(plan, tables)

    def end(self, plan, tables):
        tables['public.txlog'] += 1
        tables = {name: count for name, count in sorted(tables.items()) if count}
        txid = int(self.sql.value(txlog_sql(plan, tables)))
        if plan.kind == 'failed':
            self.note('abort', txid=txid, tag=plan.tag, worker=self.worker, n=plan.n, tables=tables)
            try:
                self.sql.rows('SELECT 1 / 0')
            except pq.Error as error:
                if error.state != '22012':
                    raise
            self.sql.rows('COMMIT')     # which is a rollback now
            self.counts['aborted'] += 1
        elif plan.kind.startswith('two-phase') and self.options.two_phase:
            gid = f"ledger-{self.worker}-{plan.n}-{'r' if plan.is_poison else 'c'}"
            if plan.is_poison:
                self.abort(plan, txid, tables, f"PREPARE TRANSACTION '{gid}'")
                self.sql.rows(f"ROLLBACK PREPARED '{gid}'")
            else:
                self.note('try', txid=txid, tag=plan.tag, worker=self.worker, n=plan.n, tables=tables)
                self.is_tried = True
                self.sql.rows(f"PREPARE TRANSACTION '{gid}'")
                self.sql.rows(f"COMMIT PREPARED '{gid}'")
                self.note('end', tag=plan.tag, outcome=COMMITTED)
                self.counts['committed'] += 1
        elif plan.is_poison:
            self.abort(plan, txid, tables)
        else:
            self.commit(plan, txid, tables)

    def undone(self, plan, accounts):
        """Work of a savepoint that is rolled back; of accounts that are locked already."""
        mark, plan.mark = plan.mark, POISON
        self.sql.rows('SAVEPOINT undone;' + accounts_sql(plan.rng, POISON, accounts[:2], [1, -1]))
        for name in plan.rng.sample([name for name in OPERATIONS if name not in ('said', 'savepoint')], 2):
            getattr(self, 'op_' + name)(plan, collections.Counter())
        self.sql.rows('ROLLBACK TO undone')
        plan.mark = mark

    def operation(self, name, plan, tables):
        """Some are of a subtransaction that stays."""
        inner = plan.rng.random() < 0.15
        if inner:
            self.sql.rows('SAVEPOINT kept')
        getattr(self, 'op_' + name)(plan, tables)
        if inner:
            self.sql.rows('RELEASE kept')

    # ---- what a transaction may do besides; each adds to tables what it did ----

    def did(self, sql):
        """Rows of a statement with RETURNING."""
        return len(self.sql.rows(sql))

    def own(self, rng):
        return self.worker * STRIPE + rng.randrange(ROWS_OWN)

    def op_item_insert(self, plan, tables):
        rng = plan.rng
        values = ', '.join(f"({self.own(rng)}, {plan.n}, '{plan.mark} {filler(rng)}')"
                           for _ in range(rng.randint(1, 3)))
        tables['public.item'] += self.did(f'INSERT INTO item (id, seq, body) VALUES {values} '
                                          'ON CONFLICT DO NOTHING RETURNING 1')

    def op_item_update(self, plan, tables):
        first = self.own(plan.rng)
        body = plan.rng.choice(["body = NULL", f"body = '{plan.mark}'"])
        tables['public.item'] += self.did(
            f'UPDATE item SET seq = {plan.n}, {body} '
            f'WHERE id BETWEEN {first} AND {first + 2} AND id < {(self.worker + 1) * STRIPE} RETURNING 1')

    def op_item_rekey(self, plan, tables):
        """A delete and a create."""
        rng = plan.rng
        old, new = self.own(rng), self.own(rng)
        count = self.did(f"UPDATE item SET id = {new}, seq = {plan.n}, body = '{plan.mark}' WHERE id = {old} "
                         f'AND NOT EXISTS (SELECT FROM item WHERE id = {new}) RETURNING 1')
        tables['public.item'] += 2 * count

    def op_item_delete(self, plan, tables):
        tables['public.item'] += self.did(f'DELETE FROM item WHERE id = {self.own(plan.rng)} RETURNING 1')

    def op_item_reinsert(self, plan, tables):
        key = self.own(plan.rng)
        tables['public.item'] += self.did(f'DELETE FROM item WHERE id = {key} RETURNING 1')
        tables['public.item'] += self.did(
            f"INSERT INTO item (id, seq, body) VALUES ({key}, {plan.n}, '{plan.mark} again') RETURNING 1")

    def wide(self, table, plan, tables):
        """Inserts or changes a row: big alone, the rest alone, both, or takes it away."""
        key, what = self.own(plan.rng), plan.rng.choice(['big', 'note', 'note', 'both', 'delete'])
        if what == 'delete':
            tables[f'public.{table}'] += self.did(f'DELETE FROM {table} WHERE id = {key} RETURNING 1')
            return
        changes = {'big': 'big = EXCLUDED.big', 'note': 'seq = EXCLUDED.seq, note = EXCLUDED.note'}
        changes['both'] = ', '.join(changes.values())
        big = (f"(SELECT '{plan.mark}' || string_agg(md5(g || '{plan.mark}'), '') "
               f'FROM generate_series(1, {plan.rng.randint(80, self.options.big_values)}) g)')
        tables[f'public.{table}'] += self.did(
            f"INSERT INTO {table} (id, seq, big, note) VALUES ({key}, {plan.n}, {big}, '{plan.mark}') "
            f'ON CONFLICT (id) DO UPDATE SET {changes[what]} RETURNING 1')

    def op_wide(self, plan, tables):
        self.wide('wide', plan, tables)

    def op_wide_full(self, plan, tables):
        self.wide('wide_full', plan, tables)

    def op_part(self, plan, tables):
        """Inserts a row, or moves, changes or takes away the one that is there."""
        rng, key = plan.rng, self.own(plan.rng)
        what, region = rng.choice(['move', 'move', 'change', 'delete']), rng.choice(['eu', 'us'])
        was = self.sql.value(f'SELECT region FROM part WHERE id = {key}')
        if was is None:
            self.sql.rows(f"INSERT INTO part VALUES ({key}, '{region}', {plan.n}, '{plan.mark}')")
            tables[f'public.part_{region}'] += 1
        elif what == 'move':
            other = 'us' if was == 'eu' else 'eu'
            self.sql.rows(f"UPDATE part SET region = '{other}', seq = {plan.n} WHERE id = {key}")
            tables['public.part_eu'] += 1
            tables['public.part_us'] += 1
        else:
            self.sql.rows(f"UPDATE part SET seq = {plan.n}, body = '{plan.mark}' WHERE id = {key}"
                          if what == 'change' else f'DELETE FROM part WHERE id = {key}')
            tables[f'public.part_{was}'] += 1

    def op_nokey(self, plan, tables):
        rng, worker = plan.rng, self.worker
        what = rng.choice(['insert', 'insert', 'twice', 'update', 'delete', 'delete'])
        if what in ('insert', 'twice'):
            for _ in range(2 if what == 'twice' else 1):
                self.sql.rows(f"INSERT INTO nokey VALUES ({worker}, {plan.n}, '{plan.mark}')")
                tables['public.nokey'] += 1
            return
        end = 'max' if what == 'update' else 'min'
        where = f'WHERE worker = {worker} AND n = (SELECT {end}(n) FROM nokey WHERE worker = {worker}) RETURNING 1'
        tables['public.nokey'] += self.did(
            (f"UPDATE nokey SET body = '{plan.mark} {plan.n}' " if what == 'update' else 'DELETE FROM nokey ') + where)

    def op_message(self, plan, tables):
        content = json.dumps({'tag': plan.mark, 'n': plan.n})
        self.sql.rows(f"SELECT pg_logical_emit_message(true, 'ledger', '{content}')")
        tables['message'] += 1

    def op_said(self, plan, tables):
        """A message that is there whatever becomes of the transaction."""
        self.said += 1
        content = f's{self.options.seed}w{self.worker}m{self.said}'
        self.note('say', content=content)
        lsn = self.sql.value(f"SELECT pg_logical_emit_message(false, 'ledger-said', '{content}')")
        self.note('said', content=content, lsn=lsn)

    def op_hidden(self, plan, tables):
        """Of a table that is not captured."""
        self.sql.rows(f"INSERT INTO hidden VALUES ({self.worker * 10**9 + plan.n}, 'hidden {plan.mark}') "
                      'ON CONFLICT DO NOTHING')

    def op_side(self, plan, tables):
        """Locks that others want too, hence last; a truncate first of all."""
        rng = plan.rng
        if rng.random() < self.options.truncates:
            self.sql.rows('TRUNCATE side')
            tables['public.side'] += 1
        if rng.random() < 0.4:
            first = self.worker * 10**12 + plan.n * 100
            for key in range(first, first + rng.randint(1, 4)):
                self.sql.rows(f"INSERT INTO side VALUES ({key}, '{plan.mark}')")
                tables['public.side'] += 1

    def op_bulk(self, plan, tables):
        """Thousands of rows come, thousands go."""
        first, rows = self.worker * 10**12 + plan.n * 10**6, self.options.big_rows
        gone = first - BIG_KEPT * self.options.big_every * 10**6
        self.sql.rows('INSERT INTO bulk (id, worker, body) '
                      f"SELECT {first} + g, {self.worker}, '{plan.mark} ' || g FROM generate_series(1, {rows}) g")
        tables['public.bulk'] += rows
        tables['public.bulk'] += self.did(f'DELETE FROM bulk WHERE worker = {self.worker} AND id < {gone} RETURNING 1')


OPERATIONS = ('item_insert', 'item_update', 'item_rekey', 'item_delete', 'item_reinsert', 'wide', 'wide_full',
              'part', 'nokey', 'message', 'said', 'hidden')


def prepared_end(sql, gid):
    sql.rows(f"{'COMMIT' if gid.endswith('c') else 'ROLLBACK'} PREPARED '{gid}'")


def outcome_of(sql, txn):
    """What the server says of a transaction whose client does not know: its row in txlog
    is there or not.  pg_xact_status must agree unless the id was given again."""
    if sql.value(f"SELECT 1 FROM txlog WHERE txid8 = {txn.txid} AND tag = {pq.literal(txn.tag)}"):
        status = sql.value(f"SELECT pg_xact_status('{txn.txid}')")
        if status not in ('committed', None):
            raise ValueError(f'transaction {txn.txid} is in txlog, and {status}')
        return COMMITTED
    return ABORTED
