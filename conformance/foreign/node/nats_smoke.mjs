// nats.js: core NATS, JetStream and its key-value buckets.
import assert from "node:assert/strict";
import { AckPolicy, connect, headers, StringCodec } from "nats";

const text = StringCodec();

function connected(check) {
  return async (address) => {
    const client = await connect({ servers: address });
    try {
      await check(client);
    } finally {
      await client.close();
    }
  };
}

export const core = {
  "nats.js publish/subscribe": connected(async (client) => {
    const subscription = client.subscribe("node.*", { max: 1 });
    const kinds = headers();
    kinds.append("Kind", "first");
    kinds.append("Kind", "second");
    client.publish("node.one", text.encode("1"), { headers: kinds });
    for await (const message of subscription) {
      assert.equal(message.subject, "node.one");
      assert.equal(text.decode(message.data), "1");
      assert.deepEqual(message.headers.values("Kind"), ["first", "second"]);
    }
  }),

  "nats.js request/reply": connected(async (client) => {
    client.subscribe("node.upper", {
      callback: (_error, message) => message.respond(text.encode(text.decode(message.data).toUpperCase())),
    });
    const reply = await client.request("node.upper", text.encode("hello"), { timeout: 5000 });
    assert.equal(text.decode(reply.data), "HELLO");
    await assert.rejects(client.request("node.nobody", text.encode(""), { timeout: 5000 }), { code: "503" });
  }),
};

export const jetstream = {
  "nats.js publish/consume": connected(async (client) => {
    const manager = await client.jetstreamManager();
    const stream = client.jetstream();
    await manager.streams.add({ name: "NODE", subjects: ["node.js.*"] });
    for (let number = 0; number < 20; number++) {
      const ack = await stream.publish("node.js.order", text.encode(String(number)));
      assert.deepEqual([ack.stream, ack.seq], ["NODE", number + 1]);
    }
    const same = () => stream.publish("node.js.order", text.encode("x"), { msgID: "same" });
    assert.deepEqual([(await same()).duplicate, (await same()).duplicate], [false, true]);
    await manager.consumers.add("NODE", { durable_name: "worker", ack_policy: AckPolicy.Explicit });
    const consumer = await stream.consumers.get("NODE", "worker");
    const read = [];
    for await (const message of await consumer.fetch({ max_messages: 10, expires: 5000 })) {
      read.push(text.decode(message.data));
      assert.ok(await message.ackAck());
    }
    assert.deepEqual(read, [...Array(10).keys()].map(String));
    const info = await consumer.info();
    assert.deepEqual([info.ack_floor.stream_seq, info.num_pending], [10, 11]);
    await manager.streams.delete("NODE");
  }),

  "nats.js key/value": connected(async (client) => {
    const bucket = await client.jetstream().views.kv("node", { history: 3 });
    const first = await bucket.create("colour", text.encode("red"));
    await bucket.update("colour", text.encode("green"), first);
    assert.equal(text.decode((await bucket.get("colour")).value), "green");
    await assert.rejects(bucket.update("colour", text.encode("blue"), first), /wrong last sequence/);
    await bucket.delete("colour");
    assert.equal((await bucket.get("colour")).operation, "DEL");
    await bucket.destroy();
  }),
};
