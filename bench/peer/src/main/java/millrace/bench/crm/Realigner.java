package millrace.bench.crm;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.ObjLongConsumer;
import java.util.function.Predicate;
import millrace.bench.crm.model.Bits;
import millrace.bench.crm.model.Names;
import millrace.crm.GrantSource;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Follows the broadcast tables. After a change it marks the roots that the change may move, in
 * slices between records. The prints of what is applied are in the task's state, so that a task
 * that starts knows whether it lacks a change, and begins the walk again.
 */
final class Realigner {
  private static final int SLICE = 2_000;
  private static final byte[] RULES_KEY = Names.bytes("rules");
  private static final byte[] CHOICES_KEY = Names.bytes("choices");
  private static final String PRODUCT_KEY = "product ";

  private final TaskState task;
  private final Definitions tables;
  private final ObjLongConsumer<String> choiceListener;
  private Definitions.Compiled compiled;
  private boolean walksRoots;
  private final Set<String> walkedProducts = new HashSet<>();
  private byte[] cursor;
  private long epoch;

  Realigner(TaskState task, Definitions tables, ObjLongConsumer<String> choiceListener) {
    this.task = task;
    this.tables = tables;
    this.choiceListener = choiceListener;
    compiled = tables.compile(task.context);
    byte[] rules = task.meta.get(RULES_KEY);
    epoch = rules == null ? 0 : Bits.getLong(rules, 0);
    walksRoots = isOther(RULES_KEY, compiled.rulesPrint)
        || isOther(CHOICES_KEY, choicesPrint(compiled));
    for (Map.Entry<String, Integer> product : compiled.productPrints.entrySet()) {
      if (isOther(Names.bytes(PRODUCT_KEY + product.getKey()), product.getValue())) {
        walkedProducts.add(product.getKey());
      }
    }
    epoch += walksRoots ? 1 : 0;
  }

  private boolean isOther(byte[] key, long print) {
    byte[] applied = task.meta.get(key);
    return applied == null || Bits.getLong(applied, 8) != print;
  }

  private void apply(byte[] key, long print) {
    byte[] value = new byte[16];
    Bits.putLong(value, 0, epoch);
    Bits.putLong(value, 8, print);
    task.meta.put(key, value);
  }

  private static long choicesPrint(Definitions.Compiled compiled) {
    return compiled.manual.hashCode() * 31L + compiled.excluded.hashCode();
  }

  Definitions.Compiled definitions() {
    return compiled;
  }

  long epoch() {
    return epoch;
  }

  /** A slice of what is to do; true: nothing is left. */
  boolean step() {
    if (tables.change() != compiled.change) {
      follow(tables.compile(task.context));
    }
    if (walksRoots) {
      walksRoots = !walk(task.summaries, key -> Names.text(key, 0, Names.ID_BYTES),
          TaskState.PLACE, value -> true);
      if (!walksRoots) {
        apply(RULES_KEY, compiled.rulesPrint);
        apply(CHOICES_KEY, choicesPrint(compiled));
      }
    } else if (!walkedProducts.isEmpty()) {
      boolean isDone = walk(task.children, key -> Names.text(key, 0, Names.ID_BYTES),
          TaskState.GRANTS, this::hasWalkedProduct);
      if (isDone) {
        for (String product : walkedProducts) {
          apply(Names.bytes(PRODUCT_KEY + product),
              compiled.productPrints.getOrDefault(product, 0));
        }
        walkedProducts.clear();
      }
    }
    return !walksRoots && walkedProducts.isEmpty() && tables.change() == compiled.change;
  }

  private void follow(Definitions.Compiled now) {
    Definitions.Compiled before = compiled;
    compiled = now;
    Set<String> products = Definitions.differences(before.productPrints, now.productPrints);
    if (before.rulesPrint != now.rulesPrint) {
      walksRoots = true;
      cursor = null;
      ++epoch;
    }
    if (walkedProducts.addAll(products) && !walksRoots) {
      cursor = null;
    }
    Set<String> accounts = Definitions.differences(before.manual, now.manual);
    accounts.addAll(Definitions.differences(before.excluded, now.excluded));
    accounts.forEach(account -> choiceListener.accept(account, streamTimeMs()));
    if (!accounts.isEmpty() && !walksRoots) {
      apply(CHOICES_KEY, choicesPrint(now));
    }
  }

  /** Of no record: 0. */
  private long streamTimeMs() {
    return Math.max(0, task.context.currentStreamTimeMs());
  }

  private boolean hasWalkedProduct(byte[] child) {
    if (child.length <= 1) {
      return false;
    }
    String product = GrantSource.getRootAsGrantSource(ByteBuffer.wrap(child)).product();
    return product != null && walkedProducts.contains(product);
  }

  /** A slice of a store; true: it was the last. */
  private boolean walk(KeyValueStore<byte[], byte[]> store, Function<byte[], String> root, int part,
      Predicate<byte[]> touches) {
    int met = 0;
    try (KeyValueIterator<byte[], byte[]> rest =
        cursor == null ? store.all() : store.range(cursor, null)) {
      while (rest.hasNext()) {
        KeyValue<byte[], byte[]> entry = rest.next();
        if (met++ == SLICE) {
          cursor = Arrays.copyOf(entry.key, entry.key.length);
          return false;
        }
        if (touches.test(entry.value)) {
          task.mark(root.apply(entry.key), part, streamTimeMs());
        }
      }
    }
    cursor = null;
    return true;
  }
}
