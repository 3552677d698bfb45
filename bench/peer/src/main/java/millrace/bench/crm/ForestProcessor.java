package millrace.bench.crm;

import com.google.flatbuffers.FlatBufferBuilder;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import millrace.bench.crm.model.Names;
import millrace.bench.crm.model.Stamp;
import millrace.crm.ForestNode;
import millrace.crm.MergeFact;
import millrace.crm.MergeFactKind;
import millrace.crm.RedirectDecision;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * The forest of merges, in one task. The highest fact about a victim decides; the oldest edge of a
 * cycle is left out.
 */
final class ForestProcessor implements Processor<byte[], byte[], byte[], byte[]> {
  static final String NODES = "forest";
  /** survivor, victim */
  static final String INBOUND = "forest-inbound";

  /** An id with the deciding fact about it. */
  private static final class Node {
    final String id;
    String root;
    byte kind = -1;
    String survivor;
    Stamp version;
    boolean isActive;
    boolean isNew;

    Node(String id) {
      this.id = id;
      root = id;
    }

    boolean hasEdge() {
      return kind == MergeFactKind.Merge;
    }

    byte decision() {
      return switch (kind) {
        case MergeFactKind.Merge ->
            isActive ? RedirectDecision.Merged : RedirectDecision.CycleInactive;
        case MergeFactKind.Unmerge -> RedirectDecision.Unmerged;
        case MergeFactKind.Split -> RedirectDecision.Split;
        default -> RedirectDecision.None;
      };
    }
  }

  private final Progress progress;
  private ProcessorContext<byte[], byte[]> context;
  private KeyValueStore<byte[], byte[]> nodes;
  private KeyValueStore<byte[], byte[]> inbound;

  ForestProcessor(Progress progress) {
    this.progress = progress;
  }

  @Override
  public void init(ProcessorContext<byte[], byte[]> context) {
    this.context = context;
    nodes = context.getStateStore(NODES);
    inbound = context.getStateStore(INBOUND);
  }

  @Override
  public void process(Record<byte[], byte[]> record) {
    if (context.recordMetadata().orElseThrow().topic().equals(Names.FOREST_HOP)) {
      name(Names.text(record.key()), record.timestamp());
      progress.underWay.decrementAndGet();
      return;
    }
    MergeFact fact = MergeFact.getRootAsMergeFact(ByteBuffer.wrap(record.value()));
    for (int i = 0; i < fact.successorsLength(); i++) {
      name(Names.bare(fact.successors(i)), record.timestamp());
    }
    if (fact.survivor() != null) {
      name(Names.bare(fact.survivor()), record.timestamp());
    }
    apply(fact, record.timestamp());
    progress.inputs.incrementAndGet();
  }

  private void name(String id, long timestamp) {
    Node node = read(id);
    if (node.isNew) {
      publish(node, timestamp);
    }
  }

  private void apply(MergeFact fact, long timestamp) {
    Node victim = read(Names.bare(fact.victim()));
    Stamp version = Stamp.of(fact.version());
    if (!Stamp.isNewer(version, victim.version)) {
      return;
    }
    String before = victim.hasEdge() ? victim.survivor : null;
    if (before != null) {
      inbound.delete(Names.bytes(before + victim.id));
    }
    victim.kind = fact.kind();
    victim.version = version;
    victim.survivor = fact.kind() == MergeFactKind.Merge ? Names.bare(fact.survivor()) : null;
    victim.isActive = false;
    if (victim.survivor != null) {
      inbound.put(Names.bytes(victim.survivor + victim.id), new byte[] {0});
    }
    // A root of a tree without a cycle that is put below another tree.
    boolean isPlain = before == null && victim.hasEdge()
        && !read(victim.survivor).root.equals(victim.id);
    if (isPlain) {
      victim.isActive = true;
      moveTree(victim, read(victim.survivor).root, timestamp);
      return;
    }
    write(victim);
    Set<String> done = new LinkedHashSet<>();
    rebuild(victim.id, victim.id, done, timestamp);
    if (before != null && !done.contains(before)) {
      rebuild(before, victim.id, done, timestamp);
    }
  }

  private void moveTree(Node top, String root, long timestamp) {
    ArrayDeque<Node> waiting = new ArrayDeque<>(List.of(top));
    while (!waiting.isEmpty()) {
      Node node = waiting.pop();
      node.root = root;
      publish(node, timestamp);
      for (String below : inboundOf(node.id)) {
        waiting.add(read(below));
      }
    }
  }

  /** Decides about the whole component of an id again. */
  private void rebuild(String start, String changed, Set<String> done, long timestamp) {
    Map<String, Node> component = new LinkedHashMap<>();
    ArrayDeque<String> waiting = new ArrayDeque<>(List.of(start));
    while (!waiting.isEmpty()) {
      String id = waiting.pop();
      if (!done.add(id)) {
        continue;
      }
      Node node = read(id);
      component.put(id, node);
      if (node.hasEdge()) {
        waiting.add(node.survivor);
      }
      waiting.addAll(inboundOf(id));
    }
    String inactive = oldestOfCycle(component, start);
    for (Node node : component.values()) {
      boolean wasActive = node.isActive;
      String before = node.root;
      node.isActive = node.hasEdge() && !node.id.equals(inactive);
      Node root = node;
      while (root.hasEdge() && !root.id.equals(inactive)) {
        root = component.get(root.survivor);
      }
      node.root = root.id;
      boolean isOther = wasActive != node.isActive || !before.equals(node.root);
      if (isOther || node.isNew || node.id.equals(changed)) {
        publish(node, timestamp);
      }
    }
  }

  /** The victim of the oldest edge of the component's cycle; null: it has none. */
  private static String oldestOfCycle(Map<String, Node> component, String start) {
    Set<String> path = new LinkedHashSet<>();
    Node at = component.get(start);
    while (at.hasEdge() && path.add(at.id)) {
      at = component.get(at.survivor);
    }
    if (!at.hasEdge()) {
      return null;
    }
    List<String> cycle = new ArrayList<>(path);
    cycle = cycle.subList(cycle.indexOf(at.id), cycle.size());
    Node oldest = at;
    for (String id : cycle) {
      Node node = component.get(id);
      int order = node.version.compareTo(oldest.version);
      if (order < 0 || order == 0 && id.compareTo(oldest.id) < 0) {
        oldest = node;
      }
    }
    return oldest.id;
  }

  private List<String> inboundOf(String id) {
    List<String> victims = new ArrayList<>();
    try (KeyValueIterator<byte[], byte[]> all =
        inbound.prefixScan(Names.bytes(id), WideProcessor.RAW_BYTES)) {
      while (all.hasNext()) {
        victims.add(Names.text(all.next().key, Names.ID_BYTES, Names.ID_BYTES));
      }
    }
    return victims;
  }

  private void publish(Node node, long timestamp) {
    write(node);
    progress.underWay.incrementAndGet();
    context.forward(new Record<>(Names.bytes(Names.internal(node.id)), Redirects.of(node.id,
        node.isActive ? node.survivor : null, node.root, node.decision(), node.version),
        timestamp));
  }

  private Node read(String id) {
    Node node = new Node(id);
    byte[] bytes = nodes.get(Names.bytes(id));
    if (bytes == null) {
      node.isNew = true;
      return node;
    }
    ForestNode flat = ForestNode.getRootAsForestNode(ByteBuffer.wrap(bytes));
    node.root = Names.bare(flat.root());
    MergeFact fact = flat.fact();
    if (fact != null) {
      node.kind = fact.kind();
      node.survivor = fact.survivor() == null ? null : Names.bare(fact.survivor());
      node.version = Stamp.of(fact.version());
      node.isActive = flat.active();
    }
    return node;
  }

  private void write(Node node) {
    node.isNew = false;
    FlatBufferBuilder builder = new FlatBufferBuilder(256);
    int fact = 0;
    if (node.kind >= 0) {
      int victim = builder.createString(Names.internal(node.id));
      int survivor = node.survivor == null ? 0
          : builder.createString(Names.internal(node.survivor));
      int version = node.version.write(builder);
      MergeFact.startMergeFact(builder);
      MergeFact.addVictim(builder, victim);
      MergeFact.addKind(builder, node.kind);
      MergeFact.addSurvivor(builder, survivor);
      MergeFact.addVersion(builder, version);
      fact = MergeFact.endMergeFact(builder);
    }
    int root = builder.createString(Names.internal(node.root));
    ForestNode.startForestNode(builder);
    ForestNode.addRoot(builder, root);
    ForestNode.addFact(builder, fact);
    ForestNode.addActive(builder, node.isActive);
    builder.finish(ForestNode.endForestNode(builder));
    nodes.put(Names.bytes(node.id), builder.sizedByteArray());
  }
}
