package millrace.bench.crm.model;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import millrace.crm.RuleTerritory;
import millrace.crm.Territory;
import millrace.crm.TerritoryModel;
import millrace.crm.TerritoryModelState;
import millrace.crm.TerritoryRule;

/** Territories with their rules, compiled; immutable, shared by all tasks. */
public final class RuleSet {
  /** An account's place in a territory. */
  public record Place(List<String> rules, boolean manual) {}

  private static final class Node {
    final String id;
    Node parent;
    final List<Node> below = new ArrayList<>();
    int[] inherited = {};
    int[] local = {};
    List<String> ruleIds;
    int number;

    Node(String id) {
      this.id = id;
    }
  }

  private final List<Node> tops = new ArrayList<>();
  private final Map<String, Node> nodes = new TreeMap<>();
  private final List<Rule> rules = new ArrayList<>();
  private final List<String> ruleIds = new ArrayList<>();

  public RuleSet(Collection<byte[]> models, Collection<byte[]> territories,
      Collection<byte[]> allRules, Collection<byte[]> associations) {
    TreeSet<String> active = new TreeSet<>();
    for (byte[] bytes : models) {
      TerritoryModel model = TerritoryModel.getRootAsTerritoryModel(ByteBuffer.wrap(bytes));
      if (model.state() == TerritoryModelState.Active) {
        active.add(model.id());
      }
    }
    addTerritories(territories, active);
    Map<String, Integer> ruleOf = new HashMap<>();
    for (byte[] bytes : allRules) {
      TerritoryRule rule = TerritoryRule.getRootAsTerritoryRule(ByteBuffer.wrap(bytes));
      if (rule.active()) {
        ruleOf.put(rule.id(), rules.size());
        ruleIds.add(rule.id());
        rules.add(new Rule(rule));
      }
    }
    for (byte[] bytes : associations) {
      RuleTerritory link = RuleTerritory.getRootAsRuleTerritory(ByteBuffer.wrap(bytes));
      Node node = nodes.get(link.territory());
      Integer rule = ruleOf.get(link.rule());
      if (node != null && rule != null) {
        if (link.inherited()) {
          node.inherited = with(node.inherited, rule);
        } else {
          node.local = with(node.local, rule);
        }
      }
    }
    nameRules();
  }

  private void addTerritories(Collection<byte[]> territories, Collection<String> activeModels) {
    Map<String, String> parents = new HashMap<>();
    for (byte[] bytes : territories) {
      Territory territory = Territory.getRootAsTerritory(ByteBuffer.wrap(bytes));
      if (activeModels.contains(territory.model())) {
        Node node = new Node(territory.id());
        node.number = nodes.size();
        nodes.put(node.id, node);
        parents.put(node.id, territory.parent());
      }
    }
    for (Node node : nodes.values()) {
      String parent = parents.get(node.id);
      node.parent = parent == null ? null : nodes.get(parent);
      (node.parent == null ? tops : node.parent.below).add(node);
    }
  }

  private void nameRules() {
    for (Node node : nodes.values()) {
      TreeSet<String> ids = new TreeSet<>();
      for (int rule : node.local) {
        ids.add(ruleIds.get(rule));
      }
      for (Node at = node; at != null; at = at.parent) {
        for (int rule : at.inherited) {
          ids.add(ruleIds.get(rule));
        }
      }
      node.ruleIds = List.copyOf(ids);
    }
  }

  private static int[] with(int[] before, int more) {
    int[] all = Arrays.copyOf(before, before.length + 1);
    all[before.length] = more;
    return all;
  }

  /** By territory. */
  public TreeMap<String, Place> match(String[] values, Collection<String> manual,
      Collection<String> excluded) {
    List<Node> found = new ArrayList<>();
    byte[] answers = new byte[rules.size()];
    for (Node top : tops) {
      match(top, values, answers, excluded, found);
    }
    boolean[] hasLower = new boolean[nodes.size()];
    for (Node node : found) {
      for (Node at = node.parent; at != null && !hasLower[at.number]; at = at.parent) {
        hasLower[at.number] = true;
      }
    }
    TreeMap<String, Place> places = new TreeMap<>();
    for (Node node : found) {
      if (!hasLower[node.number]) {
        places.put(node.id, new Place(node.ruleIds, false));
      }
    }
    for (String territory : manual) {
      if (nodes.containsKey(territory) && !excluded.contains(territory)) {
        Place place = places.get(territory);
        places.put(territory, new Place(place == null ? List.of() : place.rules(), true));
      }
    }
    return places;
  }

  private void match(Node node, String[] values, byte[] answers, Collection<String> excluded,
      List<Node> found) {
    if (!matches(node.inherited, values, answers)) {
      return;
    }
    if (!node.ruleIds.isEmpty() && matches(node.local, values, answers)
        && !excluded.contains(node.id)) {
      found.add(node);
    }
    for (Node below : node.below) {
      match(below, values, answers, excluded, found);
    }
  }

  private boolean matches(int[] wanted, String[] values, byte[] answers) {
    for (int rule : wanted) {
      if (answers[rule] == 0) {
        answers[rule] = (byte) (rules.get(rule).matches(values) ? 1 : 2);
      }
      if (answers[rule] == 2) {
        return false;
      }
    }
    return true;
  }
}
