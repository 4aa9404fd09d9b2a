package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"sort"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

var mqttChecks = []check{
	{"paho.mqtt.golang QoS 0, 1, 2", mqttQualities},
	{"paho.mqtt.golang retained", mqttRetained},
	{"paho.mqtt.golang last will", mqttLastWill},
}

// device is a connected client with what it received and the socket under it.
type device struct {
	client mqtt.Client
	inbox  chan mqtt.Message
	socket net.Conn
}

func connectDevice(address string, more func(*mqtt.ClientOptions)) (*device, error) {
	device := &device{inbox: make(chan mqtt.Message, 100)}
	options := mqtt.NewClientOptions().AddBroker("tcp://" + address).SetAutoReconnect(false).
		SetClientID(fmt.Sprintf("go%d", time.Now().UnixNano())).SetOrderMatters(true).
		SetDefaultPublishHandler(func(_ mqtt.Client, message mqtt.Message) { device.inbox <- message }).
		SetCustomOpenConnectionFn(func(uri *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
			socket, err := net.DialTimeout("tcp", uri.Host, patience)
			device.socket = socket
			return socket, err
		})
	if more != nil {
		more(options)
	}
	device.client = mqtt.NewClient(options)
	return device, done(device.client.Connect())
}

func done(token mqtt.Token) error {
	if !token.WaitTimeout(patience) {
		return errors.New("no answer in time")
	}
	return token.Error()
}

func (device *device) next() (string, error) {
	select {
	case message := <-device.inbox:
		return fmt.Sprintf("%s qos=%d retained=%t", message.Payload(), message.Qos(), message.Retained()), nil
	case <-time.After(2 * patience):
		return "", errors.New("no message in time")
	}
}

func mqttQualities(address string) error {
	receiver, err := connectDevice(address, nil)
	if err != nil {
		return err
	}
	defer receiver.client.Disconnect(100)
	topic := fmt.Sprintf("go/%d", time.Now().UnixNano())
	if err := done(receiver.client.Subscribe(topic, 2, nil)); err != nil {
		return err
	}
	var seen []string
	for quality := range byte(3) {
		if err := done(receiver.client.Publish(topic, quality, false, fmt.Sprintf("q%d", quality))); err != nil {
			return err
		}
		message, err := receiver.next()
		if err != nil {
			return err
		}
		seen = append(seen, message)
	}
	sort.Strings(seen)
	return expect("messages", seen, "[q0 qos=0 retained=false q1 qos=1 retained=false q2 qos=2 retained=false]")
}

func mqttRetained(address string) error {
	client, err := connectDevice(address, nil)
	if err != nil {
		return err
	}
	defer client.client.Disconnect(100)
	topic := fmt.Sprintf("go/%d", time.Now().UnixNano())
	for _, payload := range []string{"old", "new"} {
		if err := done(client.client.Publish(topic, 1, true, payload)); err != nil {
			return err
		}
	}
	if err := done(client.client.Subscribe(topic, 1, nil)); err != nil {
		return err
	}
	state, err := client.next()
	return errors.Join(err, expect("state", state, "new qos=1 retained=true"),
		done(client.client.Publish(topic, 1, true, "")))
}

func mqttLastWill(address string) error {
	topic := fmt.Sprintf("go/%d", time.Now().UnixNano())
	watcher, err := connectDevice(address, nil)
	if err != nil {
		return err
	}
	defer watcher.client.Disconnect(100)
	if err := done(watcher.client.Subscribe(topic, 1, nil)); err != nil {
		return err
	}
	victim, err := connectDevice(address, func(options *mqtt.ClientOptions) { options.SetWill(topic, "gone", 1, false) })
	if err != nil {
		return err
	}
	_ = victim.socket.Close() // without a DISCONNECT
	will, err := watcher.next()
	return errors.Join(err, expect("will", will, "gone qos=1 retained=false"))
}
