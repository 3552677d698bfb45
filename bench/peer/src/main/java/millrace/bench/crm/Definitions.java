package millrace.bench.crm;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import millrace.bench.crm.model.Names;
import millrace.bench.crm.model.RuleSet;
import millrace.crm.FeatureTerm;
import millrace.crm.ManualTerritory;
import millrace.crm.ProductFeatures;
import millrace.crm.TerritoryExclusion;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/** The broadcast tables, which the global thread keeps, and what tasks compiled from them last. */
final class Definitions {
  private final AtomicLong changes = new AtomicLong(1);
  private Compiled compiled;

  /** All tables at one moment. */
  static final class Compiled {
    final long change;
    final RuleSet rules;
    final Map<String, FeatureTerm[]> products = new HashMap<>();
    /** By product, of its contents. */
    final Map<String, Integer> productPrints = new HashMap<>();
    final int rulesPrint;
    /** By bare account id: territories. */
    final Map<String, Set<String>> manual = new HashMap<>();
    final Map<String, Set<String>> excluded = new HashMap<>();

    Compiled(long change, Function<String, List<byte[]>> table) {
      this.change = change;
      rulesPrint = print(List.of(table.apply(Names.MODELS), table.apply(Names.TERRITORIES),
          table.apply(Names.RULES), table.apply(Names.RULE_TERRITORIES)));
      rules = new RuleSet(table.apply(Names.MODELS), table.apply(Names.TERRITORIES),
          table.apply(Names.RULES), table.apply(Names.RULE_TERRITORIES));
      for (byte[] bytes : table.apply(Names.MANUAL)) {
        ManualTerritory choice = ManualTerritory.getRootAsManualTerritory(ByteBuffer.wrap(bytes));
        manual.computeIfAbsent(Names.bare(choice.account()), id -> new HashSet<>())
            .add(choice.territory());
      }
      for (byte[] bytes : table.apply(Names.EXCLUSIONS)) {
        TerritoryExclusion choice =
            TerritoryExclusion.getRootAsTerritoryExclusion(ByteBuffer.wrap(bytes));
        excluded.computeIfAbsent(Names.bare(choice.account()), id -> new HashSet<>())
            .add(choice.territory());
      }
      for (byte[] bytes : table.apply(Names.PRODUCTS)) {
        ProductFeatures product =
            ProductFeatures.getRootAsProductFeatures(ByteBuffer.wrap(bytes));
        FeatureTerm[] terms = new FeatureTerm[product.termsLength()];
        for (int i = 0; i < terms.length; i++) {
          terms[i] = product.terms(i);
        }
        products.put(product.product(), terms);
        productPrints.put(product.product(), Utils.murmur2(bytes));
      }
    }

    private static int print(List<List<byte[]>> tables) {
      int print = 1;
      for (List<byte[]> table : tables) {
        for (byte[] row : table) {
          print = print * 31 + Utils.murmur2(row);
        }
        print = print * 31 + table.size();
      }
      return print;
    }

    boolean hasChoices(String account) {
      return manual.containsKey(account) || excluded.containsKey(account);
    }
  }

  /** Grows with every change of a table. */
  long change() {
    return changes.get();
  }

  /** The tables as of now. */
  synchronized Compiled compile(ProcessorContext<?, ?> context) {
    long change = change();
    if (compiled == null || compiled.change != change) {
      Map<String, List<byte[]>> tables = new HashMap<>();
      for (String topic : Names.BROADCAST) {
        KeyValueStore<byte[], byte[]> store = context.getStateStore(storeOf(topic));
        List<byte[]> rows = new ArrayList<>();
        try (KeyValueIterator<byte[], byte[]> all = store.all()) {
          while (all.hasNext()) {
            KeyValue<byte[], byte[]> row = all.next();
            rows.add(row.value);
          }
        }
        tables.put(topic, rows);
      }
      compiled = new Compiled(change, tables::get);
    }
    return compiled;
  }

  static String storeOf(String topic) {
    return "global-" + topic;
  }

  /** The keys whose values differ between two maps. */
  static <V> Set<String> differences(Map<String, V> before, Map<String, V> after) {
    Set<String> different = new HashSet<>();
    Collection<String> all = new HashSet<>(before.keySet());
    all.addAll(after.keySet());
    for (String key : all) {
      if (before.get(key) == null || !before.get(key).equals(after.get(key))) {
        different.add(key);
      }
    }
    return different;
  }

  /** Keeps one table. */
  Processor<byte[], byte[], Void, Void> keeper(String topic) {
    return new Processor<>() {
      private KeyValueStore<byte[], byte[]> store;

      @Override
      public void init(ProcessorContext<Void, Void> context) {
        store = context.getStateStore(storeOf(topic));
      }

      @Override
      public void process(Record<byte[], byte[]> record) {
        store.put(record.key(), record.value());
        changes.incrementAndGet();
      }
    };
  }
}
