package millrace.bench.crm;

import java.nio.ByteBuffer;
import java.util.Map;
import java.util.TreeMap;
import millrace.bench.crm.model.Names;

/** The published features of an account, and when the first of them changes by itself. */
final class FeatureList {
  static final class Entry {
    long print;
    /** Counts the published states, tombstones too. */
    long version;
    long asOfMs;
    long nextMs = Long.MAX_VALUE;
    boolean isPublished;
  }

  /** Of the root's timer; the largest number: there is none. */
  long timerMs = Long.MAX_VALUE;
  final TreeMap<String, Entry> entries = new TreeMap<>();

  static FeatureList of(byte[] bytes) {
    FeatureList list = new FeatureList();
    if (bytes == null) {
      return list;
    }
    ByteBuffer in = ByteBuffer.wrap(bytes);
    list.timerMs = in.getLong();
    while (in.hasRemaining()) {
      byte[] name = new byte[in.getShort()];
      in.get(name);
      Entry entry = new Entry();
      entry.print = in.getLong();
      entry.version = in.getLong();
      entry.asOfMs = in.getLong();
      entry.nextMs = in.getLong();
      entry.isPublished = in.get() != 0;
      list.entries.put(Names.text(name).intern(), entry);
    }
    return list;
  }

  byte[] toBytes() {
    int size = 8;
    for (String name : entries.keySet()) {
      size += 2 + name.length() + 33;
    }
    ByteBuffer out = ByteBuffer.allocate(size).putLong(timerMs);
    for (Map.Entry<String, Entry> each : entries.entrySet()) {
      Entry entry = each.getValue();
      byte[] name = Names.bytes(each.getKey());
      out.putShort((short) name.length).put(name).putLong(entry.print).putLong(entry.version)
          .putLong(entry.asOfMs).putLong(entry.nextMs).put((byte) (entry.isPublished ? 1 : 0));
    }
    return out.array();
  }

  long earliestMs() {
    long earliest = Long.MAX_VALUE;
    for (Entry entry : entries.values()) {
      earliest = Math.min(earliest, entry.nextMs);
    }
    return earliest;
  }
}
