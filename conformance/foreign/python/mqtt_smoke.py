"""paho-mqtt, as MQTT 3.1.1 and as MQTT 5: the three qualities of service, retained messages, the last will."""

import queue
import socket
import uuid

import paho.mqtt.client as mqtt


class Client:
    """A connected client and what it received."""

    def __init__(self, address, protocol, will=None):
        self.received, self.answers = queue.Queue(), queue.Queue()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "py" + uuid.uuid4().hex[:12], protocol=protocol)
        self.client.on_message = lambda _client, _data, message: self.received.put(message)
        self.client.on_connect = lambda *arguments: self.answers.put(arguments[3])
        self.client.on_subscribe = lambda *arguments: self.answers.put(arguments[3])
        if will:
            self.client.will_set(*will)
        host, port = address.rsplit(":", 1)
        self.client.connect(host, int(port), keepalive=30)
        self.client.loop_start()
        assert not self.answers.get(timeout=10).is_failure

    def subscribe(self, topic, qos=2):
        self.client.subscribe(topic, qos)
        assert self.answers.get(timeout=10)[0].value == qos

    def next(self):
        return self.received.get(timeout=10)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()

    def vanish(self):
        """Closes the socket without a DISCONNECT."""
        self.client.loop_stop()
        self.client.socket().shutdown(socket.SHUT_RDWR)


def qualities(address, protocol):
    receiver, sender = Client(address, protocol), Client(address, protocol)
    topic = "python/" + uuid.uuid4().hex
    receiver.subscribe(topic + "/+")
    for qos in (0, 1, 2):
        sender.client.publish(f"{topic}/{qos}", b"q%d" % qos, qos).wait_for_publish(10)
    messages = sorted((receiver.next() for _ in range(3)), key=lambda message: message.topic)
    seen = [(message.topic[-1], message.payload, message.qos) for message in messages]
    assert seen == [("0", b"q0", 0), ("1", b"q1", 1), ("2", b"q2", 2)], seen
    receiver.close(), sender.close()


def retained(address, protocol):
    topic = "python/" + uuid.uuid4().hex
    sender = Client(address, protocol)
    sender.client.publish(topic, b"old", 1, retain=True).wait_for_publish(10)
    sender.client.publish(topic, b"new", 1, retain=True).wait_for_publish(10)
    late = Client(address, protocol)
    late.subscribe(topic)
    message = late.next()
    assert (message.payload, message.retain) == (b"new", True)
    sender.client.publish(topic, b"", 1, retain=True).wait_for_publish(10)
    assert late.next().payload == b""
    later = Client(address, protocol)
    later.subscribe(topic)
    assert later.received.empty()
    sender.close(), late.close(), later.close()


def last_will(address, protocol):
    topic = "python/" + uuid.uuid4().hex
    watcher = Client(address, protocol)
    watcher.subscribe(topic)
    Client(address, protocol, will=(topic, b"gone", 1, False)).vanish()
    assert watcher.next().payload == b"gone"
    watcher.close()


def both(name, check):
    versions = [("3.1.1", mqtt.MQTTv311), ("5", mqtt.MQTTv5)]
    return [
        (f"paho-mqtt {version} {name}", lambda address, protocol=protocol: check(address, protocol))
        for version, protocol in versions
    ]


CHECKS = both("QoS 0, 1, 2", qualities) + both("retained", retained) + both("last will", last_will)
