package millrace.bench;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.TopicConfig;

/** Creates and deletes the topics of a run, the same way for both engines. */
public final class Topics {
  private Topics() {}

  public static Admin admin(Options options) {
    Properties properties = new Properties();
    properties.put(AdminClientConfig.BOOTSTRAP_SERVERS_CONFIG, options.text("bootstrap"));
    return Admin.create(properties);
  }

  /** {@code --topic T}: creates a compacted table. Fails when it exists. */
  static void create(Options options) throws Exception {
    try (Admin admin = admin(options)) {
      create(admin, options.text("topic"), TopicConfig.CLEANUP_POLICY_COMPACT);
    }
    System.out.printf("{\"created\":\"%s\"}%n", options.text("topic"));
  }

  static void create(Admin admin, String topic, String cleanupPolicy)
      throws ExecutionException, InterruptedException {
    // Records have times in the past: retention by time would delete them.
    Map<String, String> config = Map.of(
        TopicConfig.CLEANUP_POLICY_CONFIG, cleanupPolicy,
        TopicConfig.RETENTION_MS_CONFIG, "-1");
    admin.createTopics(List.of(new NewTopic(topic, Layout.PARTITIONS, (short) 1).configs(config)))
        .all().get();
  }

  static void createChangelogIfMissing(Admin admin, String topic)
      throws ExecutionException, InterruptedException {
    if (admin.listTopics().names().get().contains(topic)) {
      return;
    }
    // Millrace refuses changelogs that bound times or forget deletions early.
    Map<String, String> config = Map.of(
        TopicConfig.CLEANUP_POLICY_CONFIG, TopicConfig.CLEANUP_POLICY_COMPACT,
        TopicConfig.MIN_COMPACTION_LAG_MS_CONFIG, Long.toString(Long.MAX_VALUE),
        TopicConfig.MESSAGE_TIMESTAMP_AFTER_MAX_MS_CONFIG, Long.toString(Long.MAX_VALUE),
        TopicConfig.DELETE_RETENTION_MS_CONFIG, "604800000");
    admin.createTopics(List.of(new NewTopic(topic, Layout.PARTITIONS, (short) 1).configs(config)))
        .all().get();
  }

  /** {@code --application-id A --input T}: commits the topic's present end for the group. */
  static void commitOffsets(Options options) throws Exception {
    try (Admin admin = admin(options)) {
      Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
      ends(admin, options.text("input"))
          .forEach((partition, end) -> offsets.put(partition, new OffsetAndMetadata(end)));
      admin.alterConsumerGroupOffsets(options.text("application-id"), offsets).all().get();
      System.out.printf("{\"committed\":%d}%n", offsets.size());
    }
  }

  /** {@code --prefix P}: deletes every topic whose name starts with it, changelogs included. */
  static void delete(Options options) throws Exception {
    try (Admin admin = admin(options)) {
      List<String> names = admin.listTopics().names().get().stream()
          .filter(name -> name.startsWith(options.text("prefix"))).sorted().toList();
      admin.deleteTopics(names).all().get(30, TimeUnit.SECONDS);
      System.out.printf("{\"deleted\":%d}%n", names.size());
    }
  }

  /** High watermark of every partition. */
  static Map<TopicPartition, Long> ends(Admin admin, String topic)
      throws ExecutionException, InterruptedException {
    Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
    for (int i = 0; i < Layout.PARTITIONS; i++) {
      latest.put(new TopicPartition(topic, i), OffsetSpec.latest());
    }
    Map<TopicPartition, Long> ends = new HashMap<>();
    for (Map.Entry<TopicPartition, ListOffsetsResultInfo> end :
        admin.listOffsets(latest).all().get().entrySet()) {
      ends.put(end.getKey(), end.getValue().offset());
    }
    return ends;
  }
}
