"""pulse.py: a load of many small transactions, and whether all of it came.

pgbench adds one to the number of a random row, in a transaction of its own, so many
times a second.  Each row's numbers must then come one by one: a step of more than one is
a loss, a step back is a repetition, which at least once may have behind a restart, and
the newest record of each row must say what the table says.  That needs no record of what
was committed, so that it holds for many millions of transactions.  Used by soak.py; pulse_tally.py judges.
"""
import contextlib
import json
import os
import subprocess
import sys
import threading

from lab import as_server_user, pq
from kafka_log import KafkaLog
from pulse_tally import Tally

ROWS = 1000
PARTITIONS = 3
TOPIC = 'public.pulse'
PAUSE_S = 0.5           # before pgbench is started again
SETUP = f"""
CREATE TABLE pulse (id int PRIMARY KEY, n bigint NOT NULL) WITH (fillfactor = 20);
INSERT INTO pulse SELECT g, 0 FROM generate_series(1, {ROWS}) g;
"""
SCRIPT = f'\\set id random(1, {ROWS})\nUPDATE pulse SET n = n + 1 WHERE id = :id;\n'


def setup(conninfo):
    with pq.Session(conninfo) as sql:
        sql.rows(SETUP)


class Load(threading.Thread):
    """Keeps pgbench running: it ends when the server goes away."""

    def __init__(self, lab, tps, seed):
        super().__init__(name='load')
        self.lab, self.over, self.process = lab, threading.Event(), None
        script = lab.path('pulse.sql')
        with open(script, 'w', encoding='ascii') as file:
            file.write(SCRIPT)
        self.command = [os.path.join(lab.postgres.bin, 'pgbench'), '-n', '-M', 'prepared', '-c', '4', '-j', '1',
                        '-R', str(tps), '-T', '1000000', '--random-seed', str(seed), '-f', script,
                        lab.postgres.conninfo]

    def run(self):
        with open(self.lab.path('pgbench.log'), 'ab') as log:
            while not self.over.is_set():
                self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                cwd='/', **as_server_user())
                if self.over.is_set():
                    self.process.kill()
                self.process.wait()
                self.over.wait(PAUSE_S)

    def stop(self):
        self.over.set()
        with contextlib.suppress(AttributeError):
            self.process.kill()
        if self.is_alive():
            self.join()


def table(conninfo):
    """id -> n, as the table has it."""
    with pq.Session(conninfo) as sql:
        return {int(key): int(n) for key, n in sql.rows('SELECT id, n FROM pulse')}


def count(bootstrap, registry, prefix, partition):
    """A tally of the partition."""
    tally = Tally()
    with KafkaLog(bootstrap, registry, prefix) as log:
        for record in log.records(f'{prefix}.{TOPIC}', partition):
            tally.take(record)
    return tally


def main():
    """A process for one partition, because decoding takes its time: pulse.py BOOTSTRAP REGISTRY PREFIX PARTITION"""
    bootstrap, registry, prefix, partition = sys.argv[1:]
    json.dump(vars(count(bootstrap, registry, prefix, int(partition))), sys.stdout)


if __name__ == '__main__':
    main()
