#pragma once

#include <cstdint>

#include <simdjson.h>

#include "crm/decode/json_fields.h"
#include "crm/mapping/mapping.h"
#include "crm/model/version.h"
#include "crm/model/whole_table.h"

namespace millrace::crm {

/// The mark of an event, a member `source.snapshot`.
SnapshotMark snapshot_mark(simdjson::dom::object source);

/// The version of an event of Debezium: its place in the database's log, and the transaction as the
/// database calls it. DESIGN.md lists both for each database. Without a place in a log that it
/// knows the version has the clock only.
///
/// `source` is a member of `envelope`, `time_ms` its `ts_ms`. Never fails: what is missing or of
/// another type counts as absent. Texts live in `texts` or in the document.
VersionView debezium_version(simdjson::dom::object envelope, simdjson::dom::object source,
                             int64_t time_ms, const TopicMapping& mapping, KeptTexts& texts);

}  // namespace millrace::crm
