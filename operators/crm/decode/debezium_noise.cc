#include "crm/decode/debezium_noise.h"

namespace millrace::crm {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

bool has(object record, std::string_view name) {
  return record[name].error() == simdjson::SUCCESS;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
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

TransactionEnd read_transaction_end(object record, std::vector<TableCount>& tables) {
  tables.clear();
  std::string_view status;
  std::string_view id;
  array counts;
  if (record["status"].get(status) != simdjson::SUCCESS || status != "END" ||
      record["id"].get(id) != simdjson::SUCCESS ||
      record["data_collections"].get(counts) != simdjson::SUCCESS) {
    return {};
  }
  for (const element one : counts) {
    TableCount count;
    if (one["data_collection"].get(count.table) != simdjson::SUCCESS ||
        one["event_count"].get(count.events) != simdjson::SUCCESS) {
      return {};
    }
    tables.push_back(count);
  }
  const size_t colon = id.find(':');
  const bool is_postgres = colon != std::string_view::npos && is_number(id.substr(0, colon)) &&
                           is_number(id.substr(colon + 1));
  return {.id = is_postgres ? id.substr(0, colon) : id, .tables = tables};
}

std::string_view debezium_noise(object record) {
  if (is_heartbeat(record)) return "heartbeat";
  if (is_transaction_marker(record)) return "transaction_marker";
  if (is_schema_change(record)) return "schema_change";
  if (has(record, "aggregate_type") && has(record, "additional_data")) return "notification";
  return {};
}

}  // namespace millrace::crm
