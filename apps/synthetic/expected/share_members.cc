#include "apps/synthetic/expected/share_members.h"

#include <unordered_set>

#include "millrace/core/partitioner.h"

#include "apps/synthetic/expected/record_row.h"

namespace millrace::apps::synthetic {
namespace {

uint32_t hash_of(const std::string& id) {
  return static_cast<uint32_t>(murmur2(Bytes(id)));
}

}  // namespace

void ShareMembers::add(const Event& event) {
  if (share_.is_all()) return;
  if (const auto* merge = std::get_if<MergeChange>(&event)) return merges_.add(*merge);
  const auto* change = std::get_if<RecordChange>(&event);
  if (change == nullptr) return;
  if (change->kind == Kind::kAccount) {
    return mention(change->kind, change->number, internal_record_id(change->kind, change->number));
  }
  for (const FieldText& field : change->fields) {
    if (field.field->name == "account_id" && field.value) {
      mention(change->kind, change->number, *our_value(field));
    }
  }
}

void ShareMembers::mention(Kind kind, uint64_t number, const std::string& account) {
  const auto index = static_cast<size_t>(kind);
  if (share_.contains(account)) return let_in(index, number);
  mentions_[index].push_back({static_cast<uint32_t>(number), hash_of(account)});
}

void ShareMembers::let_in(size_t kind, uint64_t number) {
  std::vector<bool>& members = members_[kind];
  if (members.size() <= number) members.resize(number + 1);
  members[number] = true;
}

void ShareMembers::settle() {
  merges_.resolve();
  std::unordered_set<uint32_t> merged_into_share;
  for (const std::string& id : merges_.named()) {
    if (share_.contains(merges_.root_of(id))) merged_into_share.insert(hash_of(id));
    for (const auto& period : merges_.merged_periods_of(id)) {
      if (share_.contains(merges_.root_of(period.survivor))) merged_into_share.insert(hash_of(id));
    }
  }
  for (size_t kind = 0; kind < kKinds; ++kind) {
    for (const Mention& each : mentions_[kind]) {
      if (merged_into_share.contains(each.account_hash)) let_in(kind, each.record);
    }
    mentions_[kind] = {};
  }
  merges_ = {};
}

bool ShareMembers::contains(Kind kind, uint64_t number) const {
  if (share_.is_all()) return true;
  const std::vector<bool>& members = members_[static_cast<size_t>(kind)];
  return number < members.size() && members[number];
}

}  // namespace millrace::apps::synthetic
