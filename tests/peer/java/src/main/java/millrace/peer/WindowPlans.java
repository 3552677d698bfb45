package millrace.peer;

import static java.time.Duration.ofMillis;
import static java.time.Duration.ofMinutes;

import millrace.peer.Case.Node;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;

/**
 * Aggregates by windows, whose kind and emission are a node's last arguments, and joins of two
 * streams.
 */
final class WindowPlans {
  private WindowPlans() {}

  static boolean isFinal(Node node) {
    return node.argument(node.arguments().size() - 1).equals("final");
  }

  static KTable<Windowed<Long>, String> table(Node node, KStream<Long, String> records) {
    // Millrace drops null values before every aggregate; time windows and sessions here do not.
    KGroupedStream<Long, String> grouped =
        records
            .filter((key, value) -> value != null)
            .groupByKey(Grouped.with(Kept.KEY, Kept.TEXT));
    return switch (node.operation()) {
      case "tumbling" -> overTime(node, grouped.windowedBy(tumbling(node)));
      case "hopping" -> overTime(node, grouped.windowedBy(hopping(node)));
      case "sliding" -> overTime(node, grouped.windowedBy(sliding(node)));
      case "session" -> overSessions(node, grouped.windowedBy(sessions(node)));
      default -> throw new IllegalArgumentException("no windows: " + node.operation());
    };
  }

  static KStream<Long, String> join(
      Node node, KStream<Long, String> left, KStream<Long, String> right) {
    JoinWindows windows =
        JoinWindows.ofTimeDifferenceAndGrace(
                ofMillis(node.milliseconds(3)), ofMillis(node.milliseconds(4)))
            .before(ofMillis(node.milliseconds(2)));
    StreamJoined<Long, String, String> joined =
        StreamJoined.with(Kept.KEY, Kept.TEXT, Kept.TEXT)
            .withName(node.name())
            .withStoreName(node.name())
            .withLoggingDisabled();
    return switch (node.operation()) {
      case "s_join" -> left.join(right, Functions::joinValues, windows, joined);
      case "s_left_join" -> left.leftJoin(right, Functions::joinValues, windows, joined);
      case "s_outer_join" -> left.outerJoin(right, Functions::joinValues, windows, joined);
      default -> throw new IllegalArgumentException("no join: " + node.operation());
    };
  }

  private static TimeWindows tumbling(Node node) {
    return TimeWindows.ofSizeAndGrace(
        ofMillis(node.milliseconds(1)), ofMillis(node.milliseconds(2)));
  }

  private static TimeWindows hopping(Node node) {
    return TimeWindows.ofSizeAndGrace(
            ofMillis(node.milliseconds(1)), ofMillis(node.milliseconds(3)))
        .advanceBy(ofMillis(node.milliseconds(2)));
  }

  private static SlidingWindows sliding(Node node) {
    return SlidingWindows.ofTimeDifferenceAndGrace(
        ofMillis(node.milliseconds(1)), ofMillis(node.milliseconds(2)));
  }

  private static SessionWindows sessions(Node node) {
    return SessionWindows.ofInactivityGapAndGrace(
        ofMillis(node.milliseconds(1)), ofMillis(node.milliseconds(2)));
  }

  private static String kind(Node node) {
    return node.argument(node.arguments().size() - 2);
  }

  private static EmitStrategy emission(Node node) {
    return isFinal(node) ? EmitStrategy.onWindowClose() : EmitStrategy.onWindowUpdate();
  }

  /**
   * Stores in memory forget a window just when it closes, before its final result is emitted; those
   * on a disk keep it for a minute.
   */
  private static <V, S extends StateStore> Materialized<Long, V, S> kept(
      Node node, Materialized<Long, V, S> rows) {
    return isFinal(node) ? rows.withRetention(ofMinutes(1)) : rows;
  }

  private static KTable<Windowed<Long>, String> overTime(
      Node node, TimeWindowedKStream<Long, String> windows) {
    TimeWindowedKStream<Long, String> emitting = windows.emitStrategy(emission(node));
    return switch (kind(node)) {
      case "count" ->
          emitting
              .count(kept(node, Kept.windowCounts(node.name())))
              .mapValues(count -> count.toString());
      case "reduce" -> emitting.reduce(Functions::add, kept(node, Kept.windows(node.name())));
      case "aggregate" ->
          emitting.aggregate(
              () -> null,
              (key, value, aggregate) -> Functions.add(aggregate, value),
              kept(node, Kept.windows(node.name())));
      default -> throw new IllegalArgumentException("no aggregate: " + kind(node));
    };
  }

  private static KTable<Windowed<Long>, String> overSessions(
      Node node, SessionWindowedKStream<Long, String> windows) {
    SessionWindowedKStream<Long, String> emitting = windows.emitStrategy(emission(node));
    return switch (kind(node)) {
      case "count" ->
          emitting
              .count(kept(node, Kept.sessionCounts(node.name())))
              .mapValues(count -> count.toString());
      case "reduce" -> emitting.reduce(Functions::add, kept(node, Kept.sessions(node.name())));
      case "aggregate" ->
          emitting.aggregate(
              () -> null,
              (key, value, aggregate) -> Functions.add(aggregate, value),
              (key, first, second) -> Functions.mergeSessions(first, second),
              kept(node, Kept.sessions(node.name())));
      default -> throw new IllegalArgumentException("no aggregate: " + kind(node));
    };
  }
}
