package main

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const patience = 5 * time.Second

var natsCore = []check{
	{"nats.go publish/subscribe", connected(publishSubscribe)},
	{"nats.go request/reply", connected(requestReply)},
}

var natsJetStream = []check{
	{"nats.go publish/consume", connected(publishConsume)},
	{"nats.go key/value", connected(keyValue)},
}

func connected(run func(context.Context, *nats.Conn) error) func(string) error {
	return func(address string) error {
		client, err := nats.Connect("nats://" + address)
		if err != nil {
			return err
		}
		defer client.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		return run(ctx, client)
	}
}

func publishSubscribe(_ context.Context, client *nats.Conn) error {
	subscription, err := client.SubscribeSync("go.*")
	if err != nil {
		return err
	}
	sent := nats.NewMsg("go.one")
	sent.Data = []byte("1")
	sent.Header.Add("Kind", "first")
	sent.Header.Add("Kind", "second")
	if err := client.PublishMsg(sent); err != nil {
		return err
	}
	message, err := subscription.NextMsg(patience)
	if err != nil {
		return err
	}
	return errors.Join(
		expect("subject", message.Subject, "go.one"),
		expect("payload", string(message.Data), "1"),
		expect("headers", message.Header.Values("Kind"), []string{"first", "second"}),
	)
}

func requestReply(_ context.Context, client *nats.Conn) error {
	_, err := client.Subscribe("go.upper", func(message *nats.Msg) {
		_ = message.Respond([]byte(strings.ToUpper(string(message.Data))))
	})
	if err != nil {
		return err
	}
	reply, err := client.Request("go.upper", []byte("hello"), patience)
	if err != nil {
		return err
	}
	_, nobody := client.Request("go.nobody", nil, patience)
	return errors.Join(
		expect("reply", string(reply.Data), "HELLO"),
		expect("a request that nobody hears", nobody, nats.ErrNoResponders),
	)
}

func publishConsume(ctx context.Context, client *nats.Conn) error {
	js, err := jetstream.New(client)
	if err != nil {
		return err
	}
	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "GO", Subjects: []string{"go.js.*"}})
	if err != nil {
		return err
	}
	for number := range 20 {
		ack, err := js.Publish(ctx, "go.js.order", []byte(strconv.Itoa(number)))
		if err != nil {
			return err
		}
		if err := expect("sequence", ack.Sequence, number+1); err != nil {
			return err
		}
	}
	for _, duplicate := range []bool{false, true} {
		ack, err := js.Publish(ctx, "go.js.order", []byte("x"), jetstream.WithMsgID("same"))
		if err != nil {
			return err
		}
		if err := expect("duplicate", ack.Duplicate, duplicate); err != nil {
			return err
		}
	}
	config := jetstream.ConsumerConfig{Durable: "worker", AckPolicy: jetstream.AckExplicitPolicy}
	consumer, err := stream.CreateOrUpdateConsumer(ctx, config)
	if err != nil {
		return err
	}
	batch, err := consumer.Fetch(10, jetstream.FetchMaxWait(patience))
	if err != nil {
		return err
	}
	read := 0
	for message := range batch.Messages() {
		if err := errors.Join(expect("payload", string(message.Data()), read), message.DoubleAck(ctx)); err != nil {
			return err
		}
		read++
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return err
	}
	return errors.Join(
		batch.Error(),
		expect("ack floor and pending", []uint64{info.AckFloor.Stream, info.NumPending}, []uint64{10, 11}),
		js.DeleteStream(ctx, "GO"),
	)
}

func keyValue(ctx context.Context, client *nats.Conn) error {
	js, err := jetstream.New(client)
	if err != nil {
		return err
	}
	bucket, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "go", History: 3})
	if err != nil {
		return err
	}
	first, err := bucket.Create(ctx, "colour", []byte("red"))
	if err != nil {
		return err
	}
	if _, err := bucket.Update(ctx, "colour", []byte("green"), first); err != nil {
		return err
	}
	entry, err := bucket.Get(ctx, "colour")
	if err != nil {
		return err
	}
	if _, err := bucket.Update(ctx, "colour", []byte("blue"), first); err == nil {
		return errors.New("an update of an old revision must be refused")
	}
	if err := bucket.Delete(ctx, "colour"); err != nil {
		return err
	}
	_, gone := bucket.Get(ctx, "colour")
	return errors.Join(
		expect("value", string(entry.Value()), "green"),
		expect("a deleted key", gone, jetstream.ErrKeyNotFound),
		js.DeleteKeyValue(ctx, "go"),
	)
}
