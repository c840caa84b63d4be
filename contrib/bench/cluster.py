"""What the benchmark scripts share: a throwaway PostgreSQL, processor time, tables.

Servers run as an unprivileged user, in a temporary folder, and end with the
script.  Nothing here may run between the start and the end of a timed part.
Imported by all of them and by services.
"""
import atexit
import glob
import os
import pwd
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

BENCH = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(BENCH))
BUILD = os.path.abspath(os.environ.get('BUILD') or os.path.join(BENCH, 'build'))
PG_CONFIG = (os.environ.get('PG_CONFIG') or
             next(iter(sorted(glob.glob('/usr/lib/postgresql/*/bin/pg_config'))), 'pg_config'))
TICKS = os.sysconf('SC_CLK_TCK')
WAIT_S = 60
USER = 'walbench'       # also how the cluster's own processes are told from clients
PLUGINS = ('floor', 'walrelay', 'pgoutput', 'wal2json', 'decoderbufs', 'test_decoding')

# Generous on purpose: the measurement is of decoding, not of the disk.
SERVER = {
    'wal_level': 'logical', 'fsync': 'off', 'synchronous_commit': 'off',
    'autovacuum': 'off', 'shared_buffers': '512MB', 'max_wal_size': '64GB',
    'checkpoint_timeout': '1h', 'max_replication_slots': '20',
    'max_wal_senders': '20', 'logical_decoding_work_mem': '64MB', 'ssl': 'off',
}


def say(text):
    """Progress; the results alone go to stdout."""
    print(text, file=sys.stderr, flush=True)


def die(text):
    sys.exit(f'{os.path.basename(sys.argv[0])}: {text}')


def usage(text):
    """Everything is set by the environment; an argument would be overlooked."""
    if sys.argv[1:]:
        print(text.strip())
        sys.exit(0 if sys.argv[1] in ('-h', '--help') else 2)


def setting(name, default):
    """A value of the environment; empty counts as not given, as make passes it."""
    return os.environ.get(name) or default


def settings(name, default, known):
    """A comma-separated choice of known names."""
    chosen = setting(name, default).split(',')
    for name_given in chosen:
        if name_given not in known:
            die(f'unknown {name}={name_given}: choose from {",".join(known)}')
    return chosen


def number(name, default):
    try:
        value = int(setting(name, default))
    except ValueError:
        die(f'{name} must be a whole number')
    return value if value > 0 else die(f'{name} must be greater than 0')


def wait_for(what, condition, seconds=WAIT_S, pause=0.005):
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            die(f'gave up after {seconds} s waiting for {what}')
        time.sleep(pause)


def build(target):
    """Makes the tools of this folder that the script needs."""
    made = subprocess.run(['make', '-s', '-C', BENCH, f'BUILD={BUILD}', f'PG_CONFIG={PG_CONFIG}',
                           target], stdout=sys.stderr)
    if made.returncode != 0:
        die(f'could not build {target}')


def pg_config(option):
    return subprocess.check_output([PG_CONFIG, option], text=True).strip()


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def server_user():
    """Keyword arguments of subprocess that make root an unprivileged user."""
    if os.geteuid() != 0:
        return {}
    for name in (os.environ.get('SERVER_USER'), 'postgres', 'nobody'):
        try:
            entry = pwd.getpwnam(name) if name else None
        except KeyError:
            continue
        if entry:
            return {'user': entry.pw_uid, 'group': entry.pw_gid, 'extra_groups': []}
    die('no unprivileged user to run the server as: set SERVER_USER')


def walrelay_library():
    """Path of the built walrelay.so, or None."""
    for path in (os.environ.get('PLUGIN'), f'{ROOT}/walrelay.so',
                 f'{ROOT}/decoder/walrelay.so', f'{ROOT}/build/walrelay.so'):
        if path and os.path.exists(path):
            return path
    return None


class Processor:
    """Share of the machine's time that the hypervisor gave to others, since creation."""

    def __init__(self):
        self.start = self.read()

    @staticmethod
    def read():
        with open('/proc/stat') as file:
            fields = [int(field) for field in file.readline().split()[1:9]]
        return fields[7], sum(fields)

    def steal_pct(self):
        steal, total = (now - then for now, then in zip(self.read(), self.start))
        return round(100 * steal / max(total, 1), 2)


def stat_fields(pid):
    """Fields of /proc/PID/stat from the state on (proc(5) numbers them from 3)."""
    with open(f'/proc/{pid}/stat') as file:
        return file.read().rpartition(')')[2].split()


def process_cpu_s(pid):
    """Processor time of a live process, all its threads, user and system."""
    fields = stat_fields(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def process_started(pid):
    """When a live process began: time.time(), exact to a clock tick."""
    since_boot = int(stat_fields(pid)[19]) / TICKS
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


def peak_rss_mb(pid):
    """VmHWM of a live process, or 0 when it has ended; not from wait4(), whose
    figure includes what this script had resident before exec."""
    try:
        with open(f'/proc/{pid}/status') as file:
            found = re.search(r'^VmHWM:\s+(\d+) kB', file.read(), re.M)
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(found.group(1)) / 1024 if found else 0


class Cluster:
    """A throwaway cluster; attributes: dir (temporary, removed at the end), port, bindir."""

    def __init__(self, **changes):
        self.bindir = pg_config('--bindir')
        self.port = free_port()
        self.server = None
        self.before = []
        self.as_user = server_user()
        self.dir = tempfile.mkdtemp(prefix='walrelay-bench.')
        atexit.register(self.close)
        for end in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(end, lambda signum, frame: sys.exit(128 + signum))
        self.libdir = os.path.join(self.dir, 'lib')
        os.mkdir(self.libdir)
        for library in (f'{BUILD}/floor.so', walrelay_library()):
            if library:
                shutil.copy(library, self.libdir)
        os.chmod(self.dir, 0o755)
        if self.as_user:
            os.chown(self.dir, self.as_user['user'], self.as_user['group'])
        self.changes = changes
        self.start()

    def start(self):
        data = os.path.join(self.dir, 'data')
        self.run_as_user(['initdb', '-D', data, '-U', USER, '-A', 'trust', '-N',
                          '-E', 'UTF8', '--locale=C'])
        lines = {**SERVER, **self.changes, 'port': str(self.port),
                 'listen_addresses': '127.0.0.1',
                 'unix_socket_directories': self.dir,
                 'dynamic_library_path': f'{self.libdir}:$libdir'}
        if 'output_plugin_libraries' in self.run_as_user(['postgres', '--describe-config']):
            lines['output_plugin_libraries'] = ', '.join(PLUGINS)
        with open(os.path.join(data, 'postgresql.conf'), 'a') as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in lines.items())
        self.log = open(os.path.join(self.dir, 'log'), 'w')
        self.server = subprocess.Popen([f'{self.bindir}/postgres', '-D', data],
                                       stdin=subprocess.DEVNULL, stdout=self.log,
                                       stderr=self.log, **self.as_user)
        wait_for('PostgreSQL to start', self.ready, pause=0.05)
        self.sql(f'CREATE DATABASE {USER}', database='postgres')
        self.version = self.sql('SHOW server_version').split()[0]

    def conninfo(self, transport):
        """libpq string for transport unix or tcp (loopback, no TLS)."""
        host = self.dir if transport == 'unix' else '127.0.0.1'
        return f'host={host} port={self.port} user={USER} dbname={USER} sslmode=disable'

    def run_as_user(self, argv):
        done = subprocess.run([f'{self.bindir}/{argv[0]}', *argv[1:]], cwd=self.dir,
                              text=True, capture_output=True, **self.as_user)
        if done.returncode != 0:
            die(f'{argv[0]} failed:\n{done.stderr}')
        return done.stdout

    def ready(self):
        if self.server.poll() is not None:
            with open(self.log.name) as file:
                die('PostgreSQL did not start:\n' + file.read())
        return subprocess.run([f'{self.bindir}/pg_isready', '-q', '-h', self.dir,
                               '-p', str(self.port)]).returncode == 0

    def before_close(self, action):
        """action() when the cluster ends, the last one first, while its folder is there."""
        self.before.append(action)

    def close(self):
        while self.before:
            self.before.pop()()
        if self.server and self.server.poll() is None:
            self.server.send_signal(signal.SIGINT)      # fast shutdown
            try:
                self.server.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                self.server.send_signal(signal.SIGQUIT)
                self.server.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def sql(self, text, database=USER):
        """Runs statements, each in its own transaction; returns the rows' text."""
        done = subprocess.run([f'{self.bindir}/psql', '-XAtq', '-v', 'ON_ERROR_STOP=1',
                               '-h', self.dir, '-p', str(self.port), '-U', USER, database],
                              input=text, text=True, capture_output=True)
        if done.returncode != 0:
            die(f'psql failed:\n{done.stderr}')
        return done.stdout.strip()

    def has_plugin(self, name):
        return any(os.path.exists(os.path.join(folder, name + '.so'))
                   for folder in (self.libdir, pg_config('--pkglibdir')))

    def clients(self):
        """Server processes that serve a client, or are ending, or are not yet reaped."""
        found = []
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                fields = stat_fields(pid)
                with open(f'/proc/{pid}/cmdline') as file:
                    title = file.read()
            except (FileNotFoundError, ProcessLookupError):
                continue
            # A process that is ending loses its title before it becomes a zombie.
            if int(fields[1]) == self.server.pid and (not title or USER in title):
                found.append(int(pid))
        return found

    def ended_cpu_s(self):
        """Processor time of all server processes that have ended, walsenders included.

        The kernel adds a process's exact time to its parent's when it is reaped,
        so nothing is lost at the end as it would be by polling.  Waits until no
        client is left, so that the difference of two calls belongs to what ran
        between them.  Exact to two clock ticks.
        """
        wait_for('the server processes of clients to end', lambda: not self.clients())
        fields = stat_fields(self.server.pid)
        return (int(fields[13]) + int(fields[14])) / TICKS


def run_timed(argv):
    """Runs a client; returns (wall seconds, its processor seconds)."""
    start = time.perf_counter()
    client = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE)
    errors = client.stderr.read().decode()
    _, status, usage = os.wait4(client.pid, 0)
    wall_s = time.perf_counter() - start
    client.returncode = os.waitstatus_to_exitcode(status)
    if client.returncode != 0:
        die(f'{" ".join(argv)} failed:\n{errors}')
    return wall_s, usage.ru_utime + usage.ru_stime


def tally_check(name, tally, rows):
    """A tally of tally.c must hold every row once and in order."""
    if tally['rows'] != rows or tally['repeated'] or tally['misordered'] or tally['strange']:
        die(f'{name} did not deliver the {rows} rows once and in order: {tally}')


def median(values):
    return statistics.median(values)


def spread_pct(values):
    """(largest - smallest) in per cent of the median."""
    return 100 * (max(values) - min(values)) / median(values) if median(values) else 0.0


def print_table(rows):
    """rows: lists of cells, the first one being the head; numbers align right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print('  '.join(cell.ljust(width) if i == 0 else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))))
    print(flush=True)
