"""What a benchmark into Kafka needs: a broker, a registry, and the relay's settings.

The two are those of contrib/quickstart.  They live in the folder of a Cluster and
end before it does.  Nothing here may run between the start and the end of a timed
part.  Imported by e2e, tables and startup.
"""
import json
import os
import re
import subprocess

from cluster import BUILD, ROOT, die, say, setting

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


class Services:
    """kafka and registry, for a relay that reads the slot named run of a cluster."""

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

    def arguments(self, prefix):
        """The relay's settings."""
        return [f"--source.conninfo={self.cluster.conninfo('unix')}", '--slot.name=run',
                f"--kafka.bootstrap.servers={self.kafka.env['KAFKA_BOOTSTRAP']}",
                f"--registry.url={self.registry.env['REGISTRY_URL']}", f'--topic.prefix={prefix}']

    def topic(self, prefix, partitions=1):
        """Makes the topic that the backlog's table goes to; its name."""
        name = f'{prefix}.public.bench'
        self.kafka.command('topic', 'create', name, str(partitions))
        return name

    def messages(self, topic):
        """How many messages a topic holds, all partitions."""
        return json.loads(subprocess.check_output(
            [f'{BUILD}/bareproducer', 'count', self.kafka.env['KAFKA_BOOTSTRAP'], topic]))
