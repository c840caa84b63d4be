"""A snapshot that is killed in the middle: what its successor repeats, and how long it takes.

    ROWS=20000000  WORKLOAD=narrow|wide|uuid-key  SHARE=50 (percent, at the kill)
    THREADS=2  CHUNK=50000  DELIVERY=at-least-once,exactly-once  RELAY_OPTIONS='...'
    PG_CONFIG=  RELAY=build/walrelay  PLUGIN=  BUILD=

`walrelay run` with snapshot.mode=initial_only is killed with SIGKILL once the topic has
SHARE of the rows, and started again, until it ends.  Then the topic is read: each row
must be there, and at least once no more than a chunk for each thread twice, exactly once
none.  Prints a table and a JSON line for each mode.  README.md says more.
"""
import json
import subprocess
import sys
import time

from cluster import BUILD, Processor, build, die, number, print_table, say, setting, settings, usage
from services import Relay
from snapshot import RELAY_LIMIT_S, Bench, Topic
from workloads import SNAPSHOTS

MODES = ('at-least-once', 'exactly-once')
LIMIT_S = 3600
# Blocks differ in how many rows they have: a chunk has about as many as it should.
CHUNK_SLACK = 1.5


def start(bench, topic, prefix, mode, threads, chunk):
    return Relay(bench.cluster, prefix, [
        *bench.services.arguments(prefix, slot=prefix, transport='tcp', snapshot='initial_only'),
        '--slot.create=true', f'--table.include.list={topic.table.schema}.bench', f'--delivery={mode}',
        f'--snapshot.max.threads={threads}', f'--snapshot.chunk.size={chunk}', *bench.relay_options])


def kill_at(topic, relay, rows):
    """Once there are so many rows; how many there were."""
    deadline = time.monotonic() + LIMIT_S
    while (count := topic.count()) < rows:
        if relay.process.poll() is not None or time.monotonic() > deadline:
            die(f'the relay has ended, or takes too long, at {count} of {rows} rows')
        time.sleep(0.02)
    relay.kill()
    return count


def tally_of(topic):
    """What readers of committed messages see."""
    return json.loads(subprocess.check_output(
        [f'{BUILD}/bareproducer', 'tally', str(topic.table.rows), topic.brokers, topic.name]))


def once(bench, mode, share, threads, chunk):
    """Figures of one mode."""
    prefix = mode.replace('-', '_')
    topic = Topic(bench, prefix, bench.full)
    processor = Processor()
    first = start(bench, topic, prefix, mode, threads, chunk)
    killed_at = kill_at(topic, first, topic.table.rows * share // 100)
    again = time.monotonic()
    second = start(bench, topic, prefix, mode, threads, chunk)
    _, cpu_s = second.finish(RELAY_LIMIT_S)
    tally = tally_of(topic)
    if tally['rows'] != topic.table.rows or tally['strange']:
        die(f'{topic.name} lacks rows: {tally}')
    topic.drop()
    bench.cluster.sql('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots')
    return {'killed_at': killed_at, 'repeated': tally['repeated'],
            'rest_s': round(time.monotonic() - again, 1), 'rest_cpu_s': round(cpu_s, 1),
            'rss_mb': round(max(first.rss_mb, second.rss_mb), 1), 'steal_pct': processor.steal_pct()}


def main():
    usage(__doc__)
    workload = settings('WORKLOAD', 'narrow', SNAPSHOTS)[0]
    rows, share = number('ROWS', 20_000_000), number('SHARE', 50)
    threads, chunk = number('THREADS', 2), number('CHUNK', 50_000)
    modes = settings('DELIVERY', ','.join(MODES), MODES)
    build('all')
    bench = Bench(workload, rows, rows, [])
    results = {}
    for mode in modes:
        say(f'{mode}: killed at {share} %')
        results[mode] = once(bench, mode, share, threads, chunk)
    print_table([['', 'killed at', 'repeated', 'the rest s', 'CPU s', 'peak RSS MB', 'steal %']] +
                [[mode, f"{r['killed_at']:,}", f"{r['repeated']:,}", str(r['rest_s']), str(r['rest_cpu_s']),
                  str(r['rss_mb']), str(r['steal_pct'])] for mode, r in results.items()])
    failed = 0
    for mode, result in results.items():
        most = 0 if mode == 'exactly-once' else int(threads * chunk * CHUNK_SLACK)
        good = result['repeated'] <= most
        failed += not good
        print(f"{mode}: {result['repeated']:,} rows came twice: {'' if good else 'NOT '}at most {most:,}")
        print(json.dumps({'bench': 'resume', 'delivery': mode, 'workload': workload, 'rows': rows,
                          'threads': threads, 'chunk': chunk, 'server': bench.cluster.version, **result}),
              flush=True)
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
