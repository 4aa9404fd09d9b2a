"""Python's clients against the wires named in the environment: STELE_NATS, STELE_JETSTREAM, STELE_KAFKA, STELE_MQTT,
each HOST:PORT. Prints `ok NAME` or `not ok NAME: why` for each check; ends with 1 if one failed."""

import os
import sys
import traceback

import kafka_smoke
import mqtt_smoke
import nats_smoke


def main() -> int:
    failed = 0
    for wire, checks in [
        ("STELE_NATS", nats_smoke.CORE),
        ("STELE_JETSTREAM", nats_smoke.JETSTREAM),
        ("STELE_KAFKA", kafka_smoke.CHECKS),
        ("STELE_MQTT", mqtt_smoke.CHECKS),
    ]:
        address = os.environ.get(wire)
        for name, check in checks if address else []:
            try:
                check(address)
                print(f"ok python {name}", flush=True)
            except Exception as error:  # every failure is a line, and the next check still runs
                failed += 1
                traceback.print_exc()
                print(f"not ok python {name}: {error!r}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
