"""clickhouse.py PORT FOLDER: what docs/consumers.md asks a ClickHouse server for, without one: the
engine of ClickHouse as chDB packs it, with its tables in FOLDER, behind the part of ClickHouse's
HTTP interface that `curl --data-binary` needs: a POST is a statement, the answer its result as
TSV.  ClickHouse's server is in none of the registries that we fetch from.

chDB's package opens and closes an engine when it is imported, to see its version, and with the
first engine of a process Kafka tables end for good.  So its extension module is loaded alone.
"""
import http.server
import importlib.machinery
import importlib.util
import sys
import sysconfig


def engine_load():
    folder = sysconfig.get_paths()['platlib'] + '/chdb'
    spec = importlib.machinery.PathFinder.find_spec('_chdb', [folder])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        statement = self.rfile.read(int(self.headers['Content-Length'])).decode()
        try:
            status, answer = 200, bytes(engine.query(statement, 'TSV').bytes())
        except Exception as error:      # whatever the engine says, the client is to see
            status, answer = 500, f'{error}\n'.encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


engine = engine_load().connect(sys.argv[2])
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()
