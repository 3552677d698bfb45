#pragma once

#include <string_view>

#include <simdjson.h>

namespace millrace::crm {

/// The kind of a record that Debezium writes beside the changes of rows, told by its members:
/// "heartbeat", "transaction_marker" (BEGIN and END), "schema_change" (also of the schema history)
/// or "notification". Empty: it is none of them, so it may be a row that lost its envelope.
///
/// By default each has a topic of its own, but routing may bring them to any topic.
std::string_view debezium_noise(simdjson::dom::object record);

}  // namespace millrace::crm
