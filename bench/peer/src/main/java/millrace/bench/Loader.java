package millrace.bench;

import java.nio.charset.StandardCharsets;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Writes the input: the same bytes at the same offsets for the same options. */
final class Loader {
  private static final long FIRST_EVENT_MS = 1_700_000_000_000L;
  private static final int WORDS = 64;
  private static final int WORD_BYTES = 8;

  private Loader() {}

  /** Where records come from; {@code first} is the number of the first one. */
  private record Source(int keys, KeyChooser chooser, long seed, long first) {
    static Source of(Options options, String distribution, long first) {
      int keys = Math.toIntExact(options.number("keys"));
      long seed = options.number("seed", 1);
      return new Source(keys, KeyChooser.of(distribution, keys, seed), seed, first);
    }
  }

  static void run(Options options) throws Exception {
    String topic = options.text("topic");
    long records = options.number("records");
    Source source = Source.of(options, options.text("distribution"), 0);
    long started = System.nanoTime();
    try (Admin admin = Topics.admin(options)) {
      Topics.create(admin, topic, TopicConfig.CLEANUP_POLICY_DELETE);
      send(options, topic, records, source, UnaryOperator.identity());
      long end = Topics.ends(admin, topic).values().stream().mapToLong(Long::longValue).sum();
      if (end != records) {
        throw new IllegalStateException(topic + " holds " + end + " records, not " + records);
      }
    }
    System.out.printf("{\"topic\":\"%s\",\"records\":%d,\"keys\":%d,\"seconds\":%.3f}%n", topic,
        records, source.keys, (System.nanoTime() - started) / 1e9);
  }

  /** Adds records to an input, uniformly; their numbers and times continue those in it. */
  static void append(Options options) throws Exception {
    String topic = options.text("topic");
    long records = options.number("records");
    try (Admin admin = Topics.admin(options)) {
      long first = Topics.ends(admin, topic).values().stream().mapToLong(Long::longValue).sum();
      send(options, topic, records, Source.of(options, "uniform", first),
          UnaryOperator.identity());
    }
    System.out.printf("{\"topic\":\"%s\",\"records\":%d}%n", topic, records);
  }

  /**
   * Adds rows to a changelog, and creates it first if it does not exist. A later row of a key
   * replaces an earlier one, as an aggregate's do. The broker compacts nothing, so that every
   * restore reads the same records.
   */
  static void runChangelog(Options options) throws Exception {
    String topic = options.text("topic");
    long records = options.number("records");
    long end;
    try (Admin admin = Topics.admin(options)) {
      Topics.createChangelogIfMissing(admin, topic);
      send(options, topic, records, Source.of(options, "uniform", 0),
          value -> Layout.aggregate(null, value));
      end = Topics.ends(admin, topic).values().stream().mapToLong(Long::longValue).sum();
    }
    System.out.printf("{\"topic\":\"%s\",\"records\":%d,\"end\":%d}%n", topic, records, end);
  }

  /** Adds {@code --rate} records a second to a topic, for {@code --seconds}, uniformly. */
  static void trickle(Options options) throws Exception {
    String topic = options.text("topic");
    int keys = Math.toIntExact(options.number("keys"));
    long rate = options.number("rate");
    SplitMix64 random = new SplitMix64(options.number("seed", 1));
    byte[][] words = words(random);
    long started = System.nanoTime();
    long records = rate * options.number("seconds");
    try (KafkaProducer<byte[], byte[]> producer = producer(options)) {
      for (long i = 0; i < records; i++) {
        long now = System.currentTimeMillis();
        producer.send(new ProducerRecord<>(topic, null, now, Layout.key(random.below(keys)),
            value(random, words, now, i)));
        long aheadNanos = i * 1_000_000_000L / rate - (System.nanoTime() - started);
        if (aheadNanos > 1_000_000) {
          Thread.sleep(aheadNanos / 1_000_000);
        }
      }
    }
    System.out.printf("{\"topic\":\"%s\",\"records\":%d}%n", topic, records);
  }

  private static void send(Options options, String topic, long records, Source source,
      UnaryOperator<byte[]> row) throws Exception {
    byte[][] keyBytes = new byte[source.keys][];
    for (int i = 0; i < source.keys; i++) {
      keyBytes[i] = Layout.key(i);
    }
    byte[][] words = words(new SplitMix64(source.seed ^ 0x3017d5L));
    SplitMix64 random = new SplitMix64(source.seed);
    AtomicReference<Exception> failure = new AtomicReference<>();
    try (KafkaProducer<byte[], byte[]> producer = producer(options)) {
      for (long i = source.first; i < source.first + records && failure.get() == null; i++) {
        byte[] key = keyBytes[source.chooser.next(random)];
        long eventTime = FIRST_EVENT_MS + i;
        byte[] value = row.apply(value(random, words, eventTime, i));
        producer.send(new ProducerRecord<>(topic, null, eventTime, key, value),
            (metadata, exception) -> {
              if (exception != null) {
                failure.compareAndSet(null, exception);
              }
            });
      }
    }
    if (failure.get() != null) {
      throw failure.get();
    }
  }

  private static byte[] value(SplitMix64 random, byte[][] words, long eventTime, long sequence) {
    byte[] value = new byte[Layout.VALUE_BYTES];
    Layout.putInt64(value, Layout.VALUE_AMOUNT, random.below(2_000_001) - 1_000_000);
    Layout.putInt64(value, Layout.VALUE_EVENT_TIME, eventTime);
    Layout.putInt64(value, Layout.VALUE_SEQUENCE, sequence);
    for (int at = Layout.VALUE_PAYLOAD; at < Layout.VALUE_BYTES; at += WORD_BYTES) {
      System.arraycopy(words[random.below(WORDS)], 0, value, at, WORD_BYTES);
    }
    return value;
  }

  /** Words of a small vocabulary, so that payloads compress about as CRM fields do. */
  private static byte[][] words(SplitMix64 random) {
    byte[][] words = new byte[WORDS][];
    for (int i = 0; i < WORDS; i++) {
      StringBuilder word = new StringBuilder();
      while (word.length() < WORD_BYTES - 1) {
        word.append((char) ('a' + random.below(26)));
      }
      words[i] = word.append(' ').toString().getBytes(StandardCharsets.US_ASCII);
    }
    return words;
  }

  private static KafkaProducer<byte[], byte[]> producer(Options options) {
    Properties properties = new Properties();
    properties.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, options.text("bootstrap"));
    properties.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
    properties.put(ProducerConfig.LINGER_MS_CONFIG, 20);
    properties.put(ProducerConfig.BATCH_SIZE_CONFIG, 256 << 10);
    properties.put(ProducerConfig.BUFFER_MEMORY_CONFIG, 64 << 20);
    properties.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, options.text("compression", "none"));
    return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
  }
}
