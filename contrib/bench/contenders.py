"""walrelay and Debezium as scorecard uses them: set up as their manuals say, started,
stopped, measured in the same way.  Each has a database, a topic prefix and a slot
of its own in one server.  Imported by scorecard and scorecard_faults.
"""
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

from cluster import (ROOT, USER, die, process_cpu_s, process_started, say, wait_for)
from services import RELAY
from workloads import NARROW, NARROW_VALUES, MARKER

sys.path[:0] = [os.path.join(ROOT, 'contrib', 'peers')]

from worker import Worker, avro_settings                            # noqa: E402

VALUES = NARROW_VALUES.replace('{marker}', MARKER)
SAMPLE_S = 0.5
STOP_S = 60
# Lines of worker.properties that are the harness's own wish, not the worker's need.
HARNESS = ('offset.flush.interval.ms', 'listeners', 'plugin.discovery')


def memory_mb(pid):
    """(resident, its share where pages are shared) of a live process, by the kernel."""
    found = {}
    with open(f'/proc/{pid}/smaps_rollup') as file:
        for line in file:
            name, _, rest = line.partition(':')
            if name in ('Rss', 'Pss'):
                found[name] = int(rest.split()[0]) / 1024
    return found['Rss'], found['Pss']


def is_alive(pid):
    try:
        with open(f'/proc/{pid}/cmdline') as file:
            return bool(file.read())        # a zombie has none
    except (FileNotFoundError, ProcessLookupError):
        return False


class Memory(threading.Thread):
    """Samples a process's memory until it is told to end; samples: (clock, rss, pss)."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.samples, self.ends = pid, [], threading.Event()
        self.start()

    def run(self):
        while not self.ends.wait(SAMPLE_S):
            try:
                self.samples.append((time.monotonic(), *memory_mb(self.pid)))
            except (FileNotFoundError, ProcessLookupError, KeyError):
                return

    def between(self, since, until):
        """Samples of that time: [(rss, pss)]."""
        return [sample[1:] for sample in self.samples if since <= sample[0] <= until] or die(
            f'process {self.pid} was not there to be measured')

    def end(self):
        self.ends.set()
        self.join()


def settings_of(text):
    """The lines of a settings file that set something."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith(('#', '[', '{', '}'))]


class Contender:
    """A database with a table, rows of it, and one process that brings them to Kafka.

    commands: what was run from the installed parts to the first event; files: what
    somebody has to write, name -> text; statements: what the server was told."""

    def __init__(self, name, cluster, services):
        self.name, self.cluster, self.services = name, cluster, services
        self.folder = os.path.join(cluster.dir, name)
        os.mkdir(self.folder)
        self.commands, self.files, self.statements, self.pid = [], {}, [], None
        cluster.sql(f'CREATE DATABASE {name}', database='postgres')
        self.sql(NARROW + 'CREATE SEQUENCE numbers;')
        self.topic = services.topic(name)
        cluster.before_close(self.kill)

    def sql(self, text):
        return self.cluster.sql(text, database=self.name)

    # ---- rows ----

    def rows(self):
        return int(self.sql('SELECT coalesce(max(id), 0) FROM bench'))

    def insert(self, count, per_transaction=1):
        """So many rows more; the number of the last one."""
        rows = self.rows()
        self.sql(f"""
            DO $$ BEGIN
                FOR since IN {rows + 1} .. {rows + count} BY {per_transaction} LOOP
                    INSERT INTO bench SELECT {VALUES}
                    FROM generate_series(since, least(since + {per_transaction - 1}, {rows + count})) n;
                    COMMIT;
                END LOOP;
            END $$;
            SELECT setval('numbers', {rows + count});""")
        return rows + count

    def messages(self):
        return self.services.messages(self.topic)

    def wait_for_rows(self, rows, since, what, seconds):
        """Until the topic has so many messages more than since."""
        def there():
            if not self.is_alive():
                die(f'{self.name} has ended:\n{self.text()[-4000:]}')
            try:
                return self.messages() - since >= rows
            except subprocess.CalledProcessError:
                return False        # a broker that was away has no leader yet
        wait_for(f'{self.name}: {what}', there, seconds, 0.1)

    def settled(self):
        """The server knows that all is delivered, or some seconds are over: a stop repeats little."""
        end, deadline = self.sql('SELECT pg_current_wal_insert_lsn()'), time.monotonic() + 5
        while time.monotonic() < deadline and self.sql(
                f"SELECT confirmed_flush_lsn >= '{end}' FROM pg_replication_slots "
                f"WHERE slot_name = '{self.slot}'") != 't':
            time.sleep(0.2)

    # ---- the process ----

    def is_alive(self):
        return is_alive(self.pid)

    def cpu_s(self):
        return process_cpu_s(self.pid)

    def timed_start(self, witness, mark):
        """Starts it, seconds until the witness has the row."""
        found = []
        reader = threading.Thread(target=lambda: found.append(witness.row(mark)))
        reader.start()
        try:
            began = self.start()
        finally:
            reader.join()
            witness.close()
        if found[0] is None:
            die(f'{self.name} brings no row:\n{self.text()[-4000:]}')
        return found[0] - began


class Walrelay(Contender):
    slot = 'walrelay'

    def __init__(self, cluster, services):
        super().__init__('walrelay', cluster, services)
        self.process, self.log = None, os.path.join(self.folder, 'log')
        self.conf = os.path.join(self.folder, 'walrelay.conf')
        self.files['walrelay.conf'] = f"""\
[source]
conninfo = host=127.0.0.1 port={cluster.port} dbname={self.name} user={USER}
[kafka]
bootstrap.servers = {services.kafka.env['KAFKA_BOOTSTRAP']}
topic.prefix = {self.name}
[registry]
registry.url = {services.registry.env['REGISTRY_URL']}
"""

    def set_up(self):
        """From the installed parts to a process that runs."""
        if self.cluster.sql("SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'") == '1':
            self.statements.append(f'ALTER ROLE {USER} SET output_plugin_libraries = '
                                   'pgoutput, test_decoding, walrelay, floor')
        for statement in self.statements:
            self.sql(statement)
        with open(self.conf, 'w') as file:
            file.write(self.files['walrelay.conf'])
        for command in (['slot', 'create'], ['check']):
            self.commands.append(f"walrelay {' '.join(command)} -c walrelay.conf")
            done = subprocess.run([RELAY, *command, '-c', self.conf], text=True, capture_output=True)
            if done.returncode != 0:
                die(f'walrelay {command} ended with {done.returncode}:\n{done.stdout}{done.stderr}')
        self.commands.append('walrelay run -c walrelay.conf')
        self.start()

    def start(self):
        """The clock just before it."""
        with open(self.log, 'w') as log:
            began = time.perf_counter()
            self.process = subprocess.Popen([RELAY, 'run', '-c', self.conf], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        self.pid = self.process.pid
        return began

    def text(self):
        with open(self.log) as file:
            return file.read()

    def is_alive(self):
        return self.process.poll() is None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            die(f'walrelay does not end:\n{self.text()[-4000:]}')

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def parts(self):
        """What is installed beside Debian itself: name -> (files and folders, packages)."""
        shown = subprocess.check_output(['ldd', RELAY], text=True)
        libraries = [line.split('=>')[1].split()[0] for line in shown.splitlines() if '=> /' in line]
        return {'package walrelay': ([RELAY], libraries),
                'package postgresql-NN-walrelay': ([os.path.join(self.cluster.libdir, 'walrelay.so')], [])}


class Debezium(Contender):
    slot = 'debezium'

    def __init__(self, cluster, services, version, heap):
        super().__init__('debezium', cluster, services)
        self.version, self.heap, self.worker = version, heap, None
        self.connector = os.path.join(self.folder, 'connector.json')
        self.settings = {
            'name': self.name, 'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
            'plugin.name': 'pgoutput', 'database.hostname': '127.0.0.1', 'database.port': str(cluster.port),
            'database.user': USER, 'database.password': 'not asked for', 'database.dbname': self.name,
            'topic.prefix': self.name, 'schema.name.adjustment.mode': 'avro',
            **avro_settings(services.registry.env['REGISTRY_URL'])}
        self.files['connector.json'] = json.dumps(self.settings, indent=1)

    def set_up(self):
        with open(self.connector, 'w') as file:
            file.write(self.files['connector.json'])
        self.start()
        self.commands.append('connect-standalone worker.properties connector.json')
        with open(os.path.join(self.folder, 'connect', 'worker.properties')) as file:
            self.files['worker.properties'] = ''.join(
                line for line in file if not line.startswith(HARNESS))

    def run_worker(self, *connectors, bootstrap=None):
        """A worker with the offsets that the one before it has left."""
        return Worker(os.path.join(self.folder, 'connect'), self.version, *connectors,
                      KAFKA_BOOTSTRAP=bootstrap or self.services.kafka.env['KAFKA_BOOTSTRAP'],
                      CONNECT_HEAP=self.heap)

    def start(self):
        """The clock when the process began; the worker's interface is up then."""
        self.worker = self.run_worker(self.connector)
        self.pid = int(self.worker.env['CONNECT_PID'])
        return time.perf_counter() - (time.time() - process_started(self.pid))

    def worker_only(self):
        """A worker without a connector."""
        self.kill()
        self.worker = self.run_worker()

    def log_file(self):
        return os.path.join(self.folder, 'connect', 'log')

    def text(self):
        with open(self.log_file()) as file:
            return file.read()

    def stop(self):
        self.kill()

    def kill(self):
        """Also one that was still starting: its settings are in a folder of ours alone."""
        self.worker = None
        mark = os.path.join(self.folder, 'connect', 'worker.properties').encode()
        for pid in filter(str.isdigit, os.listdir('/proc')):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                with open(f'/proc/{pid}/cmdline', 'rb') as file:
                    ours = mark in file.read().split(b'\0')
                if ours:
                    os.kill(int(pid), signal.SIGKILL)
                    wait_for(f'process {pid} to end', lambda pid=pid: not is_alive(pid))

    def parts(self):
        folders = subprocess.check_output([os.path.join(ROOT, 'contrib', 'peers', 'fetch-debezium'), self.version],
                                          text=True).split()
        java = subprocess.check_output(['sh', '-c', 'readlink -f "$(command -v java)"'], text=True).strip()
        return {'Java': ([], [java]), 'Kafka Connect': ([folders[0]], []),
                'Avro converter in plugin.path': ([folders[1]], []),
                'Debezium in plugin.path': ([folders[2]], [])}

    # ---- its REST interface ----

    def rest(self, method, path, body=None, seconds=60):
        """(status, text) of an answer; 0 when nobody answers in that time."""
        request = urllib.request.Request(self.worker.env['CONNECT_URL'] + path, method=method,
                                         headers={'Content-Type': 'application/json'},
                                         data=None if body is None else json.dumps(body).encode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=seconds) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError as error:
            return 0, str(error)

    def failed(self, name):
        """Whether a connector of that name has given up."""
        status, text = self.rest('GET', f'/connectors/{name}/status')
        if status != 200:
            return status == 0
        found = json.loads(text)
        return any(part['state'] == 'FAILED' for part in [found['connector'], *found['tasks']])


# ---- what is installed ----

def packages_owning(files):
    """The Debian packages that these files come from."""
    owners = set()
    for name in {os.path.basename(os.path.realpath(file)): file for file in files}.values():
        found = subprocess.run(['dpkg', '-S', os.path.realpath(name)], text=True, capture_output=True).stdout or \
            subprocess.run(['dpkg', '-S', os.path.realpath(name).removeprefix('/usr')], text=True,
                           capture_output=True).stdout
        owners.update(line.split(': ')[0].split(':')[0] for line in found.splitlines())
    return owners


def packages_needed(roots):
    """They and all that they depend on, without what every Debian has (required, essential)."""
    known, provided = {}, {}
    shown = subprocess.check_output(
        ['dpkg-query', '-W', '-f', '${Package}\\t${Essential}\\t${Priority}\\t${Provides}\\t${Pre-Depends},${Depends}\\n'],
        text=True)
    for line in shown.splitlines():
        name, essential, priority, provides, depends = line.split('\t')
        known[name] = (essential == 'yes' or priority == 'required', depends)
        for given in provides.split(','):
            provided.setdefault(given.split('(')[0].strip(), name)
    found, open_ones = set(), list(roots)
    while open_ones:
        name = open_ones.pop()
        if name in found or name not in known or known[name][0]:
            continue
        found.add(name)
        for group in known[name][1].split(','):
            choices = [choice.split('(')[0].split(':')[0].strip() for choice in group.split('|')]
            open_ones += [choice if choice in known else provided[choice]
                          for choice in choices if choice in known or choice in provided][:1]
    return found


def sizes_mb(parts):
    """(on the disk, packed by gzip) of parts, everything that they need with them."""
    files = [path for own, _ in parts.values() for path in own]
    packages = packages_needed(packages_owning([path for _, owned in parts.values() for path in owned]))
    if packages:
        listed = subprocess.check_output(['dpkg', '-L', *sorted(packages)], text=True).splitlines()
        files += sorted({path for path in listed if path.startswith('/') and os.path.isfile(path)})
    say(f'  {len(packages)} packages, {len(files)} files and folders')
    plain = subprocess.run(['du', '-cLk', '--apparent-size', '--files0-from=-'], input='\0'.join(files), text=True,
                           capture_output=True, check=True).stdout.splitlines()[-1]
    packed = subprocess.run('tar -chf - --ignore-failed-read -P --null -T - | gzip -6 | wc -c', shell=True,
                            input='\0'.join(files), text=True, capture_output=True, check=True).stdout
    return int(plain.split()[0]) / 1024, int(packed) / 2 ** 20
