// Go's clients against the wires named in the environment: STELE_NATS, STELE_JETSTREAM, STELE_KAFKA, STELE_MQTT, each
// HOST:PORT. Prints `ok NAME` or `not ok NAME: why` for each check; ends with 1 if one failed.
package main

import (
	"fmt"
	"os"
)

type check struct {
	name string
	run  func(address string) error
}

func main() {
	failed := false
	for _, wire := range []struct {
		variable string
		checks   []check
	}{
		{"STELE_NATS", natsCore},
		{"STELE_JETSTREAM", natsJetStream},
		{"STELE_KAFKA", kafkaChecks},
		{"STELE_MQTT", mqttChecks},
	} {
		address := os.Getenv(wire.variable)
		if address == "" {
			continue
		}
		for _, check := range wire.checks {
			if err := check.run(address); err != nil {
				failed = true
				fmt.Printf("not ok go %s: %v\n", check.name, err)
			} else {
				fmt.Printf("ok go %s\n", check.name)
			}
		}
	}
	if failed {
		os.Exit(1)
	}
}

// expect says what was seen instead, or nothing.
func expect(what string, seen, expected any) error {
	if fmt.Sprint(seen) != fmt.Sprint(expected) {
		return fmt.Errorf("%s: %v instead of %v", what, seen, expected)
	}
	return nil
}
