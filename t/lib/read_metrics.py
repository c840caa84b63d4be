"""read_metrics.py URL: reads /metrics in both of its formats as Prometheus' own Python client does,
the stricter one for OpenMetrics; prints {"plain": {SAMPLE: VALUE}, "open": the same, "types": {NAME: TYPE}}.
Called by t/088_openmetrics.pl; run by the Python of t/lib/venv.
"""

import json
import sys
import urllib.request

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_plain


def fetch(url, accept):
	request = urllib.request.Request(url, headers={"Accept": accept})
	with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as reply:
		return reply.headers["Content-Type"], reply.read().decode()


def samples(families):
	found = {}
	for family in families:
		for sample in family.samples:
			name = sample.name + "".join(f",{key}={value}" for key, value in sorted(sample.labels.items()))
			if name in found:
				raise ValueError(f"{name} is there twice")
			found[name] = sample.value
	return found


def main():
	plain_type, plain = fetch(sys.argv[1], "text/plain")
	open_type, opened = fetch(sys.argv[1], "application/openmetrics-text; version=1.0.0")
	families = list(read_open(opened))
	print(json.dumps({"plain": samples(read_plain(plain)), "open": samples(families), "content": [plain_type, open_type],
		"types": {family.name: family.type for family in families}}))


main()
