"""network_test.py: does a fault of the network that nothing ran into fail, and one that bit
pass?  With a proxy and a relay that are none; proxy_test.py has the real one.  Part of
pulse_test.py.
"""
import random
import sys
import time
import types

PATIENCE_S = 0.05
COMMANDS = ('drop', 'reset', 'refuse', 'refuse reset', 'slow 5', 'bytewise', 'delay 5', 'blackhole up', 'hold down', 'cut up 5')


def wait_until(condition, what, seconds):
    """As lab.py's, which needs a client of Kafka to be there."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(what)
    return value


class Proxy:
    """Counts what it is told to break, if anything runs into it."""

    def __init__(self, bites, numbers, has_bytes=True):
        self.bites, self.has_bytes, self.said = bites, has_bytes, []
        self.counts = dict.fromkeys((*numbers, 'accepted', 'unreachable', 'passed'), 0)

    def do(self, command):
        verb = command.split()[0]
        self.said.append(command)
        number = self.bites.get(verb)
        if number and self.has_bytes and command != 'refuse':
            self.counts[number] += 1
        return {'connections': 1, 'bytes': 5 if self.has_bytes else 0}

    def stats(self):
        return {**self.counts, 'queued': 5, 'connections': {'1': {}}}


class Lab:
    """A relay that does what it should."""

    def __init__(self, name, proxy):
        self.proxies, self.relay, self.watch, self.kills = {name: proxy}, self, self, 0
        self.confirmed = 1

    def replace(self, _):
        self.kills += 1

    def insert_lsn(self):
        return self.confirmed


def cases():
    """(whether it is well, what)"""
    sys.modules['lab'] = types.ModuleType('lab')
    vars(sys.modules['lab']).update(START_S=PATIENCE_S, wait_until=wait_until)
    import network
    network.BITE_S = PATIENCE_S

    def strike(fault, name, has_bytes):
        proxy = Proxy(network.BITES, network.BITES.values(), has_bytes)
        lab = Lab(name, proxy)
        try:
            fault(lab, random.Random(1))
            bit = True
        except ValueError:
            bit = False
        return bit, proxy, lab

    for name in ('pg', 'kafka', 'registry'):
        for command in COMMANDS:
            fault = network.network(name, command, (0, 0.001))
            bit, proxy, lab = strike(fault, name, True)
            yield bit and proxy.said[-1] == 'clear' and bool(lab.kills) == (name == 'registry'), f'{name} {command}: it bites'
            bit, proxy, _ = strike(fault, name, False)
            yield not bit and proxy.said[-1] == 'clear', f'{name} {command}: it does not bite, and that fails'
    for has_bytes in (True, False):
        bit, proxy, _ = strike(network.kafka_zombie, 'kafka', has_bytes)
        yield bit == has_bytes and proxy.said[-1] == 'clear', f'a zombie with {5 if has_bytes else 0} bytes held'
