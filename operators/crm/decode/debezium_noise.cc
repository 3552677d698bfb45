#include "crm/decode/debezium_noise.h"

namespace millrace::crm {
namespace {

using simdjson::dom::object;

bool has(object record, std::string_view name) {
  return record[name].error() == simdjson::SUCCESS;
}

bool is_heartbeat(object record) {
  int64_t time_ms = 0;
  return record.size() == 1 && record["ts_ms"].get(time_ms) == simdjson::SUCCESS;
}

bool is_transaction_marker(object record) {
  std::string_view status;
  return record["status"].get(status) == simdjson::SUCCESS &&
         (status == "BEGIN" || status == "END") && has(record, "id") && has(record, "event_count");
}

bool is_schema_change(object record) {
  object source;
  return record["source"].get(source) == simdjson::SUCCESS && has(record, "databaseName") &&
         (has(record, "ddl") || has(record, "tableChanges"));
}

}  // namespace

std::string_view debezium_noise(object record) {
  if (is_heartbeat(record)) return "heartbeat";
  if (is_transaction_marker(record)) return "transaction_marker";
  if (is_schema_change(record)) return "schema_change";
  if (has(record, "aggregate_type") && has(record, "additional_data")) return "notification";
  return {};
}

}  // namespace millrace::crm
