#!/usr/bin/env python3
"""proxy.py [--listen HOST:PORT] [--to HOST:PORT]: a TCP proxy that does what networks do.

It prints one line, {"port": N}, then answers each line of stdin, a command, with a line
of JSON on stdout; it ends when stdin ends, so it never outlives whoever started it.
Without --to (or with the command "to") the target may be set later; until then, and
whenever the target cannot be reached, clients are reset.

    drop [WHO]                  close connections, as a peer does that ends
    reset [WHO]                 reset them (RST), as a peer does that has died
    refuse | refuse reset       nobody listens: connecting is refused, which nobody but the
                                client sees; or reset once it stands, which is counted
    blackhole up|down|both [WHO]  half-open: what is sent vanishes, also an end; sockets stay
    hold up|down|both [WHO]     keep bytes back, and ends, in their order, also when the
                                sender is long gone; later they are released
    release [WHO]               ... now, whatever newer connections have sent meanwhile
    slow N [WHO]                N bytes a second in each direction
    bytewise [WHO]              one byte at a time
    delay MS [WHO]              everything arrives so much later
    cut up|down N [WHO]         reset the connection behind the next N bytes
    clear                       no fault any more; held bytes go, connections out of which
                                bytes have vanished are reset: they can never go on
    to HOST:PORT                another target for new connections
    stats                       what has happened so far, and each connection; whether a fault
                                has bitten is told by its own number: dropped, reset,
                                refused, cut (connections), vanished, held, delayed,
                                slowed, single (bytes)

up is from client to server.  WHO is all (default: those that are and those to come),
now (those that are), new (those to come) or the number of one.  For what ends connections
(drop, reset, release) all means now.  Used by lab.py; tested by proxy_test.py.
"""
import argparse
import asyncio
import collections
import fcntl
import json
import random
import socket
import struct
import sys
import termios
import time

POLL_S = 0.005
CHUNK = 65536
QUEUE = 1 << 20             # bytes read ahead in a direction: what a network's buffers hold
QUEUE_HELD = 256 << 20      # while it is held: nearly all that a sender wants to be rid of
END, RESET = 'end', 'reset'  # what a direction's bytes may be followed by


class Faults:
    """What happens to one direction of a connection."""

    def __init__(self, other=None):
        self.hold = other.hold if other else False
        self.blackhole = other.blackhole if other else False
        self.rate = other.rate if other else None           # bytes a second
        self.bytewise = other.bytewise if other else False
        self.delay_s = other.delay_s if other else 0
        self.cut = other.cut if other else None             # bytes that still pass


class Flow:
    """One direction of a connection: a reader and a writer with a queue between them."""

    def __init__(self, conn, source, sink, faults):
        self.conn, self.source, self.sink = conn, source, sink
        self.faults = Faults(faults)
        self.queue, self.queued = collections.deque(), 0    # of (when due, bytes or END or RESET)
        self.passed = self.vanished = 0                     # bytes
        self.torn = False                                   # something has vanished
        self.changed = asyncio.Event()

    def poke(self):
        self.changed.set()

    async def wait(self, seconds=None):
        """Until something has changed, or so long."""
        self.changed.clear()
        try:
            await asyncio.wait_for(self.changed.wait(), seconds)
        except asyncio.TimeoutError:
            pass

    async def read(self):
        loop = asyncio.get_running_loop()
        end = None
        while end is None:
            if self.queued >= (QUEUE_HELD if self.faults.hold else QUEUE):
                await self.wait()
                continue
            try:
                data = await loop.sock_recv(self.source, CHUNK)
            except OSError:
                data = end = RESET
            if not data:
                data = end = END
            if self.faults.blackhole:
                self.torn = True
                self.count(vanished=0 if end else len(data))
                continue
            self.queue.append((time.monotonic() + self.faults.delay_s, data))
            size = 0 if end else len(data)
            self.queued += size
            for name, is_on in (('held', self.faults.hold), ('delayed', self.faults.delay_s)):
                self.conn.proxy.count(name, size if is_on else 0)
            self.poke()

    def count(self, passed=0, vanished=0):
        self.passed += passed
        self.vanished += vanished
        self.conn.proxy.passed += passed
        self.conn.proxy.vanished += vanished

    def piece(self, data):
        """How many of data's bytes go at once."""
        faults, size = self.faults, len(data)
        if faults.bytewise:
            size = 1
        if faults.rate:
            size = min(size, max(1, faults.rate // 20))
        if faults.cut is not None:
            size = min(size, faults.cut)
        return size

    async def write(self):
        """Passes on what is queued, until its end.  A sink that takes no more ends nothing:
        its own flow says how it died, and ours may be one that is still to be heard."""
        loop = asyncio.get_running_loop()
        broken = False
        while True:
            if self.faults.cut == 0:
                await self.drained()
                self.conn.proxy.count('cut')
                self.conn.reset()
                return
            if not self.queue or self.faults.hold:
                await self.wait()
                continue
            due, data = self.queue[0]
            if due > time.monotonic():
                await self.wait(due - time.monotonic())
                continue
            self.queue.popleft()
            if data is RESET:
                self.conn.reset()
                return
            if data is END:
                self.end()
                return
            size = self.piece(data)
            if size < len(data):
                self.queue.appendleft((due, data[size:]))
            self.queued -= size
            if self.faults.cut is not None:
                self.faults.cut -= size
            if not broken:
                try:
                    await loop.sock_sendall(self.sink, data[:size])
                    self.count(passed=size)
                except OSError:
                    broken = True
            for name, is_on in (('slowed', self.faults.rate), ('single', self.faults.bytewise)):
                self.conn.proxy.count(name, size if is_on else 0)
            self.poke()                         # there is room: the reader may wait for it
            if self.faults.rate:
                await asyncio.sleep(size / self.faults.rate)

    def end(self):
        try:
            self.sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    async def drained(self):
        """Until the peer's kernel has all that was written: a reset would take it back."""
        for _ in range(200):
            try:
                left = struct.unpack('i', fcntl.ioctl(self.sink, termios.TIOCOUTQ, b'\0' * 4))[0]
            except OSError:
                return
            if left == 0:
                return
            await asyncio.sleep(POLL_S)


class Connection:
    def __init__(self, proxy, number, client, server):
        self.proxy, self.number, self.born = proxy, number, time.monotonic()
        self.client, self.server = client, server
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.flows = {'up': Flow(self, client, server, proxy.new['up']),
                      'down': Flow(self, server, client, proxy.new['down'])}
        self.tasks = [asyncio.ensure_future(step()) for flow in self.flows.values()
                      for step in (flow.read, flow.write)]
        self.watch = asyncio.ensure_future(self.live())
        self.closed = False

    async def live(self):
        """Both directions have come to their end: both sockets are closed."""
        await asyncio.wait(self.tasks)
        for task in self.tasks:
            if not task.cancelled() and task.exception():
                self.proxy.errors.append(repr(task.exception()))
        self.close()

    def reset(self):
        for sock in (self.client, self.server):
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            except OSError:
                pass
        self.close()

    def close(self):
        if self.closed:
            return
        self.closed = True
        for task in self.tasks:
            if task is not asyncio.current_task():
                task.cancel()
        loop = asyncio.get_running_loop()
        for sock in (self.client, self.server):
            loop.remove_reader(sock)            # before its number is somebody else's
            loop.remove_writer(sock)
            sock.close()
        self.proxy.connections.pop(self.number, None)

    def stats(self):
        return {'age_s': round(time.monotonic() - self.born, 3),
                **{name: {'passed': flow.passed, 'queued': flow.queued, 'vanished': flow.vanished}
                   for name, flow in self.flows.items()}}


class Proxy:
    def __init__(self, target):
        self.target = target
        self.connections = {}                   # number -> Connection
        self.new = {'up': Faults(), 'down': Faults()}
        self.refusing = None                    # None, 'refuse' or 'reset'
        self.counts = collections.Counter()
        self.passed = self.vanished = self.last = 0
        self.errors = []
        self.listener, self.accepting = None, None

    def count(self, what, number=1):
        self.counts[what] += number

    # ---- connections ----

    def listen(self, host, port):
        """Port 0: a free one below those that the kernel gives to clients, so that nobody
        takes it while connections are refused."""
        for _ in range(1000):
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self.listener.bind((host, port or random.randrange(10200, 32000)))
                self.listener.listen(128)
                break
            except OSError:
                self.listener.close()
                if port:
                    raise
        self.listener.setblocking(False)
        self.accepting = asyncio.ensure_future(self.accept())
        return self.listener.getsockname()[1]

    async def accept(self):
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(self.listener)
            asyncio.ensure_future(self.connect(client))

    async def connect(self, client):
        server = socket.socket()
        server.setblocking(False)
        try:
            if self.refusing or not self.target:
                raise ConnectionRefusedError
            await asyncio.get_running_loop().sock_connect(server, self.target)
            if self.refusing:
                raise ConnectionRefusedError
        except OSError:
            self.count('refused' if self.refusing else 'unreachable')
            server.close()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            client.close()
            return
        self.last += 1
        self.count('accepted')
        self.connections[self.last] = Connection(self, self.last, client, server)

    # ---- commands ----

    def chosen(self, who):
        if who in ('all', 'now'):
            return list(self.connections.values())
        if who == 'new':
            return []
        conn = self.connections.get(int(who))
        return [conn] if conn else []

    def change(self, directions, who, **values):
        """Sets faults on the directions of who, and says to how many connections."""
        names = ('up', 'down') if directions == 'both' else (directions,)
        chosen = self.chosen(who)
        groups = [self.new[name] for name in names] if who in ('all', 'new') else []
        for conn in chosen:
            groups += [conn.flows[name].faults for name in names]
        for faults in groups:
            for name, value in values.items():
                setattr(faults, name, value)
        for conn in chosen:
            for flow in conn.flows.values():
                flow.poke()
        return {'connections': len(chosen)}

    def do_drop(self, who='all'):
        chosen = self.chosen(who)
        for conn in chosen:
            conn.close()
        self.count('dropped', len(chosen))
        return {'connections': len(chosen)}

    def do_reset(self, who='all'):
        chosen = self.chosen(who)
        for conn in chosen:
            conn.reset()
        self.count('reset', len(chosen))
        return {'connections': len(chosen)}

    def do_refuse(self, how='refuse'):
        if how not in ('refuse', 'reset'):
            raise ValueError(how)
        if how == 'refuse' and self.refusing != 'refuse':
            self.accepting.cancel()
            asyncio.get_running_loop().remove_reader(self.listener)
            self.listener.shutdown(socket.SHUT_RD)      # listens no more, keeps its port
        elif how == 'reset':
            self.listen_again()
        self.refusing = how
        return {}

    def listen_again(self):
        if self.refusing == 'refuse':
            self.listener.listen(128)
            self.accepting = asyncio.ensure_future(self.accept())
        self.refusing = None

    def do_blackhole(self, directions, who='all'):
        return self.change(directions, who, blackhole=True)

    def do_hold(self, directions, who='all'):
        return self.change(directions, who, hold=True)

    def do_release(self, who='all'):
        return {'bytes': sum(flow.queued for conn in self.chosen(who)
                             for flow in conn.flows.values() if flow.faults.hold),
                **self.change('both', who, hold=False)}

    def do_slow(self, rate, who='all'):
        return self.change('both', who, rate=int(rate))

    def do_bytewise(self, who='all'):
        return self.change('both', who, bytewise=True)

    def do_delay(self, ms, who='all'):
        return self.change('both', who, delay_s=int(ms) / 1000)

    def do_cut(self, direction, number, who='all'):
        return self.change(direction, who, cut=int(number))

    def do_clear(self):
        self.listen_again()
        self.change('both', 'all', **vars(Faults()))
        torn = [conn for conn in self.connections.values()
                if any(flow.torn for flow in conn.flows.values())]
        for conn in torn:
            conn.reset()
        self.count('reset', len(torn))
        return {'reset': len(torn)}

    def do_to(self, target):
        self.target = address(target)
        return {}

    def do_stats(self):
        return {**{name: self.counts[name] for name in
                   ('accepted', 'refused', 'unreachable', 'dropped', 'reset', 'cut', 'held', 'delayed',
                    'slowed', 'single')},
                'passed': self.passed, 'vanished': self.vanished,
                'queued': sum(flow.queued for conn in self.connections.values()
                              for flow in conn.flows.values()),
                'errors': self.errors,
                'connections': {str(conn.number): conn.stats()
                                for conn in self.connections.values()}}

    def command(self, line):
        word, *arguments = line.split() or ['']
        try:
            return getattr(self, 'do_' + word)(*arguments)
        except (AttributeError, TypeError, ValueError, KeyError) as error:
            return {'error': f'{line!r}: {error}'}


def address(text):
    host, _, port = text.rpartition(':')
    return host, int(port)


async def serve(args):
    proxy = Proxy(address(args.to) if args.to else None)
    print(json.dumps({'port': proxy.listen(*address(args.listen))}), flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        print(json.dumps(proxy.command(line.decode())), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--listen', default='127.0.0.1:0')
    parser.add_argument('--to')
    try:
        asyncio.run(serve(parser.parse_args()))
    except (KeyboardInterrupt, BrokenPipeError):
        pass


if __name__ == '__main__':
    main()
