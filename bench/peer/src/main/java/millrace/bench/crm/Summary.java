package millrace.bench.crm;

import java.nio.ByteBuffer;
import millrace.bench.crm.model.Kind;

/** The small, hot part of an account's state. */
final class Summary {
  private static final int BYTES = 4 * Kind.CHILDREN + 4 + 8 + 1;

  /** Of the entries under this id, by kind. */
  final int[] children = new int[Kind.CHILDREN];
  /** Ids that were merged into this one. */
  int members;
  /** Counts the published states. */
  long version;
  boolean isPublished;

  static Summary of(byte[] bytes) {
    Summary summary = new Summary();
    if (bytes != null) {
      ByteBuffer in = ByteBuffer.wrap(bytes);
      for (int i = 0; i < Kind.CHILDREN; i++) {
        summary.children[i] = in.getInt();
      }
      summary.members = in.getInt();
      summary.version = in.getLong();
      summary.isPublished = in.get() != 0;
    }
    return summary;
  }

  byte[] toBytes() {
    ByteBuffer out = ByteBuffer.allocate(BYTES);
    for (int count : children) {
      out.putInt(count);
    }
    return out.putInt(members).putLong(version).put((byte) (isPublished ? 1 : 0)).array();
  }

  boolean hasChildren() {
    for (int count : children) {
      if (count > 0) {
        return true;
      }
    }
    return false;
  }
}
