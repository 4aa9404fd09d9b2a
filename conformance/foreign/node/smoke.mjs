// Node's clients against the wires named in the environment: STELE_NATS, STELE_JETSTREAM, STELE_KAFKA, STELE_MQTT, each
// HOST:PORT. Prints `ok NAME` or `not ok NAME: why` for each check; ends with 1 if one failed.
import { core, jetstream } from "./nats_smoke.mjs";
import { kafka } from "./kafka_smoke.mjs";
import { mqtt } from "./mqtt_smoke.mjs";

const LIMIT_MS = 60_000;
let failed = 0;
for (const [wire, checks] of [["NATS", core], ["JETSTREAM", jetstream], ["KAFKA", kafka], ["MQTT", mqtt]]) {
  const address = process.env[`STELE_${wire}`];
  if (!address) continue;
  for (const [name, check] of Object.entries(checks)) {
    let timer;
    const limit = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("no end in time")), LIMIT_MS);
    });
    try {
      await Promise.race([check(address), limit]);
      console.log(`ok node ${name}`);
    } catch (error) {
      failed += 1;
      console.error(error);
      console.log(`not ok node ${name}: ${error.message}`);
    } finally {
      clearTimeout(timer);
    }
  }
}
process.exit(failed ? 1 : 0);
