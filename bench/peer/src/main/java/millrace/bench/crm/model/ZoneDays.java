package millrace.bench.crm.model;

import java.time.LocalDate;
import java.time.ZoneId;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The moments at which days of a time zone begin; remembers those of this century's first half. */
public final class ZoneDays {
  private static final Map<String, ZoneDays> ZONES = new ConcurrentHashMap<>();
  private static final int FIRST = 10_957;
  private static final int COUNT = 18_000;

  private final ZoneId zone;
  private final long[] known = new long[COUNT];

  private ZoneDays(String name) {
    zone = ZoneId.of(name);
    Arrays.fill(known, Long.MIN_VALUE);
  }

  public static ZoneDays of(String name) {
    return ZONES.computeIfAbsent(name == null ? "UTC" : name, ZoneDays::new);
  }

  public long startMs(int day) {
    int at = day - FIRST;
    if (at < 0 || at >= COUNT) {
      return compute(day);
    }
    long start = known[at];
    if (start == Long.MIN_VALUE) {
      start = compute(day);
      known[at] = start;  // every thread writes the same
    }
    return start;
  }

  /** First moment after the day. */
  public long endMs(int day) {
    return startMs(day + 1);
  }

  private long compute(int day) {
    return LocalDate.ofEpochDay(day).atStartOfDay(zone).toInstant().toEpochMilli();
  }
}
