// Java's Kafka client against the wire named in the environment: STELE_KAFKA, HOST:PORT. Prints `ok NAME` or
// `not ok NAME: why` for each check; ends with 1 if one failed.

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class Smoke {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private interface Check {
        void run(String address) throws Exception;
    }

    public static void main(String[] arguments) {
        String address = System.getenv("STELE_KAFKA");
        if (address == null || address.isEmpty()) {
            return;
        }
        boolean passed = check("idempotent producer and group", Smoke::group, address);
        passed &= check("compression", Smoke::compression, address);
        System.exit(passed ? 0 : 1);
    }

    private static boolean check(String name, Check check, String address) {
        try {
            check.run(address);
            System.out.println("ok java kafka-clients " + name);
            return true;
        } catch (Exception | AssertionError error) {
            error.printStackTrace();
            System.out.println("not ok java kafka-clients " + name + ": " + error);
            return false;
        }
    }

    private static void group(String address) throws Exception {
        String topic = createTopic(address, 3);
        List<String> values = IntStream.range(10, 40).mapToObj(Integer::toString).toList();
        produce(address, topic, values, Map.of("enable.idempotence", "true"));
        List<ConsumerRecord<String, String>> records = consume(address, topic, values.size());
        expect(values, records.stream().map(ConsumerRecord::value).sorted().toList());
        List<String> kinds = new ArrayList<>();
        records.get(0).headers().headers("kind").forEach(header -> kinds.add(new String(header.value())));
        expect(List.of("a", "b"), kinds);
        produce(address, topic, List.of("later"), Map.of());
        expect("later", consume(address, topic, 1).get(0).value());
    }

    private static void compression(String address) throws Exception {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            String topic = createTopic(address, 1);
            List<String> values = List.of("stele ".repeat(1000), "short");
            produce(address, topic, values, Map.of("compression.type", codec));
            expect(values, consume(address, topic, 2).stream().map(ConsumerRecord::value).toList());
        }
    }

    private static String createTopic(String address, int partitions) throws Exception {
        String topic = "java-" + UUID.randomUUID();
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", address))) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
        }
        return topic;
    }

    private static void produce(String address, String topic, List<String> values, Map<String, Object> more)
            throws Exception {
        Map<String, Object> settings = new java.util.HashMap<>(more);
        settings.put("bootstrap.servers", address);
        settings.put("acks", "all");
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (String value : values) {
                var record = new ProducerRecord<>(topic, value, value);
                for (String kind : List.of("a", "b")) {
                    record.headers().add(new RecordHeader("kind", kind.getBytes(StandardCharsets.UTF_8)));
                }
                producer.send(record).get();
            }
        }
    }

    private static List<ConsumerRecord<String, String>> consume(String address, String topic, int count) {
        Map<String, Object> settings =
                Map.of(
                        "bootstrap.servers", address,
                        "group.id", "group-of-" + topic,
                        "auto.offset.reset", "earliest",
                        "enable.auto.commit", "false");
        List<ConsumerRecord<String, String>> records = new ArrayList<>();
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            long end = System.nanoTime() + PATIENCE.toNanos();
            while (records.size() < count && System.nanoTime() < end) {
                consumer.poll(Duration.ofMillis(200)).forEach(records::add);
            }
            expect(count, records.size());
            consumer.commitSync();
        }
        return records;
    }

    private static void expect(Object expected, Object seen) {
        if (!expected.equals(seen)) {
            throw new AssertionError(seen + " instead of " + expected);
        }
    }
}
