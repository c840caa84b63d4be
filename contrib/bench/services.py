"""What a benchmark into Kafka needs: a broker, a registry, and the relay's settings.

The two are those of contrib/quickstart.  They live in the folder of a Cluster and
end before it does.  Nothing here may run between the start and the end of a timed
part.  Imported by e2e, recovery, snapshot, startup and tables.
"""
import json
import os
import re
import signal
import subprocess
import threading
import time

from cluster import BUILD, ROOT, die, peak_rss_mb, say, setting

QUICKSTART = os.path.join(ROOT, 'contrib', 'quickstart')
RELAY = setting('RELAY', os.path.join(ROOT, 'build', 'walrelay'))


def relay_properties():
    """The librdkafka properties that the relay sets by itself, read where it sets them."""
    with open(os.path.join(ROOT, 'relay', 'kafka_conf.c')) as file:
        block = re.search(r'own_properties\[\] = \{(.*?)\n\};', file.read(), re.S)
    pairs = re.findall(r'\{"([^"]+)", "([^"]*)"\}', block.group(1)) if block else []
    return dict(pairs) or die('relay/kafka_conf.c has no own_properties any more')


def bare_properties(extra, arguments):
    """The relay's properties, with its budgets as the queue's limits, both with extra."""
    properties = relay_properties()
    del properties['log.queue']         # needs a program that reads that queue
    shown = subprocess.check_output([RELAY, 'config', *arguments], text=True)
    for name, key, unit in (('queue.buffering.max.messages', 'max.in.flight.messages', 1),
                            ('queue.buffering.max.kbytes', 'max.in.flight.bytes', 1024)):
        value = re.search(rf'^{re.escape(key)} *= *(\d+)', shown, re.M)
        if not value:
            die(f'walrelay config does not show {key}')
        properties[name] = str(int(value.group(1)) // unit)
    properties.update(pair.split('=', 1) for pair in extra)
    return [f'{name}={value}' for name, value in properties.items()]


class Service:
    """kafka or registry of contrib/quickstart, in a folder of its own; env: its figures."""

    def __init__(self, name, folder):
        self.name, self.folder = name, os.path.join(folder, name)
        self.start()

    def command(self, verb, *arguments):
        done = subprocess.run([os.path.join(QUICKSTART, self.name), verb, self.folder, *arguments],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        if done.returncode != 0:
            die(f'{self.name} {verb} failed')

    def start(self):
        self.command('start')
        with open(os.path.join(self.folder, 'env')) as file:
            self.env = dict(line.strip().split('=', 1) for line in file)


class Relay:
    """One `walrelay run` that ends by itself, with exit code 0.

    pid, rss_mb: its peak of resident memory so far, start: of time.perf_counter().
    """

    def __init__(self, cluster, name, arguments):
        self.log = open(os.path.join(cluster.dir, f'relay-{name}.log'), 'w+')
        self.rss_mb = 0
        self.start = time.perf_counter()
        self.process = subprocess.Popen([RELAY, 'run', *arguments], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        self.pid = self.process.pid
        # Without a database it would try to reconnect for ever.
        cluster.before_close(self.kill)
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()

    def watch(self):
        """Peak memory can be read only from a live process."""
        while self.process.returncode is None:
            self.rss_mb = max(self.rss_mb, peak_rss_mb(self.pid))
            time.sleep(0.02)

    def kill(self):
        if self.process.returncode is None:
            self.process.kill()
            self.process.wait()

    def finish(self, limit_s=300):
        """Waits for the end: (wall s, processor s of all threads)."""
        timer = threading.Timer(limit_s, os.kill, (self.pid, signal.SIGKILL))
        timer.start()
        _, status, times = os.wait4(self.pid, 0)
        wall_s = time.perf_counter() - self.start
        timer.cancel()
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.watcher.join()
        if self.process.returncode != 0:
            self.log.seek(0)
            die(f'walrelay ended with {self.process.returncode}:\n{self.log.read()[-4000:]}')
        return wall_s, times.ru_utime + times.ru_stime


class Services:
    """kafka and registry, for a relay that reads a slot of a cluster."""

    def __init__(self, cluster):
        if not cluster.has_plugin('walrelay') or not os.access(RELAY, os.X_OK):
            die('walrelay is not built: run make')
        self.cluster = cluster
        # close() of the cluster removes their folders, so they stop before it.
        say('starting a broker and a registry')
        self.kafka = Service('kafka', cluster.dir)
        cluster.before_close(lambda: self.kafka.command('stop'))
        self.registry = Service('registry', cluster.dir)
        cluster.before_close(lambda: self.registry.command('stop'))

    def arguments(self, prefix, slot='run', transport='unix', snapshot='never'):
        """The relay's settings; what is measured is the stream, unless a snapshot is asked for."""
        return [f'--source.conninfo={self.cluster.conninfo(transport)}', f'--slot.name={slot}',
                f'--snapshot.mode={snapshot}',
                f"--kafka.bootstrap.servers={self.kafka.env['KAFKA_BOOTSTRAP']}",
                f"--registry.url={self.registry.env['REGISTRY_URL']}", f'--topic.prefix={prefix}']

    def topic(self, prefix, partitions=1, schema='public', configs=()):
        """Makes the topic that the table bench goes to, with configs of k=v; its name."""
        name = f'{prefix}.{schema}.bench'
        self.kafka.command('topic', 'create', name, str(partitions), *configs)
        return name

    def messages(self, topic):
        """How many messages a topic holds, all partitions."""
        return json.loads(subprocess.check_output(
            [f'{BUILD}/bareproducer', 'count', self.kafka.env['KAFKA_BOOTSTRAP'], topic]))
