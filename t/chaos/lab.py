"""lab.py: what the chaos campaign breaks: PostgreSQL, Kafka, a registry, the relay under a
supervisor, and a proxy (proxy.py) on each of the relay's three connections; all of it in
one folder, all of it gone at the end.  Only the relay goes through the proxies: workload
and checker see the servers themselves.  BROKERS=3 makes Kafka a cluster.  Used by
campaign.py and faults.py.
"""
import collections
import contextlib
import json
import os
import pwd
import re
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, 't', 'lib')]

import kafka.admin                                                  # noqa: E402
import kafka.errors                                                 # noqa: E402
import pq                                                           # noqa: E402

QUICKSTART = os.path.join(ROOT, 'contrib', 'quickstart')
POLL_S = 0.02
START_S = 600               # how long a server may take to come up
RESTART_S = 1               # what a supervisor waits before it starts a failed relay again
UNAVAILABLE, TEMPORARY = 69, 75     # what a supervisor may simply try again
SLOT, PREFIX = 'chaos', 'chaos'
BROKERS = int(os.environ.get('BROKERS') or 1)

SERVER = {'fsync': 'off',   # processes are killed, not machines
          'wal_sender_timeout': '15s', 'max_prepared_transactions': 50, 'max_connections': 100,
          'max_wal_size': '256MB', 'min_wal_size': '64MB', 'log_min_messages': 'info',
          'log_replication_commands': 'on', 'log_line_prefix': '%m [%p] %b: ', 'timezone': 'UTC'}


def say(text):
    print(text, file=sys.stderr, flush=True)


def wait_until(condition, what, seconds):
    """The condition's value once it is true; raises TimeoutError.  To look often takes processor
    time from what is waited for."""
    began = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        waited = time.monotonic() - began
        if waited > seconds:
            raise TimeoutError(f'waited {seconds} s in vain for: {what}')
        time.sleep(min(0.1, max(POLL_S, waited / 10)))


def server_user():
    """The user that servers and relay run as: not root, see quickstart/common.sh."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    try:
        return pwd.getpwnam('postgres')
    except KeyError:
        return pwd.getpwnam('nobody')


def as_server_user():
    """For subprocess: run it as that user."""
    if os.getuid() != 0:
        return {}
    user = server_user()
    return {'user': user.pw_uid, 'group': user.pw_gid, 'extra_groups': []}


def log_grep(path, pattern, offset=0):
    """The lines of a log, from offset on, in which pattern is."""
    with contextlib.suppress(OSError), open(path, 'rb') as file:
        file.seek(offset)
        return [line for line in file.read().decode(errors='replace').splitlines()
                if re.search(pattern, line)]
    return []


class Script:
    """A server by its script in contrib/quickstart."""

    def __init__(self, name, folder, **env):
        self.path, self.dir, self.settings = os.path.join(QUICKSTART, name), folder, env

    def do(self, command, *arguments, check=True):
        return subprocess.run([self.path, command, self.dir, *map(str, arguments)], check=check,
                              stdin=subprocess.DEVNULL, stdout=sys.stderr,
                              env={**os.environ, 'STARTUP_S': str(START_S), **self.settings}).returncode

    def env(self, name, folder=''):
        with open(os.path.join(self.dir, folder, 'env'), encoding='utf-8') as file:
            return dict(line.strip().split('=', 1) for line in file).get(name)


class Cluster(Script):
    """Kafka's script with BROKERS of them; what a cluster is like, as any of them tells it."""

    NODES = tuple(range(1, BROKERS + 1))

    def pid(self, node):
        return int(self.env('KAFKA_PID', str(node)))

    def log(self, node):
        return os.path.join(self.dir, str(node), 'log')

    @contextlib.contextmanager
    def admin(self):
        """A client, which takes what brokers can be had."""
        client = kafka.admin.KafkaAdminClient(bootstrap_servers=self.env('KAFKA_BOOTSTRAP').split(','))
        try:
            yield client
        finally:
            client.close()

    def partitions(self):
        """(topic, number) -> {'leader': N, 'replicas': [N...], 'isr': [N...]}, of all topics;
        None if no broker knows that now."""
        with contextlib.suppress(kafka.errors.KafkaError, OSError), self.admin() as client:
            return {(topic['topic'], partition['partition']): partition
                    for topic in client.describe_topics() for partition in topic['partitions']}
        return None

    def is_whole(self):
        """Each partition has a leader and all its replicas in sync."""
        partitions = self.partitions()
        return bool(partitions) and all(
            partition['leader'] in partition['isr'] and len(partition['isr']) == len(partition['replicas'])
            for partition in partitions.values())

    def wait_whole(self):
        wait_until(self.is_whole, 'all replicas to be in sync', START_S)

    def leader(self, topic, partition=0):
        """Its number; those of nodes begin with 1, and -1 is none."""
        def known():
            return max(0, (self.partitions() or {}).get((topic, partition), {}).get('leader', 0))
        return wait_until(known, f'{topic} to have a leader', START_S)

    def controller(self):
        """Who leads the controllers: whose log tells the newest election that was won."""
        def newest():
            won = [(int(re.search(r'epoch=(\d+)', line)[1]), node) for node in self.NODES
                   for line in log_grep(self.log(node), r'Completed transition to Leader\(')]
            return max(won, default=None)
        return wait_until(newest, 'a leader of the controllers', START_S)[1]

    def reassign(self, replicas):
        """(topic, number) -> [N...], the preferred leader first."""
        name = os.path.join(self.dir, 'reassign.json')
        with open(name, 'w', encoding='utf-8') as file:
            json.dump({'version': 1, 'partitions': [
                {'topic': topic, 'partition': number, 'replicas': nodes}
                for (topic, number), nodes in replicas.items()]}, file)
        self.do('reassign', name)

    def spread(self):
        """A copy of everything on each node, whatever it was made with."""
        places = wait_until(self.partitions, 'brokers to answer', START_S)
        self.reassign({place: [*self.NODES[place[1] % BROKERS:], *self.NODES[:place[1] % BROKERS]]
                       for place in places})

        def spread():
            partitions = self.partitions()
            return partitions and all(len(partition['replicas']) == BROKERS
                                      for partition in partitions.values())
        wait_until(spread, 'a copy on each broker', START_S)
        self.wait_whole()

    def lead(self, leaders):
        """(topic, number) -> N: moves leaders as operators do, by another preferred replica
        and its election."""
        partitions = wait_until(self.partitions, 'brokers to answer', START_S)
        self.reassign({place: [leader, *(node for node in partitions[place]['replicas'] if node != leader)]
                       for place, leader in leaders.items()})
        chosen = collections.defaultdict(list)
        for topic, number in leaders:
            chosen[topic].append(number)

        def moved():
            with contextlib.suppress(kafka.errors.KafkaError), self.admin() as client:
                client.perform_leader_election(0, dict(chosen), timeout_ms=10_000)
            now = self.partitions() or {}
            return all(now.get(place, {}).get('leader') == leader for place, leader in leaders.items())
        wait_until(moved, 'leaders to move', START_S)


class Postgres:
    def __init__(self, folder):
        self.dir, self.data = folder, os.path.join(folder, 'data')
        self.log = os.path.join(folder, 'server.log')       # postgres.log is the script's
        self.script = Script('postgres', folder)
        self.bin = self.port = self.conninfo = None

    def start_first(self):
        self.script.do('start')
        self.port = self.script.env('PGPORT')
        self.conninfo = self.conninfo_of('postgres')
        with open(f'/proc/{self.pid()}/cmdline', 'rb') as file:
            self.bin = os.path.dirname(file.read().split(b'\0')[0].decode())
        with pq.Session(self.conninfo) as sql:
            for name, value in SERVER.items():
                sql.rows(f"ALTER SYSTEM SET {name} = '{value}'")
        self.ctl('stop', '-m', 'fast')
        self.start()

    def conninfo_of(self, database):
        return f'host={self.dir} port={self.port} user=postgres dbname={database}'

    def pid(self):
        with open(os.path.join(self.data, 'postmaster.pid'), encoding='ascii') as file:
            return int(file.readline())

    def ctl(self, *arguments, check=True):
        with open(os.path.join(self.dir, 'pg_ctl.log'), 'a', encoding='utf-8') as log:
            return subprocess.run(
                [os.path.join(self.bin, 'pg_ctl'), *arguments, '-D', self.data, '-w', '-t',
                 str(START_S)], cwd='/', stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                check=check, **as_server_user()).returncode

    def start(self):
        """Behind a kill -9 the children of the last one may still hold its memory."""
        wait_until(lambda: self.ctl('start', '-l', self.log, check=False) == 0,
                   'PostgreSQL to start', START_S)

    def alive(self):
        with contextlib.suppress(OSError, ValueError):
            os.kill(self.pid(), 0)
            return True
        return False

    def kill(self):
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not os.path.exists(f'/proc/{pid}'), 'the postmaster to be gone', START_S)

    def stop(self):
        if self.bin and self.alive():
            self.ctl('stop', '-m', 'immediate', check=False)
        elif self.bin is None:
            self.script.do('stop', check=False)


class Proxy:
    """proxy.py in a process of its own, which ends with our end of its stdin."""

    def __init__(self, name):
        self.name, self.lock = name, threading.Lock()
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, 'proxy.py')], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.address = f"127.0.0.1:{json.loads(self.process.stdout.readline())['port']}"

    def do(self, command):
        with self.lock:
            self.process.stdin.write(command + '\n')
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline())
        if 'error' in answer:
            raise ValueError(f"{self.name} proxy: {answer['error']}")
        return answer

    def stats(self):
        return self.do('stats')

    def close(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class ProxyGroup:
    """One proxy for each broker, because each tells clients an address of its own; what is
    done to the network is done to all of them.  As Proxy."""

    def __init__(self, name, number):
        self.proxies = [Proxy(f'{name} {place}') for place in range(1, number + 1)]
        self.address = ','.join(proxy.address for proxy in self.proxies)

    def do(self, command):
        """to takes an address for each, with commas.  Numbers in answers are sums."""
        verb, _, rest = command.partition(' ')
        commands = [f'to {target}' for target in rest.split(',')] if verb == 'to' else \
            [command] * len(self.proxies)
        total = {}
        for place, (proxy, text) in enumerate(zip(self.proxies, commands), 1):
            for name, value in proxy.do(text).items():
                if isinstance(value, dict):
                    total.setdefault(name, {}).update(
                        {f'{place}/{key}': inner for key, inner in value.items()})
                else:
                    total[name] = total[name] + value if name in total else value
        return total

    def stats(self):
        return self.do('stats')

    def close(self):
        for proxy in self.proxies:
            proxy.close()


class Relay(threading.Thread):
    """Keeps one relay running, as systemd or Kubernetes would: what has ended because a
    peer is away is started again.  What else it ends with is kept in wrong.  is_finite: there
    is an end to what it has to do, and then it ends with 0."""

    def __init__(self, command, log, is_finite=False):
        super().__init__(name='supervisor')
        self.command, self.log, self.is_finite = command, log, is_finite
        self.env, self.process, self.lives = {}, None, 0
        self.over, self.pause = threading.Event(), threading.Event()
        self.asked = set()          # pids that got a signal from us
        self.replaced = set()       # pids whose slot another took: they may end with any code
        self.exits, self.wrong = collections.Counter(), []

    def launch(self, log, env=None):
        with open(log, 'ab') as file:
            return subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=file,
                                    stderr=file, cwd='/', start_new_session=True,
                                    env={**os.environ, **(env or {})}, **as_server_user())

    def run(self):
        while not self.over.is_set():
            self.process = self.launch(self.log, self.env)
            self.lives += 1
            status = self.process.wait()
            self.exits[status] += 1
            asked = self.process.pid in self.asked
            if status == 0 and self.is_finite:
                return
            if not (asked and status in (0, -signal.SIGKILL) or status in (UNAVAILABLE, TEMPORARY)
                    or status > 0 and self.process.pid in self.replaced):
                self.wrong.append(f'life {self.lives} of the relay ended with {status}')
            if not asked:
                self.over.wait(RESTART_S)

    def signal(self, number):
        """To the running one; its pid, None if all that it had to do is done."""
        pid = wait_until(lambda: self.process and self.process.poll() is None and self.process.pid
                         or self.is_finite and not self.is_alive() and -1, 'a relay to run', START_S)
        if pid < 0:
            return None
        if number in (signal.SIGKILL, signal.SIGTERM):
            self.asked.add(pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        return pid

    def replace(self, number):
        """Ends it by a signal and waits for its successor, or for the end of all."""
        lives = self.lives
        self.signal(number)
        wait_until(lambda: self.lives > lives or self.is_finite and not self.is_alive(), 'the next relay', START_S)

    def stop(self):
        """SIGTERM, and no other after it; its exit status, None if there was none."""
        self.over.set()
        if not self.is_alive():
            return None
        process = self.process
        if process and process.poll() is None:
            self.asked.add(process.pid)
            process.terminate()
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                self.wrong.append('the relay did not heed SIGTERM for a minute')
                process.kill()
        self.join()
        return process.returncode if process else None


class Watch(threading.Thread):
    """Follows the slot's position, over the server's own socket."""

    def __init__(self, conninfo, slot):
        super().__init__(name='watch', daemon=True)
        self.conninfo, self.slot, self.over = conninfo, slot, threading.Event()
        self.confirmed, self.moved = 0, time.monotonic()    # the highest ever; when it got there
        self.kept = 0                                       # bytes of WAL, the most so far
        self.since, self.standstill = self.moved, 0.0       # reset(); the longest wait behind it
        self.lost = None

    def run(self):
        while not self.over.is_set():
            with contextlib.suppress(pq.Error, ValueError), pq.Session(self.conninfo) as sql:
                while not self.over.is_set():
                    self.look(sql)
                    self.over.wait(POLL_S)
            self.over.wait(POLL_S)

    def look(self, sql):
        rows = sql.rows("SELECT confirmed_flush_lsn - '0/0', pg_current_wal_lsn() - restart_lsn, "
                        f"wal_status FROM pg_replication_slots WHERE slot_name = '{self.slot}'")
        now = time.monotonic()
        if rows and rows[0][2] == 'lost':
            self.lost = 'the slot is lost'
        if rows and rows[0][0] is not None:
            self.kept = max(self.kept, int(rows[0][1] or 0))
            self.standstill = max(self.standstill, now - max(self.moved, self.since))
            if int(rows[0][0]) > self.confirmed:
                self.confirmed, self.moved = int(rows[0][0]), now

    def reset(self):
        self.since, self.standstill = time.monotonic(), 0.0

    def insert_lsn(self):
        """Where WAL is written now, waiting for a server that is up."""
        result = []

        def ask():
            with contextlib.suppress(pq.Error), pq.Session(self.conninfo) as sql:
                result.append(int(sql.value("SELECT pg_current_wal_insert_lsn() - '0/0'")))
                return True
        wait_until(ask, 'PostgreSQL to answer', START_S)
        return result[0]


class Lab:
    """All of it.  start(), then break and look at its parts, then stop()."""

    def __init__(self, folder, relay, settings):
        self.dir, self.binary, self.settings = folder, relay, settings
        self.postgres = Postgres(self.path('pg'))
        self.proxies, self.mounts = {}, []
        self.kafka = self.registry = self.registry_url = self.relay = self.watch = None
        self.relay_log = self.path('relay.log')
        self.slot, self.prefix, self.database = SLOT, PREFIX, 'postgres'

    def path(self, name):
        return os.path.join(self.dir, name)

    def mount(self, folder, size):
        """A small file system, for faults that fill it; as root only."""
        os.makedirs(folder, exist_ok=True)
        subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', folder], check=True)
        self.mounts.append(folder)
        user = server_user()
        os.chown(folder, user.pw_uid, user.pw_gid)
        os.chmod(folder, 0o700 if folder.startswith(self.path('pg')) else 0o755)

    def disks_small(self, kinds):
        """Puts what the faults disk-KIND fill on small disks, before servers start on them."""
        properties = {}
        if 'disk-relay-log' in kinds:
            self.mount(self.path('log-disk'), '1m')
            self.relay_log = self.path('log-disk/relay.log')
        if 'disk-broker' in kinds:
            self.mount(self.path('kafka-disk'), '1g')
            os.makedirs(self.path('kafka-disk/data'))
            user = server_user()
            os.chown(self.path('kafka-disk/data'), user.pw_uid, user.pw_gid)
            properties['log.dirs'] = self.path('kafka-disk/data')
        return properties

    def wal_small(self):
        """Moves pg_wal onto a disk of its own, between two runs of the server."""
        wal, aside = os.path.join(self.postgres.data, 'pg_wal'), self.path('pg/wal')
        self.postgres.ctl('stop', '-m', 'fast')
        os.rename(wal, aside)
        self.mount(wal, '384m')
        subprocess.run(['cp', '-a', aside + '/.', wal], check=True)
        self.postgres.start()

    def start(self, kinds=()):
        user = server_user()
        os.chown(self.dir, user.pw_uid, user.pw_gid)
        os.chmod(self.dir, 0o755)
        properties = self.disks_small(kinds)
        for name in ('pg', 'kafka', 'registry'):
            self.proxies[name] = (ProxyGroup(name, BROKERS) if name == 'kafka' and BROKERS > 1
                                  else Proxy(name))
        self.postgres.start_first()
        if 'disk-wal' in kinds:
            self.wal_small()
        self.kafka = (Cluster if BROKERS > 1 else Script)(
            'kafka', self.path('kafka'), KAFKA_BROKERS=str(BROKERS), KAFKA_PROXY=self.proxies['kafka'].address,
            KAFKA_PROPERTIES=' '.join(f'{name}={value}' for name, value in
                                      {'num.partitions': 3, 'log.message.timestamp.type': 'LogAppendTime',
                                       **properties}.items()))
        self.kafka.do('start')
        # Its schemas must outlive it once it has answered, as those of any registry do: without
        # WRITE_DELAY=0 those of the last half second do not, and others get their ids.  5 s for
        # a connection to them are not enough on a busy machine.
        database = f"jdbc:h2:file:{self.path('registry/db')};WRITE_DELAY=0"
        self.registry = Script('registry', self.path('registry'), REGISTRY_DATASOURCE_URL=database,
                               QUARKUS_DATASOURCE_JDBC_ACQUISITION_TIMEOUT='120S')
        self.registry.do('start')
        self.bootstrap = self.kafka.env('KAFKA_BOOTSTRAP')
        self.proxies['pg'].do(f'to 127.0.0.1:{self.postgres.port}')
        self.proxies['kafka'].do('to ' + self.kafka.env('KAFKA_PROXIED'))
        self.registry_find()

    def registry_find(self):
        """One that did not come up at first may have another port."""
        self.registry_url = self.registry.env('REGISTRY_URL')
        self.proxies['registry'].do('to ' + self.registry_url.split('/')[2])

    def relay_command(self, *arguments):
        host, port = self.proxies['pg'].address.split(':')
        path = self.registry_url.split('/', 3)[3]
        return [self.binary, *arguments,
                f'--source.conninfo=host={host} port={port} user=postgres dbname={self.database}',
                f'--slot.name={self.slot}', f'--topic.prefix={self.prefix}',
                f"--bootstrap.servers={self.proxies['kafka'].address}",
                f"--registry.url=http://{self.proxies['registry'].address}/{path}",
                '--retry.backoff.max.ms=1s', '--log.format=logfmt', *self.settings]

    def slot_create(self):
        subprocess.run(self.relay_command('slot', 'create'), check=True, cwd='/',
                       stdin=subprocess.DEVNULL, stdout=sys.stderr, **as_server_user())
        self.watch = Watch(self.postgres.conninfo, self.slot)
        self.watch.start()

    def relay_run(self, is_finite=False):
        self.relay = Relay(self.relay_command('run'), self.relay_log, is_finite)
        self.relay.start()

    def relay_start(self):
        """The slot, then the relay."""
        if BROKERS > 1:
            self.kafka.spread()
        self.slot_create()
        self.relay_run()

    def clear(self):
        """No fault of the network any more."""
        for proxy in self.proxies.values():
            proxy.do('clear')

    def unmount(self):
        for folder in reversed(self.mounts):
            subprocess.run(['umount', '-l', folder], check=False)
        self.mounts.clear()

    def stop(self):
        """Ends what runs, however far start() came."""
        if self.watch:
            self.watch.over.set()
        if self.relay:
            self.relay.stop()
        for script in (self.registry, self.kafka):
            if script and any(os.path.exists(os.path.join(script.dir, log)) for log in ('log', '1/log')):
                script.do('kill', check=False)
        self.postgres.stop()
        for proxy in self.proxies.values():
            proxy.close()

    def left(self):
        """pid -> command line of what lives in our folder: nothing after stop(), unless a
        server was just being started."""
        found = {}
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(OSError):
                with open(f'/proc/{pid}/cmdline', 'rb') as file:
                    line = file.read().replace(b'\0', b' ').decode(errors='replace')
                if self.dir in line and int(pid) != os.getpid():
                    found[int(pid)] = line[:200]
        return found

    def sweep(self):
        """Ends what stop() could not know; what it was."""
        found = self.left()
        with contextlib.suppress(TimeoutError):
            wait_until(self.swept, 'the last processes to end', START_S)
        return list(found.values())

    def swept(self):
        for pid in (left := self.left()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left
