package millrace.peer;

import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.streams.KeyValue;

/** The user functions of the cases, by name: {@code functions.h} has the same. */
final class Functions {
  private static final int TEXT_MAX = 40;

  private Functions() {}

  /** Keeps the end of a long text. */
  static String shortened(String text) {
    return text.length() > TEXT_MAX ? text.substring(text.length() - TEXT_MAX) : text;
  }

  /** A predicate that sees nulls. */
  static boolean test(String predicate, Long key, String value) {
    return switch (predicate) {
      case "odd" -> value != null && value.length() % 2 == 1;
      case "has_a" -> hasA(value);
      case "key_even" -> key != null && key % 2 == 0;
      case "is_null" -> value == null;
      default -> throw unknown(predicate);
    };
  }

  /** A new value, or null. */
  static String mapValue(String mapper, String value) {
    return switch (mapper) {
      case "mark" -> shortened(value + "x");
      case "first" -> value.substring(0, 1);
      case "drop_a" -> hasA(value) ? null : value;
      default -> throw unknown(mapper);
    };
  }

  /** The mapper that sees nulls. */
  static String show(Long key, String value) {
    return shortened((value == null ? "n" : value) + "k" + (key == null ? "n" : key));
  }

  static List<String> expandValue(String expander, String value) {
    return switch (expander) {
      case "twice" -> List.of(value, shortened(value + "y"));
      case "unless_a" -> hasA(value) ? List.of() : List.of(value);
      case "letters" -> value.chars().mapToObj(letter -> "" + (char) letter).toList();
      default -> throw unknown(expander);
    };
  }

  static KeyValue<Long, String> mapRecord(String mapper, Long key, String value) {
    return switch (mapper) {
      case "by_length" -> KeyValue.pair(length(value) % 3, shortened(value + "k" + key));
      case "next" -> KeyValue.pair((key + 1) % 3, value);
      default -> throw unknown(mapper);
    };
  }

  static List<KeyValue<Long, String>> expandRecord(String expander, Long key, String value) {
    return switch (expander) {
      case "fan" ->
          List.of(
              KeyValue.pair(key, value),
              KeyValue.pair(length(value) % 3, shortened(value + "z")));
      case "letters" -> letters(value);
      default -> throw unknown(expander);
    };
  }

  private static List<KeyValue<Long, String>> letters(String value) {
    List<KeyValue<Long, String>> records = new ArrayList<>();
    for (char letter : value.toCharArray()) {
      records.add(KeyValue.pair((long) (letter % 3), String.valueOf(letter)));
    }
    return records;
  }

  /** A new key, a group or a foreign key; null: none. */
  static Long selectKey(String selector, Long key, String value) {
    return switch (selector) {
      case "mod2" -> key == null ? null : (Long) (key % 2);
      case "length" -> value == null ? null : (Long) (length(value) % 3);
      case "unless_a" -> value == null || hasA(value) ? null : (Long) (length(value) % 3);
      default -> throw unknown(selector);
    };
  }

  static String joinValues(String left, String right) {
    return shortened(
        "(" + (left == null ? "n" : left) + "," + (right == null ? "n" : right) + ")");
  }

  /** A null aggregate is an empty one. */
  static String add(String aggregate, String value) {
    return shortened((aggregate == null ? "" : aggregate) + "+" + value);
  }

  static String subtract(String aggregate, String value) {
    return shortened(aggregate + "-" + value);
  }

  /** Null, which deletes the aggregate, for a value that has an "a". */
  static String addOrErase(String aggregate, String value) {
    return hasA(value) ? null : add(aggregate, value);
  }

  static String mergeSessions(String first, String second) {
    return shortened((first == null ? "" : first) + "&" + second);
  }

  /** A window's value where the window is no part of the key any more. */
  static String flatten(String value, long startMs, long endMs) {
    return shortened(value + "@" + startMs + "~" + endMs);
  }

  private static boolean hasA(String value) {
    return value != null && value.indexOf('a') >= 0;
  }

  private static long length(String value) {
    return value.length();
  }

  private static IllegalArgumentException unknown(String name) {
    return new IllegalArgumentException("there is no function '" + name + "'");
  }
}
