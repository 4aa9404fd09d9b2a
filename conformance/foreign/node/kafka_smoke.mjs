// KafkaJS: produce, consume, a group, idempotence, gzip (the one codec that it brings along).
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import kafkajs from "kafkajs";

const { CompressionTypes, Kafka, logLevel } = kafkajs;

async function withTopic(address, numPartitions, check) {
  const kafka = new Kafka({ clientId: "node", brokers: [address], logLevel: logLevel.ERROR });
  const topic = `node-${randomUUID()}`;
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true });
  await check(kafka, topic);
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
}

async function produce(kafka, settings, record) {
  const producer = kafka.producer({ allowAutoTopicCreation: false, ...settings });
  await producer.connect();
  const [answer] = await producer.send({ acks: -1, ...record });
  await producer.disconnect();
  return answer;
}

async function read(kafka, topic, groupId, count) {
  const consumer = kafka.consumer({ groupId });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const messages = [];
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    consumer.run({
      eachMessage: async ({ message }) => {
        messages.push(message);
        if (messages.length === count) resolve();
      },
    });
  });
  // Stopping commits what was handled.
  await consumer.disconnect();
  return messages;
}

export const kafka = {
  "kafkajs idempotent producer and group": (address) =>
    withTopic(address, 2, async (kafka, topic) => {
      const values = [...Array(20).keys()].map(String);
      const messages = values.map((value) => ({ key: value, value, headers: { kind: "a" } }));
      await produce(kafka, { idempotent: true }, { topic, messages });
      const group = `g-${randomUUID()}`;
      const first = await read(kafka, topic, group, 20);
      assert.deepEqual(first.map((message) => Number(message.value)).sort((a, b) => a - b), values.map(Number));
      assert.equal(first[0].headers.kind.toString(), "a");
      await produce(kafka, {}, { topic, messages: [{ value: "later" }] });
      const [later] = await read(kafka, topic, group, 1);
      assert.equal(later.value.toString(), "later", "the group goes on");
    }),

  "kafkajs gzip": (address) =>
    withTopic(address, 1, async (kafka, topic) => {
      const value = "stele ".repeat(1000);
      const record = { topic, messages: [{ value }], compression: CompressionTypes.GZIP };
      assert.equal((await produce(kafka, {}, record)).baseOffset, "0");
      const [message] = await read(kafka, topic, `g-${randomUUID()}`, 1);
      assert.equal(message.value.toString(), value);
    }),
};
