package millrace.bench.crm;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/** The territories that were published of an account, each with a print of its row. */
final class PlaceList {
  private PlaceList() {}

  static TreeMap<String, Long> of(byte[] bytes) {
    TreeMap<String, Long> places = new TreeMap<>();
    if (bytes != null) {
      ByteBuffer in = ByteBuffer.wrap(bytes);
      while (in.hasRemaining()) {
        byte[] name = new byte[in.getShort()];
        in.get(name);
        places.put(new String(name, StandardCharsets.UTF_8), in.getLong());
      }
    }
    return places;
  }

  /** Null for none. */
  static byte[] toBytes(Map<String, Long> places) {
    if (places.isEmpty()) {
      return null;
    }
    int size = 0;
    for (String name : places.keySet()) {
      size += 2 + name.getBytes(StandardCharsets.UTF_8).length + 8;
    }
    ByteBuffer out = ByteBuffer.allocate(size);
    places.forEach((name, print) -> {
      byte[] text = name.getBytes(StandardCharsets.UTF_8);
      out.putShort((short) text.length).put(text).putLong(print);
    });
    return out.array();
  }
}
