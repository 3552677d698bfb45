#pragma once

#include <cstdint>
#include <string>

#include <simdjson.h>

#include "millrace/core/result.h"

#include "crm/decode/json_document.h"
#include "crm/decode/json_fields.h"
#include "crm/mapping/mapping.h"
#include "crm/model/version.h"
#include "crm/model/whole_table.h"

namespace millrace::crm {

/// The `source` block of an event. Source: "Data change events" of the connectors in Debezium's
/// documentation.
struct DebeziumSource {
  /// "<schema>.<table>"; "<db>.<table>" if the database has no schemas.
  std::string_view entity_name{};
  bool is_collection = false;  ///< of MongoDB
  VersionView version{};
  SnapshotMark snapshot = SnapshotMark::kNone;
};

/// Reads `source` of `envelope`, and `transaction` if there is one; `order/debezium_order.h`
/// makes the version. `place` is the envelope's. Error: `kInvalidRecord`: a member is missing or of
/// another type.
Result<DebeziumSource> read_debezium_source(const JsonDocument& document, const JsonPlace& place,
                                            simdjson::dom::object envelope,
                                            const TopicMapping& mapping, KeptTexts& texts);

}  // namespace millrace::crm
