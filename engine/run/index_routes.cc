#include "engine/run/index_routes.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "millrace/engine/index_pages.h"
#include "millrace/engine/query_router.h"

#include "engine/run/position_json.h"
#include "engine/run/row_json.h"

namespace millrace::engine {
namespace {

using IndexedStores = std::shared_ptr<const std::vector<StoreSpec>>;

IndexedStores stores_with_indexes(const Topology& topology) {
  std::vector<StoreSpec> stores;
  std::ranges::copy_if(topology.stores(), std::back_inserter(stores),
                       [](const StoreSpec& store) { return !store.indexes.empty(); });
  return std::make_shared<const std::vector<StoreSpec>>(std::move(stores));
}

QueryRouter::Watched index_page(const Queries& queries, const StoreSpec& store,
                                const IndexSpec& index, const HttpRequest& request) {
  const Result<IndexPage> page =
      read_index_page(queries, {store.name, index.name, index.type}, request);
  if (!page.ok()) return {error_answer(page.error()), {}};
  const std::string* const format = request.find("format");
  const RowView view{.is_hex = format != nullptr && *format == "hex", .shows_all = true};
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const IndexPage::Hit& hit : page->hits) {
    nlohmann::ordered_json row;
    if (index.type == IndexType::kText) {
      row["indexed"] = hit.text;
    } else {
      row["indexed"] = hit.number;
    }
    row.update(row_json(store, Bytes(hit.key), Bytes(hit.row), view));
    row["timestamp_ms"] = hit.timestamp_ms;
    row["task"] = hit.task.to_string();
    rows.push_back(std::move(row));
  }
  nlohmann::ordered_json body{{"store", store.name}, {"index", index.name}};
  body["rows"] = std::move(rows);
  body["next"] = nullptr;
  if (!page->next.empty()) body["next"] = page->next;
  std::string content = json_text(body);
  body["positions"] = nlohmann::ordered_json::array();
  for (const StatePosition& position : page->positions) {
    body["positions"].emplace_back(position_object(position));
  }
  return {{.body = json_text(body)}, std::move(content)};
}

/// The index that the request names, or the answer that there is none.
struct Asked {
  QueryRouter::MakeWatched make;
  HttpAnswer refusal;
};

Asked index_asked(const IndexedStores& stores, const HttpRequest& request) {
  const auto store = std::ranges::find(*stores, request.arguments.front(), &StoreSpec::name);
  const std::string& name = request.arguments.back();
  const auto index = std::ranges::find(store->indexes, name, &IndexSpec::name);
  if (index == store->indexes.end()) {
    return {{}, error_answer(404, fmt::format("store '{}' has no index '{}'", store->name, name))};
  }
  return {[stores, store, index, request](const Queries& queries) {
            return index_page(queries, *store, *index, request);
          },
          {}};
}

std::vector<HttpParameter> parameters_of(const IndexedStores& stores,
                                         std::vector<HttpParameter> of_page) {
  HttpParameter store{.name = "store",
                      .meaning = "The store's name in the topology.",
                      .type = HttpParameter::Type::kChoice};
  for (const StoreSpec& spec : *stores) store.choices.push_back(spec.name);
  std::vector<HttpParameter> parameters{
      std::move(store),
      {.name = "index", .meaning = "The index's name.", .length_max = kNameLengthMax}};
  std::ranges::move(of_page, std::back_inserter(parameters));
  parameters.push_back(format_parameter());
  return parameters;
}

const std::map<unsigned, std::string> kErrors{
    {404, "The store has no such index."},
    {409, "The index is being built; the message says how far it is."}};

void add_page(QueryServer& server, Engine& engine, const IndexedStores& stores) {
  std::vector<HttpParameter> parameters = parameters_of(stores, index_parameters());
  std::ranges::move(state_parameters(), std::back_inserter(parameters));
  server.route({.pattern = "/v1/stores/{store}/indexes/{index}",
                .right = Right::kRaw,
                .summary = "A page of the rows that an index of a store finds, from all instances.",
                .parameters = std::move(parameters),
                .errors = kErrors,
                .is_scan = true,
                .handler = [&engine, stores](const HttpRequest& request) {
                  Asked asked = index_asked(stores, request);
                  if (!asked.make) return std::move(asked.refusal);
                  return engine.router().answer(
                      request, [make = std::move(asked.make)](const Queries& queries) {
                        return make(queries).answer;
                      });
                }});
}

void add_changes(QueryServer& server, Engine& engine, const IndexedStores& stores) {
  std::vector<HttpParameter> parameters = parameters_of(stores, watched_index_parameters());
  std::ranges::move(watch_parameters(), std::back_inserter(parameters));
  server.route({.pattern = "/v1/stores/{store}/indexes/{index}/changes",
                .right = Right::kRaw,
                .summary = "The first rows that an index of a store finds, now and after each "
                           "change, as server-sent events `rows`.",
                .parameters = std::move(parameters),
                .errors = kErrors,
                .content_type = "text/event-stream",
                .handler = [&engine, stores](const HttpRequest& request) {
                  Asked asked = index_asked(stores, request);
                  if (!asked.make) return std::move(asked.refusal);
                  return engine.router().watch(request, "rows", std::move(asked.make));
                }});
}

}  // namespace

void add_index_routes(QueryServer& server, Engine& engine, const Topology& topology) {
  const IndexedStores stores = stores_with_indexes(topology);
  if (stores->empty()) return;
  add_page(server, engine, stores);
  add_changes(server, engine, stores);
}

}  // namespace millrace::engine
