package millrace.bench.crm.model;

import java.util.ArrayList;
import java.util.List;
import millrace.crm.RuleItem;
import millrace.crm.RuleOperator;
import millrace.crm.TerritoryRule;

/** A territory rule, compiled. */
public final class Rule {
  /** The fields that rules mention, by slot; values are in lower case. */
  public static final List<String> FIELDS = List.of("country", "postal_code", "industry",
      "employees", "rating", "name", "revenue", "city", "time_zone", "phone", "street");
  private static final int POSTAL_CODE = 1;

  private interface Condition {
    boolean holds(String[] values);
  }

  private record Item(int slot, byte operator, String[] wanted, double[] numbers)
      implements Condition {
    @Override
    public boolean holds(String[] values) {
      String have = values[slot];
      boolean isNull = have == null || have.isEmpty();
      boolean any = isNull && wanted.length == 0;
      for (int i = 0; !isNull && !any && i < wanted.length; i++) {
        any = fits(have, i);
      }
      boolean denies = operator == RuleOperator.NotEqual || operator == RuleOperator.NotContain
          || operator == RuleOperator.Excludes;
      return any != denies;
    }

    private boolean fits(String have, int i) {
      String want = wanted[i];
      return switch (operator) {
        case RuleOperator.StartsWith -> have.startsWith(want);
        case RuleOperator.Contains, RuleOperator.NotContain -> have.contains(want);
        case RuleOperator.Includes, RuleOperator.Excludes ->
            List.of(have.split(";")).contains(want);
        case RuleOperator.LessThan -> order(have, i) < 0;
        case RuleOperator.LessOrEqual -> order(have, i) <= 0;
        case RuleOperator.GreaterThan -> order(have, i) > 0;
        case RuleOperator.GreaterOrEqual -> order(have, i) >= 0;
        default -> order(have, i) == 0;
      };
    }

    private int order(String have, int i) {
      if (!Double.isNaN(numbers[i])) {
        double number = number(slot, have);
        if (!Double.isNaN(number)) {
          return Double.compare(number, numbers[i]);
        }
      }
      return have.compareTo(wanted[i]);
    }
  }

  private final Condition condition;

  public Rule(TerritoryRule rule) {
    List<Condition> items = new ArrayList<>();
    for (int i = 0; i < rule.itemsLength(); i++) {
      items.add(item(rule.items(i)));
    }
    String filter = rule.filter();
    condition = filter == null || filter.isEmpty() ? all(items) : new Filter(filter, items).chain();
  }

  public boolean matches(String[] values) {
    return condition.holds(values);
  }

  /** The values of an account, for {@link #matches}. */
  public static String[] values(Row row) {
    String[] values = new String[FIELDS.size()];
    for (int i = 0; i < values.length; i++) {
      String text = row.text(FIELDS.get(i));
      values[i] = text == null ? null : lower(text);
    }
    return values;
  }

  /** ASCII only, as bytes are compared. */
  private static String lower(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) >= 'A' && text.charAt(i) <= 'Z') {
        char[] chars = text.toCharArray();
        for (int j = i; j < chars.length; j++) {
          chars[j] += chars[j] >= 'A' && chars[j] <= 'Z' ? 'a' - 'A' : 0;
        }
        return new String(chars);
      }
    }
    return text;
  }

  private static double number(int slot, String text) {
    if (slot == POSTAL_CODE || text.isEmpty()) {
      return Double.NaN;
    }
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) < '0' || text.charAt(i) > '9') {
        return Double.NaN;
      }
    }
    return Double.parseDouble(text);
  }

  private static Item item(RuleItem item) {
    int slot = FIELDS.indexOf(item.field());
    if (slot < 0) {
      throw new IllegalArgumentException("a rule over the field " + item.field());
    }
    List<String> wanted = new ArrayList<>();
    for (String entry : (item.values() == null ? "" : item.values()).split(",")) {
      String want = lower(entry.replace(" ", ""));
      if (!want.isEmpty()) {
        wanted.add(want);
      }
    }
    double[] numbers = wanted.stream().mapToDouble(want -> number(slot, want)).toArray();
    return new Item(slot, item.operator(), wanted.toArray(new String[0]), numbers);
  }

  private static Condition all(List<Condition> items) {
    return values -> {
      for (Condition item : items) {
        if (!item.holds(values)) {
          return false;
        }
      }
      return true;
    };
  }

  /** {@code (1 AND 2) OR 3}; from left to right. */
  private static final class Filter {
    private final String text;
    private final List<Condition> items;
    private int at;

    Filter(String text, List<Condition> items) {
      this.text = text.replace(" ", "");
      this.items = items;
    }

    Condition chain() {
      Condition value = operand();
      while (at < text.length() && text.charAt(at) != ')') {
        boolean isAnd = text.startsWith("AND", at);
        at += isAnd ? 3 : 2;
        Condition left = value;
        Condition right = operand();
        value = isAnd ? values -> left.holds(values) && right.holds(values)
            : values -> left.holds(values) || right.holds(values);
      }
      return value;
    }

    private Condition operand() {
      if (text.charAt(at) == '(') {
        at++;
        Condition inner = chain();
        at++;
        return inner;
      }
      int number = 0;
      while (at < text.length() && Character.isDigit(text.charAt(at))) {
        number = number * 10 + text.charAt(at++) - '0';
      }
      return items.get(number - 1);
    }
  }
}
