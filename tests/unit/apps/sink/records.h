#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/serde.h"

#include "account_state_generated.h"

namespace millrace::apps::sink {

// Places in the list of the topics' tables.
inline constexpr size_t kAccountsAt = 0;
inline constexpr size_t kTerritoriesAt = 1;
inline constexpr size_t kEntitlementsAt = 2;
inline constexpr size_t kRedirectsAt = 3;
inline constexpr size_t kConflictsAt = 4;

/// A field of an account: name, value and type.
struct Field {
  std::string name;
  std::string value;
  crm::FieldType type = crm::FieldType::Undeclared;
};

inline std::string account(const std::string& root, uint64_t version,
                           const std::vector<Field>& fields = {}) {
  crm::AccountStateT state;
  state.root = root;
  state.version = version;
  for (const auto& [id, via] : {std::pair<std::string, std::string>{root, ""}, {"z:9", root}}) {
    auto member = std::make_unique<crm::MemberT>();
    member->id = id;
    member->via = via;
    state.members.push_back(std::move(member));
  }
  for (const Field& each : fields) {
    auto field = std::make_unique<crm::GoldenFieldT>();
    field->name = each.name;
    field->value = each.value;
    field->type = each.type;
    field->member = root;
    field->version = std::make_unique<crm::VersionT>();
    state.fields.push_back(std::move(field));
  }
  return Flat<crm::AccountState>(state).bytes();
}

}  // namespace millrace::apps::sink
