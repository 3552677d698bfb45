#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "millrace/core/result.h"

#include "crm/decode/change.h"
#include "crm/decode/json_document.h"
#include "crm/model/whole_table.h"

namespace millrace::crm {

/// `ChangeEventHeader` of Salesforce Change Data Capture, the same in all dialects. Source: "Change
/// Event Header Fields" in Salesforce's Change Data Capture Developer Guide. Loads are ours:
/// SOURCES.md.
struct ChangeEventHeader {
  std::string_view entity_name{};
  ChangeKind kind = ChangeKind::kUpdate;  ///< of a load's record `kCreate`
  LoadMark load = LoadMark::kNone;
  uint64_t load_rows = 0;                      ///< of `kEnded`
  VersionView version{};                       ///< by the clock only
  std::optional<uint64_t> commit_number{};     ///< nullopt: missing, or no number
  std::vector<std::string_view> record_ids{};  ///< as written; empty for an overflow and marks
  std::vector<std::string_view> nulled_fields{};
  std::vector<std::string_view> changed_fields{};
  std::vector<std::string_view> diff_fields{};
};

/// Reads into `header`, whose vectors keep their memory. Ignores unknown members.
/// Error: `kInvalidRecord`: a member is missing, occurs twice, or has another type or form.
Status read_change_event_header(const JsonDocument& document, const JsonPlace& place,
                                simdjson::dom::object object, ChangeEventHeader& header);

}  // namespace millrace::crm
