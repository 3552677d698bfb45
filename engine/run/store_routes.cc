#include "engine/run/store_routes.h"

#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "millrace/core/topology.h"
#include "millrace/engine/query_router.h"

#include "engine/base/hexadecimal.h"
#include "engine/client/position_token.h"
#include "engine/queries/peer_client.h"
#include "engine/queries/row_pages.h"
#include "engine/queries/row_question.h"
#include "engine/run/position_json.h"

namespace millrace::engine {
namespace {

using nlohmann::json;

constexpr size_t kStoreKeyBytesMax = 4096;
constexpr int64_t kPageRowsMax = 1'000;
/// The last key of a page is in the token of the next one, in a request's head.
constexpr size_t kPageTokenLengthMax = 6'000;

HttpParameter store_parameter(const Topology& topology) {
  HttpParameter parameter{.name = "store",
                          .meaning = "The store's name in the topology.",
                          .type = HttpParameter::Type::kChoice};
  for (const StoreSpec& store : topology.stores()) parameter.choices.push_back(store.name);
  return parameter;
}

HttpAnswer store_row(const Queries& queries, const std::string& store, const std::string& key) {
  const Result<StoreAnswer> answer = queries.get(store, Bytes(key));
  if (!answer.ok()) return error_answer(answer.error());
  if (!answer->row) return error_answer(404, "no such key");
  return {.body = json_text({{"store", store},
                             {"key", key},
                             {"value_hex", hexadecimal(answer->row->value)},
                             {"timestamp_ms", answer->row->timestamp_ms},
                             {"position", position_object(answer->position)}})};
}

/// The range that the parameters name; the fault otherwise.
std::string read_range(const HttpRequest& request, PageQuestion& question) {
  const auto optional = [&](const char* name) {
    const std::string* const text = request.find(name);
    return text == nullptr ? std::nullopt : std::optional(*text);
  };
  question.from = optional("from");
  question.to = optional("to");
  const std::string* const prefix = request.find("prefix");
  if (prefix == nullptr) return {};
  if (question.from || question.to) return "prefix: takes no from and to beside it";
  question.from = *prefix;
  question.to = prefix_end(Bytes(*prefix));
  return {};
}

json row_object(const RowPage::PagedRow& row) {
  return {{"key", row.key},
          {"key_hex", hexadecimal(row.key)},
          {"value_hex", hexadecimal(row.value)},
          {"timestamp_ms", row.timestamp_ms},
          {"task", row.task.to_string()}};
}

HttpAnswer store_page(const Queries& queries, const PageQuestion& question) {
  const Result<RowPage> page = read_page(queries, question);
  if (!page.ok()) return error_answer(page.error());
  json rows = json::array();
  for (const RowPage::PagedRow& row : page->rows) rows.push_back(row_object(row));
  json positions = json::array();
  for (const StatePosition& position : page->positions) {
    positions.push_back(position_object(position));
  }
  return {.body = json_text({{"store", question.store},
                             {"rows", std::move(rows)},
                             {"next", page->next.empty() ? json() : json(page->next)},
                             {"positions", std::move(positions)}})};
}

void add_store_row(QueryServer& server, Engine& engine, const Topology& topology) {
  std::vector<HttpParameter> parameters{store_parameter(topology),
                                        {.name = "key",
                                         .meaning = "The row's key.",
                                         .is_required = true,
                                         .length_max = kStoreKeyBytesMax}};
  std::ranges::move(state_parameters(), std::back_inserter(parameters));
  server.route({.pattern = "/v1/stores/{store}",
                .right = Right::kRaw,
                .summary = "One row of a store, as bytes.",
                .parameters = std::move(parameters),
                .errors = {{404, "There is no such row."}},
                .handler = [&engine](const HttpRequest& request) {
                  return engine.router().answer(
                      request,
                      [store = request.arguments.front(), key = *request.find("key")](
                          const Queries& queries) { return store_row(queries, store, key); });
                }});
}

void add_store_pages(QueryServer& server, Engine& engine, const Topology& topology) {
  using Type = HttpParameter::Type;
  std::vector<HttpParameter> parameters{
      store_parameter(topology),
      {.name = "from", .meaning = "The least key.", .length_max = kStoreKeyBytesMax},
      {.name = "to", .meaning = "The key that ends the range.", .length_max = kStoreKeyBytesMax},
      {.name = "prefix", .meaning = "Instead: how keys begin.", .length_max = kStoreKeyBytesMax},
      {.name = "order",
       .meaning = "Of the keys' bytes; asc unless named.",
       .type = Type::kChoice,
       .choices = {"asc", "desc"}},
      {.name = "limit",
       .meaning = "Rows of a page; 100 unless named.",
       .type = Type::kInteger,
       .min = 1,
       .max = kPageRowsMax},
      {.name = "page",
       .meaning = "`next` of the page before, which was asked for with the same parameters.",
       .length_max = kPageTokenLengthMax,
       .pattern = "^([0-9]+\\.([0-9a-f]{2})*)?$"}};
  std::ranges::move(state_parameters(), std::back_inserter(parameters));
  server.route({.pattern = "/v1/stores/{store}/rows",
                .right = Right::kRaw,
                .summary = "A page of a store's rows, as bytes, from all instances.",
                .parameters = std::move(parameters),
                .handler = [&engine](const HttpRequest& request) {
                  PageQuestion question{.store = request.arguments.front()};
                  if (std::string fault = read_range(request, question); !fault.empty()) {
                    return error_answer(400, fault);
                  }
                  const std::string* const order = request.find("order");
                  question.is_descending = order != nullptr && *order == "desc";
                  if (const auto limit = request.integer("limit")) {
                    question.rows_max = static_cast<size_t>(*limit);
                  }
                  if (const std::string* const page = request.find("page")) question.page = *page;
                  return engine.router().answer(
                      request, [question = std::move(question)](const Queries& queries) {
                        return store_page(queries, question);
                      });
                }});
}

void add_token(QueryServer& server) {
  using Type = HttpParameter::Type;
  server.route({.pattern = "/v1/token",
                .summary = "The position after a record, from its producer's acknowledgement: for "
                           "min_position.",
                .parameters = {{.name = "topic",
                                .meaning = "The record's topic.",
                                .is_required = true,
                                .length_max = kTopicNameLengthMax,
                                .pattern = "^[a-zA-Z0-9_-][a-zA-Z0-9._-]*$"},
                               {.name = "partition",
                                .meaning = "Its partition.",
                                .type = Type::kInteger,
                                .is_required = true,
                                .min = 0,
                                .max = INT32_MAX},
                               {.name = "offset",
                                .meaning = "Its offset.",
                                .type = Type::kInteger,
                                .is_required = true,
                                .min = 0,
                                .max = INT64_MAX - 1}},
                .handler = [](const HttpRequest& request) {
                  const std::string& topic = *request.find("topic");
                  if (!is_legal_name(topic, kTopicNameLengthMax)) {
                    return error_answer(400, "topic: not a name of a topic");
                  }
                  const auto partition = static_cast<int32_t>(*request.integer("partition"));
                  const NextOffsets next{{{topic, partition}, *request.integer("offset") + 1}};
                  return HttpAnswer{.body = json_text({{"token", position_token(next)}})};
                }});
}

/// Rows for other instances, from the state that this one has itself.
void add_peer_rows(QueryServer& server, Engine& engine) {
  server.route({.method = HttpMethod::kPost,
                .pattern = kPeerRowsPath,
                .right = Right::kPeer,
                .content_type = "application/cbor",
                .body_meaning = "a question",
                .body_bytes_max = kRowQuestionBytesMax,
                .handler = [&engine](const HttpRequest& request) {
                  const auto question = decode_question(request.body);
                  if (!question.ok()) return error_answer(question.error());
                  const auto reply = answer_rows(engine.queries(), *question);
                  if (!reply.ok()) return error_answer(reply.error());
                  return HttpAnswer{.body = encode_reply(*reply),
                                    .content_type = "application/cbor"};
                }});
}

}  // namespace

void add_store_routes(QueryServer& server, Engine& engine, const Topology& topology) {
  if (!topology.stores().empty()) {
    add_store_row(server, engine, topology);
    add_store_pages(server, engine, topology);
  }
  add_token(server);
  add_peer_rows(server, engine);
}

}  // namespace millrace::engine
