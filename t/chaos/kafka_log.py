"""kafka_log.py: what is in Kafka, as check.py wants a log: every topic of a prefix, partition
by partition, up to the ends that it had at first, decoded by the registry.  Its client
(kafka-python) and its Avro (fastavro) share no code with walrelay.  Reads committed
records only, which is all of them unless somebody writes in Kafka transactions.
Called by checker.py.
"""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))
import kafka
from kafka.structs import TopicPartition

import read_topic

APPENDED = 1        # timestamp_type of a record whose time is the broker's
STALL_S = 300       # without any record: not the end of the log, something is broken


class KafkaLog:
    """Close it, or use it with "with"."""

    def __init__(self, bootstrap, registry, prefix):
        self.prefix = prefix
        self.registry = read_topic.Registry(registry)
        self.consumer = self.consumer_new(bootstrap, 'read_committed')
        self.counts = {topic: len(self.consumer.partitions_for_topic(topic))
                       for topic in sorted(self.consumer.topics()) if topic.startswith(prefix + '.')}
        places = [TopicPartition(*place) for place in self.partitions()]
        self.ends = self.consumer.end_offsets(places) if places else {}
        plain = self.consumer_new(bootstrap, 'read_uncommitted')
        try:
            # read_committed does not go past the first transaction that is still open
            self.open = {f'{tp.topic} [{tp.partition}]': end - self.ends[tp]
                         for tp, end in (plain.end_offsets(places) if places else {}).items() if end > self.ends[tp]}
        finally:
            plain.close()

    @staticmethod
    def consumer_new(bootstrap, isolation):
        return kafka.KafkaConsumer(
            bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset='earliest',
            allow_auto_create_topics=False, isolation_level=isolation, check_crcs=True,
            max_partition_fetch_bytes=16 << 20, fetch_max_bytes=64 << 20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.consumer.close()

    def partitions(self):
        return [(topic, partition) for topic, count in self.counts.items() for partition in range(count)]

    def partition_count(self, topic):
        return self.counts[topic]

    def records(self, topic, partition):
        place = TopicPartition(topic, partition)
        self.consumer.assign([place])
        self.consumer.seek_to_beginning(place)
        moved = time.monotonic()
        while self.consumer.position(place) < self.ends[place]:
            batch = self.consumer.poll(timeout_ms=500, max_records=5000).get(place, ())
            if batch:
                moved = time.monotonic()
            elif time.monotonic() > moved + STALL_S:
                raise TimeoutError(f'{topic} [{partition}] @{self.consumer.position(place)}: nothing comes, '
                                   f'but the end is {self.ends[place]}')
            for record in batch:
                if record.offset < self.ends[place]:
                    yield self.decoded(record)

    def decoded(self, record):
        where = f'{record.topic} [{record.partition}] @{record.offset}'
        try:
            _, key = read_topic.payload_decode(record.key, self.registry, None)
            _, value = read_topic.payload_decode(record.value, self.registry, None)
        except Exception as error:
            raise ValueError(f'{where}: {error}') from error
        return {'topic': record.topic, 'partition': record.partition, 'offset': record.offset,
                'time': record.timestamp if record.timestamp_type == APPENDED else None,
                'key': key, 'key_raw': record.key, 'value': value, 'headers': record.headers}
