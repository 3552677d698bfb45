#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/ids.h"

#include "engine/testing/memory_broker.h"

namespace millrace::simulation::crm_job {

using Rows = std::map<std::string, std::string>;

/// The rows of compacted topics and of stores, folded from their records, and all records of the
/// topic of conflicts.
class Folds {
 public:
  /// Topics whose records `take` wants: the job's outputs and the changelogs of its stores.
  static std::vector<std::string> topics();

  void take(const TopicPartition& partition, const testing::StoredRecord& record);

  /// Of all partitions. REQUIRES: no two of them have a key in common.
  Rows topic(std::string_view name) const;
  Rows store(std::string_view name) const;
  /// By partition.
  const std::map<int32_t, Rows>& store_parts(std::string_view name) const;
  /// Whether a store has a key that begins so, in any partition.
  bool has_key(std::string_view store, std::string_view prefix) const;
  /// The row of a topic; null: there is none.
  const std::string* find(std::string_view topic, const std::string& key) const;
  /// Key and value, in the order of writing.
  const std::vector<std::pair<std::string, std::string>>& conflicts() const { return conflicts_; }

 private:
  std::map<std::string, std::map<int32_t, Rows>, std::less<>> rows_;
  std::vector<std::pair<std::string, std::string>> conflicts_;
};

}  // namespace millrace::simulation::crm_job
