#pragma once

#include <string_view>
#include <vector>

#include <simdjson.h>

#include "crm/decode/decoder.h"

namespace millrace::crm {

/// The kind of a record that Debezium writes beside the changes of rows, told by its members:
/// "heartbeat", "transaction_marker" (BEGIN and END), "schema_change" (also of the schema history)
/// or "notification". Empty: it is none of them, so it may be a row that lost its envelope.
///
/// By default each has a topic of its own, but routing may bring them to any topic.
std::string_view debezium_noise(simdjson::dom::object record);

/// The end of a transaction, if `record` is one, under the name that events of the transaction have
/// (`debezium_version`): PostgreSQL's connector writes `<transaction>:<LSN>`. `tables` keeps the
/// counts.
TransactionEnd read_transaction_end(simdjson::dom::object record, std::vector<TableCount>& tables);

}  // namespace millrace::crm
