#include "crm/territory/assignment_rows.h"

#include <algorithm>
#include <string>

#include "account_territory_generated.h"
#include "crm/model/composite_key.h"
#include "crm/model/encode.h"

namespace millrace::crm::territory {
namespace {

bool says(const AccountTerritory& row, const Assignment& assignment) {
  const auto* rules = row.rules();
  const size_t count = rules == nullptr ? 0 : rules->size();
  if (row.manual() != assignment.manual || count != assignment.rules.size()) return false;
  for (size_t i = 0; i < count; ++i) {
    const auto* rule = rules->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (rule->string_view() != assignment.rules[i]) return false;
  }
  return true;
}

/// Of a row's key.
std::string_view territory_in(std::string_view key, std::string_view root) {
  return key.substr(root.size() + 1);
}

}  // namespace

std::string assignment_key(std::string_view root, std::string_view territory) {
  return std::string(root).append(1, '\0').append(territory);
}

/// Both are sorted by territory.
void AssignmentRows::align(std::string_view root, std::span<const Assignment> assigned,
                           uint64_t epoch, int64_t timestamp_ms, const Emit& emit) {
  const std::span<const StoredRow> rows = rows_of(root);
  auto row = rows.begin();
  const auto drop = [&] {
    store_.erase(row->key, timestamp_ms);
    emit(row->key, Bytes(), row->value);
    ++row;
  };
  for (const Assignment& assignment : assigned) {
    while (row != rows.end() && territory_in(row->key, root) < assignment.territory) drop();
    const bool is_there = row != rows.end() && territory_in(row->key, root) == assignment.territory;
    keep(root, is_there ? &*row : nullptr, assignment, epoch, timestamp_ms, emit);
    if (is_there) ++row;
  }
  while (row != rows.end()) drop();
}

void AssignmentRows::keep(std::string_view root, const StoredRow* before,
                          const Assignment& assignment, uint64_t epoch, int64_t timestamp_ms,
                          const Emit& emit) {
  if (before != nullptr &&
      says(*flatbuffers::GetRoot<AccountTerritory>(before->value.data()), assignment)) {
    return;
  }
  const std::string key = assignment_key(root, assignment.territory);
  const Bytes now = write(root, assignment, epoch);
  store_.put(key, now, timestamp_ms);
  emit(key, now, before == nullptr ? Bytes() : Bytes(before->value));
}

void AssignmentRows::prepare(std::span<const std::string> roots) {
  constexpr size_t kRowsPerAccount = 8;
  prepared_.clear();
  prepared_from_.clear();
  prepared_to_.clear();
  if (roots.empty()) return;
  const size_t rows_max = roots.size() * kRowsPerAccount;
  const std::string end = roots.back() + '\1';
  const auto it = store_.range(assignment_key(roots.front(), ""), end);
  for (; it->valid() && prepared_.size() < rows_max; it->next()) {
    prepared_.push_back({it->key().to_string(), it->row().value.to_string()});
  }
  prepared_from_ = roots.front();
  prepared_to_ = it->valid() ? std::string(root_in_key(it->key()).view()) : end;
}

/// Copied, for the store is written while they are used.
std::span<const AssignmentRows::StoredRow> AssignmentRows::rows_of(std::string_view root) {
  const std::string prefix = assignment_key(root, "");
  if (!prepared_from_.empty() && root >= prepared_from_ && root < prepared_to_) {
    const auto first = std::ranges::lower_bound(prepared_, prefix, {}, &StoredRow::key);
    const auto last = std::find_if(first, prepared_.end(), [&prefix](const StoredRow& row) {
      return !row.key.starts_with(prefix);
    });
    return {first, last};
  }
  found_.clear();
  for (const auto it = store_.prefix(prefix); it->valid(); it->next()) {
    found_.push_back({it->key().to_string(), it->row().value.to_string()});
  }
  return found_;
}

Bytes AssignmentRows::write(std::string_view root, const Assignment& assignment, uint64_t epoch) {
  builder_.Clear();
  const auto root_text = builder_.CreateString(root);
  const auto territory = builder_.CreateString(assignment.territory);
  const auto rules = builder_.CreateVectorOfStrings(assignment.rules);
  return finish_aligned(builder_, CreateAccountTerritory(builder_, root_text, territory, rules,
                                                         assignment.manual, epoch));
}

}  // namespace millrace::crm::territory
