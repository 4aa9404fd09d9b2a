"""confluent-kafka (librdkafka) and kafka-python: produce, consume, groups, idempotence, compression."""

import time
import uuid

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from kafka import KafkaConsumer, KafkaProducer

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def fresh(name):
    return f"python-{name}-{uuid.uuid4().hex[:8]}"


def create(address, topic, partitions=1):
    admin = AdminClient({"bootstrap.servers": address})  # collected too early, it would cancel its request
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(timeout=20)


def confluent_produce(address, topic, values, **settings):
    problems = []
    producer = Producer({"bootstrap.servers": address, **settings})
    for value in values:
        producer.produce(topic, value, key=b"key", headers=[("kind", b"a"), ("kind", b"b")],
                         on_delivery=lambda error, _: problems.append(error) if error else None)
    assert producer.flush(20) == 0 and not problems, problems


def confluent_read(consumer, count):
    messages, deadline = [], time.monotonic() + 30
    while len(messages) < count and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is not None:
            assert message.error() is None, message.error()
            messages.append(message)
    assert len(messages) == count, f"{len(messages)} of {count}"
    return messages


def confluent_consumer(address, group, topic):
    consumer = Consumer({"bootstrap.servers": address, "group.id": group, "auto.offset.reset": "earliest",
                         "enable.auto.commit": False})
    consumer.subscribe([topic])
    return consumer


def confluent_group(address):
    topic, group = fresh("group"), fresh("g")
    create(address, topic, 3)
    confluent_produce(address, topic, [str(number).encode() for number in range(30)], **{"enable.idempotence": True})
    consumer = confluent_consumer(address, group, topic)
    messages = confluent_read(consumer, 30)
    assert sorted(int(message.value()) for message in messages) == list(range(30))
    assert messages[0].headers() == [("kind", b"a"), ("kind", b"b")] and messages[0].key() == b"key"
    consumer.commit(asynchronous=False)
    consumer.close()
    confluent_produce(address, topic, [b"later"])
    consumer = confluent_consumer(address, group, topic)
    assert [message.value() for message in confluent_read(consumer, 1)] == [b"later"], "the group goes on"
    consumer.close()


def confluent_compression(address):
    for codec in CODECS:
        topic = fresh(codec)
        create(address, topic)
        values = [b"%d " % number * 50 for number in range(100)]
        confluent_produce(address, topic, values, **{"compression.type": codec})
        consumer = confluent_consumer(address, fresh("g"), topic)
        assert [message.value() for message in confluent_read(consumer, 100)] == values, codec
        consumer.close()


def python_read(address, topic, count, **settings):
    consumer = KafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest",
                             consumer_timeout_ms=15000, **settings)
    messages = []
    for message in consumer:
        messages.append(message)
        if len(messages) == count:
            break
    if settings.get("group_id"):
        consumer.commit()
    consumer.close()
    assert len(messages) == count, f"{len(messages)} of {count}"
    return messages


def python_compression(address):
    for codec in CODECS:
        topic = fresh(codec)
        create(address, topic)
        producer = KafkaProducer(bootstrap_servers=address, compression_type=None if codec == "none" else codec,
                                 acks="all")
        values = [b"%d " % number * 50 for number in range(100)]
        sent = [producer.send(topic, value, key=b"key", headers=[("kind", b"a")]) for value in values]
        assert [future.get(timeout=20).offset for future in sent] == list(range(100)), codec
        producer.close()
        assert [message.value for message in python_read(address, topic, 100)] == values, codec


def python_group(address):
    topic, group = fresh("group"), fresh("g")
    create(address, topic, 2)
    producer = KafkaProducer(bootstrap_servers=address, enable_idempotence=True, acks="all")
    for number in range(20):
        producer.send(topic, b"%d" % number).get(timeout=20)
    messages = python_read(address, topic, 20, group_id=group, enable_auto_commit=False)
    assert sorted(int(message.value) for message in messages) == list(range(20))
    producer.send(topic, b"later").get(timeout=20)
    producer.close()
    assert python_read(address, topic, 1, group_id=group)[0].value == b"later", "the group goes on"


CHECKS = [
    ("confluent-kafka idempotent producer and group", confluent_group),
    ("confluent-kafka compression", confluent_compression),
    ("kafka-python idempotent producer and group", python_group),
    ("kafka-python compression", python_compression),
]
