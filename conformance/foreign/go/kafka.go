package main

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var kafkaChecks = []check{
	{"franz-go idempotent producer and group", kafkaGroup},
	{"franz-go compression", kafkaCompression},
}

func kafkaGroup(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	topic := fmt.Sprintf("go-group-%d", time.Now().UnixNano())
	if err := createTopic(ctx, address, topic, 3); err != nil {
		return err
	}
	var values []string
	for number := range 30 {
		values = append(values, fmt.Sprintf("%02d", number))
	}
	if err := produce(ctx, address, topic, values); err != nil {
		return err
	}
	read, err := consume(ctx, address, topic, len(values))
	if err != nil {
		return err
	}
	sort.Strings(read)
	if err := errors.Join(expect("values", read, values), produce(ctx, address, topic, []string{"later"})); err != nil {
		return err
	}
	later, err := consume(ctx, address, topic, 1)
	return errors.Join(err, expect("the group goes on", later, []string{"later"}))
}

func kafkaCompression(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		topic := fmt.Sprintf("go-%s-%d", name, time.Now().UnixNano())
		values := []string{strings.Repeat("stele ", 1000), "short"}
		if err := createTopic(ctx, address, topic, 1); err != nil {
			return err
		}
		if err := produce(ctx, address, topic, values, kgo.ProducerBatchCompression(codec)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		read, err := consume(ctx, address, topic, len(values))
		if err := errors.Join(err, expect(name, read, values)); err != nil {
			return err
		}
	}
	return nil
}

func createTopic(ctx context.Context, address, topic string, partitions int32) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(address))
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = kadm.NewClient(client).CreateTopic(ctx, partitions, 1, nil, topic)
	return err
}

// produce sends with acks from all replicas and a producer id, which are franz-go's defaults.
func produce(ctx context.Context, address, topic string, values []string, options ...kgo.Opt) error {
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(address))...)
	if err != nil {
		return err
	}
	defer client.Close()
	var records []*kgo.Record
	for _, value := range values {
		headers := []kgo.RecordHeader{{Key: "kind", Value: []byte("a")}, {Key: "kind", Value: []byte("b")}}
		records = append(records, &kgo.Record{Topic: topic, Value: []byte(value), Headers: headers})
	}
	return client.ProduceSync(ctx, records...).FirstErr()
}

func consume(ctx context.Context, address, topic string, count int) ([]string, error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.ConsumerGroup("group-of-"+topic), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var values []string
	for len(values) < count {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		for _, record := range fetches.Records() {
			if err := expect("headers", len(record.Headers), 2); err != nil {
				return nil, err
			}
			values = append(values, string(record.Value))
		}
	}
	return values, client.CommitUncommittedOffsets(ctx)
}
