#!/usr/bin/env python3
"""checker.py: is what came to Kafka what the ledger's writers did?  Reads every topic of a
prefix with a client and an Avro decoder of its own, and compares it with the folder that
workload.py filled (after "workload.py finish", once the relay has nothing left to send).
The rules, and what each breach is called, are in check.py.  Prints one JSON object;
exits 1 if there is a breach, 2 if it could not find out.  Run by the Python of t/lib/venv.

--mode exactly-once: read_committed, no duplicates, whole transactions.  --runs-max: how
many times at most the stream has begun anew; each may repeat one run in each partition.
--run-ms-max: how long such a run may be; it is measured where topics have
message.timestamp.type=LogAppendTime.
--snapshot: the relay's snapshot.mode, if what the tables held before is in the topics, too, or
not asked for (seam.py); DIR needs a history.  Then --start is where the slot began, from which
on all changes are there, with --past those before the snapshot, too; --done where WAL was
written when the snapshot was known to be done; with --kills the relay may have died.
--readings: incremental snapshots that were asked for instead (reading.py), as a file of JSON.
--dump writes what was read, one JSON object a record, for a failing run's folder.
"""
import argparse
import json
import os
import resource
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import check
import history
import outcomes
import reading
import seam
from tables import TABLES

OF_TEXT = {'int': int, 'text': str, 'bytes': lambda text: bytes.fromhex(text[2:])}


def final_rows(folder):
    """(table name, row) of final.jsonl, values as events have them; large ones as (MD5,)."""
    for name, texts in outcomes.lines(os.path.join(folder, 'final.jsonl')):
        columns = TABLES[name].columns
        row = {column: None if text is None else OF_TEXT[columns[column]](text)
               for column, text in zip(columns, texts)}
        if 'big' in row:
            row['big'] = (row['big'],)
        yield name, row


def options_read():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0],
                                     epilog='See the head of this file.')
    parser.add_argument('--dir', required=True, help='what workload.py filled')
    parser.add_argument('--bootstrap', required=True)
    parser.add_argument('--registry', required=True)
    parser.add_argument('--prefix', required=True, help='topic.prefix of the relay')
    parser.add_argument('--mode', choices=['at-least-once', 'exactly-once'], default='at-least-once')
    parser.add_argument('--runs-max', type=int, help='replays allowed in each partition (default: any number)')
    parser.add_argument('--run-ms-max', type=int,
                        help='in how many milliseconds what a replay repeats may have come (default: any number)')
    parser.add_argument('--whole-max', type=int, default=10000,
                        help='exactly once: transactions of more events may be in several Kafka transactions')
    parser.add_argument('--snapshot', choices=seam.KINDS, help="the relay's snapshot.mode, if it is not never, "
                        'or was not there from the first transaction on')
    parser.add_argument('--readings', help='file of the incremental snapshots that were asked for')
    parser.add_argument('--start', type=int, default=0, help='what commits from this LSN on must be there')
    parser.add_argument('--done', type=int, default=0, help='the snapshot was done when WAL was written there')
    parser.add_argument('--past', action='store_true', help='changes before the snapshot are there, whatever its mode')
    parser.add_argument('--kills', action='store_true', help='the relay has been killed')
    parser.add_argument('--jobs', type=int, help='how many snapshots there must be (default: any number)')
    parser.add_argument('--begins', type=int, nargs='*', default=(), help='LSNs behind which the second snapshot is, '
                        'the third, and so on')
    parser.add_argument('--given-up', type=int, nargs='*', default=(), help='which of them, from 0, did not come to '
                        'an end')
    parser.add_argument('--dump', help='file to write all records to')
    return parser.parse_args()


class Remembered:
    """A log that is read once, however often one looks at its records."""

    def __init__(self, log):
        self.log, self.known = log, {}

    def __getattr__(self, name):
        return getattr(self.log, name)

    def records(self, topic, partition):
        if (topic, partition) not in self.known:
            self.known[topic, partition] = list(self.log.records(topic, partition))
        return iter(self.known[topic, partition])


class Dumped:
    """A log that writes down what is read of it, each partition once."""

    def __init__(self, log, file):
        self.log, self.file, self.written = log, file, set()

    def __getattr__(self, name):
        return getattr(self.log, name)

    def records(self, topic, partition):
        is_new = (topic, partition) not in self.written
        self.written.add((topic, partition))
        for record in self.log.records(topic, partition):
            if is_new:
                self.file.write(json.dumps(record, default=lambda value: {'$bytes': value.hex()}) + '\n')
            yield record


def examine(options, log):
    known, snapshot = outcomes.load(options.dir), None
    if options.snapshot or options.readings:
        versions = history.load(options.dir)
        if versions is None:
            raise ValueError('there is no history: workload.py setup --history')
    if options.readings:
        snapshot = reading.load(options.readings, versions, options.start, options.kills,
                                options.mode == 'exactly-once')
    elif options.snapshot:
        snapshot = seam.Rules(options.snapshot, versions, options.start, options.done,
                              options.kills, options.jobs, options.begins, options.given_up,
                              options.past or None)
    rules = check.Options(exactly_once=options.mode == 'exactly-once', runs_max=options.runs_max,
                          run_ms_max=options.run_ms_max, whole_max=options.whole_max, snapshot=snapshot)
    report = check.check(Remembered(log) if snapshot else log, known, final_rows(options.dir), rules)
    for place, count in log.open.items():
        report['kinds']['open'] = report['kinds'].get('open', 0) + 1
        report['breaches'].append({'kind': 'open', 'where': place,
                                   'what': f'{count} offsets are behind a Kafka transaction that is still open'})
    report['faults'] = known.faults[:20]
    return report


def main():
    options = options_read()
    started = time.monotonic()
    try:
        from kafka_log import KafkaLog
        with KafkaLog(options.bootstrap, options.registry, options.prefix) as log:
            if options.dump:
                with open(options.dump, 'w', encoding='utf-8') as file:
                    report = examine(options, Dumped(log, file))
            else:
                report = examine(options, log)
    except Exception as error:
        if os.environ.get('CHECKER_TRACE'):
            raise
        print(f'checker.py: {type(error).__name__}: {error}', file=sys.stderr)
        sys.exit(2)
    report['mode'] = options.mode
    report['seconds'] = round(time.monotonic() - started, 1)
    report['memory_mb'] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(report))
    sys.exit(1 if report['kinds'] else 0)


if __name__ == '__main__':
    main()
