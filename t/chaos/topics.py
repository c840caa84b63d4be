#!/usr/bin/env python3
"""topics.py: creates the ledger's topics, with the partitions that they need (DIR/topics of
workload.py).  Those that are there already stay.  Run by the Python of t/lib/venv.
"""
import argparse
import os

from kafka.admin import KafkaAdminClient, NewTopic


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--dir', required=True)
    parser.add_argument('--bootstrap', required=True)
    parser.add_argument('--prefix', required=True, help='topic.prefix of the relay')
    options = parser.parse_args()
    with open(os.path.join(options.dir, 'topics'), encoding='utf-8') as file:
        wanted = dict(line.split() for line in file)
    admin = KafkaAdminClient(bootstrap_servers=options.bootstrap)
    have = admin.list_topics()
    new = [NewTopic(f'{options.prefix}.{name}', num_partitions=int(partitions), replication_factor=1)
           for name, partitions in wanted.items() if f'{options.prefix}.{name}' not in have]
    if new:
        admin.create_topics(new, timeout_ms=60000)
    admin.close()


if __name__ == '__main__':
    main()
