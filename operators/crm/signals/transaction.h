#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "crm/model/ids.h"
#include "crm/model/version.h"

namespace millrace::crm {

/// Names the transaction of a change of record `id`: its source and the source's name for it.
/// nullopt: the source does not say. REQUIRES: is_internal_id(id).
inline std::optional<std::string> transaction_of(std::string_view id, VersionView version) {
  const std::string_view name = version.transaction_key;
  // Keys of stores have zero bytes between their parts.
  if (name.empty() || name.find('\0') != std::string_view::npos) return std::nullopt;
  return std::string(source_of(id)).append(1, ':').append(name);
}

}  // namespace millrace::crm
