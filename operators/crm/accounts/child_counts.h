#pragma once

#include <array>
#include <cstdint>

#include "child_counts_generated.h"
#include "crm/mapping/child_key.h"

namespace millrace::crm {

/// The number of children, by kind.
using ChildTally = std::array<uint64_t, kChildKinds>;

inline ChildTally read_counts(const ChildCounts& counts) {
  return {counts.contacts(),       counts.opportunities(), counts.contracts(),
          counts.contract_lines(), counts.subscriptions(), counts.assets(),
          counts.entitlements()};
}

inline flatbuffers::Offset<ChildCounts> write_counts(flatbuffers::FlatBufferBuilder& builder,
                                                     const ChildTally& tally,
                                                     uint64_t by_other_accounts = 0) {
  const auto of = [&tally](ChildKind kind) { return tally[static_cast<size_t>(kind)]; };
  return CreateChildCounts(builder, of(ChildKind::Contact), of(ChildKind::Opportunity),
                           of(ChildKind::Contract), of(ChildKind::ContractLine),
                           of(ChildKind::Subscription), of(ChildKind::Asset),
                           of(ChildKind::Entitlement), by_other_accounts);
}

}  // namespace millrace::crm
