package millrace.bench.crm;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import millrace.bench.crm.model.Bits;
import millrace.bench.crm.model.Names;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/** The stores of one task, its roots that are to be derived, and its ways out. */
final class TaskState {
  static final String ROWS = "rows";
  static final String ACCOUNT_REDIRECTS = "account-redirects";
  /** owner, class, via, child: under an account (via = owner) and, of merged ones, under a root. */
  static final String CHILDREN = "children";
  static final String MEMBERS = "members";
  static final String SUMMARIES = "summaries";
  static final String PLACES = "places";
  static final String FEATURES = "features";
  static final String TIMERS = "timers";
  static final String DIRTY = "dirty";
  static final String META = "meta";
  static final String[] STORES = {ROWS, ACCOUNT_REDIRECTS, CHILDREN, MEMBERS, SUMMARIES, PLACES,
      FEATURES, TIMERS, DIRTY, META};

  /** Parts of an account that are to be derived. */
  static final int STATE = 1;
  static final int PLACE = 2;
  static final int GRANTS = 4;

  static final byte COUNTED = 'c';
  static final byte GRANTING = 'g';
  static final int VIA_AT = Names.ID_BYTES + 1;
  static final int CHILD_AT = VIA_AT + Names.ID_BYTES;

  /** The parts to derive, and the time of the first event that asked for it. */
  static final class Dirty {
    int parts;
    long eventMs;
  }

  final ProcessorContext<byte[], byte[]> context;
  final int partition;
  private final int partitions;
  private final Progress progress;
  final KeyValueStore<byte[], byte[]> rows;
  final KeyValueStore<byte[], byte[]> redirects;
  final KeyValueStore<byte[], byte[]> children;
  final KeyValueStore<byte[], byte[]> members;
  final KeyValueStore<byte[], byte[]> summaries;
  final KeyValueStore<byte[], byte[]> places;
  final KeyValueStore<byte[], byte[]> features;
  final KeyValueStore<byte[], byte[]> timers;
  final KeyValueStore<byte[], byte[]> meta;
  private final KeyValueStore<byte[], byte[]> dirtyStore;
  final Map<String, Dirty> dirty = new LinkedHashMap<>();

  TaskState(ProcessorContext<byte[], byte[]> context, int partitions, Progress progress) {
    this.context = context;
    this.partitions = partitions;
    this.progress = progress;
    partition = context.taskId().partition();
    rows = context.getStateStore(ROWS);
    redirects = context.getStateStore(ACCOUNT_REDIRECTS);
    children = context.getStateStore(CHILDREN);
    members = context.getStateStore(MEMBERS);
    summaries = context.getStateStore(SUMMARIES);
    places = context.getStateStore(PLACES);
    features = context.getStateStore(FEATURES);
    timers = context.getStateStore(TIMERS);
    meta = context.getStateStore(META);
    dirtyStore = context.getStateStore(DIRTY);
    restoreDirty();
  }

  private void restoreDirty() {
    try (KeyValueIterator<byte[], byte[]> all = dirtyStore.all()) {
      while (all.hasNext()) {
        KeyValue<byte[], byte[]> entry = all.next();
        Dirty marked = new Dirty();
        marked.parts = entry.value[0];
        marked.eventMs = Bits.getLong(entry.value, 1);
        dirty.put(Names.text(entry.key), marked);
      }
    }
  }

  void mark(String root, int parts, long eventMs) {
    if (parts == 0) {
      return;
    }
    Dirty marked = dirty.get(root);
    if (marked == null) {
      marked = new Dirty();
      marked.eventMs = eventMs;
      dirty.put(root, marked);
    } else if ((marked.parts | parts) == marked.parts) {
      return;
    }
    marked.parts |= parts;
    byte[] value = new byte[9];
    value[0] = (byte) marked.parts;
    Bits.putLong(value, 1, marked.eventMs);
    dirtyStore.put(Names.bytes(root), value);
  }

  /** Its roots are derived now. */
  Map<String, Dirty> takeDirty() {
    Map<String, Dirty> taken = new LinkedHashMap<>(dirty);
    for (String root : taken.keySet()) {
      dirtyStore.delete(Names.bytes(root));
    }
    dirty.clear();
    return taken;
  }

  boolean owns(String id) {
    return Names.partition(Names.bytes(id), partitions) == partition;
  }

  /** The root of an account of this task. */
  String rootOf(String account) {
    byte[] redirect = redirects.get(Names.bytes(account));
    return redirect == null ? account : Redirects.root(redirect);
  }

  /** To a topic that the flow reads. */
  void send(String sink, String id, byte[] message, long timestamp) {
    progress.underWay.incrementAndGet();
    context.forward(new Record<>(Names.bytes(id), message, timestamp), sink);
  }

  void publish(String sink, String key, byte[] value, long timestamp) {
    context.forward(new Record<>(Names.bytes(key), value, timestamp), sink);
  }

  Summary summary(String id) {
    return Summary.of(summaries.get(Names.bytes(id)));
  }

  void put(String id, Summary summary) {
    summaries.put(Names.bytes(id), summary.toBytes());
  }

  static byte[] childKey(String owner, byte kind, String via, String child) {
    byte[] key = new byte[CHILD_AT + Names.ID_BYTES];
    put(key, 0, owner);
    key[Names.ID_BYTES] = kind;
    put(key, VIA_AT, via);
    put(key, CHILD_AT, child);
    return key;
  }

  static byte[] childPrefix(String owner, byte kind, String via) {
    return Arrays.copyOf(childKey(owner, kind, via, via), CHILD_AT);
  }

  static byte[] childPrefix(String owner, byte kind) {
    return Arrays.copyOf(childKey(owner, kind, owner, owner), VIA_AT);
  }

  private static void put(byte[] key, int at, String id) {
    byte[] bytes = Names.bytes(id);
    System.arraycopy(bytes, 0, key, at, bytes.length);
  }
}
