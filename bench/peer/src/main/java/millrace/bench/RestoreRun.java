package millrace.bench;

import java.lang.management.ManagementFactory;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.QueryableStoreTypes;
import org.apache.kafka.streams.state.ReadOnlyKeyValueStore;

/** Starts an instance, waits until all its tasks run, and prints the cost. */
final class RestoreRun {
  private RestoreRun() {}

  static void run(Options options) throws Exception {
    long jvmStartedMs = ManagementFactory.getRuntimeMXBean().getStartTime();
    Properties config = StreamsTuning.properties(options);
    try (KafkaStreams streams =
        new KafkaStreams(AggregateRun.topology(options, PassThrough::new), config)) {
      Progress progress = new Progress();
      streams.setGlobalStateRestoreListener(progress);
      long deadline =
          System.nanoTime() + TimeUnit.SECONDS.toNanos(options.number("timeout-s", 600));
      double cpuAtStart = ProcessUsage.cpuSeconds();
      AggregateRun.startAndAwaitRunning(streams, deadline);
      double cpu = ProcessUsage.cpuSeconds() - cpuAtStart;
      double runningSeconds = (System.currentTimeMillis() - jvmStartedMs) / 1e3;
      double peak = ProcessUsage.peakRssMib();
      System.out.printf("{\"engine\":\"kafka-streams\",\"records\":%d,\"restore_seconds\":%.3f,"
              + "\"running_seconds\":%.3f,\"cpu_seconds\":%.3f,\"peak_rss_mib\":%.1f,%s}%n",
          progress.records.get(), progress.seconds(), runningSeconds, cpu, peak,
          contents(streams));
    }
  }

  /** Keys and digest of the whole store. */
  private static String contents(KafkaStreams streams) {
    ReadOnlyKeyValueStore<byte[], byte[]> store = streams.store(StoreQueryParameters
        .fromNameAndType(AggregateRun.STORE, QueryableStoreTypes.keyValueStore()));
    long keys = 0;
    long digest = 0;
    try (KeyValueIterator<byte[], byte[]> rows = store.all()) {
      while (rows.hasNext()) {
        KeyValue<byte[], byte[]> row = rows.next();
        keys++;
        digest += TableDigest.ofRow(row.key, row.value);
      }
    }
    return String.format("\"keys\":%d,\"digest\":\"%016x\"", keys, digest);
  }

  static final class PassThrough extends ContextualFixedKeyProcessor<byte[], byte[], byte[]> {
    @Override
    public void process(FixedKeyRecord<byte[], byte[]> record) {
      context().forward(record);
    }
  }

  /** The restore from the first store's beginning to the last one's end. */
  private static final class Progress implements StateRestoreListener {
    private final AtomicLong firstNanos = new AtomicLong();
    private final AtomicLong lastNanos = new AtomicLong();
    private final AtomicLong records = new AtomicLong();

    double seconds() {
      return (lastNanos.get() - firstNanos.get()) / 1e9;
    }

    @Override
    public void onRestoreStart(TopicPartition partition, String store, long start, long end) {
      firstNanos.compareAndSet(0, System.nanoTime());
    }

    @Override
    public void onBatchRestored(TopicPartition partition, String store, long end, long count) {
      records.addAndGet(count);
    }

    @Override
    public void onRestoreEnd(TopicPartition partition, String store, long total) {
      lastNanos.set(System.nanoTime());
    }
  }
}
