package millrace.bench;

import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.common.utils.Bytes;

/** Runs the aggregate once over the whole input and prints its cost. */
public final class AggregateRun {
  private static final Serde<byte[]> BYTES = Serdes.ByteArray();
  private static final int CHECK_INTERVAL_MS = 5;
  static final String STORE = "totals";

  private AggregateRun() {}

  /** The progress that the processing threads report to the measuring one. */
  private record Progress(LongAdder processed, Map<Integer, Long> lastOffsets) {}

  static void run(Options options) throws Exception {
    String input = options.text("input");
    Progress progress;
    Map<TopicPartition, Long> ends;
    try (Admin admin = Topics.admin(options)) {
      ends = Topics.ends(admin, input);
      progress = new Progress(new LongAdder(), ends.entrySet().stream().collect(
          Collectors.toMap(end -> end.getKey().partition(), end -> end.getValue() - 1)));
      Properties config = StreamsTuning.properties(options);
      try (KafkaStreams streams = new KafkaStreams(
          topology(options, () -> new ProgressCounter(progress)), config)) {
        System.out.println(measure(streams, admin, options, progress, ends));
      }
    }
  }

  /** The aggregate; {@code observer} sees every record before it is aggregated. */
  static Topology topology(Options options,
      FixedKeyProcessorSupplier<byte[], byte[], byte[]> observer) {
    StreamsBuilder builder = new StreamsBuilder();
    builder.stream(options.text("input"), Consumed.with(BYTES, BYTES))
        .processValues(observer)
        .groupByKey(Grouped.with(BYTES, BYTES))
        .aggregate(() -> null, (key, value, state) -> Layout.aggregate(state, value),
            Materialized.<byte[], byte[], KeyValueStore<Bytes, byte[]>>as(STORE)
                .withKeySerde(BYTES).withValueSerde(BYTES).withCachingEnabled())
        .toStream()
        .to(options.text("output"), Produced.with(BYTES, BYTES));
    return builder.build();
  }

  /** Counts records; requests a commit after the last one instead of waiting for the interval. */
  private static final class ProgressCounter
      extends ContextualFixedKeyProcessor<byte[], byte[], byte[]> {
    private final Progress progress;

    ProgressCounter(Progress progress) {
      this.progress = progress;
    }

    @Override
    public void process(FixedKeyRecord<byte[], byte[]> record) {
      context().forward(record);
      progress.processed().increment();
      context().recordMetadata().ifPresent(at -> {
        if (at.offset() == progress.lastOffsets().get(at.partition())) {
          context().commit();
        }
      });
    }
  }

  private static String measure(KafkaStreams streams, Admin admin, Options options,
      Progress progress, Map<TopicPartition, Long> ends) throws Exception {
    long records = ends.values().stream().mapToLong(Long::longValue).sum();
    if (records != options.number("records")) {
      throw new IllegalStateException("the input holds " + records + " records");
    }
    long deadline =
        System.nanoTime() + TimeUnit.SECONDS.toNanos(options.number("timeout-s", 600));
    startAndAwaitRunning(streams, deadline);
    long started = System.nanoTime();
    double cpuAtStart = ProcessUsage.cpuSeconds();
    awaitProcessed(streams, progress, records / 2, deadline);
    double cpuAtHalf = ProcessUsage.cpuSeconds();
    long warmRecords = records - progress.processed().sum();
    awaitProcessed(streams, progress, records, deadline);
    awaitCommitted(streams, admin, options.text("application-id"), ends, deadline);
    double cpuAtEnd = ProcessUsage.cpuSeconds();
    double seconds = (System.nanoTime() - started) / 1e9;
    return String.format("{\"engine\":\"kafka-streams\",\"records\":%d,\"seconds\":%.3f,"
            + "\"records_per_second\":%.0f,\"cpu_seconds\":%.3f,\"cpu_us_per_record\":%.3f,"
            + "\"warm_records\":%d,\"warm_cpu_us_per_record\":%.3f,\"peak_rss_mib\":%.1f}",
        records, seconds, records / seconds, cpuAtEnd - cpuAtStart,
        (cpuAtEnd - cpuAtStart) / records * 1e6, warmRecords,
        (cpuAtEnd - cpuAtHalf) / Math.max(1, warmRecords) * 1e6, ProcessUsage.peakRssMib());
  }

  public static void startAndAwaitRunning(KafkaStreams streams, long deadline)
      throws InterruptedException {
    startAndAwaitRunning(streams, deadline, (now, before) -> {});
  }

  /** {@code listener} gets every change of state, even after this returns. */
  static void startAndAwaitRunning(KafkaStreams streams, long deadline,
      KafkaStreams.StateListener listener) throws InterruptedException {
    CountDownLatch running = new CountDownLatch(1);
    streams.setStateListener((now, before) -> {
      listener.onChange(now, before);
      if (now == KafkaStreams.State.RUNNING) {
        running.countDown();
      }
    });
    streams.setUncaughtExceptionHandler(failure -> {
      failure.printStackTrace();
      return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
    });
    streams.start();
    while (!running.await(CHECK_INTERVAL_MS, TimeUnit.MILLISECONDS)) {
      check(streams, deadline);
    }
  }

  private static void awaitProcessed(KafkaStreams streams, Progress progress, long records,
      long deadline) throws InterruptedException {
    while (progress.processed().sum() < records) {
      check(streams, deadline);
      Thread.sleep(CHECK_INTERVAL_MS);
    }
  }

  /** Waits for the group's committed offsets, which a transaction makes visible. */
  private static void awaitCommitted(KafkaStreams streams, Admin admin, String group,
      Map<TopicPartition, Long> ends, long deadline) throws Exception {
    while (true) {
      Map<TopicPartition, OffsetAndMetadata> committed =
          admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
      if (ends.entrySet().stream().allMatch(end -> committed.get(end.getKey()) != null
          && committed.get(end.getKey()).offset() >= end.getValue())) {
        return;
      }
      check(streams, deadline);
      Thread.sleep(CHECK_INTERVAL_MS);
    }
  }

  public static void check(KafkaStreams streams, long deadline) {
    KafkaStreams.State state = streams.state();
    if (state == KafkaStreams.State.ERROR || state == KafkaStreams.State.NOT_RUNNING
        || state == KafkaStreams.State.PENDING_ERROR) {
      throw new IllegalStateException("Kafka Streams stopped: " + state);
    }
    if (System.nanoTime() > deadline) {
      throw new IllegalStateException("out of time in state " + state);
    }
  }
}
