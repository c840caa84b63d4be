#!/usr/bin/env python3
"""workload.py setup|run|finish: the ledger workload of the fault campaign.

  setup   makes the tables (schema.sql) in an empty database, with --history also what notes
          every version of their rows (history.sql); writes DIR/relay.args, a
          line for each option that the relay must get, and DIR/topics, "name partitions"
          (without the prefix) of each topic to create.  Then create the slot, then run.
  run     writes until --seconds are over or SIGTERM or SIGINT comes; survives restarts
          of the server.  May be run again with the same DIR: it goes on.
  finish  with the server up and no writer left: ends what is prepared, finds out what
          became of unknown transactions, and writes DIR/final.jsonl, the tables' rows, and
          DIR/history.jsonl, their history.

checker.py compares DIR with the topics.  run prints a progress line to stderr every few
seconds and one JSON object to stdout at its end; 1 if a statement failed other than by
a lost connection.  finish prints {"lsn": ...}: once the slot has confirmed it, the
topics are complete.  Needs libpq and Python only.
"""
import argparse
import json
import multiprocessing
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'lib'))
import pq
import outcomes
import writer
from outcomes import COMMITTED, UNKNOWN
from tables import RELAY_ARGS, TABLES, topics

COUNTS = ('committed', 'aborted', 'unknown', 'lost', 'faults')
GRACE_S = 60            # for the writers' last statements
LOOK_S = 0.1            # between looks at the writers
INITIAL = 1000          # balance of an account


class Counts:
    """Numbers that a writer's process shares with its parent."""

    def __init__(self):
        self.array = multiprocessing.RawArray('Q', len(COUNTS))

    def __getitem__(self, name):
        return self.array[COUNTS.index(name)]

    def __setitem__(self, name, value):
        self.array[COUNTS.index(name)] = value


class Over:
    """Whether to end: by signal or by the clock."""

    def __init__(self, seconds):
        self.deadline = time.monotonic() + seconds if seconds else None
        self.is_told = False

    def listen(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.tell)

    def tell(self, *_):
        self.is_told = True

    def __call__(self):
        return self.is_told or (self.deadline is not None and time.monotonic() > self.deadline)


def setup(options):
    os.makedirs(options.dir, exist_ok=True)
    with pq.Session(options.conninfo) as sql:
        for name in ('schema.sql', 'history.sql') if options.history else ('schema.sql',):
            with open(os.path.join(HERE, name), encoding='utf-8') as file:
                sql.rows(file.read())
    with open(os.path.join(options.dir, 'relay.args'), 'w', encoding='utf-8') as file:
        file.writelines(arg + '\n' for arg in RELAY_ARGS)
    with open(os.path.join(options.dir, 'topics'), 'w', encoding='utf-8') as file:
        file.writelines(f'{name[2:]} {partitions}\n' for name, partitions in topics('p').items())


class Opening(writer.Writer):
    """Makes the accounts, as a transaction like others; also what setup can tell only then."""

    def run(self):
        accounts = self.options.accounts
        while not self.is_over():
            if self.sql is None and self.connect() is None:
                break
            try:
                self.options.two_phase = int(self.sql.value('SHOW max_prepared_transactions')) > 0
                have = int(self.sql.value('SELECT count(*) FROM acct'))
            except pq.Error:
                self.disconnect()
                continue
            if have:
                self.options.accounts = have
                break
            self.transaction(writer.Plan(self.options, self.worker, self.n))
            self.n += 1
        self.disconnect()
        self.log.close()

    def plain(self, plan):
        plan.kind = 'opening'
        tables = {'public.acct': self.options.accounts, 'public.txlog': 1}
        txid = int(self.sql.value(
            f"BEGIN; INSERT INTO acct SELECT g, 1, {INITIAL}, sha256(int8send(1) || int8send({INITIAL}) "
            f"|| '{plan.tag}'::bytea), '{plan.tag}|' FROM generate_series(1, {self.options.accounts}) g;"
            + writer.txlog_sql(plan, tables)))
        self.commit(plan, txid, tables)

    other = plain


def write(options, worker, counts, deadline):
    """A writer's process."""
    over = Over(0)
    over.deadline = deadline
    over.listen()
    writer.Writer(options, worker, counts, over).run()


def run(options):
    over = Over(options.seconds)
    over.listen()
    options.two_phase = False       # until the server says that it can
    counts = [Counts() for _ in range(options.writers + 1)]
    Opening(options, 0, counts[0], over).run()
    if not options.two_phase:
        print('ledger: max_prepared_transactions is 0: no two-phase commits', file=sys.stderr)
    context = multiprocessing.get_context('fork')
    writers = [context.Process(target=write, args=(options, worker, counts[worker], over.deadline))
               for worker in range(1, options.writers + 1)]
    started = time.monotonic()
    for process in writers:
        process.start()

    def total(name):
        return sum(count[name] for count in counts)

    said, was = started, 0
    while any(process.is_alive() for process in writers) and not over():
        time.sleep(LOOK_S)
        now = time.monotonic()
        if now - said >= options.report:
            done = total('committed')
            print(f'ledger: {now - started:.0f} s, {done} committed, {(done - was) / (now - said):.0f}/s, '
                  + ', '.join(f'{total(name)} {name}' for name in COUNTS[1:]), file=sys.stderr, flush=True)
            said, was = now, done
    for process in writers:
        if process.is_alive():
            process.terminate()
    end = time.monotonic() + GRACE_S
    for process in writers:
        process.join(max(0, end - time.monotonic()))
        if process.is_alive():      # in a statement that does not end: its outcome is unknown
            process.kill()
            process.join()
    died = sum(process.exitcode not in (0, -signal.SIGKILL) for process in writers)
    print(json.dumps({**{name: total(name) for name in COUNTS}, 'died': died, 'seed': options.seed,
                      'seconds': round(time.monotonic() - started, 1)}), flush=True)
    return 1 if total('faults') or died else 0


def row_text(table):
    """The columns of a table for SELECT; of large values the MD5."""
    return ', '.join('md5(big)' if name == 'big' else name for name in table.columns)


def rows_write(sql, query, file, line):
    """A line of text for each row of a query; their number."""
    rows = 0
    sql.rows('DECLARE rows CURSOR FOR ' + query)
    while batch := sql.rows('FETCH 20000 FROM rows'):
        rows += len(batch)
        file.writelines(line(row) + '\n' for row in batch)
    sql.rows('CLOSE rows')
    return rows


def history_write(sql, folder):
    """Every version of every row, if the server has noted them: history.py reads it."""
    if sql.value("SELECT to_regclass('history')") is None:
        return
    with open(os.path.join(folder, 'history.jsonl'), 'w', encoding='utf-8') as file:
        rows_write(sql, "SELECT txid8, lsn - '0/0', name, coalesce(old, 'null'), coalesce(new, 'null') FROM history "
                   'ORDER BY n', file, lambda row: '[{}, {}, "{}", {}, {}]'.format(*row))


def finish(options):
    known = outcomes.load(options.dir)
    with pq.Session(options.conninfo) as sql:
        for (gid,) in sql.rows("SELECT gid FROM pg_prepared_xacts WHERE gid LIKE 'ledger-%'"):
            writer.prepared_end(sql, gid)
        unknown = [txn for txn in known.transactions if txn.outcome == UNKNOWN]
        with open(os.path.join(options.dir, 'resolved.jsonl'), 'a', encoding='utf-8') as file:
            for txn in unknown:
                file.write(json.dumps({'k': 'end', 'tag': txn.tag, 'txid': txn.txid,
                                       'outcome': writer.outcome_of(sql, txn)}) + '\n')
        sql.rows('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
        with open(os.path.join(options.dir, 'final.jsonl'), 'w', encoding='utf-8') as file:
            rows = sum(rows_write(sql, f'SELECT {row_text(table)} FROM {table.name}', file,
                                  lambda row, name=table.name: json.dumps([name, row])) for table in TABLES.values())
        history_write(sql, options.dir)
        sql.rows('COMMIT')
        # the client of a commit that it saw must find it: else the server lost it, not the relay
        have = int(sql.value('SELECT count(*) FROM txlog'))
        lsn = sql.value('SELECT pg_current_wal_insert_lsn()')
    known = outcomes.load(options.dir)
    committed = sum(txn.outcome == COMMITTED for txn in known.transactions)
    print(json.dumps({'lsn': lsn, 'rows': rows, 'committed': committed, 'unknown': len(unknown)}))
    if committed != have:
        sys.exit(f'workload.py: {committed} transactions are known to be committed, txlog has {have}')


def options_read():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0],
                                     epilog='See the head of this file.')
    parser.add_argument('command', choices=['setup', 'run', 'finish'])
    parser.add_argument('--conninfo', required=True, help='of the source, as libpq takes it')
    parser.add_argument('--dir', required=True, help='where outcomes go')
    parser.add_argument('--seed', default=os.environ.get('SEED', '1'), help='repeats the choices of each writer')
    parser.add_argument('--seconds', type=float, default=0, help='0: until told to end')
    parser.add_argument('--tps', type=float, default=100, help='transactions a second of all writers; 0: no limit')
    parser.add_argument('--writers', type=int, default=4)
    parser.add_argument('--noise', type=float, default=1, help='how common what is no plain transfer is; '
                        '1: two in five, 0: none')
    parser.add_argument('--accounts', type=int, default=200)
    parser.add_argument('--big-every', type=int, default=500, help='every Nth transaction of a writer is big; 0: none')
    parser.add_argument('--big-rows', type=int, default=3000)
    parser.add_argument('--big-values', type=int, default=300, help='how long large values are, at most, in 32 bytes')
    parser.add_argument('--truncates', type=float, default=0.03, help='how often one of them truncates a table')
    parser.add_argument('--history', action='store_true', help='setup: note every version of every row')
    parser.add_argument('--report', type=float, default=5, help='seconds between progress lines')
    return parser.parse_args()


def main():
    options = options_read()
    sys.exit({'setup': setup, 'run': run, 'finish': finish}[options.command](options) or 0)


if __name__ == '__main__':
    main()
