#include "crm/territory/assignment_rows.h"

#include <map>
#include <string>

#include "account_territory_generated.h"
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

}  // namespace

std::string assignment_key(std::string_view root, std::string_view territory) {
  return std::string(root).append(1, '\0').append(territory);
}

void AssignmentRows::align(std::string_view root, std::span<const Assignment> assigned,
                           uint64_t epoch, int64_t timestamp_ms, const Emit& emit) {
  // Key → row before and what it is to say; copied, for the store is written below.
  std::map<std::string, std::pair<std::string, const Assignment*>> rows;
  for (const auto it = store_.prefix(assignment_key(root, "")); it->valid(); it->next()) {
    rows[it->key().to_string()].first = it->row().value.to_string();
  }
  for (const Assignment& assignment : assigned) {
    rows[assignment_key(root, assignment.territory)].second = &assignment;
  }
  for (const auto& [key, row] : rows) {
    const auto& [before, assignment] = row;
    const Bytes old_row = before.empty() ? Bytes() : Bytes(before);
    if (assignment == nullptr) {
      store_.erase(key, timestamp_ms);
      emit(key, Bytes(), old_row);
    } else if (before.empty() ||
               !says(*flatbuffers::GetRoot<AccountTerritory>(before.data()), *assignment)) {
      const Bytes now = write(root, *assignment, epoch);
      store_.put(key, now, timestamp_ms);
      emit(key, now, old_row);
    }
  }
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
