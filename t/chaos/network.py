"""network.py: the faults of the chaos campaign that are the proxies' (proxy.py), each with the
proof that it bit: one that nothing ran into would prove nothing, and raises ValueError.
Part of faults.py, and used by nobody else.
"""
import signal
import threading

from lab import START_S, wait_until

BITE_S = 120                # how long to wait for a fault that needs traffic


def last(rng, low, high):
    """For so long, evenly drawn."""
    seconds = rng.uniform(low, high)
    threading.Event().wait(seconds)
    return round(seconds, 2)


# By which of the proxy's numbers each of its faults is known to have bitten.
BITES = {'drop': 'dropped', 'reset': 'reset', 'refuse': 'refused', 'cut': 'cut', 'blackhole': 'vanished',
         'hold': 'held', 'slow': 'slowed', 'bytewise': 'single', 'delay': 'delayed'}


class Bite:
    """What a proxy has counted since."""

    def __init__(self, proxy):
        self.proxy, self.before = proxy, proxy.stats()

    def counts(self):
        after = self.proxy.stats()
        return {name: after[name] - self.before[name] for name in
                ('accepted', 'unreachable', 'passed', *BITES.values()) if after[name] != self.before[name]}

    def prove(self, name):
        """Waits until that number has moved."""
        try:
            wait_until(lambda: name in self.counts(), name, BITE_S)
        except TimeoutError:
            raise ValueError(f'it did not bite: nothing {name} in {BITE_S} s, {self.counts()}') from None


def connected(proxy):
    """A relay that is just being started, or that tries again, has no connection to break."""
    wait_until(lambda: proxy.stats()['connections'], 'a connection', START_S)


def break_off(lab, name, verb):
    """drop or reset, of a connection that is in use.  The registry's is so for moments only:
    a request of a new relay is held, and then its connection breaks."""
    proxy = lab.proxies[name]
    if name == 'registry':
        proxy.do('hold up')
        lab.relay.replace(signal.SIGKILL)
        proxy.do('drop')            # what the last one left
        wait_until(lambda: proxy.stats()['queued'], 'a request', BITE_S)
    bite = Bite(proxy)
    wait_until(lambda: proxy.do(verb)['connections'], 'a connection', START_S)
    return bite


def refuse(lab, name, rng, lasts):
    """Nobody but the client sees an attempt that is refused.  That it is still trying is counted
    at the end: it has not got in, and between two attempts there is a second at most, at first
    far less."""
    proxy = lab.proxies[name]
    bite = Bite(proxy)
    proxy.do('refuse')
    proxy.do('reset')
    if name == 'registry':
        lab.relay.replace(signal.SIGKILL)
    lasted = last(rng, *lasts)
    proxy.do('refuse reset')
    bite.prove('refused')
    return bite, lasted


def network(name, command, lasts=None):
    """A fault of the proxy: command, with its random numbers filled in by rng; for so long,
    once it has bitten.  The registry is asked by a relay that has just been started, hence a
    kill with each."""
    def strike(lab, rng):
        proxy = lab.proxies[name]
        text = command(rng) if callable(command) else command
        verb, lasted = text.split()[0], None
        if name != 'registry':
            connected(proxy)
        try:
            if verb in ('drop', 'reset'):
                bite = break_off(lab, name, verb)
            elif text == 'refuse':
                bite, lasted = refuse(lab, name, rng, lasts)
            else:
                bite = Bite(proxy)
                proxy.do(text)
                if verb == 'refuse':
                    proxy.do('reset')
                if name == 'registry':
                    lab.relay.replace(signal.SIGKILL)
            bite.prove(BITES[verb])
            if lasts and lasted is None:
                lasted = last(rng, *lasts)
            counts = bite.counts()
        finally:
            proxy.do('clear')
        return {'command': text, 'lasted_s': lasted, **counts}
    return strike


def kafka_zombie(lab, rng):
    """What a killed relay had sent arrives behind what its successor has sent."""
    proxy = lab.proxies['kafka']
    try:
        wait_until(lambda: proxy.do('hold up now')['connections'], 'a connection', START_S)
        wait_until(lambda: proxy.stats()['queued'], 'something to be held', BITE_S)
        mark = lab.watch.insert_lsn()
        lab.relay.replace(signal.SIGKILL)
        wait_until(lambda: lab.watch.confirmed >= mark, 'the next relay to take over', START_S)
        last(rng, 0, 1)
        held = proxy.do('release')['bytes']
    finally:
        proxy.do('clear')
    if not held:
        raise ValueError('it did not bite: nothing was held to the end')
    return {'held': held}
