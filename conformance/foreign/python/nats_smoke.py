"""nats-py: core NATS, JetStream and its key-value buckets."""

import asyncio

import nats


def connected(check):
    """Runs an async check with a connection that is closed afterwards."""

    def run(address):
        async def body():
            client = await nats.connect(f"nats://{address}", connect_timeout=5)
            try:
                await asyncio.wait_for(check(client), 30)
            finally:
                await client.close()

        asyncio.run(body())

    return run


@connected
async def publish_subscribe(client):
    subscription = await client.subscribe("python.*")
    await client.flush()
    await client.publish("python.one", b"1", headers={"Kind": "first"})
    message = await subscription.next_msg(timeout=5)
    assert (message.subject, message.data, message.headers) == ("python.one", b"1", {"Kind": "first"})


@connected
async def request_reply(client):
    async def answer(message):
        await message.respond(message.data.upper())

    await client.subscribe("python.upper", cb=answer)
    reply = await client.request("python.upper", b"hello", timeout=5)
    assert reply.data == b"HELLO"
    try:
        await client.request("python.nobody", b"", timeout=5)
    except nats.errors.NoRespondersError:
        return
    raise AssertionError("a request that nobody hears must say so at once")


@connected
async def publish_consume(client):
    jetstream = client.jetstream()
    await jetstream.add_stream(name="PYTHON", subjects=["python.js.*"])
    for number in range(20):
        acknowledged = await jetstream.publish("python.js.order", str(number).encode())
        assert (acknowledged.stream, acknowledged.seq) == ("PYTHON", number + 1)
    again = [await jetstream.publish("python.js.order", b"x", headers={"Nats-Msg-Id": "same"}) for _ in range(2)]
    assert [bool(ack.duplicate) for ack in again] == [False, True]
    consumer = await jetstream.pull_subscribe("python.js.*", durable="worker")
    messages = await consumer.fetch(10, timeout=5)
    assert [message.data for message in messages] == [str(number).encode() for number in range(10)]
    for message in messages:
        await message.ack_sync()
    info = await consumer.consumer_info()
    assert (info.ack_floor.stream_seq, info.num_pending) == (10, 11)
    await jetstream.delete_stream("PYTHON")


@connected
async def key_value(client):
    jetstream = client.jetstream()
    bucket = await jetstream.create_key_value(bucket="python", history=3)
    first = await bucket.create("colour", b"red")
    await bucket.update("colour", b"green", last=first)
    assert (await bucket.get("colour")).value == b"green"
    try:
        await bucket.update("colour", b"blue", last=first)
        raise AssertionError("an update of an old revision must be refused")
    except nats.js.errors.KeyWrongLastSequenceError:
        pass
    assert await bucket.keys() == ["colour"]
    await bucket.delete("colour")
    try:
        await bucket.get("colour")
        raise AssertionError("a deleted key is gone")
    except nats.js.errors.KeyNotFoundError:
        pass
    await jetstream.delete_key_value("python")


CORE = [("nats-py publish/subscribe", publish_subscribe), ("nats-py request/reply", request_reply)]
JETSTREAM = [("nats-py publish/consume", publish_consume), ("nats-py key/value", key_value)]
