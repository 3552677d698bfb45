package millrace.bench;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** The bytes of keys, input values and the aggregate, as bench/README.md describes them. */
final class Layout {
  static final int PARTITIONS = 4;
  static final int VALUE_BYTES = 200;
  static final int VALUE_AMOUNT = 0;
  static final int VALUE_EVENT_TIME = 8;
  static final int VALUE_SEQUENCE = 16;
  static final int VALUE_PAYLOAD = 24;

  static final int STATE_BYTES = 216;
  static final int STATE_COUNT = 0;
  static final int STATE_SUM = 8;
  static final int STATE_EVENT_TIME = 16;
  static final int STATE_TAIL = 24;
  static final int TAIL_BYTES = STATE_BYTES - STATE_TAIL;

  private static final VarHandle INT64 =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private Layout() {}

  static long int64(byte[] bytes, int at) {
    return (long) INT64.get(bytes, at);
  }

  static void putInt64(byte[] bytes, int at, long value) {
    INT64.set(bytes, at, value);
  }

  static byte[] key(int number) {
    return String.format("account-%08d", number).getBytes(StandardCharsets.US_ASCII);
  }

  /** Adds a record to {@code state} in place; null starts a new state. */
  static byte[] aggregate(byte[] state, byte[] value) {
    if (value.length != VALUE_BYTES) {
      throw new IllegalArgumentException("a value of " + value.length + " bytes");
    }
    long eventTime = int64(value, VALUE_EVENT_TIME);
    if (state == null) {
      state = new byte[STATE_BYTES];
      putInt64(state, STATE_EVENT_TIME, eventTime);
    }
    putInt64(state, STATE_COUNT, int64(state, STATE_COUNT) + 1);
    putInt64(state, STATE_SUM, int64(state, STATE_SUM) + int64(value, VALUE_AMOUNT));
    putInt64(state, STATE_EVENT_TIME, Math.max(int64(state, STATE_EVENT_TIME), eventTime));
    System.arraycopy(value, VALUE_BYTES - TAIL_BYTES, state, STATE_TAIL, TAIL_BYTES);
    return state;
  }
}
