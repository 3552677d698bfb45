package millrace.bench;

import java.util.HashMap;
import java.util.Map;

/** A command line of {@code --name value} pairs. */
public final class Options {
  private final Map<String, String> values = new HashMap<>();

  Options(String[] args) {
    if (args.length % 2 != 0) {
      throw new IllegalArgumentException("options come as --name value pairs");
    }
    for (int i = 0; i < args.length; i += 2) {
      if (!args[i].startsWith("--")) {
        throw new IllegalArgumentException("not an option: " + args[i]);
      }
      values.put(args[i].substring(2), args[i + 1]);
    }
  }

  public String text(String name) {
    String value = values.get(name);
    if (value == null) {
      throw new IllegalArgumentException("missing option --" + name);
    }
    return value;
  }

  public String text(String name, String otherwise) {
    return values.getOrDefault(name, otherwise);
  }

  public long number(String name) {
    return Long.parseLong(text(name));
  }

  public long number(String name, long otherwise) {
    return values.containsKey(name) ? number(name) : otherwise;
  }
}
