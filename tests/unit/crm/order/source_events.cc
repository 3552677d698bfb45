#include "source_events.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "crm/model/ids.h"

namespace millrace::crm::order_test {
namespace {

using nlohmann::json;

std::string lsn_text(uint64_t place) {
  return fmt::format("{:08x}:{:08x}:{:04x}", place >> 32, (place >> 8) & 0xffffff, place & 0xff);
}

json row_json(int id, const std::optional<Values>& values) {
  if (!values) return nullptr;
  json row{{"id", id}};
  for (const auto& [name, value] : *values) row[name] = value;
  return row;
}

json source_json(Database database, const RowEvent& event) {
  const Place& place = event.place;
  const bool is_snapshot = event.snapshot != "false";
  json source{{"ts_ms", event.ms},
              {"name", "cdc"},
              {"snapshot", event.snapshot},
              {"db", "crm"},
              {"table", "rows"}};
  switch (database) {
    case Database::kPostgres:
      source["schema"] = "crm";
      source["lsn"] = place.change;
      source["txId"] = event.transaction;
      source["sequence"] = place.last_commit == 0
                               ? fmt::format(R"([null,"{}"])", place.change)
                               : fmt::format(R"(["{}","{}"])", place.last_commit, place.change);
      break;
    case Database::kMySql:
      source["file"] = fmt::format("mysql-bin.{:06}", place.change >> 8);
      source["pos"] = place.change & 0xff;
      source["row"] = place.row;
      break;
    case Database::kSqlServer:
      source["schema"] = "crm";
      source["commit_lsn"] = lsn_text(place.commit);
      source["change_lsn"] = is_snapshot ? json() : json(lsn_text(place.change));
      source["event_serial_no"] = is_snapshot ? json() : json(place.row + 1);
      break;
    case Database::kOracle:
      source["schema"] = "crm";
      source["scn"] = std::to_string(place.change);
      source["commit_scn"] = is_snapshot ? json() : json(std::to_string(place.commit));
      source["ssn"] = place.row;
      source["txId"] = fmt::format("{:x}", event.transaction);
      break;
    case Database::kMongo:
      source.erase("table");
      source["collection"] = "rows";
      source["ord"] = place.commit;
      break;
    case Database::kSalesforce:
      break;
  }
  return source;
}

std::string salesforce_json(const RowEvent& event) {
  const bool is_delete = event.op == 'd';
  const bool is_create = event.op == 'c';
  json body{{"ChangeEventHeader",
             {{"entityName", "Account"},
              {"recordIds", {our_id(Database::kSalesforce, event.id).substr(3)}},
              {"changeType", is_delete ? "DELETE" : (is_create ? "UNDELETE" : "UPDATE")},
              {"transactionKey", fmt::format("{:x}", event.transaction * 0x9e3779b97f4a7c15)},
              {"sequenceNumber", event.place.order},
              {"commitTimestamp", event.ms / 1000 * 1000},
              {"commitNumber", event.place.commit}}}};
  if (!is_delete) {
    for (const auto& [name, value] : *event.after) {
      const bool is_old = event.before && event.before->at(name) == value;
      if (is_create || !is_old) body[name] = value;
    }
  }
  return body.dump();
}

}  // namespace

std::string event_json(Database database, const RowEvent& event) {
  if (database == Database::kSalesforce) return salesforce_json(event);
  json envelope{{"op", std::string(1, event.op)},
                {"before", row_json(event.id, event.before)},
                {"after", row_json(event.id, event.after)},
                {"source", source_json(database, event)},
                {"ts_ms", event.ms + 500}};
  if (event.place.order > 0 && database == Database::kMongo) {
    envelope["transaction"] = {{"id", "t"}, {"total_order", event.place.order}};
  }
  return envelope.dump();
}

std::string our_id(Database database, int id) {
  if (database != Database::kSalesforce) return fmt::format("s:{}", id);
  return "sf:" + canonical_salesforce_id(fmt::format("00100000000000{}", id)).value();
}

std::string_view to_string(Database database) {
  switch (database) {
    case Database::kPostgres:
      return "Postgres";
    case Database::kMySql:
      return "MySql";
    case Database::kSqlServer:
      return "SqlServer";
    case Database::kOracle:
      return "Oracle";
    case Database::kMongo:
      return "Mongo";
    case Database::kSalesforce:
      return "Salesforce";
  }
  return "";
}

std::string mapping_json(Database database) {
  if (database == Database::kSalesforce) {
    return R"({"topics": {"t": {"format": "salesforce_cometd", "source": "sf", "entities": {
      "Account": {"type": "account", "fields": {}}}}}})";
  }
  return R"({"topics": {"t": {"format": "debezium", "source": "s", "entities": {
    "crm.rows": {"type": "account", "id": "id", "fields": {}}}}}})";
}

}  // namespace millrace::crm::order_test
