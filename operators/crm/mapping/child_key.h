#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

#include "child_update_generated.h"
#include "crm/mapping/mapping.h"

namespace millrace::crm {

/// Key of a record under accounts, e.g. "contact/sf:0035g00000AbCdEAAV": records of different kinds
/// may have equal ids. REQUIRES: `kind` is not kAccount.
std::string child_key(EntityKind kind, std::string_view id);
std::string child_key(ChildKind kind, std::string_view id);

/// The kind in such a key; nullopt: it is no such key.
std::optional<ChildKind> kind_in_child_key(std::string_view key);

/// The part of such a key that decides about its partition: the id as its source writes it. Many
/// sources key their records by just that, and then a record's changes stay in the task that reads
/// them. The whole key if it is no such key. A view into `key`.
Bytes id_in_child_key(Bytes key);

/// As a mapping writes it, e.g. "contract_line".
std::string_view to_string(ChildKind kind);

inline constexpr size_t kChildKinds = static_cast<size_t>(ChildKind::MAX) + 1;

/// For each kind, our name of the field that names the account; empty: the mapping has no such
/// kind.
using ParentFields = std::array<std::string, kChildKinds>;

/// Error: `kConfig` when a kind's entities name no such field or differ in it, since a row may
/// consist of changes from several of them.
Result<ParentFields> parent_fields(const Mapping& mapping);

}  // namespace millrace::crm
