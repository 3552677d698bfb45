package millrace.bench;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Order-independent digest of a table: the sum, modulo 2^64, of FNV-1a 64 over key then value. */
final class TableDigest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private TableDigest() {}

  /** Digests the latest value per key in an output topic, committed records only. */
  static void ofTable(Options options) {
    Map<ByteBuffer, byte[]> table = new HashMap<>();
    long records = readAll(options, record -> {
      if (record.value() == null) {
        table.remove(ByteBuffer.wrap(record.key()));
      } else {
        table.put(ByteBuffer.wrap(record.key()), record.value());
      }
    });
    print(table, records);
  }

  /** Digests the table that an input topic must give, computed here by a plain loop. */
  static void ofInput(Options options) {
    Map<ByteBuffer, byte[]> table = new HashMap<>();
    long records = readAll(options, record -> table.compute(
        ByteBuffer.wrap(record.key()), (key, state) -> Layout.aggregate(state, record.value())));
    print(table, records);
  }

  /**
   * {@code --keys K --count N}: prints N rows, evenly spread over the accounts, of the table that
   * an input topic must give, as their instances have to answer.
   */
  static void rowsOfInput(Options options) {
    Map<ByteBuffer, byte[]> rows = new LinkedHashMap<>();
    long count = options.number("count");
    for (long i = 0; i < count; i++) {
      rows.put(ByteBuffer.wrap(Layout.key((int) (i * options.number("keys") / count))), null);
    }
    readAll(options, record -> {
      ByteBuffer key = ByteBuffer.wrap(record.key());
      if (rows.containsKey(key)) {
        rows.put(key, Layout.aggregate(rows.get(key), record.value()));
      }
    });
    rows.forEach((key, row) -> System.out.printf(
        "{\"key\":\"%s\",\"timestamp_ms\":%d,\"value_hex\":\"%s\"}%n",
        new String(key.array(), StandardCharsets.US_ASCII),
        Layout.int64(row, Layout.STATE_EVENT_TIME), HexFormat.of().formatHex(row)));
  }

  private interface Visitor {
    void visit(ConsumerRecord<byte[], byte[]> record);
  }

  private static long readAll(Options options, Visitor visitor) {
    Properties properties = new Properties();
    properties.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, options.text("bootstrap"));
    properties.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
    properties.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    properties.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 10_000);
    properties.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 4 << 20);
    String topic = options.text("topic");
    List<TopicPartition> partitions = IntStream.range(0, Layout.PARTITIONS)
        .mapToObj(partition -> new TopicPartition(topic, partition)).toList();
    long records = 0;
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(
        properties, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      long progressed = System.nanoTime();
      while (!reached(consumer, partitions, ends)) {
        long before = records;
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
          visitor.visit(record);
          records++;
        }
        if (records != before) {
          progressed = System.nanoTime();
        } else if (System.nanoTime() - progressed > PATIENCE.toNanos()) {
          throw new IllegalStateException("no record of " + topic + " for " + PATIENCE);
        }
      }
    }
    return records;
  }

  private static boolean reached(KafkaConsumer<byte[], byte[]> consumer,
      Collection<TopicPartition> partitions, Map<TopicPartition, Long> ends) {
    return partitions.stream().allMatch(p -> consumer.position(p) >= ends.get(p));
  }

  private static void print(Map<ByteBuffer, byte[]> table, long records) {
    long digest = 0;
    for (Map.Entry<ByteBuffer, byte[]> row : table.entrySet()) {
      digest += ofRow(row.getKey().array(), row.getValue());
    }
    System.out.printf("{\"keys\":%d,\"digest\":\"%016x\",\"records\":%d}%n", table.size(), digest,
        records);
  }

  /** The part of a table's digest that a row adds. */
  static long ofRow(byte[] key, byte[] value) {
    return fnv1a(fnv1a(0xcbf29ce484222325L, key), value);
  }

  private static long fnv1a(long hash, byte[] bytes) {
    for (byte b : bytes) {
      hash = (hash ^ (b & 0xff)) * 0x100000001b3L;
    }
    return hash;
  }
}
