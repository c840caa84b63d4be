"""A worker of Kafka Connect that runs Debezium, and what talking to it takes; imported by
capture.py and by contrib/bench/snapshot.py.  For comparison only."""
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request

CONNECT = os.path.join(os.path.dirname(os.path.realpath(__file__)), 'connect')
CONVERTER = {
    'auto-register': 'true', 'find-latest': 'true', 'as-confluent': 'true',
    'headers.enabled': 'false', 'use-id': 'contentId',
}


def http(method, url, body=None):
    """A JSON request to a server of this machine, None if there is no such thing; never by a proxy."""
    request = urllib.request.Request(url, method=method, headers={'Content-Type': 'application/json'},
                                     data=None if body is None else json.dumps(body).encode())
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as reply:
            return json.loads(reply.read() or 'null')
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        sys.exit(f'{method} {url}: {error}: {error.read().decode()}')


def avro_settings(registry_url):
    """A connector's settings for Avro in Confluent's framing, by way of the registry."""
    core = registry_url.replace('/ccompat/v7', '/registry/v2')
    settings = {}
    for side in ('key', 'value'):
        settings[f'{side}.converter'] = 'io.apicurio.registry.utils.converter.AvroConverter'
        settings[f'{side}.converter.apicurio.registry.url'] = core
        for option, value in CONVERTER.items():
            settings[f'{side}.converter.apicurio.registry.{option}'] = value
    return settings


class Service:
    """A script with start DIR and stop DIR that writes DIR/env; env: what is in there."""

    def __init__(self, script, folder, *arguments, **environment):
        self.script, self.folder = script, folder
        subprocess.run([script, 'start', folder, *arguments], check=True,
                       stdin=subprocess.DEVNULL, env={**os.environ, **environment})
        with open(os.path.join(folder, 'env')) as file:
            self.env = dict(line.strip().split('=', 1) for line in file)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run([self.script, 'stop', self.folder], check=True, stdin=subprocess.DEVNULL)


class Worker(Service):
    """Debezium of a version with the connectors of the given files."""

    def __init__(self, folder, version, *files, **environment):
        super().__init__(CONNECT, folder, version, *files, **environment)

    def failure(self, name):
        """Why the connector has stopped; None while it runs."""
        try:
            status = http('GET', f"{self.env['CONNECT_URL']}/connectors/{name}/status")
        except urllib.error.URLError as error:		# as it does when it cannot start one
            return f'the worker has ended: {error.reason}'
        if status is None:
            return None		# it comes up after the worker's interface
        for part in [status['connector'], *status['tasks']]:
            if part['state'] == 'FAILED':
                return part['trace']
        return None
