"""pulse_tally.py: what the records of pulse.py's table say: whether any is missing, twice or
out of order.  Knows nothing of servers.  Used by soak.py and pulse.py; pulse_test.py
breaks logs for it.
"""


class Tally:
    """What the records of one partition say."""

    def __init__(self):
        self.newest, self.highest = {}, {}
        self.records = self.repeated = 0
        self.breaches = []

    def take(self, record):
        """A record as KafkaLog gives it."""
        event = record['value']
        if event is None or event['op'] not in 'cu':
            self.breach(record, 'is no insert and no update')
            return
        key, n = event['after']['id'], event['after']['n']
        before, highest = self.newest.get(key), self.highest.get(key, -1)
        self.records += 1
        if record['key'] != {'id': key}:
            self.breach(record, f"row {key} has the key {record['key']}")
        if before is not None and n > before + 1:
            self.breach(record, f'row {key} goes from {before} to {n}')
        if before is None and n > 1:
            self.breach(record, f'row {key} begins with {n}')
        self.repeated += n <= highest
        self.newest[key], self.highest[key] = n, max(n, highest)

    def breach(self, record, what):
        if len(self.breaches) < 100:
            self.breaches.append(f"{record['topic']} [{record['partition']}] @{record['offset']}: {what}")


def judge(tallies, rows):
    """(what is wrong, records, repeated ones); rows: table() at the end."""
    wrong = [breach for tally in tallies for breach in tally.breaches]
    newest = {}
    for tally in tallies:
        wrong += [f'row {key} is in two partitions' for key in tally.newest.keys() & newest.keys()]
        newest.update(tally.newest)
    wrong += [f'row {key}: the table says {n}, the newest record {newest.get(key)}'
              for key, n in rows.items() if n != newest.get(key, 0)]
    return wrong, sum(tally.records for tally in tallies), sum(tally.repeated for tally in tallies)
