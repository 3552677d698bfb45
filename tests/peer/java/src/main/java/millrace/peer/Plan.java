package millrace.peer;

import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import millrace.peer.Case.Node;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.BranchedKStream;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedTable;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.Windowed;

/**
 * The topology of a case, as somebody writes it who wants Millrace's documented results. README.md
 * lists where that is not the operator of the same name alone.
 */
final class Plan {
  /** A topic that the case writes: keys are integers, or texts of windows. */
  record Output(int node, String topic, boolean isWindowed) {}

  private static final Consumed<Long, String> CONSUMED = Consumed.with(Kept.KEY, Kept.TEXT);
  private static final Produced<Long, String> PRODUCED = Produced.with(Kept.KEY, Kept.TEXT);
  private static final Grouped<Long, String> GROUPED = Grouped.with(Kept.KEY, Kept.TEXT);
  private static final Joined<Long, String, String> JOINED =
      Joined.with(Kept.KEY, Kept.TEXT, Kept.TEXT);

  private final StreamsBuilder builder;
  private final Map<Integer, KStream<Long, String>> streams = new HashMap<>();
  private final Map<Integer, KTable<Long, String>> tables = new HashMap<>();
  private final Map<Integer, KTable<Windowed<Long>, String>> windowTables = new HashMap<>();
  private final Map<Integer, KStream<Windowed<Long>, String>> windowStreams = new HashMap<>();
  private final Map<Integer, Map<String, KStream<Long, String>>> splits = new HashMap<>();
  private final Map<Integer, Output> outputs = new LinkedHashMap<>();

  Plan(StreamsBuilder builder, List<Node> nodes) {
    this.builder = builder;
    for (Node node : nodes) add(node);
  }

  static String inputTopic(int node) {
    return "in" + node;
  }

  Topology topology() {
    return builder.build();
  }

  Iterable<Output> outputs() {
    return outputs.values();
  }

  private void add(Node node) {
    switch (node.operation()) {
      case "split" -> splits.put(node.number(), split(node));
      case "to" -> write(node);
      case "w_to" -> writeWindows(node);
      case "tumbling", "hopping", "sliding", "session" -> addWindows(node);
      case "w_filter", "w_map_values" -> windowTables.put(node.number(), windowTable(node));
      case "w_to_stream" -> windowStreams.put(node.number(), windowsOf(node).toStream());
      case "table", "to_table", "count", "reduce", "aggregate", "erase", "cogroup", "w_aggregate" ->
          tables.put(node.number(), Kept.changes(storedTable(node)));
      case "t_filter", "t_filter_not", "t_map_values", "materialize", "t_join", "t_left_join",
          "t_outer_join", "fk_join", "fk_left_join", "t_count", "t_reduce", "t_aggregate" ->
          tables.put(node.number(), Kept.changes(derivedTable(node)));
      default -> streams.put(node.number(), stream(node));
    }
  }

  private KStream<Long, String> streamOf(Node node, int argument) {
    return present(streams.get(node.reference(argument)), node);
  }

  private KStream<Long, String> streamOf(Node node) {
    return streamOf(node, 0);
  }

  private KTable<Long, String> tableOf(Node node, int argument) {
    return present(tables.get(node.reference(argument)), node);
  }

  private KTable<Long, String> tableOf(Node node) {
    return tableOf(node, 0);
  }

  private KTable<Windowed<Long>, String> windowsOf(Node node) {
    return present(windowTables.get(node.reference(0)), node);
  }

  private KStream<Windowed<Long>, String> windowStreamOf(Node node) {
    return present(windowStreams.get(node.reference(0)), node);
  }

  private static <T> T present(T handle, Node node) {
    if (handle != null) return handle;
    throw new IllegalArgumentException(node.name() + " cannot read its input");
  }

  private KStream<Long, String> stream(Node node) {
    return switch (node.operation()) {
      case "stream" -> builder.stream(inputTopic(node.number()), CONSUMED);
      case "filter" -> filter(streamOf(node), node.argument(1));
      case "filter_not" -> filterNot(streamOf(node), node.argument(1));
      case "map_values" -> mapValues(streamOf(node), node.argument(1));
      case "flat_map_values" -> flatMapValues(streamOf(node), node.argument(1));
      case "map" -> map(streamOf(node), node.argument(1));
      case "flat_map" -> flatMap(streamOf(node), node.argument(1));
      case "key_by" -> keyBy(streamOf(node), node.argument(1));
      case "merge" -> streamOf(node, 0).merge(streamOf(node, 1));
      case "arm" -> present(splits.get(node.reference(0)), node).get(node.argument(1));
      case "exchange" ->
          streamOf(node)
              .repartition(Repartitioned.with(Kept.KEY, Kept.TEXT).withName(node.name()));
      case "through" -> through(node);
      case "join" -> streamOf(node).join(tableOf(node, 1), Functions::joinValues, JOINED);
      case "left_join" -> streamOf(node).leftJoin(tableOf(node, 1), Functions::joinValues, JOINED);
      case "s_join", "s_left_join", "s_outer_join" ->
          WindowPlans.join(node, streamOf(node, 0), streamOf(node, 1));
      case "to_stream" -> tableOf(node).toStream();
      case "w_flatten" -> flatten(windowStreamOf(node));
      default -> throw new IllegalArgumentException("no operation: " + node.operation());
    };
  }

  /** "odd_or_null" is a Millrace predicate that takes no nulls: they pass. */
  private static KStream<Long, String> filter(KStream<Long, String> records, String name) {
    if (name.equals("odd_or_null")) {
      return records.filter((key, value) -> value == null || Functions.test("odd", key, value));
    }
    return records.filter((key, value) -> Functions.test(name, key, value));
  }

  private static KStream<Long, String> filterNot(KStream<Long, String> records, String name) {
    String predicate = name.equals("odd_or_null") ? "odd" : name;
    return records.filterNot((key, value) -> Functions.test(predicate, key, value));
  }

  private static KStream<Long, String> mapValues(KStream<Long, String> records, String name) {
    if (name.equals("show")) return records.mapValues((key, value) -> Functions.show(key, value));
    return records.mapValues(value -> value == null ? null : Functions.mapValue(name, value));
  }

  private static KStream<Long, String> flatMapValues(KStream<Long, String> records, String name) {
    return records.flatMapValues(
        value ->
            value == null
                ? Collections.singletonList(value)
                : Functions.expandValue(name, value));
  }

  private static boolean hasNull(Long key, String value) {
    return key == null || value == null;
  }

  private static KStream<Long, String> map(KStream<Long, String> records, String name) {
    return records.flatMap(
        (key, value) ->
            hasNull(key, value)
                ? List.<KeyValue<Long, String>>of()
                : List.of(Functions.mapRecord(name, key, value)));
  }

  private static KStream<Long, String> flatMap(KStream<Long, String> records, String name) {
    return records.flatMap(
        (key, value) ->
            hasNull(key, value)
                ? List.<KeyValue<Long, String>>of()
                : Functions.expandRecord(name, key, value));
  }

  private static KStream<Long, String> keyBy(KStream<Long, String> records, String name) {
    return records
        .filter((key, value) -> Functions.selectKey(name, key, value) != null)
        .selectKey((key, value) -> Functions.selectKey(name, key, value));
  }

  private Map<String, KStream<Long, String>> split(Node node) {
    String prefix = node.name() + "-";
    BranchedKStream<Long, String> two =
        streamOf(node)
            .split(Named.as(prefix))
            .branch(
                (key, value) -> Functions.test(node.argument(1), key, value),
                Branched.as("first"))
            .branch(
                (key, value) -> Functions.test(node.argument(2), key, value),
                Branched.as("second"));
    Map<String, KStream<Long, String>> branches =
        node.argument(3).equals("default")
            ? two.defaultBranch(Branched.as("rest"))
            : two.noDefaultBranch();
    Map<String, KStream<Long, String>> named = new HashMap<>();
    branches.forEach((name, branch) -> named.put(name.substring(prefix.length()), branch));
    return named;
  }

  private KStream<Long, String> through(Node node) {
    String topic = "through" + node.number();
    streamOf(node).to(topic, PRODUCED);
    return builder.stream(topic, CONSUMED);
  }

  private static KStream<Long, String> flatten(KStream<Windowed<Long>, String> records) {
    return records.map(
        (window, value) ->
            KeyValue.pair(
                window.key(),
                value == null
                    ? null
                    : Functions.flatten(value, window.window().start(), window.window().end())));
  }

  /** Aggregates of streams begin with null: it is also the old value of a key's first one. */
  private KTable<Long, String> storedTable(Node node) {
    String name = node.name();
    return switch (node.operation()) {
      case "table" -> builder.table(inputTopic(node.number()), CONSUMED, Kept.rows(name));
      case "to_table" -> streamOf(node).toTable(Kept.rows(name));
      case "count" ->
          streamOf(node)
              .groupByKey(GROUPED)
              .count(Kept.counts(name))
              .mapValues(count -> count.toString());
      case "reduce" ->
          streamOf(node).groupByKey(GROUPED).reduce(Functions::add, Kept.rows(name));
      case "aggregate" ->
          streamOf(node)
              .groupByKey(GROUPED)
              .aggregate(
                  () -> null, (key, value, sum) -> Functions.add(sum, value), Kept.rows(name));
      case "erase" ->
          streamOf(node)
              .groupByKey(GROUPED)
              .aggregate(
                  () -> null,
                  (key, value, sum) -> Functions.addOrErase(sum, value),
                  Kept.rows(name));
      case "cogroup" -> cogroup(node);
      case "w_aggregate" ->
          windowsOf(node)
              .groupBy((window, value) -> KeyValue.pair(window.key(), value), GROUPED)
              .aggregate(
                  () -> "",
                  (key, value, sum) -> Functions.add(sum, value),
                  (key, value, sum) -> Functions.subtract(sum, value),
                  Kept.rows(name));
      default -> throw new IllegalArgumentException("no operation: " + node.operation());
    };
  }

  private KTable<Long, String> cogroup(Node node) {
    return streamOf(node, 0)
        .groupByKey(GROUPED.withName(node.name() + "-first"))
        .<String>cogroup((key, value, sum) -> Functions.add(sum, value))
        .cogroup(
            streamOf(node, 1).groupByKey(GROUPED.withName(node.name() + "-second")),
            (key, value, sum) -> Functions.mergeSessions(sum, value))
        .aggregate(() -> null, Kept.rows(node.name()));
  }

  private KTable<Long, String> derivedTable(Node node) {
    KTable<Long, String> table = tableOf(node);
    String name = node.name();
    return switch (node.operation()) {
      case "t_filter" ->
          table.filter((key, value) -> Functions.test(node.argument(1), key, value));
      case "t_filter_not" ->
          table.filterNot((key, value) -> Functions.test(node.argument(1), key, value));
      case "t_map_values" ->
          table.mapValues(value -> Functions.mapValue(node.argument(1), value));
      case "materialize" -> table.mapValues(value -> value, Kept.rows(name));
      case "t_join" -> table.join(tableOf(node, 1), Functions::joinValues);
      case "t_left_join" -> table.leftJoin(tableOf(node, 1), Functions::joinValues);
      case "t_outer_join" -> table.outerJoin(tableOf(node, 1), Functions::joinValues);
      case "fk_join" ->
          table.join(
              tableOf(node, 1),
              (Long key, String value) -> Functions.selectKey(node.argument(2), key, value),
              Functions::joinValues,
              Kept.rows(name));
      case "fk_left_join" ->
          table.leftJoin(
              tableOf(node, 1),
              (Long key, String value) -> Functions.selectKey(node.argument(2), key, value),
              Functions::joinValues,
              Kept.rows(name));
      default -> groupedTable(node);
    };
  }

  private KTable<Long, String> groupedTable(Node node) {
    KGroupedTable<Long, String> groups =
        tableOf(node)
            .groupBy(
                (key, value) ->
                    KeyValue.pair(Functions.selectKey(node.argument(1), key, value), value),
                GROUPED);
    String name = node.name();
    return switch (node.operation()) {
      case "t_count" -> groups.count(Kept.counts(name)).mapValues(count -> count.toString());
      case "t_reduce" -> groups.reduce(Functions::add, Functions::subtract, Kept.rows(name));
      case "t_aggregate" ->
          groups.aggregate(
              () -> "",
              (key, value, sum) -> Functions.add(sum, value),
              (key, value, sum) -> Functions.subtract(sum, value),
              Kept.rows(name));
      default -> throw new IllegalArgumentException("no operation: " + node.operation());
    };
  }

  private void addWindows(Node node) {
    KTable<Windowed<Long>, String> table = WindowPlans.table(node, streamOf(node));
    if (WindowPlans.isFinal(node)) {
      windowStreams.put(node.number(), table.toStream());
    } else {
      windowTables.put(node.number(), Kept.changes(table));
    }
  }

  private KTable<Windowed<Long>, String> windowTable(Node node) {
    KTable<Windowed<Long>, String> table = windowsOf(node);
    if (node.operation().equals("w_filter")) {
      return Kept.changes(
          table.filter((window, value) -> Functions.test(node.argument(1), null, value)));
    }
    return Kept.changes(table.mapValues(value -> Functions.mapValue(node.argument(1), value)));
  }

  private Output output(Node node, boolean isWindowed) {
    Output output = new Output(node.number(), "out" + node.number(), isWindowed);
    outputs.put(node.number(), output);
    return output;
  }

  private void write(Node node) {
    streamOf(node).to(output(node, false).topic(), PRODUCED);
  }

  private void writeWindows(Node node) {
    windowStreamOf(node)
        .map((window, value) -> KeyValue.pair(text(window), value))
        .to(output(node, true).topic(), Produced.with(Kept.TEXT, Kept.TEXT));
  }

  private static String text(Windowed<Long> window) {
    return window.key() + "[" + window.window().start() + "," + window.window().end() + ")";
  }
}
