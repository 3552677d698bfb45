#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "crm/entitlement/source.h"

namespace millrace::crm {

/// Numbers of which a random account is made; each is taken modulo what there is to choose from,
/// small numbers choosing the simple case.
struct Draft {
  uint32_t place = 0;  ///< zone, and days around which everything happens
  uint32_t kinds = 0;  ///< of the features
  std::vector<std::vector<uint32_t>> sources;
};
constexpr size_t kNumbersPerSource = 24;

/// An account's sources, made of a draft. They view literals only.
struct GrantWorld {
  std::string zone;
  std::vector<SourceView> sources{};
};
GrantWorld world_of(const Draft& draft);

}  // namespace millrace::crm
