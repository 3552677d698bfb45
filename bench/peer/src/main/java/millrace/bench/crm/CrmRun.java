package millrace.bench.crm;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import millrace.bench.AggregateRun;
import millrace.bench.Options;
import millrace.bench.ProcessUsage;
import millrace.bench.StreamsTuning;
import millrace.bench.Topics;
import millrace.bench.crm.model.Names;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;

/** Works off the input that waits, and prints what that cost. */
public final class CrmRun {
  private static final int CHECK_INTERVAL_MS = 50;
  private static final int CALM_CHECKS = 3;

  private CrmRun() {}

  public static void run(Options options) throws Exception {
    CrmTopology flow = new CrmTopology(options);
    long wanted;
    try (Admin admin = Topics.admin(options)) {
      createTopics(admin, flow.partitions);
      wanted = lag(admin, options.text("application-id"));
    }
    Properties config = StreamsTuning.properties(options);
    config.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, CrmRocksDb.class);
    config.put(StreamsConfig.TRANSACTIONAL_STATE_STORES_CONFIG,
        Boolean.parseBoolean(options.text("transactional-stores", "false")));
    long deadline =
        System.nanoTime() + TimeUnit.SECONDS.toNanos(options.number("timeout-s", 600));
    try (KafkaStreams streams = new KafkaStreams(flow.build(), config,
        new CountingClients(flow.progress))) {
      AggregateRun.startAndAwaitRunning(streams, deadline);
      await(streams, flow.progress, wanted, deadline);
      // All since the process began, the start of the JVM too.
      System.out.printf("{\"engine\":\"kafka-streams\",\"records\":%d,\"seconds\":%.3f,"
              + "\"cpu_seconds\":%.3f,\"peak_rss_mib\":%.1f}%n", wanted,
          ProcessUsage.secondsSinceStart(), ProcessUsage.cpuSeconds(), ProcessUsage.peakRssMib());
      // The next phase's instance must not wait until this one is missed.
      streams.close(CloseOptions.groupMembershipOperation(
          CloseOptions.GroupMembershipOperation.LEAVE_GROUP));
    }
  }

  private static void await(KafkaStreams streams, Progress progress, long wanted, long deadline)
      throws InterruptedException {
    for (int calm = 0; calm < CALM_CHECKS;) {
      boolean isDone = progress.isDone(wanted) && progress.openTransactions.get() == 0;
      calm = isDone ? calm + 1 : 0;
      AggregateRun.check(streams, deadline);
      Thread.sleep(CHECK_INTERVAL_MS);
    }
  }

  /** Records of the sources that the application has not processed. */
  private static long lag(Admin admin, String application) throws Exception {
    Map<TopicPartition, OffsetAndMetadata> committed;
    try {
      committed = admin.listConsumerGroupOffsets(application).partitionsToOffsetAndMetadata().get();
    } catch (ExecutionException e) {
      committed = Map.of();
    }
    Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
    admin.describeTopics(List.of(Names.RAW, Names.MERGE_FACTS)).allTopicNames().get()
        .forEach((topic, about) -> about.partitions().forEach(each ->
            latest.put(new TopicPartition(topic, each.partition()), OffsetSpec.latest())));
    long lag = 0;
    for (Map.Entry<TopicPartition, ListOffsetsResultInfo> end :
        admin.listOffsets(latest).all().get().entrySet()) {
      OffsetAndMetadata at = committed.get(end.getKey());
      lag += end.getValue().offset() - (at == null ? 0 : at.offset());
    }
    return lag;
  }

  /** Event times are those of the source and may be old: time must not delete anything. */
  private static void createTopics(Admin admin, int partitions) throws Exception {
    List<NewTopic> topics = new ArrayList<>();
    for (String topic : List.of(Names.REDIRECTS, Names.ACCOUNT_STATE, Names.TERRITORIES_OUT,
        Names.ENTITLEMENTS)) {
      topics.add(new NewTopic(topic, partitions, (short) 1)
          .configs(Map.of(TopicConfig.CLEANUP_POLICY_CONFIG, TopicConfig.CLEANUP_POLICY_COMPACT)));
    }
    Map<String, String> keep = Map.of(TopicConfig.RETENTION_MS_CONFIG, "-1");
    topics.add(new NewTopic(Names.ACCOUNT_HOP, partitions, (short) 1).configs(keep));
    topics.add(new NewTopic(Names.ROOT_HOP, partitions, (short) 1).configs(keep));
    topics.add(new NewTopic(Names.FOREST_HOP, 1, (short) 1).configs(keep));
    for (NewTopic topic : topics) {
      try {
        admin.createTopics(List.of(topic)).all().get();
      } catch (ExecutionException e) {
        if (!(e.getCause() instanceof TopicExistsException)) {
          throw e;
        }
      }
    }
  }
}
