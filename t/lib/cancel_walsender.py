#!/usr/bin/env python3
"""cancel_walsender.py SOCKET SLOT USER DATABASE OUT: a walsender that is cancelled, not ended.

Streams the slot over one connection, cancels it (pg_cancel_backend by psql) as soon as
a first frame has come, waits for the error, and streams the slot once more over the
same connection, into OUT as pg_recvlogical would write it, until COMMITS transactions
are in it.  libpq's own tools disconnect after an error; so the protocol is spoken here.
Prints the error's message.
"""
import os
import socket
import struct
import subprocess
import sys
import time

COMMITS = int(os.environ.get('COMMITS', '1'))


class Connection:
    def __init__(self, path, user, database):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(180)
        self.sock.connect(path)
        self.buffer = b''
        self.told = 0
        pairs = f'user\0{user}\0database\0{database}\0replication\0database\0\0'.encode()
        self.sock.sendall(struct.pack('!II', 8 + len(pairs), 196608) + pairs)
        self.pid = None
        kind = None
        while kind != b'Z':
            kind, body = self.message()
            if kind == b'K':
                self.pid = struct.unpack('!I', body[:4])[0]
            if kind == b'E':
                sys.exit(body.decode(errors='replace'))

    def take(self, n):
        while len(self.buffer) < n:
            got = self.sock.recv(1 << 16)
            if not got:
                sys.exit('the server closed the connection')
            self.buffer += got
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        return out

    def message(self):
        kind, length = struct.unpack('!cI', self.take(5))
        return kind, self.take(length - 4)

    def status(self):
        """Confirms nothing, and keeps the server from giving a slow machine up."""
        if time.monotonic() - self.told > 0.1:
            self.sock.sendall(struct.pack('!cIcQQQqB', b'd', 38, b'r', 0, 0, 0, 0, 0))
            self.told = time.monotonic()

    def start(self, slot):
        query = f"START_REPLICATION SLOT {slot} LOGICAL 0/0 (flush 'idle', \"frame-bytes\" '65536')\0".encode()
        self.sock.sendall(b'Q' + struct.pack('!I', 4 + len(query)) + query)
        kind, body = self.message()
        if kind != b'W':
            sys.exit(f'no COPY BOTH: {kind} {body!r}')


def main():
    path, slot, user, database, out = sys.argv[1:]
    conn = Connection(path, user, database)
    conn.start(slot)
    while True:
        kind, body = conn.message()
        if kind == b'd' and body[:1] == b'w':
            break
    folder, port = os.path.split(path)
    subprocess.run(['psql', '-XqAt', '-h', folder, '-p', port.rsplit('.', 1)[1], '-U', user, '-d', database, '-c',
                    f'SELECT pg_cancel_backend({conn.pid})'], check=True, stdout=subprocess.DEVNULL)
    error = None
    while error is None:
        kind, body = conn.message()
        if kind == b'E':
            error = dict((f[:1], f[1:]) for f in body.rstrip(b'\0').split(b'\0') if f)
    print(error[b'M'].decode())
    while conn.message()[0] != b'Z':
        pass
    conn.start(slot)
    commits = 0
    with open(out, 'wb') as file:
        while commits < COMMITS:
            kind, body = conn.message()
            if kind == b'E':
                sys.exit(body.decode(errors='replace'))
            conn.status()
            if kind == b'd' and body[:1] == b'w':
                file.write(body[25:] + b'\n')
                commits += commits_of(body[25:])
    conn.sock.close()


def commits_of(frame):
    """How many COMMIT records a frame has: kind, uv length, body, after 8 bytes of header."""
    at, found = 8, 0
    while at < len(frame):
        kind, at, length, shift = frame[at:at + 1], at + 1, 0, 0
        while True:
            byte, at = frame[at], at + 1
            length |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                break
        found += kind == b'C'
        at += length
    return found


main()
