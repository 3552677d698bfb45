package millrace.bench.crm;

import com.google.flatbuffers.FlatBufferBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import millrace.bench.crm.model.Bits;
import millrace.bench.crm.model.Change;
import millrace.bench.crm.model.ChangeReader;
import millrace.bench.crm.model.Grants;
import millrace.bench.crm.model.Kind;
import millrace.bench.crm.model.Names;
import millrace.bench.crm.model.Row;
import millrace.bench.crm.model.Rule;
import millrace.crm.ChangeType;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;

/**
 * All of the flow but the forest. A task owns the records, accounts and roots whose ids are in its
 * partition. A message to an owner in the same task is a call, to another one a record of a hop.
 * Which of both depends on the two ids alone, so messages about one thing keep their order.
 */
final class WideProcessor implements Processor<byte[], byte[], byte[], byte[]> {
  static final Serializer<byte[]> RAW_BYTES = Serdes.ByteArray().serializer();

  // Messages: the first byte, then ids of 18 bytes each, then a value.
  private static final byte CHILD = 1;
  private static final byte CHILD_GONE = 2;
  private static final byte MEMBER = 3;
  private static final byte MEMBER_GONE = 4;
  private static final byte CHOICE = 5;
  private static final byte[] EMPTY = {0};
  private static final String[] NO_VALUES = {};

  private final CrmTopology flow;
  private final ChangeReader reader = new ChangeReader();
  private final FlatBufferBuilder builder = new FlatBufferBuilder(4096);
  private TaskState task;
  private Deriver deriver;
  private Realigner realigner;
  private long lastInputNs;
  private boolean commitWanted;
  /** Read by the measuring thread. */
  private volatile boolean isCalm;

  WideProcessor(CrmTopology flow) {
    this.flow = flow;
  }

  @Override
  public void init(ProcessorContext<byte[], byte[]> context) {
    task = new TaskState(context, flow.partitions, flow.progress);
    realigner = new Realigner(task, flow.definitions, this::touchChoice);
    deriver = new Deriver(task, realigner);
    flow.progress.tasks.add(() -> isCalm);
    context.schedule(Duration.ofMillis(flow.deriveMs), PunctuationType.WALL_CLOCK_TIME,
        this::punctuate);
  }

  @Override
  public void process(Record<byte[], byte[]> record) {
    isCalm = false;
    commitWanted = true;
    lastInputNs = System.nanoTime();
    String topic = task.context.recordMetadata().orElseThrow().topic();
    switch (topic) {
      case Names.RAW -> change(record.value(), record.timestamp());
      case Names.REDIRECTS -> redirect(Names.bare(Names.text(record.key())), record.value(),
          record.timestamp());
      default -> message(Names.text(record.key()), record.value(), record.timestamp());
    }
    if (topic.equals(Names.RAW)) {
      flow.progress.inputs.incrementAndGet();
    } else {
      flow.progress.underWay.decrementAndGet();
    }
  }

  /** Another thread has the task now. */
  @Override
  public void close() {
    isCalm = true;
  }

  private void punctuate(long nowMs) {
    boolean isIdle = System.nanoTime() - lastInputNs > flow.idleNs;
    long limit = isIdle ? nowMs : Math.min(nowMs, task.context.currentStreamTimeMs());
    boolean aligned = realigner.step();
    commitWanted |= deriver.deriveAll() | deriver.fireTimers(limit);
    if (commitWanted && isIdle) {
      task.context.commit();
      commitWanted = false;
    }
    isCalm = aligned && isIdle && task.dirty.isEmpty() && !deriver.isDue(nowMs);
  }

  private void change(byte[] event, long timestamp) {
    Change change;
    try {
      change = reader.read(event);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    byte[] key = Names.bytes(change.id);
    Row row = Row.of(change.id, task.rows.get(key));
    if (change.kind == Kind.ACCOUNT) {
      accountChange(change, row, key, timestamp);
    } else {
      childChange(change, row, key, timestamp);
    }
  }

  private void accountChange(Change change, Row row, byte[] key, long timestamp) {
    if (change.type == ChangeType.Undelete) {
      task.send(CrmTopology.TO_FOREST, change.id, EMPTY, timestamp);
    }
    boolean wasLive = row.isLive();
    String[] valuesBefore = wasLive ? Rule.values(row) : NO_VALUES;
    String zoneBefore = wasLive ? row.text("time_zone") : null;
    if (!row.add(change)) {
      return;
    }
    task.rows.put(key, row.toBytes(builder));
    String root = task.rootOf(change.id);
    if (!root.equals(change.id)) {
      sendMember(root, change.id, row, timestamp);
      return;
    }
    String[] values = row.isLive() ? Rule.values(row) : NO_VALUES;
    boolean moves = !Arrays.equals(valuesBefore, values);
    boolean zoneMoves = !Objects.equals(zoneBefore, row.isLive() ? row.text("time_zone") : null);
    task.mark(root, TaskState.STATE | (moves ? TaskState.PLACE : 0)
        | (zoneMoves ? TaskState.GRANTS : 0), timestamp);
  }

  /** The account that a live record names, and what the account gets of it. */
  private record Placement(String account, byte[] value) {
    static final Placement NONE = new Placement(null, null);
  }

  private Placement placementOf(Row row, Kind kind) {
    String account = row.isLive() ? row.text("account_id") : null;
    if (account == null) {
      return Placement.NONE;
    }
    return new Placement(Names.bare(account),
        kind.grants() ? Grants.of(row, kind, builder) : EMPTY);
  }

  private void childChange(Change change, Row row, byte[] key, long timestamp) {
    Placement before = placementOf(row, change.kind);
    if (!row.add(change)) {
      return;
    }
    task.rows.put(key, row.toBytes(builder));
    Placement after = placementOf(row, change.kind);
    if (before.account() != null && !before.account().equals(after.account())) {
      toAccount(before.account(), change.id, null, timestamp);
    }
    boolean isSame = before.account() != null && before.account().equals(after.account())
        && Arrays.equals(before.value(), after.value());
    if (after.account() != null && !isSame) {
      toAccount(after.account(), change.id, after.value(), timestamp);
    }
  }

  /** Null: the child is no longer there. */
  private void toAccount(String account, String child, byte[] value, long timestamp) {
    if (task.owns(account)) {
      childOfAccount(account, child, value, timestamp);
    } else {
      task.send(CrmTopology.TO_ACCOUNT, account, message(value == null ? CHILD_GONE : CHILD, value,
          account, child), timestamp);
    }
  }

  private void childOfAccount(String account, String child, byte[] value, long timestamp) {
    String root = task.rootOf(account);
    boolean isRoot = root.equals(account);
    putChild(account, account, child, value, isRoot, timestamp);
    if (!isRoot) {
      toRoot(root, account, child, value, timestamp);
    }
  }

  private void toRoot(String root, String via, String child, byte[] value, long timestamp) {
    if (task.owns(root)) {
      putChild(root, via, child, value, true, timestamp);
    } else {
      task.send(CrmTopology.TO_ROOT, root, message(value == null ? CHILD_GONE : CHILD, value,
          via, child), timestamp);
    }
  }

  private void putChild(String owner, String via, String child, byte[] value, boolean marks,
      long timestamp) {
    Kind kind = Kind.ofId(Names.bytes(child), 0);
    byte type = kind.grants() ? TaskState.GRANTING : TaskState.COUNTED;
    byte[] key = TaskState.childKey(owner, type, via, child);
    byte[] before = task.children.get(key);
    if (before == null && value == null) {
      return;
    }
    task.children.put(key, value);
    boolean counts = (before == null) != (value == null);
    if (counts) {
      Summary summary = task.summary(owner);
      summary.children[kind.child()] += value == null ? -1 : 1;
      task.put(owner, summary);
    }
    if (marks) {
      task.mark(owner, (counts ? TaskState.STATE : 0) | (kind.grants() ? TaskState.GRANTS : 0),
          timestamp);
    }
  }

  private void message(String id, byte[] message, long timestamp) {
    String first = Names.text(message, 1, Names.ID_BYTES);
    switch (message[0]) {
      case CHILD, CHILD_GONE -> {
        String child = Names.text(message, 1 + Names.ID_BYTES, Names.ID_BYTES);
        byte[] value = message[0] == CHILD_GONE ? null
            : Arrays.copyOfRange(message, 1 + 2 * Names.ID_BYTES, message.length);
        if (task.context.recordMetadata().orElseThrow().topic().equals(Names.ACCOUNT_HOP)) {
          childOfAccount(id, child, value, timestamp);
        } else {
          putChild(id, first, child, value, true, timestamp);
        }
      }
      case MEMBER -> putMember(id, first,
          Arrays.copyOfRange(message, 1 + Names.ID_BYTES, message.length), timestamp);
      case MEMBER_GONE -> putMember(id, first, null, timestamp);
      case CHOICE -> task.mark(id, TaskState.PLACE, timestamp);
      default -> throw new IllegalStateException("a message of type " + message[0]);
    }
  }

  private static byte[] message(byte type, byte[] value, String... ids) {
    int size = 1 + ids.length * Names.ID_BYTES;
    byte[] message = new byte[size + (value == null ? 0 : value.length)];
    message[0] = type;
    for (int i = 0; i < ids.length; i++) {
      System.arraycopy(Names.bytes(ids[i]), 0, message, 1 + i * Names.ID_BYTES, Names.ID_BYTES);
    }
    if (value != null) {
      System.arraycopy(value, 0, message, size, value.length);
    }
    return message;
  }

  private void redirect(String id, byte[] value, long timestamp) {
    byte[] key = Names.bytes(id);
    String rootBefore = task.rootOf(id);
    task.redirects.put(key, value);
    String root = Redirects.root(value);
    if (!root.equals(id)) {
      sendMember(root, id, Row.of(id, task.rows.get(key)), timestamp);
    }
    if (!root.equals(rootBefore)) {
      if (!rootBefore.equals(id)) {
        toMembers(rootBefore, id, null, timestamp);
      }
      moveChildren(id, rootBefore, root, timestamp);
    }
    task.mark(id, TaskState.STATE | TaskState.PLACE | TaskState.GRANTS, timestamp);
  }

  private void moveChildren(String account, String before, String after, long timestamp) {
    List<KeyValue<byte[], byte[]>> all = new ArrayList<>();
    for (byte type : new byte[] {TaskState.COUNTED, TaskState.GRANTING}) {
      try (KeyValueIterator<byte[], byte[]> own = task.children.prefixScan(
          TaskState.childPrefix(account, type, account), RAW_BYTES)) {
        own.forEachRemaining(all::add);
      }
    }
    for (KeyValue<byte[], byte[]> each : all) {
      String child = Names.text(each.key, TaskState.CHILD_AT, Names.ID_BYTES);
      if (!before.equals(account)) {
        toRoot(before, account, child, null, timestamp);
      }
      if (!after.equals(account)) {
        toRoot(after, account, child, each.value, timestamp);
      }
    }
  }

  private void sendMember(String root, String id, Row row, long timestamp) {
    byte[] redirect = task.redirects.get(Names.bytes(id));
    String survivor = redirect == null ? null : Redirects.survivor(redirect);
    byte[] value = new byte[1 + 8 + Names.ID_BYTES];
    value[0] = (byte) (row.isIncomplete() ? 1 : 0);
    Bits.putLong(value, 1, Math.max(row.newestMs(),
        redirect == null ? 0 : Redirects.versionMs(redirect)));
    System.arraycopy(Names.bytes(survivor), 0, value, 9, Names.ID_BYTES);
    toMembers(root, id, value, timestamp);
  }

  /** Null: the id has left the component. */
  private void toMembers(String root, String member, byte[] value, long timestamp) {
    if (task.owns(root)) {
      putMember(root, member, value, timestamp);
    } else {
      task.send(CrmTopology.TO_ROOT, root,
          message(value == null ? MEMBER_GONE : MEMBER, value, member), timestamp);
    }
  }

  private void putMember(String root, String member, byte[] value, long timestamp) {
    byte[] key = Names.bytes(root + member);
    byte[] before = task.members.get(key);
    if (Arrays.equals(before, value)) {
      return;
    }
    task.members.put(key, value);
    if ((before == null) != (value == null)) {
      Summary summary = task.summary(root);
      summary.members += value == null ? -1 : 1;
      task.put(root, summary);
    }
    task.mark(root, TaskState.STATE
        | (realigner.definitions().hasChoices(member) ? TaskState.PLACE : 0), timestamp);
  }

  /** A manual choice about an account has changed; every task hears of it. */
  private void touchChoice(String account, long timestamp) {
    if (!task.owns(account)) {
      return;
    }
    String root = task.rootOf(account);
    if (task.owns(root)) {
      task.mark(root, TaskState.PLACE, timestamp);
    } else {
      task.send(CrmTopology.TO_ROOT, root, message(CHOICE, null, account), timestamp);
    }
  }
}
