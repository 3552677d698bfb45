#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <span>

#include "millrace/core/store.h"

#include "engine/core/resolved_topology.h"
#include "engine/output/collector.h"
#include "engine/output/output_topics.h"

namespace millrace::engine {

/// A store as a processor sees it: a row that the changelog would refuse fails the unit that writes
/// it, and not the commit.
class LimitedStore final : public KeyValueStore {
 public:
  /// All outlive this.
  LimitedStore(KeyValueStore& store, Collector& collector, const OutputTopics& outputs,
               const ResolvedStore& resolved)
      : store_(store), collector_(collector), output_(resolved.output) {
    if (output_ >= 0) row_bytes_max_ = outputs[output_].record_bytes_max;
  }

  Row get(Bytes key) override { return store_.get(key); }
  void put(Bytes key, Bytes value, int64_t timestamp_ms) override {
    const size_t size = key.size() + value.size() + kStoredRowOverheadBytes;
    if (size > row_bytes_max_) [[unlikely]] {
      collector_.refuse(output_, size);
      return;
    }
    store_.put(key, value, timestamp_ms);
  }
  void erase(Bytes key, int64_t timestamp_ms) override { store_.erase(key, timestamp_ms); }
  std::unique_ptr<StoreIterator> range(Bytes from, Bytes to) override {
    return store_.range(from, to);
  }
  std::unique_ptr<StoreIterator> prefix(Bytes prefix) override { return store_.prefix(prefix); }
  void prefetch(std::span<const Bytes> keys) override { store_.prefetch(keys); }

 private:
  /// Bytes that the changelog's codec may add to a row.
  static constexpr size_t kStoredRowOverheadBytes = 16;

  KeyValueStore& store_;
  Collector& collector_;
  int32_t output_;
  size_t row_bytes_max_ = std::numeric_limits<size_t>::max();
};

}  // namespace millrace::engine
