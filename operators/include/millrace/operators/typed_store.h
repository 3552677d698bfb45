#pragma once

#include <memory>
#include <string>
#include <utility>

#include "millrace/core/store.h"
#include "millrace/operators/detail/encoded.h"
#include "millrace/operators/detail/versioned/version_reader.h"
#include "millrace/operators/maybe.h"

namespace millrace {

/// A row as a typed store returns it; views die at the next call of the store.
template <class V>
struct TypedRow {
  Maybe<V> value;
  int64_t timestamp_ms = 0;

  explicit operator bool() const { return static_cast<bool>(value); }
  ViewOf<V> operator*() const { return *value; }
  auto operator->() const { return value.operator->(); }
};

/// Walks rows in ascending order of the key's bytes. The store must not be written meanwhile. Rows
/// that an operator has in its store for itself are passed over.
template <class K, class V>
class TypedIterator {
 public:
  explicit TypedIterator(std::unique_ptr<StoreIterator> rows) : rows_(std::move(rows)) {
    pass_hidden();
  }
  bool valid() const { return rows_->valid(); }
  ViewOf<K> key() const { return view_of<K>(rows_->key()); }
  Bytes key_bytes() const { return rows_->key(); }
  ViewOf<V> value() const { return view_of<V>(rows_->row().value); }
  int64_t timestamp_ms() const { return rows_->row().timestamp_ms; }
  void next() {
    rows_->next();
    pass_hidden();
  }

 private:
  void pass_hidden() {
    if constexpr (requires { Serde<K>::is_row(Bytes()); }) {
      while (rows_->valid() && !Serde<K>::is_row(rows_->key())) rows_->next();
    }
  }
  std::unique_ptr<StoreIterator> rows_;
};

/// A task's keyed store with keys `K` and values `V`. Give keys and values as `OwnedOf<T>` or, for
/// text and raw bytes, as views. `Bytes` of a record's key are taken as they are.
///
/// A view from `get` dies at the next call of any method, even of one that an operator behind makes
/// on the same store: copy what you forward.
template <class K, class V>
class TypedStore {
 public:
  explicit TypedStore(KeyValueStore& store) : store_(&store) {}

  template <class Key>
  TypedRow<V> get(const Key& key) {
    const Row row = store_->get(operators::key_bytes<K>(key, key_));
    return {Maybe<V>(row.value), row.timestamp_ms};
  }
  template <class Key, class Value>
  void put(const Key& key, const Value& value, int64_t timestamp_ms) {
    static_assert(!operators::IsOptional<Value>::value, "a row has a value; use erase");
    operators::encode_to<V>(value, value_);
    store_->put(operators::key_bytes<K>(key, key_), Bytes(value_), timestamp_ms);
  }
  template <class Key>
  void erase(const Key& key, int64_t timestamp_ms) {
    store_->erase(operators::key_bytes<K>(key, key_), timestamp_ms);
  }
  /// Erases the row and returns it as it was; none: there was none. It costs a read. The view dies
  /// as one from `get` does.
  template <class Key>
  TypedRow<V> remove(const Key& key, int64_t timestamp_ms) {
    const Bytes bytes = operators::key_bytes<K>(key, key_);
    const Row row = store_->get(bytes);
    if (!row) return {};
    value_ = row.value.view();  // the row's view dies at the erase
    const int64_t was_ms = row.timestamp_ms;
    store_->erase(bytes, timestamp_ms);
    return {Maybe<V>(Bytes(value_)), was_ms};
  }
  /// Puts the row if there is none; else returns the one that there is, and changes nothing.
  template <class Key, class Value>
  TypedRow<V> put_if_absent(const Key& key, const Value& value, int64_t timestamp_ms) {
    TypedRow<V> present = get(key);
    if (!present) put(key, value, timestamp_ms);
    return present;
  }
  TypedIterator<K, V> all() { return TypedIterator<K, V>(store_->range(Bytes(), Bytes())); }
  /// Rows with from <= key < to, by the keys' bytes.
  template <class From, class To>
  TypedIterator<K, V> range(const From& from, const To& to) {
    std::string from_bytes;
    std::string to_bytes;
    operators::encode_to<K>(from, from_bytes);
    operators::encode_to<K>(to, to_bytes);
    return TypedIterator<K, V>(store_->range(Bytes(from_bytes), Bytes(to_bytes)));
  }
  TypedIterator<K, V> prefix(Bytes prefix) { return TypedIterator<K, V>(store_->prefix(prefix)); }

  KeyValueStore& bytes() { return *store_; }

 private:
  KeyValueStore* store_;
  std::string key_;
  std::string value_;
};

/// The rows of a versioned table and their history (Kafka Streams: `VersionedKeyValueStore`,
/// KIP-889), for a processor that declares the table's stores.
///
/// A versioned table, `TopologyBuilder::table` with a history or `Stream::to_versioned_table`, is a
/// table that also has the earlier versions of each row. A version is valid from its record's time
/// to that of the next one. A join of a stream with the table, or with a filtered or mapped one,
/// finds the row of the stream record's time. A table that is materialized, joined or aggregated
/// from it has no history.
///
/// Out of order (KIP-914): the order of times wins. An older record corrects the history and is not
/// forwarded. So aggregates and joins of the table, and what is written to a topic, see only what
/// is the latest by time. Of equal times the later offset wins. Null value: no row from then on,
/// also for an older record that comes later. Null key: dropped and counted "null_key".
///
/// Late, by more than the history: dropped, and counted "late", and with the time by which it was
/// too late as the node's. A time before 1970 or above `kEventTimeMaxMs`: an invalid record. The
/// table's stream time decides what is late and how far the history reaches: the largest time of a
/// record with a key that came to it in this task. The store keeps it, so it continues after
/// restarts.
///
/// The store that the table names has the latest rows, as any table's; they never expire.
/// "<name>-history" has the versions before. Those go when they expire, in batches, at most an
/// eighth of the history later; nothing is emitted then.
///
///     class Priced final : public mr::TypedProcessor<ItemId, Order, ItemId, Bill> {
///       void on_start() override { prices_.emplace(versioned_store<ItemId, Price>("prices")); }
///       void on_record(mr::Maybe<ItemId> id, mr::Maybe<Order>, const mr::Record& order) override {
///         const auto price = prices_->as_of(*id, order.timestamp_ms); …
///       }
///     };
///     const auto prices = builder.table(kPrices, {.name = "prices", .history = 24h});
///     orders.process("priced", make_priced, {.stores = prices.stores()});
///
/// A row's timestamp is the time from which it is valid. Keys are as in `TypedStore`; views die at
/// the next call of any method, even of one that an operator behind makes on the same store.
template <class K, class V>
class VersionedStore {
 public:
  /// REQUIRES: both stores of one versioned table.
  VersionedStore(KeyValueStore& latest, KeyValueStore& history) : versions_(latest, history) {}

  /// The version with the largest time; none: there is no row now.
  template <class Key>
  TypedRow<V> latest(const Key& key) {
    return typed(versions_.latest(operators::key_bytes<K>(key, key_)));
  }
  /// The version with the largest time that is not above `time_ms`. None: there was no row then; or
  /// `time_ms` is earlier than the table's stream time by more than the history, and the latest
  /// version is later than it.
  template <class Key>
  TypedRow<V> as_of(const Key& key, int64_t time_ms) {
    return typed(versions_.as_of(operators::key_bytes<K>(key, key_), time_ms));
  }

 private:
  static TypedRow<V> typed(const Row& row) { return {Maybe<V>(row.value), row.timestamp_ms}; }

  operators::VersionReader versions_;
  std::string key_;
};

}  // namespace millrace
