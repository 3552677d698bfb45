// Turns account changes and merge facts into materialized account state. See README.md.

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "millrace/engine/index_pages.h"
#include "millrace/engine/kafka_clients.h"
#include "millrace/engine/query_router.h"
#include "millrace/engine/run_main.h"

#include "apps/mapping/mapping_check.h"
#include "apps/materializer/account_query.h"
#include "apps/materializer/conflict_answer.h"
#include "apps/materializer/index_answer.h"
#include "apps/materializer/mapping_answer.h"
#include "apps/materializer/store_masks.h"
#include "apps/tools/crm_topics.h"
#include "apps/tools/personal_mask.h"
#include "crm/account_topology.h"
#include "crm/decode/mapping_report.h"
#include "crm/indexes/crm_indexes.h"
#include "crm/mapping/mapping.h"
#include "crm/model/account_topics.h"
#include "crm/model/ids.h"
#include "crm/model/output_topic.h"
#include "engine/http/request_parameters.h"

namespace millrace::apps {
namespace {

constexpr const char* kDescription =
    R"(Materializes CRM accounts: reads account changes (topic crm.accounts, or the change events
of the topics that --crm.mapping names) and merge facts (crm.merge-facts), resolves merges, finds
the territories of accounts by rules (crm.territory-models, crm.territories, crm.territory-rules,
crm.rule-territories, crm.manual-territories, crm.territory-exclusions), and writes crm.redirects,
crm.account-state, crm.account-territories and crm.conflicts (see --crm.output.prefix).
While it runs, it answers over HTTP (see --query.port):

  GET /v1/accounts/{id}      the account that an id is part of, victims of merges included
  GET /v1/accounts/{id}/changes  the same as a stream of events, one for each change
  POST /v1/accounts          up to 1,000 of them: {"ids": [...]}
  GET /v1/accounts?index=I   those that an index finds: by-members, by-territory, by-field.F
  GET /v1/entitlements?index=I   by-feature, by-expiry
  GET /v1/changes/accounts?index=I   those as a stream, and .../entitlements
  GET /v1/conflicts          the newest findings of crm.conflicts
  GET /v1/mapping            how the mapping and the records read so far fit
  GET /console               a page for people
  GET /v1/openapi.json       all paths, with their parameters
  GET /v1/health             state, tasks, lag; 503 while it does not run
  GET /v1/metrics            Prometheus text
  GET /v1/topology           ?format=mermaid for a flowchart
  GET /v1/stores/{s}?key=K   one row; /v1/stores/{s}/rows: pages of rows or timers

To try it: crm_materializer --create.topics --query.port 8090 --state.dir /tmp/crm
)";

constexpr int kDefaultQueryPort = 8090;

struct CrmOptions {
  std::string mapping_file;
  crm::Mapping mapping = crm::default_mapping();
  bool create_topics = false;
  int32_t partitions = 4;
  std::string default_source = "ror";
  SampleOptions check{.records = 100};
  crm::AccountOptions accounts;
  std::string indexed_fields;
};

/// Says what is wrong with the file; empty: nothing.
std::string read_mapping(std::string_view file, crm::Mapping& mapping) {
  Result<crm::Mapping> read =
      file.empty() ? crm::default_mapping() : crm::load_mapping(std::filesystem::path(file));
  if (!read.ok()) return read.message();
  mapping = *std::move(read);
  return {};
}

std::string check_prefix(std::string_view prefix) {
  return crm::is_output_prefix(prefix) ? "" : "not the beginning of a topic's name";
}

std::string read_fields(std::string_view text, std::vector<std::string>& fields) {
  fields.clear();
  if (text.empty()) return {};
  for (const std::string_view field : engine::split_at(text, ',')) {
    if (field.empty()) return "a comma without a field";
    fields.emplace_back(field);
  }
  std::vector<std::string> sorted = fields;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  return twice == sorted.end() ? "" : "field " + *twice + " stands twice";
}

void add_index_config(ConfigTable& table, CrmOptions& options) {
  table.add_string(
      "crm.index.fields", options.indexed_fields,
      {.check =
           [&options](std::string_view text) {
             return read_fields(text, options.accounts.indexed_fields);
           },
       .allowed = "names with commas between"},
      "Our names of the accounts' fields by whose values GET /v1/accounts finds accounts. An index "
      "that is added later is built while the job runs.");
}

void add_config(ConfigTable& table, CrmOptions& options) {
  table.add_string(
      "crm.mapping", options.mapping_file,
      {.check = [&options](std::string_view file) { return read_mapping(file, options.mapping); },
       .allowed = "file"},
      "JSON file with the topics to read, the format of their values, and the meaning of their "
      "entities and fields. Empty: FlatBuffers from crm.accounts.");
  table.add_integer("crm.check.records", options.check.records, {0, 10'000},
                    "Records of each end of each partition that are compared with the mapping at "
                    "the start, beside the job: the log has one line for each finding. 0: none.");
  table.add_integer("crm.check.timeout.ms", options.check.timeout_ms, {100, 3'600'000},
                    "Time for that, for each topic.");
  table.add_choice("crm.territory.runs", options.accounts.territories.runs,
                   {{"continuous", crm::territory::RuleRuns::kContinuous},
                    {"on_signal", crm::territory::RuleRuns::kOnSignal}},
                   "When changes of territory rules reach accounts: at once, or when "
                   "rules_run_ms of a model signals a run.");
  table.add_integer("crm.territory.slice.accounts", options.accounts.territories.slice_accounts,
                    {1, 1'000'000},
                    "Accounts per slice: after a change of territory rules every task matches "
                    "its accounts again in slices.");
  table.add_integer("crm.territory.slice.interval.ms",
                    options.accounts.territories.slice_interval_ms, {1, 60'000},
                    "Time between two such slices of a task.");
  table.add_integer("crm.merge.inference.window.ms", options.accounts.merge_inference_window_ms,
                    {0, 86'400'000},
                    "How long to wait for the parts of a source's transaction from which a merge "
                    "of accounts is inferred. 0: no merges are inferred.");
  table.add_choice(
      "crm.unmerge.children", options.accounts.unmerged_children,
      {{"return", crm::UnmergedChildren::kReturn}, {"stay", crm::UnmergedChildren::kStay}},
      "Place of records that came to an account while it was merged, after an un-merge: they "
      "return to the account, or stay with the survivor.");
  table.add_choice("crm.snapshot.sweep", options.accounts.tables.sweep,
                   {{"on", crm::SnapshotSweep::kOn},
                    {"dry_run", crm::SnapshotSweep::kDryRun},
                    {"off", crm::SnapshotSweep::kOff}},
                   "Records of a table that a complete snapshot of it did not bring: delete them, "
                   "count them, or leave them.");
  table.add_integer("crm.delete.grace.ms", options.accounts.delete_grace_ms, {0, 86'400'000},
                    "How long a deleted account stays as it was, since a merge may still explain "
                    "the delete. 0: not at all.");
  table.add_string("crm.output.prefix", options.accounts.output_prefix,
                   {.length_max = crm::kOutputPrefixLengthMax,
                    .check = &check_prefix,
                    .allowed = "1 to 128 of [a-zA-Z0-9._-]"},
                   "Replaces the leading crm. in the names of output topics, so that another "
                   "application id may write its own beside them; topics that are only read keep "
                   "their names.");
  table.add_bool("create.topics", options.create_topics,
                 "Create the input and output topics that do not exist.");
  table.add_integer("topic.partitions", options.partitions, {1, 10'000},
                    "Partitions of the topics that --create.topics creates; existing ones keep "
                    "theirs.");
  table.add_string("default.source", options.default_source,
                   {.length_max = crm::kSourceBytesMax,
                    .check =
                        [](std::string_view text) {
                          return crm::internal_id(text, "x").ok() ? "" : "not a source";
                        },
                    .allowed = "1 to 32 of [a-z0-9_-]"},
                   "Source of an id in a query that names no source.");
}

/// Logs where mapping and topics do not fit, one line a finding. Stops nothing: a topic may still
/// be empty, and a broker away.
void log_mapping_check(const CrmOptions& options, const EngineOptions& engine,
                       const std::stop_token& stop) {
  constexpr size_t kLinesMax = 500;
  const Result<KafkaClients> clients = KafkaClients::create(engine);
  if (!clients.ok()) {
    return spdlog::warn("the mapping was not checked error=\"{}\"", clients.message());
  }
  const CheckReport report =
      check_mapping(options.mapping, clients->factory(), options.check, stop, {});
  size_t problems = 0;
  size_t lines = 0;
  for (const Finding& finding : report.findings) {
    const bool is_problem = finding.weight == Finding::Weight::kProblem;
    problems += is_problem ? 1 : 0;
    if (++lines > kLinesMax) continue;
    spdlog::log(is_problem ? spdlog::level::warn : spdlog::level::info,
                "mapping check topic={} entity={} field={} finding=\"{}\"", finding.topic,
                finding.entity, finding.field, finding.text);
  }
  if (!report.status.ok()) {
    spdlog::warn("the mapping was not checked to its end error=\"{}\"", report.status.message());
  }
  spdlog::info("mapping checked topics={} problems={} notes={}", report.topics.size(), problems,
               report.findings.size() - problems);
}

using Mask = std::shared_ptr<const PersonalMask>;

using ViewOf = std::function<AccountView(const HttpRequest& request)>;

void add_account_changes(QueryServer& server, const Engine& engine, const HttpParameter& id,
                         ViewOf view_of) {
  std::vector<HttpParameter> parameters = watch_parameters();
  parameters.insert(parameters.begin(), id);
  server.route({.pattern = "/v1/accounts/{id}/changes",
                .summary = "The account that an id is part of, now and after each change, as "
                           "server-sent events `account`; `gone` when the id is not known any "
                           "more.",
                .parameters = std::move(parameters),
                .errors = {{404, "The id was never seen."}},
                .content_type = "text/event-stream",
                .handler = [&engine, view_of = std::move(view_of)](const HttpRequest& request) {
                  return engine.router().watch(
                      request, "account",
                      [view = view_of(request), id = request.arguments.front()](
                          const Queries& all) { return watched_account(all, id, view); });
                }});
}

/// Answers of any instance; personal fields only for callers with the right.
void add_account_routes(QueryServer& server, const Engine& engine, const std::string& source,
                        Mask mask) {
  const auto view_of = [&source, mask = std::move(mask)](const HttpRequest& request) {
    return AccountView{.default_source = source,
                       .mask = request.rights.has(Right::kPersonal) ? nullptr : mask.get(),
                       .as_of_ms = request.integer("as_of_ms")};
  };
  std::vector<HttpParameter> parameters = state_parameters();
  parameters.push_back({.name = "as_of_ms",
                        .meaning = "Moment of the entitlements, past or future; else now.",
                        .type = HttpParameter::Type::kInteger});
  server.route({.method = HttpMethod::kPost,
                .pattern = "/v1/accounts",
                .summary = "Up to 1,000 accounts, each as by its own path.",
                .parameters = parameters,
                .errors = {{413, "The answer would be longer than 16 MiB."}},
                .body_meaning = R"({"ids": [...]})",
                .body_schema = R"({"type": "object", "required": ["ids"],
                                   "properties": {"ids": {"type": "array", "minItems": 1,
                                     "maxItems": 1000, "items": {"type": "string"}}},
                                   "additionalProperties": false})",
                .body_bytes_max = kBatchBytesMax,
                .is_scan = true,
                .handler = [&engine, view_of](const HttpRequest& request) {
                  return engine.router().answer(
                      request, [view = view_of(request), body = request.body](const Queries& all) {
                        return accounts_answer(all, body, view);
                      });
                }});
  const HttpParameter id{.name = "id",
                         .meaning = "source:id, or an id of default.source alone.",
                         .length_max = 255,
                         .pattern = "^([a-z0-9_-]{1,32}:)?[!-9;-~]{1,200}$"};
  parameters.insert(parameters.begin(), id);
  add_account_changes(server, engine, id, view_of);
  server.route({.pattern = "/v1/accounts/{id}",
                .summary = "The account that an id is part of, victims of merges included.",
                .parameters = std::move(parameters),
                .errors = {{404, "The id was never seen."}},
                .handler = [&engine, view_of](const HttpRequest& request) {
                  return engine.router().answer(
                      request, [view = view_of(request), id = request.arguments.front()](
                                   const Queries& all) { return account_answer(all, id, view); });
                }});
}

using AskIndex = std::function<QueryRouter::Watched(const Queries&, const HttpRequest&)>;
using Errors = std::map<unsigned, std::string>;

/// A page of what an index finds, by `/v1/<what>`, and a stream of its changes. `errors`: those
/// beside a 409.
void add_index_route(QueryServer& server, const Engine& engine, const std::string& what,
                     const std::vector<HttpParameter>& own, Errors errors, AskIndex ask) {
  errors[409] = "The index is being built.";
  const auto with_own = [&](std::vector<HttpParameter> more, std::vector<HttpParameter> last) {
    std::vector<HttpParameter> all = own;
    std::ranges::move(more, std::back_inserter(all));
    std::ranges::move(last, std::back_inserter(all));
    return all;
  };
  server.route({.pattern = "/v1/" + what,
                .summary = "A page of " + what + " that an index finds.",
                .parameters = with_own(index_parameters(), state_parameters()),
                .errors = errors,
                .is_scan = true,
                .handler = [&engine, ask](const HttpRequest& request) {
                  return engine.router().answer(request, [ask, request](const Queries& all) {
                    return ask(all, request).answer;
                  });
                }});
  server.route({.pattern = "/v1/changes/" + what,
                .summary = "The first " + what +
                           " that an index finds, now and after each "
                           "change, as server-sent events `" +
                           what + "`.",
                .parameters = with_own(watched_index_parameters(), watch_parameters()),
                .errors = errors,
                .content_type = "text/event-stream",
                .handler = [&engine, what, ask](const HttpRequest& request) {
                  return engine.router().watch(request, what, [ask, request](const Queries& all) {
                    return ask(all, request);
                  });
                }});
}

HttpParameter index_choice(std::vector<std::string> indexes) {
  return {.name = "index",
          .meaning = "The index.",
          .type = HttpParameter::Type::kChoice,
          .is_required = true,
          .choices = std::move(indexes)};
}

/// Accounts and entitlements by their indexes.
void add_index_routes(QueryServer& server, const Engine& engine,
                      const std::vector<crm::IndexedField>& fields, const Mask& mask) {
  const bool has_personal = std::ranges::any_of(
      fields, [&](const crm::IndexedField& field) { return mask->hides(field.name); });
  Errors of_accounts;
  if (has_personal) {
    of_accounts = {{401, "The index needs a token with the right personal."},
                   {403, "The index needs the right personal."}};
  }
  add_index_route(server, engine, "accounts", {index_choice(account_indexes(fields))},
                  std::move(of_accounts),
                  [fields, mask](const Queries& all, const HttpRequest& request) {
                    return accounts_by_index(all, fields, request, *mask);
                  });
  add_index_route(server, engine, "entitlements",
                  {index_choice(entitlement_indexes()),
                   {.name = "as_of_ms",
                    .meaning = "Moment at which they are shown, past or future; else now.",
                    .type = HttpParameter::Type::kInteger}},
                  {{404, "The job derives no entitlements."}}, &entitlements_by_index);
}

void add_conflict_route(QueryServer& server, const Engine& engine, std::string topic) {
  server.route({.pattern = "/v1/conflicts",
                .summary = "The newest findings that a person should look at.",
                .parameters = {{.name = "limit",
                                .meaning = "So many at most; 50 unless it says otherwise.",
                                .type = HttpParameter::Type::kInteger,
                                .min = 1,
                                .max = 500}},
                .errors = {{404, "The topic does not exist yet."}},
                .answer_schema = kConflictsSchema,
                .is_scan = true,
                .handler = [&engine, topic = std::move(topic)](const HttpRequest& request) {
                  HttpAnswer answer;
                  answer.later = [&router = engine.router(), topic, request] {
                    return conflicts_answer(router, topic, request);
                  };
                  return answer;
                }});
}

int run(int argc, char** argv) {
  CrmOptions options;
  RunExtras extras{
      .description = kDescription,
      .add_config =
          [&](ConfigTable& table) {
            add_config(table, options);
            add_index_config(table, options);
          },
      .set_defaults =
          [](EngineOptions& engine) {
            engine.application_id = "crm-materializer";
            engine.query_port = kDefaultQueryPort;
          },
      .new_topics = [&](const EngineOptions&) -> std::vector<NewTopic> {
        if (!options.create_topics) return {};
        return crm_topics(options.mapping, options.partitions, options.accounts.output_prefix);
      },
      .has_personal_rows = [&options] { return !PersonalMask(options.mapping).empty(); },
      .row_masks = [&options] { return store_masks(options.mapping); },
      .add_routes =
          [&](QueryServer& server, const Engine& engine) {
            auto mask =
                std::make_shared<const PersonalMask>(options.mapping, crm::EntityKind::kAccount);
            add_account_routes(server, engine, options.default_source, mask);
            add_index_routes(server, engine,
                             crm::indexed_fields(options.mapping, options.accounts.indexed_fields),
                             std::move(mask));
            add_conflict_route(
                server, engine,
                crm::output_topic(crm::kConflicts.name, options.accounts.output_prefix));
            server.route({.pattern = "/v1/mapping",
                          .summary = "How the mapping and the records read so far fit; no values.",
                          .handler = [&](const HttpRequest&) {
                            return mapping_answer(options.accounts.mapping_report->topics());
                          }});
          },
      .beside =
          [&](const EngineOptions& engine, const std::stop_token& stop) {
            if (options.check.records > 0) log_mapping_check(options, engine, stop);
          }};
  const auto make_topology = [&options] {
    options.accounts.mapping_report = std::make_shared<crm::MappingReport>(options.mapping);
    return crm::account_topology(options.mapping, options.accounts);
  };
  return run_main(make_topology, argc, argv, std::move(extras));
}

}  // namespace
}  // namespace millrace::apps

int main(int argc, char** argv) {
  return millrace::apps::run(argc, argv);
}
