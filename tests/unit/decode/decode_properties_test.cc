// Random changes, written by an encoder that shares no code with the decoders, decode to
// themselves.
#include <algorithm>
#include <cctype>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "crm/decode/order/position_text.h"
#include "decode_fixture.h"

namespace millrace::crm::decode_properties_test {

using nlohmann::json;

/// The contents of a generated event. Names are the source's; the mapping of these tests keeps
/// them.
struct Model {
  std::string type;  ///< "CREATE", "UPDATE", "DELETE" or "UNDELETE"
  std::vector<int> records;
  int64_t time_ms = 0;
  int64_t sequence = 0;
  std::map<std::string, std::optional<std::string>> fields;
};

rc::Gen<std::string> texts() {
  return rc::gen::map(
      rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
          "a", "Z", "0", " ", "\"", "\\", "/", "\n", "\t", "ü", "語", "🚚", "{", "null", ",")),
      [](const std::vector<std::string>& parts) {
        std::string text;
        for (const std::string& part : parts) text += part;
        return text;
      });
}

const std::vector<std::string>& schema() {
  static const std::vector<std::string> kSchema{"A",         "B",         "C__c",     "Place.City",
                                                "Place.Zip", "Deep.x.y1", "Deep.x.y2"};
  return kSchema;
}

Model any_model() {
  Model model;
  model.type = *rc::gen::element<std::string>("CREATE", "UPDATE", "DELETE", "UNDELETE");
  model.records =
      *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 1'000'000)));
  model.time_ms = *rc::gen::inRange<int64_t>(0, int64_t{1} << 45);
  model.sequence = *rc::gen::inRange<int64_t>(0, 1'000);
  if (model.type == "DELETE") return model;
  for (const std::string& name : schema()) {
    const int what = *rc::gen::inRange(0, 3);
    if (what == 1) model.fields[name] = *texts();
    if (what == 2 && model.type == "UPDATE") model.fields[name] = std::nullopt;
  }
  return model;
}

/// The member of `payload` that `name` leads to, made on the way.
json& at(json& payload, const std::string& name) {
  std::string pointer = "/" + name;
  std::ranges::replace(pointer, '.', '/');
  return payload[json::json_pointer(pointer)];
}

json header_of(const Model& model) {
  json header = {{"entityName", "Account"},          {"changeType", model.type},
                 {"commitTimestamp", model.time_ms}, {"sequenceNumber", model.sequence},
                 {"transactionKey", "tx-1"},         {"changeOrigin", "somewhere"},
                 {"commitNumber", nullptr}};
  for (const int record : model.records) {
    header["recordIds"].push_back(fmt::format("001{:012}", record));
  }
  return header;
}

/// Only what changed.
json cometd_payload(const Model& model) {
  json payload = {{"ChangeEventHeader", header_of(model)}};
  for (const auto& [name, value] : model.fields) {
    at(payload, name) = value ? json(*value) : json(nullptr);
  }
  return payload;
}

/// All fields of the schema; either list of the header names those that the change sets to null.
json full_payload(const Model& model) {
  json payload = {{"ChangeEventHeader", header_of(model)}};
  for (const std::string& name : schema()) at(payload, name) = nullptr;
  json& header = payload["ChangeEventHeader"];
  header["nulledFields"] = header["changedFields"] = json::array();
  for (const auto& [name, value] : model.fields) {
    if (value) at(payload, name) = *value;
    const bool in_nulled = *rc::gen::arbitrary<bool>();
    if (!value) header[in_nulled ? "nulledFields" : "changedFields"].push_back(name);
    if (value && model.type == "UPDATE") header["changedFields"].push_back(name);
  }
  return payload;
}

std::string expected(const Model& model, bool full_image) {
  std::string type = model.type;
  for (char& c : type) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::string text;
  for (const int record : model.records) {
    text += fmt::format("{} sf:001{:012}AAA Account {}/{}/tx-1 {}\n", type, record, model.time_ms,
                        model.sequence, full_image ? "full" : "partial");
    for (const auto& [name, value] : model.fields) {
      text += value ? fmt::format("  {}={}\n", name, *value) : fmt::format("  {} is null\n", name);
    }
  }
  return text;
}

void check_salesforce(std::string_view format, const Model& model, const json& document) {
  auto decoder = DecoderUnderTest::salesforce(format, R"({"Account": {"type": "account"}})");
  const bool full_image = model.type == "CREATE" || model.type == "UNDELETE";
  RC_ASSERT(decoder.text_of(document.dump(*rc::gen::element(-1, 2))) ==
            expected(model, full_image));
}

RC_GTEST_PROP(DecodeProperty, CometdRoundTrip, ()) {
  const Model model = any_model();
  const json payload = cometd_payload(model);
  check_salesforce("salesforce_cometd", model,
                   *rc::gen::arbitrary<bool>()
                       ? json{{"channel", "/data"}, {"data", {{"payload", payload}}}}
                       : json{{"schema", "x"}, {"payload", payload}});
}

RC_GTEST_PROP(DecodeProperty, PubsubRoundTrip, ()) {
  const Model model = any_model();
  check_salesforce("salesforce_pubsub", model, {{"replayId", 1}, {"payload", full_payload(model)}});
}

RC_GTEST_PROP(DecodeProperty, ConnectRoundTrip, ()) {
  const Model model = any_model();
  json payload = full_payload(model);
  payload["Id"] = "001000000000000AAA";
  payload["ReplayId"] = "9";
  payload["_ObjectType"] = "AccountChangeEvent";
  check_salesforce("salesforce_connect", model,
                   *rc::gen::arbitrary<bool>()
                       ? payload
                       : json{{"schema", {{"type", "struct"}}}, {"payload", payload}});
}

RC_GTEST_PROP(DecodeProperty, DebeziumRoundTrip, ()) {
  Model model = any_model();
  model.records.resize(1);
  const bool is_delete = model.type == "DELETE";
  const bool is_create = model.type == "CREATE";
  json row = {{"id", model.records.front()}};
  if (!is_delete) {
    for (const auto& [name, value] : model.fields) {
      at(row, name) = value ? json(*value) : json(nullptr);
    }
  }
  json payload = {{"op", is_delete   ? "d"
                         : is_create ? "c"
                                     : "u"},
                  {"before", is_delete ? row : json(nullptr)},
                  {"after", is_delete ? json(nullptr) : row},
                  {"source",
                   {{"ts_ms", model.time_ms},
                    {"lsn", model.sequence},
                    {"txId", 5},
                    {"schema", "public"},
                    {"table", "accounts"}}}};
  DecoderUnderTest decoder(R"({"topics": {"t": {"format": "debezium", "source": "erp",
      "entities": {"public.accounts": {"type": "account", "id": "id"}}}}})");
  const auto lsn = static_cast<uint64_t>(model.sequence);
  const std::string position = PositionText().add(0).add(lsn).add(1).add(lsn).add(0).take();
  std::string text =
      fmt::format("{} erp:{} public.accounts {}/0/5 erp@{} {}\n",
                  is_delete   ? "delete"
                  : is_create ? "create"
                              : "update",
                  model.records.front(), model.time_ms, position, is_delete ? "partial" : "full");
  for (const auto& [name, value] : model.fields) {
    text += value ? fmt::format("  {}={}\n", name, *value) : fmt::format("  {} is null\n", name);
  }
  const json document = *rc::gen::arbitrary<bool>()
                            ? payload
                            : json{{"schema", json::object()}, {"payload", payload}};
  RC_ASSERT(decoder.text_of(document.dump()) == text);
}

}  // namespace millrace::crm::decode_properties_test
