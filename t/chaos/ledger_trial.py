"""ledger_trial.py: what campaign.py and snapshot.py share: the ledger's workload (workload.py)
beside a lab, its topics, and its checker (checker.py) at the end.
"""
import contextlib
import json
import os
import signal
import subprocess
import sys

import kafka.admin

from lab import HERE, ROOT, log_grep
from trial import Trial

DRAIN_S = 600
CHECK_S = 3600
SPLIT_MESSAGES = 500        # exactly once: larger transactions are split, all others stay whole
WHOLE_EVENTS = (SPLIT_MESSAGES - 2) // 2    # each with a tombstone; BEGIN and END


def story(report):
    """The checker's report with what is wrong first, a line for each, so that it is not cut off."""
    try:
        breaches = json.loads(report)['breaches']
    except (ValueError, KeyError):
        return report
    return ''.join(f"{breach['kind']}, {breach['where']}: {breach['what']}\n" for breach in breaches) + report


class Workload:
    """t/chaos/workload.py: writes until it is told to end; in dir is what checker.py needs."""

    def __init__(self, lab, name, conninfo, *options):
        self.dir, self.log = lab.path(name), lab.path('workload.log')
        self.options = ['--conninfo', conninfo, '--dir', self.dir, *map(str, options)]
        self.process = None

    def command(self, name):
        return [sys.executable, os.path.join(HERE, 'workload.py'), name, *self.options]

    def setup(self):
        """(options that the relay must get, topic -> partitions)"""
        subprocess.run(self.command('setup'), check=True, stdin=subprocess.DEVNULL,
                       stdout=sys.stderr)
        with open(os.path.join(self.dir, 'relay.args'), encoding='utf-8') as file:
            settings = file.read().splitlines()
        with open(os.path.join(self.dir, 'topics'), encoding='utf-8') as file:
            return settings, {name: int(count) for name, count in map(str.split, file)}

    def start(self):
        with open(self.log, 'w', encoding='utf-8') as log:
            self.process = subprocess.Popen(self.command('run'), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True)

    def stop(self):
        """Its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(DRAIN_S)
        self.kill()
        return self.process.returncode

    def finish(self):
        """Where WAL stood behind its last transaction."""
        reply = subprocess.run(self.command('finish'), check=True, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout
        high, low = json.loads(reply)['lsn'].split('/')
        return int(high, 16) << 32 | int(low, 16)

    def kill(self):
        """With its writers, which are in its session."""
        if self.process and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class LedgerTrial(Trial):
    """workload: the one that runs."""

    workload = None

    def topics_create(self, topics):
        """The relay must find those whose number of partitions matters."""
        admin = kafka.admin.KafkaAdminClient(bootstrap_servers=self.lab.bootstrap)
        try:
            # One that keeps the relay's time: the broker refuses what is far from its own.
            admin.create_topics([kafka.admin.NewTopic(
                f'{self.lab.prefix}.{name}', partitions, 1, topic_configs=
                {'message.timestamp.type': 'CreateTime'} if name == 'transaction' else {})
                for name, partitions in topics.items()])
        finally:
            admin.close()

    def runs_max(self):
        """How often the stream began anew, as the server has seen it."""
        begun = log_grep(self.lab.postgres.log, f'command: START_REPLICATION SLOT "?{self.lab.slot}\\b')
        return len(begun) - 1

    def judge(self, folder, *arguments):
        """(exit status, report) of the checker."""
        lab = self.lab
        with open(lab.path('checker.json'), 'wb') as out, open(lab.path('checker.log'), 'wb') as log:
            status = subprocess.run(
                [sys.executable, os.path.join(HERE, 'checker.py'), '--bootstrap', lab.bootstrap,
                 '--registry', lab.registry_url, '--prefix', lab.prefix, '--dir', folder, *arguments],
                stdin=subprocess.DEVNULL, stdout=out, stderr=log, check=False,
                timeout=CHECK_S).returncode
        with open(lab.path('checker.json'), encoding='utf-8') as file:
            return status, file.read()

    def save(self):
        """The topics as lines of JSON, while the broker still runs."""
        with open(self.lab.path('topics.jsonl'), 'wb') as out, \
                open(self.lab.path('topics.log'), 'wb') as log:
            names = subprocess.run([os.path.join(ROOT, 'contrib', 'quickstart', 'kafka'), 'topics',
                                    self.lab.kafka.dir], stdout=subprocess.PIPE, stderr=log,
                                   text=True, check=False).stdout.split()
            names = [name for name in names if name.startswith(self.lab.prefix + '.')]
            if names:
                subprocess.run([sys.executable, os.path.join(ROOT, 't', 'lib', 'read_topic.py'), *names,
                                '--bootstrap', self.lab.bootstrap, '--registry',
                                self.lab.registry_url, '--timeout', '1800'],
                               stdout=out, stderr=log, check=False)

    def release(self):
        if self.workload:
            self.workload.kill()
