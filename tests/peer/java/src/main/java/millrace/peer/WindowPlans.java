package millrace.peer;

import static java.time.Duration.ofMillis;

import millrace.peer.Case.Node;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;

/** Aggregates by windows. The aggregate's kind and the emission are a node's last arguments. */
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

  private static KTable<Windowed<Long>, String> overTime(
      Node node, TimeWindowedKStream<Long, String> windows) {
    TimeWindowedKStream<Long, String> emitting = windows.emitStrategy(emission(node));
    return switch (kind(node)) {
      case "count" ->
          emitting.count(Kept.windowCounts(node.name())).mapValues(count -> count.toString());
      case "reduce" -> emitting.reduce(Functions::add, Kept.windows(node.name()));
      case "aggregate" ->
          emitting.aggregate(
              () -> "",
              (key, value, aggregate) -> Functions.add(aggregate, value),
              Kept.windows(node.name()));
      default -> throw new IllegalArgumentException("no aggregate: " + kind(node));
    };
  }

  private static KTable<Windowed<Long>, String> overSessions(
      Node node, SessionWindowedKStream<Long, String> windows) {
    SessionWindowedKStream<Long, String> emitting = windows.emitStrategy(emission(node));
    return switch (kind(node)) {
      case "count" ->
          emitting.count(Kept.sessionCounts(node.name())).mapValues(count -> count.toString());
      case "reduce" -> emitting.reduce(Functions::add, Kept.sessions(node.name()));
      case "aggregate" ->
          emitting.aggregate(
              () -> "",
              (key, value, aggregate) -> Functions.add(aggregate, value),
              (key, first, second) -> Functions.mergeSessions(first, second),
              Kept.sessions(node.name()));
      default -> throw new IllegalArgumentException("no aggregate: " + kind(node));
    };
  }
}
