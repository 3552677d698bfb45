package millrace.bench.crm.model;

/** Numbers in byte arrays, big-endian, and prints of contents. */
public final class Bits {
  private static final long FACTOR = 0x9E3779B97F4A7C15L;

  private Bits() {}

  public static void putLong(byte[] bytes, int at, long value) {
    for (int i = 7; i >= 0; i--) {
      bytes[at + i] = (byte) value;
      value >>>= 8;
    }
  }

  public static long getLong(byte[] bytes, int at) {
    long value = 0;
    for (int i = 0; i < 8; i++) {
      value = value << 8 | bytes[at + i] & 0xff;
    }
    return value;
  }

  public static long mix(long print, long value) {
    long mixed = (print ^ value) * FACTOR;
    return mixed ^ mixed >>> 29;
  }

  public static long mix(long print, String text) {
    long mixed = mix(print, text == null ? -1 : text.length());
    for (int i = 0; text != null && i < text.length(); i++) {
      mixed = mix(mixed, text.charAt(i));
    }
    return mixed;
  }
}
