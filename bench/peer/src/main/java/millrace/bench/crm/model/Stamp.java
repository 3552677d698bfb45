package millrace.bench.crm.model;

import com.google.flatbuffers.FlatBufferBuilder;
import millrace.crm.Version;

/** When the source made a change (version.fbs); ordered. */
public record Stamp(long commitMs, long sequence, String transaction) implements Comparable<Stamp> {
  public static Stamp of(Version version) {
    return version == null ? null
        : new Stamp(version.commitTimestampMs(), version.sequenceNumber(),
            version.transactionKey());
  }

  /** A missing one is the lowest. */
  public static boolean isNewer(Stamp a, Stamp b) {
    return a != null && (b == null || a.compareTo(b) > 0);
  }

  public static Stamp newest(Stamp a, Stamp b) {
    return isNewer(b, a) ? b : a;
  }

  @Override
  public int compareTo(Stamp other) {
    int order = Long.compare(commitMs, other.commitMs);
    if (order == 0) {
      order = Long.compare(sequence, other.sequence);
    }
    return order != 0 ? order : transaction.compareTo(other.transaction);
  }

  public int write(FlatBufferBuilder builder) {
    int key = builder.createString(transaction);
    return Version.createVersion(builder, commitMs, sequence, key, 0, 0);
  }
}
