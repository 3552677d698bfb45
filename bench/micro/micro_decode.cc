// Cost of decoding one change event, per format: the golden payloads of the tests without
// their white space, and one of each format that they lack. Time is per event; bytes are the
// event's.
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>
#include <nlohmann/json.hpp>

#include "millrace/core/assert.h"

#include "account_generated.h"
#include "crm/decode/decoder.h"

namespace millrace::crm {
namespace {

using nlohmann::json;

json golden(std::string_view name) {
  std::ifstream file(std::string(MILLRACE_DECODE_DATA "/").append(name));
  MILLRACE_ASSERT(file.good(), "no such golden file");
  return json::parse(file);
}

/// 17 fields changed, two of them parts of a compound.
std::string cometd_update() {
  json payload = golden("salesforce_cdc/pubsub_AccountChangeEvent_UPDATE.json")["payload"];
  for (auto field = payload.begin(); field != payload.end();) {
    field = field->is_null() ? payload.erase(field) : std::next(field);
  }
  payload["BillingAddress"] = {{"City", "San Francisco"}, {"State", "CA"}};
  for (int i = 0; i < 14; ++i)
    payload["Custom_" + std::to_string(i) + "__c"] = "a value of a field";
  return json{
      {"schema", "IeRuaY6cbI_HsV8Rv1Mc5g"}, {"payload", payload}, {"event", {{"replayId", 6}}}}
      .dump();
}

std::string flatbuffers_update() {
  AccountChangeT change;
  change.id = "sf:0014H00002LbR7QQAV";
  change.version = std::make_unique<VersionT>();
  change.version->transaction_key = "000046c7-a642-11e2-c29b-229c6786473e";
  for (int i = 10; i < 26; ++i) {
    change.fields.push_back(std::make_unique<FieldValueT>());
    change.fields.back()->name = "custom_" + std::to_string(i);
    change.fields.back()->value = "a value of a field";
  }
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(AccountChange::Pack(builder, &change));
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

constexpr const char* kSalesforceEntities = R"(,"source":"sf","entities":{
    "Account":{"type":"account","fields":{"Name":"name","BillingAddress.City":"city"}},
    "Contact":{"type":"contact","parent":"AccountId","fields":{"AccountId":"account_id"}}}}}})";
constexpr const char* kDebeziumEntities = R"(,"source":"erp","entities":{
    "public.customers":{"type":"account","id":"id","fields":{"first_name":"name"}}}}}})";

void decode(benchmark::State& state, std::string_view format, std::string_view entities,
            const std::string& event, size_t fields) {
  const std::string file =
      std::string(R"({"topics":{"t":{"format":")").append(format).append("\"").append(entities);
  const Result<Mapping> mapping = parse_mapping(file);
  MILLRACE_ASSERT(mapping.ok(), mapping.message().c_str());
  const auto decoder = make_decoder(mapping->topics.front());
  size_t wrong = 0;
  for (auto _ : state) {
    const Result<Decoded> decoded = decoder->decode(Bytes(event));
    if (!decoded.ok() || decoded->changes.size() != 1 ||
        decoded->changes.front().fields.size() != fields) {
      ++wrong;
    }
  }
  if (wrong != 0) state.SkipWithError("wrong changes");
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * event.size()));
  state.counters["event_bytes"] = static_cast<double>(event.size());
}

void register_all() {
  const auto add = [](const char* name, std::string format, std::string entities, std::string event,
                      size_t fields) {
    benchmark::RegisterBenchmark(
        name, [=](benchmark::State& state) { decode(state, format, entities, event, fields); });
  };
  const json connect = golden("salesforce_cdc/connect_ContactChangeEvent_CREATE.json");
  const json pubsub = golden("salesforce_cdc/pubsub_AccountChangeEvent_UPDATE.json");
  const json debezium = golden("debezium/pg_customers_02_c.json");
  add("salesforce_cometd", "salesforce_cometd", kSalesforceEntities, cometd_update(), 17);
  add("salesforce_pubsub", "salesforce_pubsub", kSalesforceEntities, pubsub.dump(), 3);
  add("salesforce_connect/schema", "salesforce_connect", kSalesforceEntities, connect.dump(), 8);
  add("salesforce_connect", "salesforce_connect", kSalesforceEntities, connect["payload"].dump(),
      8);
  add("debezium/schema", "debezium", kDebeziumEntities, debezium.dump(), 3);
  add("debezium", "debezium", kDebeziumEntities, debezium["payload"].dump(), 3);
  add("flatbuffers", "flatbuffers", "}}}", flatbuffers_update(), 16);
}

}  // namespace
}  // namespace millrace::crm

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  millrace::crm::register_all();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
