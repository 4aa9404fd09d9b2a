// MQTT.js, as MQTT 3.1.1 and as MQTT 5: the three qualities of service, retained messages, the last will.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connectAsync } from "mqtt";

async function open(address, protocolVersion, more = {}) {
  const client = await connectAsync(`mqtt://${address}`, { protocolVersion, reconnectPeriod: 0, ...more });
  client.inbox = [];
  client.on("message", (topic, payload, packet) => {
    client.inbox.push({ topic, text: payload.toString(), qos: packet.qos, retain: packet.retain });
    client.emit("inbox");
  });
  return client;
}

async function received(client, count) {
  while (client.inbox.length < count) await once(client, "inbox");
  return client.inbox.splice(0, count);
}

async function qualities(address, version) {
  const [receiver, sender] = [await open(address, version), await open(address, version)];
  const topic = `node/${randomUUID()}`;
  await receiver.subscribeAsync(`${topic}/+`, { qos: 2 });
  for (const qos of [0, 1, 2]) await sender.publishAsync(`${topic}/${qos}`, `q${qos}`, { qos });
  const seen = (await received(receiver, 3)).sort((a, b) => a.qos - b.qos);
  assert.deepEqual(seen.map(({ text, qos }) => [text, qos]), [["q0", 0], ["q1", 1], ["q2", 2]]);
  await Promise.all([receiver.endAsync(), sender.endAsync()]);
}

async function retained(address, version) {
  const [sender, late] = [await open(address, version), await open(address, version)];
  const topic = `node/${randomUUID()}`;
  await sender.publishAsync(topic, "old", { qos: 1, retain: true });
  await sender.publishAsync(topic, "new", { qos: 1, retain: true });
  await late.subscribeAsync(topic, { qos: 1 });
  const [state] = await received(late, 1);
  assert.deepEqual([state.text, state.retain], ["new", true]);
  await sender.publishAsync(topic, "", { qos: 1, retain: true });
  assert.equal((await received(late, 1))[0].text, "");
  await Promise.all([sender.endAsync(), late.endAsync()]);
}

async function lastWill(address, version) {
  const topic = `node/${randomUUID()}`;
  const watcher = await open(address, version);
  await watcher.subscribeAsync(topic, { qos: 1 });
  const victim = await open(address, version, { will: { topic, payload: "gone", qos: 1, retain: false } });
  victim.on("error", () => {});
  victim.stream.destroy(); // without a DISCONNECT
  assert.equal((await received(watcher, 1))[0].text, "gone");
  await watcher.endAsync();
}

export const mqtt = {};
for (const [name, version] of [["3.1.1", 4], ["5", 5]]) {
  mqtt[`mqtt.js ${name} QoS 0, 1, 2`] = (address) => qualities(address, version);
  mqtt[`mqtt.js ${name} retained`] = (address) => retained(address, version);
  mqtt[`mqtt.js ${name} last will`] = (address) => lastWill(address, version);
}
