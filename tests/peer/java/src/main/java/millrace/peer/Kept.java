package millrace.peer;

import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.internals.KTableImpl;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/** Tables and their stores, without caches, so that every change comes out. */
final class Kept {
  static final Serde<Long> KEY = Serdes.Long();
  static final Serde<String> TEXT = Serdes.String();

  private Kept() {}

  /**
   * The same table without the changes that have neither an old nor a new row: Millrace has none.
   * Kafka Streams emits them for a tombstone of an absent row, and where an operator without old
   * values leaves a row out that it never had.
   */
  static <K> KTable<K, String> changes(KTable<K, String> table) {
    KTable<K, String> kept = table.filter((key, value) -> true);
    ((KTableImpl<K, ?, String>) kept).enableSendingOldValues(true);
    return kept;
  }

  static Materialized<Long, String, KeyValueStore<Bytes, byte[]>> rows(String name) {
    return Materialized.<Long, String, KeyValueStore<Bytes, byte[]>>as(name)
        .withKeySerde(KEY)
        .withValueSerde(TEXT)
        .withCachingDisabled()
        .withLoggingDisabled();
  }

  static Materialized<Long, Long, KeyValueStore<Bytes, byte[]>> counts(String name) {
    return Materialized.<Long, Long, KeyValueStore<Bytes, byte[]>>as(name)
        .withKeySerde(KEY)
        .withValueSerde(KEY)
        .withCachingDisabled()
        .withLoggingDisabled();
  }

  static Materialized<Long, String, WindowStore<Bytes, byte[]>> windows(String name) {
    return Materialized.<Long, String, WindowStore<Bytes, byte[]>>as(name)
        .withKeySerde(KEY)
        .withValueSerde(TEXT)
        .withCachingDisabled()
        .withLoggingDisabled();
  }

  static Materialized<Long, Long, WindowStore<Bytes, byte[]>> windowCounts(String name) {
    return Materialized.<Long, Long, WindowStore<Bytes, byte[]>>as(name)
        .withKeySerde(KEY)
        .withValueSerde(KEY)
        .withCachingDisabled()
        .withLoggingDisabled();
  }

  static Materialized<Long, String, SessionStore<Bytes, byte[]>> sessions(String name) {
    return Materialized.<Long, String, SessionStore<Bytes, byte[]>>as(name)
        .withKeySerde(KEY)
        .withValueSerde(TEXT)
        .withCachingDisabled()
        .withLoggingDisabled();
  }

  static Materialized<Long, Long, SessionStore<Bytes, byte[]>> sessionCounts(String name) {
    return Materialized.<Long, Long, SessionStore<Bytes, byte[]>>as(name)
        .withKeySerde(KEY)
        .withValueSerde(KEY)
        .withCachingDisabled()
        .withLoggingDisabled();
  }
}
