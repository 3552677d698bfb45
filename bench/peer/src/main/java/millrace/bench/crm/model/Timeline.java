package millrace.bench.crm.model;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import millrace.crm.EntitlementStatus;
import millrace.crm.FeatureKind;
import millrace.crm.FeatureTerm;
import millrace.crm.GrantSource;
import millrace.crm.GrantSourceKind;
import millrace.crm.GrantSourceStatus;
import millrace.crm.Period;
import millrace.crm.Precedence;

/** The entitlements of one account over all time: grants → disjoint segments, with provenance. */
public final class Timeline {
  public static final long OPEN_START = Long.MIN_VALUE;
  public static final long OPEN_END = Long.MAX_VALUE;

  /** A live record under the root, which came through the account {@code via}. */
  public record Source(GrantSource row, String id, String via) {}

  public record Segment(long from, long to, byte status, long amount, String text) {}

  public record Share(long from, long to, byte status, Grant grant) {}

  /** Of one feature. */
  public record Feature(byte kind, List<Segment> segments, List<Share> shares) {}

  public record Grant(byte kind, long amount, String text, byte precedence, long from,
      String source, String via) {}

  /** Strongest first. */
  private static final Comparator<Grant> STRENGTH =
      Comparator.<Grant>comparingInt(grant -> -grant.precedence())
          .thenComparing(Comparator.comparingLong(Grant::from).reversed())
          .thenComparing(Grant::source);
  private static final Comparator<Grant> AMOUNT =
      Comparator.comparingLong(Grant::amount).reversed().thenComparing(STRENGTH);

  private record Span(long from, long to) {}

  /** When a record by itself is in effect. */
  private static final class Limits {
    long from = OPEN_START;
    long to = OPEN_END;
    boolean isValid = true;
    boolean hasLastDay;
    int lastDay;
    long terminated = OPEN_END;
    final List<Span> suspensions = new ArrayList<>(0);

    void narrow(GrantSource row, ZoneDays days) {
      isValid &= row.status() == GrantSourceStatus.Active;
      Period period = row.period();
      if (period != null && period.hasStartDate()) {
        from = Math.max(from, days.startMs(period.startDate()));
      }
      if (period != null && period.hasEndDate()) {
        to = Math.min(to, days.endMs(period.endDate()));
        lastDay = hasLastDay ? Math.min(lastDay, period.endDate()) : period.endDate();
        hasLastDay = true;
      }
      if (row.hasTerminatedDate()) {
        terminated = Math.min(terminated, days.endMs(row.terminatedDate()));
      }
      for (int i = 0; i < row.suspensionsLength(); i++) {
        Period out = row.suspensions(i);
        suspensions.add(new Span(out.hasStartDate() ? days.startMs(out.startDate()) : OPEN_START,
            out.hasEndDate() ? days.endMs(out.endDate()) : OPEN_END));
      }
    }

    /** The parts of a span that are neither terminated nor suspended. */
    List<Span> openParts(long begin, long end) {
      List<Span> parts = new ArrayList<>(2);
      add(parts, begin, Math.min(end, terminated), 0);
      return parts;
    }

    private void add(List<Span> parts, long begin, long end, int suspension) {
      if (begin >= end) {
        return;
      }
      if (suspension == suspensions.size()) {
        parts.add(new Span(begin, end));
        return;
      }
      Span out = suspensions.get(suspension);
      add(parts, begin, Math.min(end, out.from()), suspension + 1);
      add(parts, Math.max(begin, Math.max(out.from(), out.to())), end, suspension + 1);
    }
  }

  private record Event(long at, boolean begins, byte status, Grant grant) {}

  private final ZoneDays days;
  private final Map<String, FeatureTerm[]> products;
  private final Map<String, GrantSource> containers = new HashMap<>();
  private final Map<String, List<Event>> events = new TreeMap<>();

  public Timeline(String zone, Map<String, FeatureTerm[]> products) {
    days = ZoneDays.of(zone);
    this.products = products;
  }

  /** By feature; only features that are granted at any time. */
  public TreeMap<String, Feature> derive(List<Source> sources) {
    for (Source source : sources) {
      byte kind = source.row().kind();
      if (kind == GrantSourceKind.Contract || kind == GrantSourceKind.Asset) {
        containers.put(Names.internal(source.id()), source.row());
      }
    }
    for (Source source : sources) {
      addGrants(source);
    }
    TreeMap<String, Feature> features = new TreeMap<>();
    events.forEach((feature, of) -> {
      Feature swept = sweep(of);
      if (!swept.segments().isEmpty()) {
        features.put(feature, swept);
      }
    });
    return features;
  }

  private void addGrants(Source source) {
    GrantSource row = source.row();
    boolean isSubscription = row.kind() == GrantSourceKind.Subscription;
    long quantity = row.hasQuantity() ? row.quantity() : isSubscription ? 0 : 1;
    if (quantity <= 0 || row.termsLength() == 0 && row.product() == null) {
      return;
    }
    Limits limits = new Limits();
    limits.narrow(row, days);
    for (int i = 0; i < row.withinLength(); i++) {
      GrantSource container = containers.get(row.within(i));
      if (container == null) {
        return;
      }
      limits.narrow(container, days);
    }
    if (!limits.isValid) {
      return;
    }
    boolean isPlan = isSubscription || row.kind() == GrantSourceKind.Asset;
    byte precedence = isPlan ? Precedence.Plan : Precedence.Contract;
    String own = null;
    for (int i = 0; i < row.termsLength(); i++) {
      own = row.terms(i).feature();
      addGrant(source, row.terms(i), own, quantity, precedence, limits);
    }
    FeatureTerm[] terms = row.product() == null ? null : products.get(row.product());
    for (int i = 0; terms != null && i < terms.length; i++) {
      String feature = terms[i].feature();
      if (!feature.equals(own)) {
        addGrant(source, terms[i], feature, quantity, precedence, limits);
      }
    }
  }

  private void addGrant(Source source, FeatureTerm term, String feature, long quantity,
      byte precedence, Limits limits) {
    Grant grant = new Grant(term.kind(), term.amount() * (term.perUnit() ? quantity : 1),
        term.text(), precedence, limits.from, source.row().id(), source.via());
    List<Event> into = events.computeIfAbsent(feature, name -> new ArrayList<>());
    addSpans(into, limits.openParts(limits.from, limits.to), EntitlementStatus.Active, grant);
    boolean hasGrace = term.graceDays() != 0 && limits.hasLastDay && limits.from < limits.to;
    if (hasGrace) {
      long end = days.endMs(limits.lastDay + term.graceDays());
      addSpans(into, limits.openParts(limits.to, end), EntitlementStatus.Grace, grant);
    }
  }

  private static void addSpans(List<Event> into, List<Span> spans, byte status, Grant grant) {
    for (Span span : spans) {
      into.add(new Event(span.from(), true, status, grant));
      if (span.to() != OPEN_END) {
        into.add(new Event(span.to(), false, status, grant));
      }
    }
  }

  private static boolean addsUp(byte kind) {
    return kind == FeatureKind.QuantitySum || kind == FeatureKind.Metered
        || kind == FeatureKind.PerIncident;
  }

  /** Grants of one status that are in effect; the same grant at most once at a time. */
  private static final class Active {
    final TreeSet<Grant> grants;
    final Map<Grant, Long> since = new IdentityHashMap<>();
    long sum;

    Active(Comparator<Grant> order) {
      grants = new TreeSet<>(order);
    }

    void apply(Event event) {
      if (event.begins() ? grants.add(event.grant()) : grants.remove(event.grant())) {
        sum += event.begins() ? event.grant().amount() : -event.grant().amount();
      }
    }
  }

  private static Feature sweep(List<Event> events) {
    List<Segment> segments = new ArrayList<>();
    List<Share> shares = new ArrayList<>();
    byte kind = events.isEmpty() ? 0 : events.get(0).grant().kind();
    boolean byAmount = kind == FeatureKind.QuantityMax || kind == FeatureKind.Tier;
    Comparator<Grant> order = byAmount ? AMOUNT : STRENGTH;
    Active[] active = {new Active(order), new Active(order)};
    // At one moment ends come first, so that a grant can end and begin.
    events.sort(Comparator.comparingLong(Event::at).thenComparing(Event::begins));
    for (int i = 0; i < events.size();) {
      long at = events.get(i).at();
      for (; i < events.size() && events.get(i).at() == at; i++) {
        Event event = events.get(i);
        active[event.status()].apply(event);
        if (addsUp(kind) && event.status() == EntitlementStatus.Active) {
          share(shares, active[0].since, event);
        }
      }
      byte status = active[0].grants.isEmpty() ? EntitlementStatus.Grace : EntitlementStatus.Active;
      Active now = active[status];
      if (!now.grants.isEmpty()) {
        long end = i < events.size() ? events.get(i).at() : OPEN_END;
        append(segments, shares, kind, status, now, at, end);
      }
    }
    active[0].since.forEach((grant, since) ->
        shares.add(new Share(since, OPEN_END, EntitlementStatus.Active, grant)));
    return new Feature(kind, segments, shares);
  }

  /** Where active grants add up, each has shares of its own spans. */
  private static void share(List<Share> shares, Map<Grant, Long> since, Event event) {
    Grant grant = event.grant();
    if (event.begins()) {
      since.put(grant, event.at());
    } else if (since.containsKey(grant)) {
      shares.add(new Share(since.remove(grant), event.at(), event.status(), grant));
    }
  }

  private static void append(List<Segment> segments, List<Share> shares, byte kind, byte status,
      Active now, long from, long to) {
    Grant best = now.grants.first();
    boolean addsUp = addsUp(kind);
    long amount = addsUp ? now.sum : best.amount();
    String text = addsUp ? null : best.text();
    Segment last = segments.isEmpty() ? null : segments.get(segments.size() - 1);
    if (last != null && last.to() == from && last.status() == status && last.amount() == amount
        && (text == null ? last.text() == null : text.equals(last.text()))) {
      segments.set(segments.size() - 1, new Segment(last.from(), to, status, amount, text));
    } else {
      segments.add(new Segment(from, to, status, amount, text));
    }
    if (addsUp && status == EntitlementStatus.Active) {
      return;
    }
    for (Grant grant : addsUp ? now.grants : List.of(best)) {
      extend(shares, from, to, status, grant);
    }
  }

  private static void extend(List<Share> shares, long from, long to, byte status, Grant grant) {
    // The share to extend is among those of the segment before.
    for (int i = shares.size() - 1; i >= 0 && shares.get(i).to() >= from; i--) {
      Share share = shares.get(i);
      if (share.to() == from && share.grant() == grant && share.status() == status) {
        shares.set(i, new Share(share.from(), to, status, grant));
        return;
      }
    }
    shares.add(new Share(from, to, status, grant));
  }
}
