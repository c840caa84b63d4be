#!/usr/bin/env python3
"""proxy_test.py: every fault of proxy.py shown by real sockets, in TAP.  Run by
t/069_proxy.pl; needs nothing but Python.
"""
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

PROXY = os.path.join(os.path.dirname(os.path.realpath(__file__)), 'proxy.py')
PATIENCE_S, POLL_S = 60, 0.002
COUNTED = ('dropped', 'reset', 'refused', 'cut', 'vanished', 'held', 'delayed', 'slowed', 'single')


class Server(threading.Thread):
    """Takes connections and keeps them, for a test to read from and write to."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.taken = []
        self.start()

    def run(self):
        try:
            while True:
                self.taken.append(self.socket.accept()[0])
        except OSError:
            pass

    def peer(self, number):
        wait(lambda: len(self.taken) > number)
        self.taken[number].settimeout(PATIENCE_S)
        return self.taken[number]


def wait(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError('waited in vain')
        time.sleep(POLL_S)


def read(sock, size):
    data = b''
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            break
        data += piece
    return data


class ProxyTest(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.proxy = subprocess.Popen(
            [sys.executable, PROXY, '--to', f'127.0.0.1:{self.server.socket.getsockname()[1]}'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = json.loads(self.proxy.stdout.readline())['port']
        self.clients = []

    def tearDown(self):
        stats = self.do('stats')
        for sock in [self.server.socket] + self.server.taken + self.clients:
            sock.close()
        self.proxy.stdin.close()
        self.assertEqual(self.proxy.wait(PATIENCE_S), 0, 'it ends when its stdin ends')
        self.proxy.stdout.close()
        self.assertEqual(stats['errors'], [])

    def do(self, line):
        self.proxy.stdin.write(line + '\n')
        self.proxy.stdin.flush()
        return json.loads(self.proxy.stdout.readline())

    def client(self):
        sock = socket.create_connection(('127.0.0.1', self.port), PATIENCE_S)
        self.clients.append(sock)
        return sock

    def pair(self):
        """A connection that works: (client, server)."""
        client = self.client()
        server = self.server.peer(len(self.clients) - 1)
        client.sendall(b'ping')
        self.assertEqual(read(server, 4), b'ping')
        server.sendall(b'pong')
        self.assertEqual(read(client, 4), b'pong')
        return client, server

    def bitten(self, name, number):
        """That is counted, and what other faults count is not."""
        wait(lambda: self.do('stats')[name] >= number)
        stats = self.do('stats')
        self.assertEqual({other: stats[other] for other in COUNTED if stats[other]}, {name: number})

    def queued(self, number):
        wait(lambda: self.do('stats')['queued'] == number)

    def test_plain(self):
        client, server = self.pair()
        data = os.urandom(3_000_000)
        threading.Thread(target=client.sendall, args=(data,)).start()
        self.assertEqual(read(server, len(data)), data)
        client.shutdown(socket.SHUT_WR)
        self.assertEqual(server.recv(1), b'', 'an end goes through')
        server.sendall(b'late')
        self.assertEqual(read(client, 4), b'late', 'in one direction only')
        server.close()
        self.assertEqual(client.recv(1), b'')
        wait(lambda: not self.do('stats')['connections'])
        self.assertEqual(self.do('stats')['passed'], len(data) + 12)

    def test_reset_of_a_peer_goes_through(self):
        client, server = self.pair()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        server.close()
        self.assertRaises(ConnectionResetError, client.recv, 1)

    def test_drop(self):
        client, server = self.pair()
        self.assertEqual(self.do('drop'), {'connections': 1})
        self.bitten('dropped', 1)
        self.assertEqual((client.recv(1), server.recv(1)), (b'', b''))
        self.pair()

    def test_reset(self):
        client, server = self.pair()
        self.do('reset now')
        self.bitten('reset', 1)
        self.assertRaises(ConnectionResetError, client.recv, 1)
        self.assertRaises(ConnectionResetError, server.recv, 1)

    def test_one_connection_only(self):
        first, second = self.pair(), self.pair()
        self.do('reset 1')
        self.assertRaises(ConnectionResetError, first[0].recv, 1)
        second[0].sendall(b'x')
        self.assertEqual(second[1].recv(1), b'x')

    def come_late(self):
        """The reset may come as early as the connection."""
        with socket.create_connection(('127.0.0.1', self.port), PATIENCE_S) as late:
            late.recv(1)

    def test_refuse(self):
        client, server = self.pair()
        for _ in range(3):
            self.do('refuse')
            self.assertRaises(ConnectionRefusedError, self.client)
            self.do('refuse reset')
            refused = self.do('stats')['refused']
            self.assertRaises(ConnectionResetError, self.come_late)
            self.assertEqual(self.do('stats')['refused'], refused + 1)
            client.sendall(b'x')
            self.assertEqual(server.recv(1), b'x', 'who is connected stays so')
            self.do('clear')
            self.pair()

    def test_refuse_by_reset(self):
        self.do('refuse reset')
        self.assertRaises(ConnectionResetError, lambda: self.client().recv(1))
        self.assertEqual(self.do('stats')['refused'], 1)

    def test_target_is_away(self):
        self.server.socket.shutdown(socket.SHUT_RDWR)
        self.assertRaises(ConnectionResetError, lambda: self.client().recv(1))
        other = Server()
        self.do(f'to 127.0.0.1:{other.socket.getsockname()[1]}')
        self.client().sendall(b'x')
        self.assertEqual(other.peer(0).recv(1), b'x')

    def test_blackhole_of_one_direction(self):
        client, server = self.pair()
        self.do('blackhole up')
        client.sendall(b'vanishes')
        self.bitten('vanished', 8)
        server.sendall(b'comes')
        self.assertEqual(read(client, 5), b'comes')
        client.close()
        server.setblocking(False)
        self.assertRaises(BlockingIOError, server.recv, 1)
        self.assertEqual(self.do('clear'), {'reset': 1}, 'it can never go on')
        server.settimeout(PATIENCE_S)
        self.assertRaises(ConnectionResetError, server.recv, 1)

    def test_blackhole_of_both_spares_new_ones(self):
        client, server = self.pair()
        self.do('blackhole both now')
        client.sendall(b'a')
        server.sendall(b'b')
        wait(lambda: self.do('stats')['vanished'] == 2)
        self.pair()

    def test_blackhole_that_nothing_fell_into_may_go_on(self):
        client, server = self.pair()
        self.do('blackhole both')
        self.assertEqual(self.do('clear'), {'reset': 0})
        client.sendall(b'x')
        self.assertEqual(server.recv(1), b'x')

    def test_hold_and_release_in_order(self):
        client, server = self.pair()
        self.do('hold down')
        for piece in (b'one', b'two', b'three'):
            server.sendall(piece)
        self.queued(11)
        self.bitten('held', 11)
        client.sendall(b'up')
        self.assertEqual(read(server, 2), b'up', 'the other direction goes')
        server.close()
        client.setblocking(False)
        self.assertRaises(BlockingIOError, client.recv, 1)
        client.settimeout(PATIENCE_S)
        self.assertEqual(self.do('release')['bytes'], 11)
        self.assertEqual(read(client, 99), b'onetwothree', 'and the end behind them')

    def test_old_bytes_come_after_new_ones(self):
        """A zombie: its sender was killed, others have written since."""
        old, old_server = self.pair()
        self.do('hold up now')
        old.sendall(b'old')
        self.queued(3)
        old.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        old.close()
        new, new_server = self.pair()
        new.sendall(b'new')
        self.assertEqual(read(new_server, 3), b'new')
        old_server.setblocking(False)
        self.assertRaises(BlockingIOError, old_server.recv, 1)
        old_server.settimeout(PATIENCE_S)
        self.do('release 1')
        self.assertEqual(read(old_server, 3), b'old')
        self.assertRaises(ConnectionResetError, old_server.recv, 1)

    def test_slow(self):
        client, server = self.pair()
        self.do('slow 1000')
        started = time.monotonic()
        client.sendall(b'x' * 500)
        read(server, 500)
        self.assertGreater(time.monotonic() - started, 0.4)
        self.bitten('slowed', 500)
        self.do('clear')
        client.sendall(b'x' * 1_000_000)        # 17 minutes at the other speed
        self.assertEqual(len(read(server, 1_000_000)), 1_000_000)

    def test_bytewise(self):
        client, server = self.pair()
        data_segs_in = 152                      # in struct tcp_info
        before = struct.unpack_from('I', server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160),
                                    data_segs_in)[0]
        self.do('bytewise')
        data = os.urandom(300)
        client.sendall(data)
        self.assertEqual(read(server, 300), data)
        self.bitten('single', 300)
        after = struct.unpack_from('I', server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160),
                                   data_segs_in)[0]
        self.assertGreater(after - before, 5)   # the kernel may join some

    def test_delay(self):
        client, server = self.pair()
        self.do('delay 300')
        started = time.monotonic()
        for _ in range(3):
            client.sendall(b'x')
        read(server, 3)
        took = time.monotonic() - started
        self.assertGreater(took, 0.29)
        self.bitten('delayed', 3)

    def test_cut(self):
        client, server = self.pair()
        self.do('cut up 1000')
        threading.Thread(target=self.send_until_cut, args=(client,)).start()
        data = b''
        with self.assertRaises(ConnectionResetError):
            while piece := server.recv(70000):
                data += piece
        self.assertEqual(len(data), 1000)
        self.bitten('cut', 1)

    @staticmethod
    def send_until_cut(sock):
        try:
            sock.sendall(b'x' * 5000)
        except OSError:
            pass

    def test_cut_of_new_connections(self):
        self.do('cut down 2 new')
        client = self.client()
        self.server.peer(0).sendall(b'abc')
        self.assertEqual(read(client, 2), b'ab')
        self.assertRaises(ConnectionResetError, client.recv, 1)

    def test_unknown_commands_are_told(self):
        for line in ('', 'explode', 'slow', 'slow x', 'blackhole left', 'drop 1 2', 'refuse me'):
            self.assertIn('error', self.do(line), line)


class Tap(unittest.TextTestResult):
    """One line for each test."""

    def tap(self, test, word, error=None):
        print(f'{word} {self.testsRun} - {test.id().split(".")[-1].replace("_", " ")}', flush=True)
        if error:
            print('# ' + self._exc_info_to_string(error, test).replace('\n', '\n# '), flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.tap(test, 'ok')

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.tap(test, 'not ok', err)

    def addError(self, test, err):
        super().addError(test, err)
        self.tap(test, 'not ok', err)


if __name__ == '__main__':
    SUITE = unittest.defaultTestLoader.loadTestsFromTestCase(ProxyTest)
    print(f'1..{SUITE.countTestCases()}', flush=True)
    with open(os.devnull, 'w', encoding='ascii') as null:
        RESULT = unittest.TextTestRunner(null, resultclass=Tap).run(SUITE)
    sys.exit(0 if RESULT.wasSuccessful() else 1)
