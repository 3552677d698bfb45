package millrace.bench;

import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.streams.StreamsConfig;

/** The peer's configuration; bench/README.md gives the trials and the reason for each setting. */
public final class StreamsTuning {
  private StreamsTuning() {}

  public static Properties properties(Options options) {
    Properties properties = new Properties();
    properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.text("bootstrap"));
    properties.put(StreamsConfig.APPLICATION_ID_CONFIG, options.text("application-id"));
    properties.put(StreamsConfig.STATE_DIR_CONFIG, options.text("state-dir"));
    properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    properties.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, options.text("threads", "2"));
    properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, options.text("commit-ms", "2000"));
    properties.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG,
        options.number("cache-mib", 256) << 20);
    properties.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, RocksDbTuning.class);
    properties.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 20_000);
    properties.put(StreamsConfig.ENABLE_METRICS_PUSH_CONFIG, false);
    properties.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    properties.put(StreamsConfig.topicPrefix(TopicConfig.SEGMENT_BYTES_CONFIG), 128 << 20);
    consumer(properties, options.number("session-ms", 10_000));
    restoreConsumer(properties);
    producer(properties, options.text("compression", "none"));
    return properties;
  }

  private static void consumer(Properties properties, long sessionMs) {
    String prefix = StreamsConfig.MAIN_CONSUMER_PREFIX;
    properties.put(prefix + ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    properties.put(prefix + ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 10_000);
    properties.put(prefix + ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 2 << 20);
    properties.put(prefix + ConsumerConfig.RECEIVE_BUFFER_CONFIG, 1 << 20);
    properties.put(prefix + ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG, (int) sessionMs);
    properties.put(prefix + ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG, 3_000);
    // librdkafka does not check them either.
    properties.put(prefix + ConsumerConfig.CHECK_CRCS_CONFIG, false);
  }

  private static void restoreConsumer(Properties properties) {
    String prefix = StreamsConfig.RESTORE_CONSUMER_PREFIX;
    properties.put(prefix + ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 10_000);
    properties.put(prefix + ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 2 << 20);
    properties.put(prefix + ConsumerConfig.RECEIVE_BUFFER_CONFIG, 1 << 20);
    properties.put(prefix + ConsumerConfig.CHECK_CRCS_CONFIG, false);
  }

  private static void producer(Properties properties, String compression) {
    String prefix = StreamsConfig.PRODUCER_PREFIX;
    properties.put(prefix + ProducerConfig.LINGER_MS_CONFIG, 20);
    properties.put(prefix + ProducerConfig.BATCH_SIZE_CONFIG, 256 << 10);
    properties.put(prefix + ProducerConfig.BUFFER_MEMORY_CONFIG, 64 << 20);
    properties.put(prefix + ProducerConfig.SEND_BUFFER_CONFIG, 1 << 20);
    properties.put(prefix + ProducerConfig.COMPRESSION_TYPE_CONFIG, compression);
    // A busy machine must not fence the peer; only a dead producer costs this time.
    properties.put(prefix + ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, 60_000);
  }
}
