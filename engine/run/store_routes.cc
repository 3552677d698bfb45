#include "engine/run/store_routes.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "millrace/core/topology.h"
#include "millrace/engine/query_router.h"
#include "millrace/state/timer_queue.h"

#include "engine/client/position_token.h"
#include "engine/queries/peer_client.h"
#include "engine/queries/row_pages.h"
#include "engine/queries/row_question.h"
#include "engine/run/position_json.h"
#include "engine/run/row_json.h"

namespace millrace::engine {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr size_t kStoreKeyBytesMax = 4096;
constexpr size_t kPageTokenLengthMax = 6'000;

/// The stores that can be asked for. Handlers share it.
struct ShownStores {
  std::vector<StoreSpec> specs;
  RowMasks masks;

  /// REQUIRES: there is such a store.
  const StoreSpec& find(std::string_view name) const {
    return *std::ranges::find(specs, name, &StoreSpec::name);
  }
};
using Stores = std::shared_ptr<const ShownStores>;

HttpParameter store_parameter(const ShownStores& stores) {
  HttpParameter parameter{.name = "store",
                          .meaning = "The store's name in the topology.",
                          .type = HttpParameter::Type::kChoice};
  for (const StoreSpec& store : stores.specs) parameter.choices.push_back(store.name);
  return parameter;
}

/// A question for rows of a store, by a caller who may see them in some way.
struct RowsAsked {
  Stores stores;  ///< keeps `spec`
  const StoreSpec& spec;
  RowView view;
};

/// Nothing when the caller may see no row of the store that the request names.
std::optional<RowsAsked> rows_asked(const Stores& stores, const HttpRequest& request) {
  const StoreSpec& spec = stores->find(request.arguments.front());
  std::optional<RowView> view =
      row_view(spec, stores->masks, request.rights, request.find("format"));
  if (!view) return std::nullopt;
  return RowsAsked{stores, spec, *std::move(view)};
}

/// For bytes, and for stores that the program does not open to others.
HttpAnswer raw_only(const HttpRequest& request) {
  return lacks_right(Right::kRaw, !request.caller.empty());
}

/// The rights of a route for rows. Handlers look at the store.
void set_rights(HttpRoute& route, const ShownStores& stores) {
  if (stores.masks.empty()) {
    route.right = Right::kRaw;
    return;
  }
  route.right = Right::kRead;
  route.or_right = Right::kRaw;
  route.errors[401] = "The store, or the format, needs a token with the right raw.";
  route.errors[403] = "The store, or the format, needs the right raw.";
}

HttpAnswer store_row(const Queries& queries, const RowsAsked& asked, const std::string& key) {
  if (asked.spec.timers && !asked.view.is_hex) {
    return error_answer(400, "a store of timers has pages only: ask for its rows, with prefix");
  }
  const Result<StoreAnswer> answer = queries.get(asked.spec.name, Bytes(key));
  if (!answer.ok()) return error_answer(answer.error());
  if (!answer->row) return error_answer(404, "no such key");
  OrderedJson body{{"store", asked.spec.name}};
  body.update(row_json(asked.spec, Bytes(key), Bytes(answer->row->value), asked.view));
  body["timestamp_ms"] = answer->row->timestamp_ms;
  body["position"] = position_object(answer->position);
  return {.body = json_text(body)};
}

/// The content of a `row` event, with null in place of a value that is not there. Its position is
/// no content, since it moves without a change of the row.
OrderedJson row_or_null(const RowsAsked& asked, const std::string& key, const StoreAnswer& answer) {
  OrderedJson row{{"store", asked.spec.name}};
  if (answer.row) {
    row.update(row_json(asked.spec, Bytes(key), Bytes(answer.row->value), asked.view));
    row["timestamp_ms"] = answer.row->timestamp_ms;
  } else {
    row["key"] = key;
    row[asked.view.is_hex ? "value_hex" : "value"] = nullptr;
  }
  return row;
}

QueryRouter::Watched watched_row(const Queries& queries, const RowsAsked& asked,
                                 const std::string& key) {
  const Result<StoreAnswer> answer = queries.get(asked.spec.name, Bytes(key));
  if (!answer.ok()) return {error_answer(answer.error()), {}};
  OrderedJson row = row_or_null(asked, key, *answer);
  std::string content = json_text(row);
  row["position"] = position_object(answer->position);
  return {{.body = json_text(row)}, std::move(content)};
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

/// The same for timers: those of some keys, else all of them by their time.
std::string read_timer_range(const HttpRequest& request, PageQuestion& question) {
  if (request.find("from") != nullptr || request.find("to") != nullptr) {
    return "from, to: timers come by their time, or by their key with prefix";
  }
  const std::string* const prefix = request.find("prefix");
  question.from =
      prefix == nullptr ? TimerQueue::due_rows() : TimerQueue::index_rows(Bytes(*prefix));
  question.to = prefix_end(Bytes(*question.from));
  return {};
}

HttpAnswer store_page(const Queries& queries, const RowsAsked& asked,
                      const PageQuestion& question) {
  const Result<RowPage> page = read_page(queries, question);
  if (!page.ok()) return error_answer(page.error());
  OrderedJson rows = OrderedJson::array();
  for (const RowPage::PagedRow& row : page->rows) {
    rows.push_back(row_json(asked.spec, Bytes(row.key), Bytes(row.value), asked.view));
    rows.back()["timestamp_ms"] = row.timestamp_ms;
    rows.back()["task"] = row.task.to_string();
  }
  OrderedJson positions = OrderedJson::array();
  for (const StatePosition& position : page->positions) {
    positions.emplace_back(position_object(position));
  }
  return {.body = json_text(
              OrderedJson{{"store", question.store},
                          {"rows", std::move(rows)},
                          {"next", page->next.empty() ? OrderedJson() : OrderedJson(page->next)},
                          {"positions", std::move(positions)}})};
}

void add_store_row(QueryServer& server, Engine& engine, const Stores& stores) {
  std::vector<HttpParameter> parameters{store_parameter(*stores),
                                        {.name = "key",
                                         .meaning = "The row's key, as bytes.",
                                         .is_required = true,
                                         .length_max = kStoreKeyBytesMax},
                                        format_parameter()};
  std::ranges::move(state_parameters(), std::back_inserter(parameters));
  HttpRoute route{.pattern = "/v1/stores/{store}",
                  .summary = "One row of a store, as JSON or bytes.",
                  .parameters = std::move(parameters),
                  .errors = {{404, "There is no such row."}},
                  .handler = [&engine, stores](const HttpRequest& request) {
                    std::optional<RowsAsked> asked = rows_asked(stores, request);
                    if (!asked) return raw_only(request);
                    return engine.router().answer(
                        request,
                        [asked = *std::move(asked), key = *request.find("key")](
                            const Queries& queries) { return store_row(queries, asked, key); });
                  }};
  set_rights(route, *stores);
  server.route(std::move(route));
}

void add_store_changes(QueryServer& server, Engine& engine, const Stores& stores) {
  std::vector<HttpParameter> parameters{store_parameter(*stores),
                                        {.name = "key",
                                         .meaning = "The row's key, as bytes.",
                                         .is_required = true,
                                         .length_max = kStoreKeyBytesMax},
                                        format_parameter()};
  std::ranges::move(watch_parameters(), std::back_inserter(parameters));
  HttpRoute route{
      .pattern = "/v1/stores/{store}/changes",
      .summary =
          "A row of a store, now and after each change, as server-sent events `row`; its "
          "value is null while there is none.",
      .parameters = std::move(parameters),
      .content_type = "text/event-stream",
      .handler = [&engine, stores](const HttpRequest& request) {
        std::optional<RowsAsked> asked = rows_asked(stores, request);
        if (!asked) return raw_only(request);
        return engine.router().watch(
            request, "row",
            [asked = *std::move(asked), key = *request.find("key")](const Queries& queries) {
              return watched_row(queries, asked, key);
            });
      }};
  set_rights(route, *stores);
  server.route(std::move(route));
}

/// The page that the request names; the fault otherwise.
std::string read_question(const HttpRequest& request, const RowsAsked& asked,
                          PageQuestion& question) {
  question.store = asked.spec.name;
  const bool is_of_timers = asked.spec.timers && !asked.view.is_hex;
  std::string fault =
      is_of_timers ? read_timer_range(request, question) : read_range(request, question);
  if (fault.empty()) read_page_choice(request, question);
  return fault;
}

std::vector<HttpParameter> rows_parameters(const ShownStores& stores) {
  std::vector<HttpParameter> parameters{
      store_parameter(stores),
      {.name = "from", .meaning = "The least key.", .length_max = kStoreKeyBytesMax},
      {.name = "to", .meaning = "The key that ends the range.", .length_max = kStoreKeyBytesMax},
      {.name = "prefix", .meaning = "Instead: how keys begin.", .length_max = kStoreKeyBytesMax}};
  std::ranges::move(page_parameters("Of the keys' bytes, or of timers' times without prefix",
                                    kPageTokenLengthMax),
                    std::back_inserter(parameters));
  parameters.push_back(format_parameter());
  std::ranges::move(state_parameters(), std::back_inserter(parameters));
  return parameters;
}

void add_store_pages(QueryServer& server, Engine& engine, const Stores& stores) {
  HttpRoute route{
      .pattern = "/v1/stores/{store}/rows",
      .summary = "A page of a store's rows or timers, as JSON or bytes, from all instances.",
      .parameters = rows_parameters(*stores),
      .is_scan = true,
      .handler = [&engine, stores](const HttpRequest& request) {
        std::optional<RowsAsked> asked = rows_asked(stores, request);
        if (!asked) return raw_only(request);
        PageQuestion question;
        if (std::string fault = read_question(request, *asked, question); !fault.empty()) {
          return error_answer(400, fault);
        }
        return engine.router().answer(
            request, [asked = *std::move(asked), question = std::move(question)](
                         const Queries& queries) { return store_page(queries, asked, question); });
      }};
  set_rights(route, *stores);
  server.route(std::move(route));
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

/// Changes of this instance's tasks for other instances.
void add_peer_changes(QueryServer& server, Engine& engine) {
  server.route({.method = HttpMethod::kPost,
                .pattern = kPeerChangesPath,
                .right = Right::kPeer,
                .content_type = "application/cbor",
                .body_meaning = "a question",
                .body_bytes_max = kWatchQuestionBytesMax,
                .handler = [&engine](const HttpRequest& request) {
                  return engine.router().answer_changes(request);
                }});
}

}  // namespace

void add_store_routes(QueryServer& server, Engine& engine, const Topology& topology,
                      RowMasks masks) {
  if (!topology.stores().empty()) {
    const auto stores =
        std::make_shared<const ShownStores>(ShownStores{topology.stores(), std::move(masks)});
    add_store_row(server, engine, stores);
    add_store_pages(server, engine, stores);
    add_store_changes(server, engine, stores);
  }
  add_token(server);
  add_peer_rows(server, engine);
  add_peer_changes(server, engine);
}

}  // namespace millrace::engine
