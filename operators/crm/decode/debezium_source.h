#pragma once

#include <cstdint>
#include <string>

#include <simdjson.h>

#include "millrace/core/result.h"

#include "crm/decode/json_document.h"
#include "crm/decode/json_fields.h"
#include "crm/version.h"

namespace millrace::crm {

/// The `source` block of an event. Source: "Data change events" of the connectors in Debezium's
/// documentation.
struct DebeziumSource {
  /// "<schema>.<table>"; "<db>.<table>" if the database has no schemas.
  std::string_view entity_name{};
  VersionView version{};
};

/// Reads `source` of `envelope`, and `transaction` if there is one.
///
/// The version's time is `ts_ms`; its sequence number the place in the database's log, which orders
/// the changes of one transaction: `lsn` (PostgreSQL), `file` and `pos` (MySQL, MariaDB),
/// `change_lsn` (SQL Server), `scn` (Oracle) or `ord` (MongoDB), else 0; its key `transaction.id`,
/// else `txId` or `gtid`. `place` is the envelope's. Error: `kInvalidRecord`: a member is missing
/// or of another type.
Result<DebeziumSource> read_debezium_source(const JsonDocument& document, const JsonPlace& place,
                                            simdjson::dom::object envelope, TextArena& texts);

}  // namespace millrace::crm
