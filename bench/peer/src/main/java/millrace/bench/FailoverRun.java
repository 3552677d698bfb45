package millrace.bench;

import java.util.Properties;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TaskMetadata;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;

/**
 * One of two instances. Prints when it is ready, and, after the other was killed, how long it took
 * to continue that one's tasks.
 */
final class FailoverRun {
  private static final int OWN_TASKS = Layout.PARTITIONS / 2;
  private static final long SETTLED_NANOS = TimeUnit.SECONDS.toNanos(2);
  private static final long CAUGHT_UP_RECORDS = 10_000;
  private static final int LOOK_INTERVAL_MS = 1;

  private FailoverRun() {}

  /** The times that the processing threads and the state listener report. */
  private static final class Watch {
    private volatile boolean ready;
    private final AtomicLong noticedNanos = new AtomicLong();
    private final ConcurrentHashMap<Integer, Long> firstNanos = new ConcurrentHashMap<>();
  }

  static void run(Options options) throws Exception {
    long standbys = options.number("standbys", 0);
    Properties config = StreamsTuning.properties(options);
    config.put(StreamsConfig.NUM_STANDBY_REPLICAS_CONFIG, (int) standbys);
    // Tasks move at once, instead of after a probing rebalance minutes later.
    config.put(StreamsConfig.ACCEPTABLE_RECOVERY_LAG_CONFIG, Long.MAX_VALUE);
    Watch watch = new Watch();
    try (KafkaStreams streams =
        new KafkaStreams(AggregateRun.topology(options, () -> new Observer(watch)), config)) {
      long deadline =
          System.nanoTime() + TimeUnit.SECONDS.toNanos(options.number("timeout-s", 600));
      AggregateRun.startAndAwaitRunning(streams, deadline, (now, before) -> {
        if (watch.ready && now == KafkaStreams.State.REBALANCING) {
          watch.noticedNanos.compareAndSet(0, System.nanoTime());
        }
      });
      awaitSettled(streams, standbys, deadline);
      Set<Integer> lost = lostPartitions(streams);
      watch.ready = true;
      System.out.println("{\"ready\":true}");
      while (!watch.firstNanos.keySet().containsAll(lost)) {
        AggregateRun.check(streams, deadline);
        Thread.sleep(LOOK_INTERVAL_MS);
      }
      long resumed = lost.stream().mapToLong(watch.firstNanos::get).max().orElseThrow();
      long resumedAtMs = System.currentTimeMillis() - (System.nanoTime() - resumed) / 1_000_000;
      System.out.printf("{\"engine\":\"kafka-streams\",\"notice_to_processing_ms\":%.1f,"
          + "\"processing_at_ms\":%d}%n", (resumed - watch.noticedNanos.get()) / 1e6, resumedAtMs);
    }
  }

  private static void awaitSettled(KafkaStreams streams, long standbys, long deadline)
      throws InterruptedException {
    long since = System.nanoTime();
    while (System.nanoTime() - since < SETTLED_NANOS) {
      AggregateRun.check(streams, deadline);
      if (!runsItsShare(streams, standbys)) {
        since = System.nanoTime();
      }
      Thread.sleep(LOOK_INTERVAL_MS);
    }
  }

  private static boolean runsItsShare(KafkaStreams streams, long standbys) {
    long active = streams.metadataForLocalThreads().stream()
        .mapToLong(thread -> thread.activeTasks().size()).sum();
    long standby = streams.metadataForLocalThreads().stream()
        .mapToLong(thread -> thread.standbyTasks().size()).sum();
    long lag = streams.allLocalStorePartitionLags().values().stream()
        .flatMap(partitions -> partitions.values().stream())
        .mapToLong(partition -> partition.offsetLag()).max().orElse(0);
    return streams.state() == KafkaStreams.State.RUNNING && active == OWN_TASKS
        && standby == OWN_TASKS * standbys && lag < CAUGHT_UP_RECORDS;
  }

  private static Set<Integer> lostPartitions(KafkaStreams streams) {
    Set<Integer> lost = IntStream.range(0, Layout.PARTITIONS).boxed()
        .collect(Collectors.toSet());
    streams.metadataForLocalThreads().stream().flatMap(thread -> thread.activeTasks().stream())
        .map(TaskMetadata::taskId).forEach(task -> lost.remove(task.partition()));
    return lost;
  }

  /** Notes the time of each partition's first record since this instance noticed. */
  private static final class Observer
      extends ContextualFixedKeyProcessor<byte[], byte[], byte[]> {
    private final Watch watch;

    Observer(Watch watch) {
      this.watch = watch;
    }

    @Override
    public void process(FixedKeyRecord<byte[], byte[]> record) {
      context().forward(record);
      if (watch.noticedNanos.get() > 0) {
        watch.firstNanos.computeIfAbsent(context().taskId().partition(), p -> System.nanoTime());
      }
    }
  }
}
