#include "apps/cli/query_tool.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "millrace/engine/client.h"

#include "engine/base/hexadecimal.h"
#include "engine/base/shallow_json.h"
#include "engine/http/request_parameters.h"
#include "engine/secrets/secret_file.h"

namespace millrace::apps {
namespace {

constexpr size_t kPageRows = 1'000;
/// A row is a FlatBuffer of at most 64 tables, one in the other.
constexpr int kEventDepthMax = 256;

Result<std::unique_ptr<client::Client>> open(const QueryFlags& flags) {
  client::Options options{.urls = flags.urls, .tls_authorities = flags.authorities};
  if (!flags.token_file.empty()) {
    Result<std::string> token = engine::read_secret_file(flags.token_file);
    if (!token.ok()) return token.status();
    options.token = *std::move(token);
  }
  auto opened = client::Client::open(std::move(options));
  if (opened.ok()) MILLRACE_RETURN_IF_ERROR((*opened)->include(flags.min_position));
  return opened;
}

Result<client::Answer> ask(const QueryFlags& flags, const std::string& path) {
  const auto opened = open(flags);
  if (!opened.ok()) return opened.status();
  std::map<std::string, std::string> parameters;
  if (flags.may_be_stale) parameters["stale"] = "ok";
  if (!flags.min_position.empty()) parameters["min_position"] = flags.min_position;
  Result<client::Answer> answer = (*opened)->get(path, parameters);
  if (answer.ok() && answer->status == 404) {
    return Error{ErrorCode::kNotFound, fmt::format("{}: 404 {}", path, answer->body)};
  }
  return answer;
}

std::string hex_line(const client::StoredRow& row) {
  const nlohmann::json line{{"key", row.key},
                            {"key_hex", engine::hexadecimal(row.key)},
                            {"value_hex", engine::hexadecimal(row.value)},
                            {"timestamp_ms", row.timestamp_ms}};
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Prints rows, a line each, until there are `limit` of them; 0: all. `ask` gets the page of a
/// question.
Status print_pages(uint64_t limit, auto question, std::ostream& out, const auto& ask) {
  uint64_t left = limit == 0 ? UINT64_MAX : limit;
  do {
    question.rows_max = std::min<uint64_t>(left, kPageRows);
    const Result<client::JsonPage> page = ask(question);
    if (!page.ok()) return page.status();
    for (const std::string& line : page->rows) out << line << '\n';
    left -= std::min<uint64_t>(left, page->rows.size());
    question.page = page->next;
  } while (left > 0 && !question.page.empty());
  return {};
}

/// A page as lines.
Result<client::JsonPage> scan_page(client::Client& asked, const ScanFlags& flags,
                                   const client::RowsQuestion& question) {
  if (!flags.is_hex) return asked.json_rows(flags.store, question);
  Result<client::RowsPage> page = asked.rows(flags.store, question);
  if (!page.ok()) return page.status();
  client::JsonPage lines{.rows = {}, .next = std::move(page->next)};
  for (const client::StoredRow& row : page->rows) lines.rows.push_back(hex_line(row));
  return lines;
}

/// The same of what an index finds. The CRM job has paths of its own for two kinds of rows, which
/// call the array of their answer as the path is called.
Result<client::JsonPage> index_page(client::Client& asked, const IndexFlags& flags,
                                    const client::IndexQuestion& question) {
  if (flags.of == "accounts" || flags.of == "entitlements") {
    return asked.json_page("/v1/" + flags.of, flags.of, {{"index", flags.index}}, question);
  }
  return asked.json_rows_by(flags.of, flags.index, question);
}

void add_server(CLI::App& app, QueryFlags& flags) {
  app.add_option("--url", flags.urls,
                 "URL of a query server, http or https; any instance answers for all. May be\n"
                 "repeated: the next one is asked when one is away.")
      ->capture_default_str();
  app.add_option("--token-file", flags.token_file, "File with the bearer token to send.");
  app.add_option("--tls-authority", flags.authorities,
                 "PEM file of the authorities to believe over https; without it those that this\n"
                 "system knows.");
}

void add_state(CLI::App& app, QueryFlags& flags) {
  app.add_option("--min-position", flags.min_position,
                 "Position that the answer has to include, as an answer or /v1/token gave it.");
  app.add_flag("--stale", flags.may_be_stale, "A standby may answer when the owner does not.");
}

}  // namespace

Status get_path(const GetFlags& flags, std::ostream& out, std::ostream& notes) {
  std::string path = flags.path;
  if (!path.starts_with('/')) path.insert(0, "/v1/");
  const Result<client::Answer> answer = ask(flags.server, path);
  if (!answer.ok()) return answer.status();
  out << answer->body;
  if (flags.shows_position) notes << answer->position << '\n';
  return {};
}

Status scan_store(const ScanFlags& flags, std::ostream& out) {
  const auto opened = open(flags.server);
  if (!opened.ok()) return opened.status();
  client::RowsQuestion question{.from = flags.from,
                                .to = flags.to,
                                .prefix = flags.prefix,
                                .is_descending = flags.is_descending,
                                .freshness = {.may_be_stale = flags.server.may_be_stale}};
  return print_pages(
      flags.limit, std::move(question), out,
      [&](const client::RowsQuestion& of_page) { return scan_page(**opened, flags, of_page); });
}

Status scan_index(const IndexFlags& flags, std::ostream& out) {
  const auto opened = open(flags.server);
  if (!opened.ok()) return opened.status();
  client::IndexQuestion question = flags.question;
  question.freshness.may_be_stale = flags.server.may_be_stale;
  return print_pages(
      flags.limit, std::move(question), out,
      [&](const client::IndexQuestion& of_page) { return index_page(**opened, flags, of_page); });
}

Status watch_account(const WatchFlags& flags, std::ostream& out) {
  const auto opened = open(flags.server);
  if (!opened.ok()) return opened.status();
  const bool is_row = !flags.store.empty();
  client::WatchQuestion question{
      .path = fmt::format("/v1/{}/{}/changes", is_row ? "stores" : "accounts",
                          engine::percent_encoded(is_row ? flags.store : flags.id)),
      .from = flags.server.min_position};
  if (is_row) question.parameters["key"] = flags.id;
  uint64_t left = flags.limit == 0 ? UINT64_MAX : flags.limit;
  return (*opened)->watch(question, [&](const client::Event& event) {
    nlohmann::json data = engine::parse_shallow_json(event.data, kEventDepthMax);
    const nlohmann::json line{{"event", event.name}, {"id", event.id}, {"data", std::move(data)}};
    out << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
    return --left > 0;
  });
}

Status show_topology(const TopologyFlags& flags, std::ostream& out) {
  const Result<client::Answer> text =
      ask(flags.server, flags.is_mermaid ? "/v1/topology?format=mermaid" : "/v1/topology");
  if (!text.ok()) return text.status();
  out << text->body;
  return {};
}

CLI::App* add_get(CLI::App& top, GetFlags& flags) {
  CLI::App* app = top.add_subcommand(
      "get",
      "Asks a running program, and prints its answer. The path is one of /v1/openapi.json,\n"
      "with or without /v1/ before it.\n\n"
      "  millrace get accounts/ror:012kjw534\n"
      "  millrace get 'stores/account-states?key=ror:012kjw534' --token-file token");
  app->add_option("path", flags.path, "Path to ask for, percent-encoded.")->required();
  add_server(*app, flags.server);
  add_state(*app, flags.server);
  app->add_flag("--position", flags.shows_position,
                "Print the position of the answer to stderr, for --min-position.");
  return app;
}

CLI::App* add_scan(CLI::App& top, ScanFlags& flags) {
  CLI::App* app = top.add_subcommand(
      "scan",
      "Prints rows of a store of all instances as JSON lines, in the order of their keys, or\n"
      "timers in the order of their times. Personal fields are hidden and some stores refused,\n"
      "unless the token gives the right raw.\n\n"
      "  millrace scan account-states --prefix ror: --limit 20");
  app->add_option("store", flags.store, "Name of the store in the topology.")->required();
  auto* const prefix = app->add_option("--prefix", flags.prefix, "How keys begin.");
  app->add_option("--from", flags.from, "The least key.")->excludes(prefix);
  app->add_option("--to", flags.to, "The key that ends the range.")->excludes(prefix);
  app->add_flag("--hex", flags.is_hex,
                "Keys and values as bytes instead of JSON; needs the right raw.");
  app->add_flag("--descending", flags.is_descending, "The largest key first.");
  app->add_option("--limit", flags.limit, "Rows to print; 0: all.")->capture_default_str();
  add_server(*app, flags.server);
  add_state(*app, flags.server);
  return app;
}

CLI::App* add_index(CLI::App& top, IndexFlags& flags) {
  CLI::App* app = top.add_subcommand(
      "index",
      "Prints the accounts or entitlements, or the rows of a store, that an index finds, as JSON\n"
      "lines in the order of the index's values. Rows of a store need the right raw.\n\n"
      "  millrace index accounts by-territory --value sf:north\n"
      "  millrace index entitlements by-expiry --from 1764500000000 --limit 20\n"
      "  millrace index account-states by-members --from 2 --descending");
  app->add_option("of", flags.of, "accounts, entitlements, or a store of the topology.")
      ->required();
  app->add_option("index", flags.index, "Name of the index.")->required();
  auto* const value = app->add_option("--value", flags.question.value, "The index's value.");
  auto* const prefix =
      app->add_option("--prefix", flags.question.prefix, "How texts begin.")->excludes(value);
  app->add_option("--from", flags.question.from, "The least value.")
      ->excludes(value)
      ->excludes(prefix);
  app->add_option("--to", flags.question.to, "The value that ends the range.")
      ->excludes(value)
      ->excludes(prefix);
  app->add_flag("--descending", flags.question.is_descending, "The largest value first.");
  app->add_option("--limit", flags.limit, "Rows to print; 0: all.")->capture_default_str();
  add_server(*app, flags.server);
  add_state(*app, flags.server);
  return app;
}

CLI::App* add_watch(CLI::App& top, WatchFlags& flags) {
  CLI::App* app = top.add_subcommand(
      "watch",
      "Prints an account, and again after each change, as JSON lines, until it is stopped. When\n"
      "an instance goes, it continues at another one. States in between may be missing.\n\n"
      "  millrace watch ror:012kjw534\n"
      "  millrace watch --store account-states ror:012kjw534 --token-file token");
  app->add_option("id", flags.id, "Id of the account.")->required();
  app->add_option("--store", flags.store,
                  "Instead of an account: the row with that key of this store.");
  app->add_option("--limit", flags.limit, "Events to print; 0: all.")->capture_default_str();
  add_server(*app, flags.server);
  app->add_option("--from", flags.server.min_position,
                  "Id of the last event that you have, to continue from.");
  return app;
}

CLI::App* add_topology(CLI::App& top, TopologyFlags& flags) {
  CLI::App* app = top.add_subcommand("topology",
                                     "Describes the topology of a running program.\n\n"
                                     "  millrace topology --url http://127.0.0.1:8090 --mermaid\n");
  add_server(*app, flags.server);
  app->add_flag("--mermaid", flags.is_mermaid, "As a Mermaid flowchart.");
  return app;
}

}  // namespace millrace::apps
