#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/topology.h"
#include "millrace/operators.h"

namespace millrace::testing {

/// A record of a sink's topic, or of a table's change.
template <class K, class V>
struct Out {
  std::optional<OwnedOf<K>> key;
  std::optional<OwnedOf<V>> value;
  int64_t timestamp_ms = 0;

  friend bool operator==(const Out&, const Out&) = default;
  friend std::ostream& operator<<(std::ostream& stream, const Out& out) {
    stream << "{" << (out.key ? *out.key : OwnedOf<K>()) << " -> ";
    if (out.value) {
      stream << *out.value;
    } else {
      stream << "null";
    }
    return stream << " @" << out.timestamp_ms << "}";
  }
};

struct RawOut {
  std::optional<std::string> key;
  std::optional<std::string> value;
  int64_t timestamp_ms = 0;
  std::vector<std::pair<std::string, std::string>> headers;
};

/// How a record crosses an exchange.
enum class ExchangeMode {
  kLocal,    ///< by a direct call, as within a task
  kDelayed,  ///< after all that the input record does, as through a topic
  /// When the test delivers it, as through a topic between tasks that run at any pace. Records from
  /// one task to another keep their order; within a task it is a direct call.
  kBetweenTasks,
};

/// Runs a whole topology as one task, record by record, on stores that spoil the views they gave at
/// the next call, so that a test sees an operator that keeps one too long.
class Harness {
 public:
  /// `tasks`: for `kBetweenTasks`; keys belong to them as to partitions.
  explicit Harness(Result<Topology> topology, ExchangeMode mode = ExchangeMode::kLocal,
                   int32_t tasks = 1);
  ~Harness();
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;

  template <class K, class V>
  void pipe(Topic<K, V> topic, const OwnedOf<K>& key, const std::optional<OwnedOf<V>>& value,
            int64_t timestamp_ms = 0) {
    pipe_raw(topic.name, encoded<K>(key), value ? encoded<V>(*value) : std::optional<std::string>(),
             timestamp_ms);
  }
  void pipe_raw(std::string_view topic, const std::optional<std::string>& key,
                const std::optional<std::string>& value, int64_t timestamp_ms = 0,
                std::vector<Header> headers = {});

  /// Delivers the oldest record on one of the ways between tasks, chosen by any number. False:
  /// nothing is on its way.
  bool deliver_one(size_t way);

  /// The records written to `topic` since the last `read` of it.
  template <class K, class V>
  std::vector<Out<K, V>> read(Topic<K, V> topic) {
    std::vector<Out<K, V>> records;
    for (const RawOut& raw : read_raw(topic.name)) {
      Out<K, V>& out = records.emplace_back();
      if (raw.key) out.key = OwnedOf<K>(Serde<K>::view(Bytes(*raw.key)));
      if (raw.value) out.value = OwnedOf<V>(Serde<V>::view(Bytes(*raw.value)));
      out.timestamp_ms = raw.timestamp_ms;
    }
    return records;
  }
  std::vector<RawOut> read_raw(std::string_view topic);

  /// The rows of a store by the bytes of their keys.
  const std::map<std::string, std::pair<std::string, int64_t>>& store(std::string_view name) const;
  /// Writes a row, as a restore does before the first record.
  void restore(std::string_view store, Bytes key, Bytes value, int64_t timestamp_ms);
  int dropped(const std::string& reason) const;
  /// Fires the punctuations that are due at `now_ms`.
  void punctuate(TimeKind kind, int64_t now_ms);

  template <class T>
  static std::string encoded(const OwnedOf<T>& value) {
    std::string bytes;
    Serde<T>::encode(value, bytes);
    return bytes;
  }

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::testing
