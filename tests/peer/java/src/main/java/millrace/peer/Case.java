package millrace.peer;

import java.util.ArrayList;
import java.util.List;

/** A small topology and its inputs, read from a line as README.md describes it. */
record Case(String id, List<Node> nodes, List<Input> inputs) {
  /** An operator with the numbers of the nodes that it reads, then its options. */
  record Node(int number, String operation, List<String> arguments) {
    String argument(int i) {
      if (i < arguments.size()) return arguments.get(i);
      throw new IllegalArgumentException("'" + operation + "' lacks an argument");
    }

    int reference(int i) {
      return Integer.parseInt(argument(i));
    }

    long milliseconds(int i) {
      return Long.parseLong(argument(i));
    }

    String name() {
      return "n" + number;
    }
  }

  /** A record for the topic of the source with that number. */
  record Input(int source, Long key, String value, long timeMs) {}

  static Case parse(String line) {
    String[] parts = line.split("\\|", -1);
    if (parts.length != 3) throw new IllegalArgumentException("a case has an id, nodes and inputs");
    List<Node> nodes = new ArrayList<>();
    for (String text : parts[1].split(" ")) {
      List<String> words = List.of(text.split(":"));
      nodes.add(new Node(nodes.size(), words.get(0), words.subList(1, words.size())));
    }
    List<Input> inputs = new ArrayList<>();
    for (String text : parts[2].isEmpty() ? new String[0] : parts[2].split(" ")) {
      inputs.add(parseInput(text));
    }
    return new Case(parts[0], nodes, inputs);
  }

  private static Input parseInput(String text) {
    String[] parts = text.split(":");
    if (parts.length != 4) throw new IllegalArgumentException("'" + text + "' is no input");
    Long key = parts[1].equals("-") ? null : Long.valueOf(parts[1]);
    String value = parts[2].equals("-") ? null : parts[2];
    return new Input(Integer.parseInt(parts[0]), key, value, Long.parseLong(parts[3]));
  }
}
