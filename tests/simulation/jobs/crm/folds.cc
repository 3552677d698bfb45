#include "folds.h"

#include "millrace/core/topology.h"

#include "crm/account_topology.h"
#include "crm/children/child_topology.h"

namespace millrace::simulation::crm_job {
namespace {

using namespace crm;  // NOLINT(google-build-using-namespace): its vocabulary is the job's

constexpr std::string_view kApplication = "app";

/// Those that checks look at.
constexpr std::array kStores{kForestStore,           kRowStore,
                             kRedirectStore,         kAccountStateStore,
                             kChildRowStore,         kChildEntryStore,
                             kChildMoveStore,        kRootChildStore,
                             kTerritoryRuleStore,    kTerritoryIndexStore,
                             kAccountTerritoryStore, kEntitlementStateStore};

std::string changelog_of(std::string_view store) {
  return changelog_topic_name(std::string(kApplication), std::string(store));
}

}  // namespace

std::vector<std::string> Folds::topics() {
  std::vector<std::string> topics(kOutputs.begin(), kOutputs.end());
  for (const std::string_view store : kStores) topics.push_back(changelog_of(store));
  return topics;
}

void Folds::take(const TopicPartition& partition, const testing::StoredRecord& record) {
  if (partition.topic == kConflicts.name) {
    conflicts_.emplace_back(record.key.value_or(""), record.value.value_or(""));
    return;
  }
  Rows& rows = rows_[partition.topic][partition.partition];
  if (record.value) {
    rows[record.key.value_or("")] = *record.value;
  } else {
    rows.erase(record.key.value_or(""));
  }
}

Rows Folds::topic(std::string_view name) const {
  Rows all;
  const auto found = rows_.find(name);
  if (found == rows_.end()) return all;
  for (const auto& [partition, rows] : found->second) all.insert(rows.begin(), rows.end());
  return all;
}

Rows Folds::store(std::string_view name) const {
  return topic(changelog_of(name));
}

const std::map<int32_t, Rows>& Folds::store_parts(std::string_view name) const {
  static const std::map<int32_t, Rows> none;
  const auto found = rows_.find(changelog_of(name));
  return found == rows_.end() ? none : found->second;
}

bool Folds::has_key(std::string_view store, std::string_view prefix) const {
  const auto found = rows_.find(changelog_of(store));
  if (found == rows_.end()) return false;
  for (const auto& [partition, rows] : found->second) {
    const auto row = rows.lower_bound(std::string(prefix));
    if (row != rows.end() && row->first.starts_with(prefix)) return true;
  }
  return false;
}

const std::string* Folds::find(std::string_view topic, const std::string& key) const {
  const auto found = rows_.find(topic);
  if (found == rows_.end()) return nullptr;
  for (const auto& [partition, rows] : found->second) {
    if (const auto row = rows.find(key); row != rows.end()) return &row->second;
  }
  return nullptr;
}

}  // namespace millrace::simulation::crm_job
