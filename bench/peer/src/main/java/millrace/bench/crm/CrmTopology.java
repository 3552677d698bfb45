package millrace.bench.crm;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import millrace.bench.Options;
import millrace.bench.crm.model.Names;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.state.KeyValueBytesStoreSupplier;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * Two sub-topologies: the wide one with as many tasks as raw has partitions, and the forest with
 * one task. Topics of their own are between tasks.
 */
final class CrmTopology {
  static final String TO_ACCOUNT = "to-account";
  static final String TO_ROOT = "to-root";
  static final String TO_FOREST = "to-forest";
  static final String TO_STATE = "to-account-state";
  static final String TO_PLACES = "to-account-territories";
  static final String TO_FEATURES = "to-entitlements";
  private static final String WIDE = "wide";
  private static final String FOREST = "forest-of-merges";

  private static final Serde<byte[]> BYTES = Serdes.ByteArray();
  private static final Serializer<byte[]> OUT = BYTES.serializer();
  private static final Deserializer<byte[]> IN = BYTES.deserializer();

  final int partitions;
  final long deriveMs;
  /** Without input for so long, a task fires timers by the machine's clock. */
  final long idleNs;
  final Progress progress = new Progress();
  final Definitions definitions = new Definitions();

  CrmTopology(Options options) {
    partitions = (int) options.number("partitions", 4);
    deriveMs = options.number("derive-ms", 1_000);
    idleNs = TimeUnit.MILLISECONDS.toNanos(options.number("idle-ms", 300));
  }

  Topology build() {
    Topology topology = new Topology();
    for (String topic : Names.BROADCAST) {
      StoreBuilder<KeyValueStore<byte[], byte[]>> store = Stores.keyValueStoreBuilder(
          Stores.inMemoryKeyValueStore(Definitions.storeOf(topic)), BYTES, BYTES)
          .withLoggingDisabled();
      topology.addGlobalStore(store, "broadcast-" + topic, IN, IN, topic, "keep-" + topic,
          () -> definitions.keeper(topic));
    }
    addWide(topology);
    addForest(topology);
    return topology;
  }

  private void addWide(Topology topology) {
    topology.addSource("raw", IN, IN, Names.RAW)
        .addSource("redirects", IN, IN, Names.REDIRECTS)
        .addSource("account-hop", IN, IN, Names.ACCOUNT_HOP)
        .addSource("root-hop", IN, IN, Names.ROOT_HOP)
        .addProcessor(WIDE, () -> new WideProcessor(this), "raw", "redirects", "account-hop",
            "root-hop");
    for (String name : TaskState.STORES) {
      boolean isSmall = name.equals(TaskState.DIRTY) || name.equals(TaskState.META);
      topology.addStateStore(store(isSmall ? Stores.inMemoryKeyValueStore(name)
          : Stores.persistentKeyValueStore(name)), WIDE);
    }
    topology.addSink(TO_ACCOUNT, Names.ACCOUNT_HOP, OUT, OUT, WIDE)
        .addSink(TO_ROOT, Names.ROOT_HOP, OUT, OUT, WIDE)
        .addSink(TO_FOREST, Names.FOREST_HOP, OUT, OUT, WIDE)
        .addSink(TO_STATE, Names.ACCOUNT_STATE, OUT, OUT, byRoot(), WIDE)
        .addSink(TO_PLACES, Names.TERRITORIES_OUT, OUT, OUT, byRoot(), WIDE)
        .addSink(TO_FEATURES, Names.ENTITLEMENTS, OUT, OUT, byRoot(), WIDE);
  }

  private void addForest(Topology topology) {
    topology.addSource("merge-facts", IN, IN, Names.MERGE_FACTS)
        .addSource("forest-hop", IN, IN, Names.FOREST_HOP)
        .addProcessor(FOREST, () -> new ForestProcessor(progress), "merge-facts", "forest-hop")
        .addStateStore(store(Stores.persistentKeyValueStore(ForestProcessor.NODES)), FOREST)
        .addStateStore(store(Stores.persistentKeyValueStore(ForestProcessor.INBOUND)), FOREST)
        .addSink("to-redirects", Names.REDIRECTS, OUT, OUT, byRoot(), FOREST);
  }

  private static StoreBuilder<KeyValueStore<byte[], byte[]>> store(
      KeyValueBytesStoreSupplier supplier) {
    return Stores.keyValueStoreBuilder(supplier, BYTES, BYTES).withCachingEnabled()
        .withLoggingEnabled(Map.of());
  }

  /** An output is in the partition of its root's task, and a redirect in its id's. */
  @SuppressWarnings("removal")  // the interface has no other method that is not the old one
  private static StreamPartitioner<byte[], byte[]> byRoot() {
    return (topic, key, value, count) -> Optional.of(Set.of(Names.outputPartition(key, count)));
  }
}
