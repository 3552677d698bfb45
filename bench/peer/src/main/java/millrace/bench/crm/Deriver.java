package millrace.bench.crm;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import millrace.bench.crm.model.Bits;
import millrace.bench.crm.model.Names;
import millrace.bench.crm.model.Row;
import millrace.bench.crm.model.Rule;
import millrace.bench.crm.model.RuleSet;
import millrace.bench.crm.model.Timeline;
import millrace.crm.AccountStatus;
import millrace.crm.GrantSource;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.state.KeyValueIterator;

/** Derives and publishes the outputs of roots, once for all inputs since the last time. */
final class Deriver {
  private final TaskState task;
  private final Realigner realigner;
  private final Rows rows = new Rows();
  /** No timer is due before this. */
  private long earliestTimerMs = Long.MIN_VALUE;

  Deriver(TaskState task, Realigner realigner) {
    this.task = task;
    this.realigner = realigner;
  }

  boolean deriveAll() {
    if (task.dirty.isEmpty()) {
      return false;
    }
    task.takeDirty().forEach((root, dirty) -> derive(root, dirty.parts, dirty.eventMs));
    return true;
  }

  private void derive(String root, int parts, long eventMs) {
    byte[] redirect = task.redirects.get(Names.bytes(root));
    Summary summary = task.summary(root);
    if (redirect != null && !Redirects.root(redirect).equals(root)) {
      withdraw(root, summary, eventMs);
      return;
    }
    Row row = Row.of(root, task.rows.get(Names.bytes(root)));
    boolean usesMembers = (parts & (TaskState.STATE | TaskState.PLACE)) != 0;
    List<KeyValue<byte[], byte[]>> members = usesMembers ? membersOf(root, summary) : List.of();
    if ((parts & TaskState.STATE) != 0) {
      publishState(root, row, redirect, members, summary, eventMs);
    }
    if ((parts & TaskState.PLACE) != 0) {
      publishPlaces(root, row, members, eventMs);
    }
    if ((parts & TaskState.GRANTS) != 0) {
      publishFeatures(root, row, eventMs, Long.MIN_VALUE);
    }
  }

  /** Of a root that has become a victim. */
  private void withdraw(String root, Summary summary, long eventMs) {
    if (summary.isPublished) {
      unpublishState(root, summary, eventMs);
    }
    replacePlaces(root, new TreeMap<>(), eventMs);
    byte[] published = task.features.get(Names.bytes(root));
    if (published != null) {
      publishTimelines(root, new TreeMap<>(), published, eventMs, Long.MIN_VALUE);
    }
  }

  private void unpublishState(String root, Summary summary, long eventMs) {
    summary.isPublished = false;
    ++summary.version;
    task.publish(CrmTopology.TO_STATE, Names.internal(root), null, eventMs);
    task.put(root, summary);
  }

  private List<KeyValue<byte[], byte[]>> membersOf(String root, Summary summary) {
    List<KeyValue<byte[], byte[]>> members = new ArrayList<>();
    if (summary.members > 0) {
      try (KeyValueIterator<byte[], byte[]> all =
          task.members.prefixScan(Names.bytes(root), WideProcessor.RAW_BYTES)) {
        all.forEachRemaining(members::add);
      }
    }
    return members;
  }

  private static String memberId(KeyValue<byte[], byte[]> member) {
    return Names.text(member.key, Names.ID_BYTES, Names.ID_BYTES);
  }

  private void publishState(String root, Row row, byte[] redirect,
      List<KeyValue<byte[], byte[]>> members, Summary summary, long eventMs) {
    boolean isRootNamed = redirect != null || row.isKnown();
    boolean exists = isRootNamed || !members.isEmpty() || summary.hasChildren();
    if (!exists || row.isDeleted()) {
      if (summary.isPublished) {
        unpublishState(root, summary, eventMs);
      }
      return;
    }
    TreeMap<String, String> vias = new TreeMap<>();
    long newestMs = Math.max(row.newestMs(), redirect == null ? 0 : Redirects.versionMs(redirect));
    boolean incomplete = row.isIncomplete();
    if (isRootNamed) {
      vias.put(root, null);
    }
    for (KeyValue<byte[], byte[]> member : members) {
      incomplete |= member.value[0] != 0;
      newestMs = Math.max(newestMs, Bits.getLong(member.value, 1));
      vias.put(memberId(member), Names.text(member.value, 9, Names.ID_BYTES));
    }
    ++summary.version;
    summary.isPublished = true;
    byte status = row.isLive() ? AccountStatus.Active : AccountStatus.Pending;
    task.publish(CrmTopology.TO_STATE, Names.internal(root),
        rows.state(root, status, row, vias, summary, newestMs, incomplete), eventMs);
    task.put(root, summary);
  }

  private void publishPlaces(String root, Row row, List<KeyValue<byte[], byte[]>> members,
      long eventMs) {
    TreeMap<String, RuleSet.Place> places = new TreeMap<>();
    if (row.isLive()) {
      Definitions.Compiled definitions = realigner.definitions();
      Set<String> manual = new HashSet<>(definitions.manual.getOrDefault(root, Set.of()));
      Set<String> excluded = new HashSet<>(definitions.excluded.getOrDefault(root, Set.of()));
      for (KeyValue<byte[], byte[]> member : members) {
        manual.addAll(definitions.manual.getOrDefault(memberId(member), Set.of()));
        excluded.addAll(definitions.excluded.getOrDefault(memberId(member), Set.of()));
      }
      places = definitions.rules.match(Rule.values(row), manual, excluded);
    }
    replacePlaces(root, places, eventMs);
  }

  private void replacePlaces(String root, TreeMap<String, RuleSet.Place> places, long eventMs) {
    byte[] key = Names.bytes(root);
    byte[] bytes = task.places.get(key);
    TreeMap<String, Long> before = PlaceList.of(bytes);
    TreeMap<String, Long> after = new TreeMap<>();
    places.forEach((territory, place) -> {
      long print = Bits.mix(0, place.manual() ? 1 : 0);
      for (String rule : place.rules()) {
        print = Bits.mix(print, rule);
      }
      after.put(territory, print);
      Long known = before.remove(territory);
      if (known == null || known != print) {
        task.publish(CrmTopology.TO_PLACES, Names.internal(root) + '\0' + territory,
            rows.territory(root, territory, place, realigner.epoch()), eventMs);
      }
    });
    for (String gone : before.keySet()) {
      task.publish(CrmTopology.TO_PLACES, Names.internal(root) + '\0' + gone, null, eventMs);
    }
    byte[] now = PlaceList.toBytes(after);
    if (!Arrays.equals(bytes, now)) {
      task.places.put(key, now);
    }
  }

  /** From {@code eventMs} on; past boundaries up to {@code limitMs} one after the other. */
  private void publishFeatures(String root, Row row, long eventMs, long limitMs) {
    List<Timeline.Source> sources = new ArrayList<>();
    try (KeyValueIterator<byte[], byte[]> all = task.children.prefixScan(
        TaskState.childPrefix(root, TaskState.GRANTING), WideProcessor.RAW_BYTES)) {
      while (all.hasNext()) {
        KeyValue<byte[], byte[]> each = all.next();
        sources.add(new Timeline.Source(
            GrantSource.getRootAsGrantSource(ByteBuffer.wrap(each.value)),
            Names.text(each.key, TaskState.CHILD_AT, Names.ID_BYTES),
            Names.text(each.key, TaskState.VIA_AT, Names.ID_BYTES)));
      }
    }
    byte[] published = task.features.get(Names.bytes(root));
    if (sources.isEmpty() && published == null) {
      return;
    }
    String zone = row.isLive() ? row.text("time_zone") : null;
    publishTimelines(root, new Timeline(zone, realigner.definitions().products).derive(sources),
        published, eventMs, limitMs);
  }

  private void publishTimelines(String root, TreeMap<String, Timeline.Feature> timelines,
      byte[] published, long eventMs, long limitMs) {
    FeatureList list = FeatureList.of(published);
    for (Map.Entry<String, Timeline.Feature> each : timelines.entrySet()) {
      FeatureList.Entry entry =
          list.entries.computeIfAbsent(each.getKey(), name -> new FeatureList.Entry());
      long at = Math.max(eventMs, entry.asOfMs);
      do {
        publishFeature(root, each.getKey(), each.getValue(), entry, at);
        at = entry.nextMs;
      } while (at <= limitMs);
    }
    for (Map.Entry<String, FeatureList.Entry> each : list.entries.entrySet()) {
      FeatureList.Entry entry = each.getValue();
      if (entry.isPublished && !timelines.containsKey(each.getKey())) {
        entry.isPublished = false;
        entry.print = 0;
        ++entry.version;
        entry.nextMs = Long.MAX_VALUE;
        task.publish(CrmTopology.TO_FEATURES, Names.internal(root) + '\0' + each.getKey(), null,
            eventMs);
      }
    }
    setTimer(root, list);
    byte[] now = list.entries.isEmpty() ? null : list.toBytes();
    if (!Arrays.equals(published, now)) {
      task.features.put(Names.bytes(root), now);
    }
  }

  private void publishFeature(String root, String feature, Timeline.Feature timeline,
      FeatureList.Entry entry, long at) {
    int current = -1;
    long next = Long.MAX_VALUE;
    long print = Bits.mix(timeline.kind(), timeline.segments().size());
    for (int i = 0; i < timeline.segments().size(); i++) {
      Timeline.Segment segment = timeline.segments().get(i);
      if (segment.from() <= at && at < segment.to()) {
        current = i;
      }
      next = Math.min(next, segment.from() > at ? segment.from() : Long.MAX_VALUE);
      next = Math.min(next, segment.to() > at ? segment.to() : Long.MAX_VALUE);
      print = Bits.mix(Bits.mix(print, segment.from()), segment.to());
      print = Bits.mix(Bits.mix(Bits.mix(print, segment.status()), segment.amount()),
          segment.text());
    }
    for (Timeline.Share share : timeline.shares()) {
      print = Bits.mix(Bits.mix(Bits.mix(print, share.from()), share.to()), share.status());
      print = Bits.mix(Bits.mix(print, share.grant().amount()), share.grant().precedence());
      print = Bits.mix(Bits.mix(print, share.grant().source()), share.grant().via());
    }
    print = Bits.mix(Bits.mix(print, current), next);
    if (entry.isPublished && entry.print == print) {
      return;
    }
    entry.isPublished = true;
    entry.print = print;
    ++entry.version;
    entry.asOfMs = at;
    entry.nextMs = next;
    task.publish(CrmTopology.TO_FEATURES, Names.internal(root) + '\0' + feature,
        rows.entitlement(root, feature, timeline, current, entry), at);
  }

  private static byte[] timerKey(long at, String root) {
    byte[] key = new byte[8 + Names.ID_BYTES];
    Bits.putLong(key, 0, at);
    System.arraycopy(Names.bytes(root), 0, key, 8, Names.ID_BYTES);
    return key;
  }

  private void setTimer(String root, FeatureList list) {
    long at = list.earliestMs();
    if (at == list.timerMs) {
      return;
    }
    if (list.timerMs != Long.MAX_VALUE) {
      task.timers.delete(timerKey(list.timerMs, root));
    }
    if (at != Long.MAX_VALUE) {
      task.timers.put(timerKey(at, root), new byte[] {0});
    }
    list.timerMs = at;
    earliestTimerMs = Math.min(earliestTimerMs, at);
  }

  boolean isDue(long nowMs) {
    return earliestTimerMs <= nowMs;
  }

  /** Flips every feature whose boundary is not after the limit. */
  boolean fireTimers(long limitMs) {
    if (earliestTimerMs > limitMs) {
      return false;
    }
    List<KeyValue<byte[], byte[]>> due = new ArrayList<>();
    earliestTimerMs = Long.MAX_VALUE;
    try (KeyValueIterator<byte[], byte[]> all = task.timers.range(new byte[8], null)) {
      while (all.hasNext() && earliestTimerMs == Long.MAX_VALUE) {
        KeyValue<byte[], byte[]> timer = all.next();
        long at = Bits.getLong(timer.key, 0);
        if (at <= limitMs) {
          due.add(timer);
        } else {
          earliestTimerMs = at;
        }
      }
    }
    for (KeyValue<byte[], byte[]> timer : due) {
      String root = Names.text(timer.key, 8, Names.ID_BYTES);
      publishFeatures(root, Row.of(root, task.rows.get(Names.bytes(root))),
          Bits.getLong(timer.key, 0), limitMs);
    }
    return !due.isEmpty();
  }
}
