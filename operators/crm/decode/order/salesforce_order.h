#pragma once

#include <cstdint>
#include <optional>

#include "crm/decode/json_fields.h"
#include "crm/mapping/mapping.h"
#include "crm/model/version.h"

namespace millrace::crm {

/// Gives `version`, which has the clock, the place in Salesforce's log: `commit_number`, then
/// transaction and sequence number. nullopt: the clock alone orders it. DESIGN.md says how
/// numberings differ. Texts live in `texts`.
void add_salesforce_place(VersionView& version, std::optional<uint64_t> commit_number,
                          const TopicMapping& mapping, KeptTexts& texts);

}  // namespace millrace::crm
