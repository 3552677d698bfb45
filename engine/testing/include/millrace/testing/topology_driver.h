#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/assert.h"
#include "millrace/core/result.h"
#include "millrace/core/serde.h"
#include "millrace/core/topic.h"
#include "millrace/core/topology.h"
#include "millrace/engine/engine.h"
#include "millrace/engine/options.h"

namespace millrace::testing {

/// By name; a value of nullopt is null.
using DriverHeaders = std::map<std::string, std::optional<std::string>>;

/// A record that the driver read from an output topic.
struct DriverRecord {
  int32_t partition = 0;
  int64_t offset = 0;
  int64_t timestamp_ms = 0;
  std::optional<std::string> key;    ///< bytes; nullopt: null
  std::optional<std::string> value;  ///< bytes; nullopt: a tombstone
  DriverHeaders headers;
};

/// An output record of typed keys and values; the views live as long as this.
template <class K, class V>
struct TypedRecord {
  DriverRecord raw;
  /// REQUIRES: `raw.key` is not null.
  ViewOf<K> key() const {
    MILLRACE_ASSERT(raw.key.has_value(), "key() of a record whose key is null");
    return view_of<K>(Bytes(*raw.key));
  }
  bool is_tombstone() const { return !raw.value.has_value(); }
  /// REQUIRES: no tombstone.
  ViewOf<V> value() const {
    MILLRACE_ASSERT(raw.value.has_value(), "value() of a tombstone");
    return view_of<V>(Bytes(*raw.value));
  }
};

/// A committed row of a store with values `V`, or none; the view lives as long as this.
template <class V>
class StoredRow {
 public:
  explicit StoredRow(std::optional<std::string> bytes) : bytes_(std::move(bytes)) {}

  explicit operator bool() const { return bytes_.has_value(); }
  /// REQUIRES: there is a row.
  ViewOf<V> operator*() const {
    MILLRACE_ASSERT(bytes_.has_value(), "there is no such row");
    return view_of<V>(Bytes(*bytes_));
  }

 private:
  std::optional<std::string> bytes_;
};

struct DriverOptions {
  /// Partitions of external topics; topics not named here get `partitions`.
  std::map<std::string, int32_t> topic_partitions;
  int32_t partitions = 1;
  int64_t start_time_ms = 1'700'000'000'000;  ///< first time of the hand-moved clock
  /// Empty: stores in memory, so that a restart restores everything from the changelogs.
  std::filesystem::path state_dir;
  EngineOptions engine;  ///< application_id defaults to "test"; the rest as configured
};

/// Runs a topology on the real engine, with a broker in memory, one thread and a clock by hand.
///
///     TopologyDriver driver{activity_summaries()};
///     driver.pipe(kAccounts, "A-1", account("Acme"), 1'000);
///     driver.run();
///     EXPECT_EQ(driver.read(kSummaries).size(), 1);
///
/// Input waits in its topic until `run`, which processes until nothing is left to do and commits.
/// Output is the records that a read_committed consumer would see. Not thread-safe. A topology that
/// does not validate, or an engine that fails, aborts with the reason unless the method returns a
/// Status. The process logs to stderr, at `log_level` of the engine's options.
class TopologyDriver {
 public:
  explicit TopologyDriver(Result<Topology> topology, DriverOptions options = {});
  ~TopologyDriver();
  TopologyDriver(const TopologyDriver&) = delete;
  TopologyDriver& operator=(const TopologyDriver&) = delete;

  template <class K, class V>
  void pipe(Topic<K, V> topic, const OwnedOf<K>& key, const OwnedOf<V>& value,
            int64_t timestamp_ms) {
    std::string value_bytes;
    encode_as<V>(value, value_bytes);
    pipe_bytes(topic.name, key_bytes<K>(key), Bytes(value_bytes), timestamp_ms);
  }
  template <class K, class V>
  void pipe_tombstone(Topic<K, V> topic, const OwnedOf<K>& key, int64_t timestamp_ms) {
    pipe_bytes(topic.name, key_bytes<K>(key), Bytes(), timestamp_ms);
  }
  /// Pipes any bytes to any partition; without one, to that of the key (null keys: partition 0).
  void pipe_bytes(std::string_view topic, const std::optional<std::string>& key, Bytes value,
                  int64_t timestamp_ms, std::optional<int32_t> partition = std::nullopt,
                  const DriverHeaders& headers = {});

  /// Processes all input and everything that follows from it, and commits. Aborts when the engine
  /// fails.
  void run();
  /// The same for tests that expect a failure or a crash.
  Status try_run();
  /// One turn of the loop.
  Status run_once();

  /// Committed records of `topic` since the previous `read` of it, by partition, then offset.
  template <class K, class V>
  std::vector<TypedRecord<K, V>> read(Topic<K, V> topic) {
    std::vector<TypedRecord<K, V>> records;
    for (DriverRecord& record : read_bytes(topic.name)) records.push_back({std::move(record)});
    return records;
  }
  std::vector<DriverRecord> read_bytes(std::string_view topic);
  /// Latest committed value bytes per key bytes of the whole topic, tombstones left out.
  std::map<std::string, std::string> table_bytes(std::string_view topic) const;

  /// Committed row of a store with keys `K` and values `V`. Aborts when the store has other types
  /// or does not exist. `partition_key`: the part of a composite key that it is partitioned by.
  template <class K, class V>
  StoredRow<V> row(std::string_view store, const OwnedOf<K>& key, Bytes partition_key = {}) {
    check_store(store, type_info<K>(), type_info<V>());
    const std::string bytes = key_bytes<K>(key);
    return StoredRow<V>(store_bytes(store, Bytes(bytes), partition_key));
  }
  /// All committed rows of such a store, task by task, each in ascending order of the keys' bytes.
  template <class K, class V>
  std::vector<std::pair<OwnedOf<K>, StoredRow<V>>> rows(std::string_view store) {
    check_store(store, type_info<K>(), type_info<V>());
    std::vector<std::pair<OwnedOf<K>, StoredRow<V>>> found;
    for (auto& [key, value] : all_store_bytes(store)) {
      found.emplace_back(OwnedOf<K>(view_of<K>(Bytes(key))), StoredRow<V>(std::move(value)));
    }
    return found;
  }
  /// The committed rows of such a store that its index `index` finds at `value`, text or an
  /// integer, task by task.
  template <class K, class V, class Value>
  std::vector<std::pair<OwnedOf<K>, StoredRow<V>>> rows_by(std::string_view store,
                                                           std::string_view index,
                                                           const Value& value) {
    check_store(store, type_info<K>(), type_info<V>());
    std::string indexed;
    append_indexed(value, indexed);
    std::vector<std::pair<OwnedOf<K>, StoredRow<V>>> found;
    for (auto& [key, row] : indexed_bytes(store, index, Bytes(indexed))) {
      found.emplace_back(OwnedOf<K>(view_of<K>(Bytes(key))), StoredRow<V>(std::move(row)));
    }
    return found;
  }
  /// Of a store as bytes.
  std::optional<std::string> store_bytes(std::string_view store, Bytes key,
                                         Bytes partition_key = {});

  /// The committed time of the timer of (key, kind); nullopt: there is none.
  std::optional<int64_t> timer_ms(std::string_view timers, Bytes key, uint8_t kind,
                                  Bytes partition_key = {});

  int64_t now_ms() const;
  /// Timers on the wall clock that this makes due fire in the next `run`. Records piped before the
  /// first `run` after a start are backlog, which timers do not overtake.
  void advance_time(int64_t milliseconds);

  /// Stops in an orderly way and starts again; with `state_dir` it keeps the state.
  void restart();
  /// Ends without commit or close, as kill -9 does, and starts again.
  void crash_and_restart();
  /// Ends the engine the `nth` time it reaches `step`, as kill -9 would; `try_run` then returns
  /// `kInternal`, and `crash_and_restart` continues from the remains.
  void crash_at(CommitStep step, int nth = 1);
  /// Deletes local state, like a move to a new machine; takes effect at the next start.
  void delete_state();

  Engine& engine();

 private:
  friend struct DriverInternals;  ///< `engine/testing/driver_broker.h`, not installed

  void check_store(std::string_view store, const TypeInfo& key, const TypeInfo& value) const;
  std::vector<std::pair<std::string, std::string>> all_store_bytes(std::string_view store);
  std::vector<std::pair<std::string, std::string>> indexed_bytes(std::string_view store,
                                                                 std::string_view index,
                                                                 Bytes value);
  template <class K>
  static std::string key_bytes(const OwnedOf<K>& key) {
    std::string bytes;
    encode_as<K>(key, bytes);
    return bytes;
  }
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::testing
