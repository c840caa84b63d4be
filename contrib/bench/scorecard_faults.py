"""The same faults to walrelay and to Debezium, and what each says of them; imported by scorecard.

What counts of the text: messages of level warning and error, with all their lines, those
of other levels that have an exception (a worker of Kafka Connect logs from INFO on, as it
is shipped), and the answer to the request that was to make the connector.  Both are judged
by the same regular expressions.
"""
import contextlib
import http.server
import os
import re
import signal
import subprocess
import threading
import time
from collections import namedtuple

from cluster import Cluster, free_port, say, setting, wait_for
from services import RELAY

TRACE = re.compile(r'^\s+at [\w.$/]+\(|^Caused by:|^\s+\.\.\. \d+ more', re.M)
HEADER = re.compile(r'^(?=\[.*\] (?:TRACE|DEBUG|INFO|WARN|ERROR) )', re.M)       # slf4j-simple's
TROUBLE = re.compile(r'\A\[.*\] (?:WARN|ERROR) |\b[A-Z]\w*(?:Exception|Error)\b')
PASSWORD = 'right'

# before: SQL in both databases; relay: arguments; connector: settings, None takes one away;
# bootstrap: of both; names: what the text has to name; remedy: what it has to tell to do.
Fault = namedtuple('Fault', 'name relay connector names remedy before bootstrap stops kept',
                   defaults=('', None, False, False))


def conninfo(port, database, **more):
    words = {'host': '127.0.0.1', 'port': port, 'dbname': database, 'user': 'cdc', 'password': PASSWORD, **more}
    return '--source.conninfo=' + ' '.join(f'{name}={value}' for name, value in words.items())


def faults(relay, low, closed, door):
    """low: a server with wal_level=replica; closed: a port where nobody is; door: a registry that wants a login."""
    port = relay.cluster.port
    login = {'database.user': 'cdc', 'database.password': PASSWORD}

    def registry(url):
        return {f'{side}.converter.apicurio.registry.url': f'{url}/apis/registry/v2' for side in ('key', 'value')}

    return [
        Fault('wrong password', [conninfo(port, relay.name, password='wrong')],
              {**login, 'database.password': 'wrong'}, r'\bcdc\b', r'(?i)(correct|set|give|check|put)\b.*password|passfile|PGPASS'),
        Fault('wal_level = replica', [conninfo(low.port, 'postgres', user='walbench')],
              {'database.port': str(low.port), 'database.dbname': 'postgres'},
              r'wal_level', r'wal_level\W.{0,40}\blogical'),
        Fault('role without REPLICATION', [conninfo(port, relay.name, user='reader')],
              {**login, 'database.user': 'reader'}, r'\breader\b', r'ALTER ROLE|(?i:grant|give)\b.*REPLICATION',
              before='ALTER ROLE reader NOREPLICATION'),
        Fault('table without SELECT', [conninfo(port, relay.name), '--snapshot.mode=initial'],
              {**login, 'snapshot.mode': 'initial'}, r'\bbench\b', r'GRANT (SELECT|USAGE)'),
        Fault('slot in use', ['--slot.name=held', '--slot.create=false'], {'slot.name': 'held_too'},
              r'\bheld', r'(?i)\b(stop|end|terminate|wait until|choose|use) .*(client|pid|process|slot)'),
        Fault('slot was dropped', [], {}, r'walrelay|debezium', r'(?i)slot create|snapshot|accept-gap',
              before="SELECT pg_drop_replication_slot('{slot}'); INSERT INTO bench VALUES (-1)", kept=True),
        Fault('plugin, publication absent', ['--slot.plugin=absent'],
              {'publication.name': 'absent', 'publication.autocreate.mode': 'disabled'}, r'\babsent\b',
              r'(?i)install|output_plugin_libraries = |create (a |one|the )?.*(publication|restart)'),
        Fault('delete without identity', ['--table.include.list=public.plain'], {'table.include.list': 'public.plain'},
              r'\bplain\b', r'REPLICA IDENTITY', before='INSERT INTO plain VALUES (1); DELETE FROM plain'),
        Fault('wrong port of a broker', [], {}, rf'127\.0\.0\.1:{closed}', r'bootstrap\.servers', bootstrap=f'127.0.0.1:{closed}'),
        Fault('broker does not answer', [], {}, r'127\.0\.0\.1:\d+', r'bootstrap\.servers|(?i:start|restart)\b.*broker', stops=True),
        Fault('registry is down', [f'--registry.url=http://127.0.0.1:{closed}'], registry(f'http://127.0.0.1:{closed}'),
              rf'127\.0\.0\.1[:/]{closed}|registry\.url', r'(?i)registry\.url|start the registry'),
        Fault('registry wants a login', [f'--registry.url={door}'], registry(door),
              re.escape(door.split('//')[1]) + r'|registry', r'(?i)basic\.auth|bearer|credential|registry\.auth'),
        Fault('misspelt setting', ['--topic.prefx=shop'], {'topic.prefx': 'shop', 'topic.prefix': None},
              r'topic\.prefx', r'topic\.prefix'),
    ]


def trouble(log):
    """The messages of a worker that count."""
    return ''.join(message for message in HEADER.split(log) if TROUBLE.search(message))


class Unauthorized(http.server.BaseHTTPRequestHandler):
    def answer(self):
        self.rfile.read(int(self.headers.get('Content-Length') or 0))
        self.send_response(401)
        self.send_header('Content-Length', '0')
        self.end_headers()

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def door_open():
    """A registry that lets nobody in."""
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Unauthorized)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f'http://127.0.0.1:{server.server_port}'
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def stopped(pid):
    """A process that is there and does nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Trial:
    """Two contenders that have run once and do not run now."""

    def __init__(self, relay, peer, look_s, wait_s, folder):
        self.relay, self.peer, self.look_s, self.wait_s, self.folder = relay, peer, look_s, wait_s, folder
        os.makedirs(folder, exist_ok=True)
        self.began = 0.0                # the fault at hand
        self.cluster = relay.cluster
        self.broker = int(relay.services.kafka.env['KAFKA_PID'])
        self.low = Cluster(wal_level='replica', shared_buffers='16MB')
        self.prepare()

    def prepare(self):
        self.cluster.sql(f"CREATE ROLE cdc LOGIN REPLICATION PASSWORD '{PASSWORD}'; "
                         f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'", database='postgres')
        for contender in (self.relay, self.peer):
            contender.sql('CREATE TABLE plain (id int)')
        hba = os.path.join(self.cluster.dir, 'data', 'pg_hba.conf')
        with open(hba) as file:
            rules = file.read()
        with open(hba, 'w') as file:
            file.write('host all cdc 127.0.0.1/32 scram-sha-256\n' + rules)
        self.cluster.sql('SELECT pg_reload_conf()')

    # ---- one fault ----

    def relay_begin(self, fault, name):
        arguments = ['-c', self.relay.conf, '--log.format=text', *fault.relay]
        if not fault.kept:
            arguments = [*arguments[:3], f'--slot.name={name}', f'--topic.prefix={name}', '--slot.create=true',
                         *fault.relay]
        if fault.bootstrap:
            arguments.append(f'--bootstrap.servers={fault.bootstrap}')
        log = open(os.path.join(self.folder, f'{name}-walrelay.txt'), 'w')
        return subprocess.Popen([RELAY, 'run', *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def listen(self, said, ended):
        """Until one has ended, or had its time; who has said nothing by then has more, until it does."""
        while not ended():
            if time.monotonic() - self.began >= (self.look_s if said() else self.wait_s):
                break
            time.sleep(0.2)

    def relay_end(self, process, name):
        """What it has said in its time."""
        self.listen(lambda: self.relay_said(name), lambda: process.poll() is not None)
        process.kill()
        process.wait()
        return self.relay_said(name)

    def relay_said(self, name):
        with open(os.path.join(self.folder, f'{name}-walrelay.txt')) as file:
            text = file.read()
        messages = re.findall(r'^walrelay: (?:warn|error): .*\n(?:(?:DETAIL|HINT): .*\n(?:(?!walrelay: ).*\n)*)*', text, re.M)
        return ''.join(message for message in messages if 'librdkafka' not in message.splitlines()[0])

    def connector(self, fault, name):
        settings = dict(self.peer.settings)
        if not fault.kept:
            settings.update({'name': name, 'slot.name': name, 'topic.prefix': name})
        settings.update(fault.connector)
        return {key: value for key, value in settings.items() if value is not None}

    def peer_said(self, fault, name):
        """By a connector more in the worker that runs."""
        before, settings = len(self.peer.text()), self.connector(fault, name)
        status, answer = self.peer.rest('POST', '/connectors', {'name': settings['name'], 'config': settings}, self.look_s)
        self.listen(lambda: trouble(self.peer.text()[before:]),
                    lambda: status not in (0, 201) or (status == 201 and self.peer.failed(settings['name'])))
        said = trouble(self.peer.text()[before:])
        if status:
            self.peer.rest('DELETE', f"/connectors/{settings['name']}")
            return said if status == 201 else f'{answer}\n{said}'
        self.peer.worker_only()         # it may be busy with that for long
        return said

    def peer_said_alone(self, fault):
        """By a worker of its own, which may not come up."""
        def run():
            with contextlib.suppress(subprocess.CalledProcessError):    # it is killed before it is up
                self.peer.run_worker(self.peer.connector, bootstrap=fault.bootstrap)

        def said():
            with contextlib.suppress(FileNotFoundError):
                return trouble(self.peer.text())
            return ''
        self.peer.kill()
        os.remove(self.peer.log_file())
        worker = threading.Thread(target=run)
        worker.start()
        self.listen(said, lambda: False)
        self.peer.kill()
        worker.join()
        return said()

    def once(self, fault, name):
        """(what walrelay says, what Debezium says)."""
        said = []
        for contender in (self.relay, self.peer):
            done = subprocess.run([f'{self.cluster.bindir}/psql', '-XAtq', '-h', self.cluster.dir, '-p',
                                   str(self.cluster.port), '-U', 'walbench', contender.name],
                                  input=fault.before.format(slot=contender.slot), text=True, capture_output=True)
            said.append(done.stderr)        # what an application is told counts, too
        self.began = time.monotonic()
        with stopped(self.broker) if fault.stops else contextlib.nullcontext():
            process = self.relay_begin(fault, name)
            try:
                peer = self.peer_said_alone(fault) if fault.bootstrap or fault.stops else self.peer_said(fault, name)
            finally:
                ours = self.relay_end(process, name)
        if fault.bootstrap or fault.stops:
            self.peer.worker_only()
        return said[0] + ours, said[1] + peer

    def all(self):
        """Name of a fault -> [judgement of each]."""
        results = {}
        os.environ['CONNECT_LOG'] = 'info'
        self.peer.worker_only()
        self.hold(self.relay, 'held', 'walrelay', [])
        self.hold(self.peer, 'held_too', 'pgoutput', ['proto_version=1', 'publication_names=dbz_publication'])
        with door_open() as door:
            for number, fault in enumerate(faults(self.relay, self.low, free_port(), door), 1):
                if not re.search(setting('FAULTS', ''), fault.name):
                    continue
                name = f'fault_{number}'
                texts = self.once(fault, name)
                results[fault.name] = [judge(fault, text) for text in texts]
                for who, text in zip(('walrelay', 'debezium'), texts):
                    with open(os.path.join(self.folder, f'{number:02}-{who}.txt'), 'w') as file:
                        file.write(f'{fault.name}\n\n{text}')
                say(f'  {fault.name}: {results[fault.name]}')
                self.clean(name)
        self.peer.kill()
        return results

    def hold(self, contender, slot, plugin, options):
        """Somebody else at a slot, until the server ends."""
        contender.sql(f"SELECT pg_create_logical_replication_slot('{slot}', '{plugin}')")
        process = subprocess.Popen(
            [f'{self.cluster.bindir}/pg_recvlogical', '--start', f'--slot={slot}', '--file=/dev/null',
             '--dbname', f'host={self.cluster.dir} port={self.cluster.port} user=walbench dbname={contender.name}',
             *(f'--option={option}' for option in options)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def end():
            process.kill()
            process.wait()
        self.cluster.before_close(end)
        wait_for(f'slot {slot} to be held', lambda: contender.sql(
            f"SELECT active FROM pg_replication_slots WHERE slot_name = '{slot}'") == 't')

    def clean(self, name):
        """No slot of this fault stays: it would keep WAL, or the next one from a free place."""
        self.cluster.sql('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots '
                         f"WHERE slot_name = '{name}' AND active")
        wait_for(f'slot {name} to be free', lambda: self.cluster.sql(
            f"SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{name}' AND active") == '0')
        for contender in (self.relay, self.peer):
            contender.sql('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots '
                          f"WHERE slot_name = '{name}' AND database = current_database()")


Judgement = namedtuple('Judgement', 'lines trace names remedy')


def judge(fault, text):
    return Judgement(sum(bool(line.strip()) for line in text.splitlines()), bool(TRACE.search(text)),
                     bool(re.search(fault.names, text)), bool(re.search(fault.remedy, text)))
