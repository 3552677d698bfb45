// The operations command line. See README.md.

#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "millrace/engine/run_main.h"

#include "apps/cli/dead_letter_replay.h"
#include "apps/cli/erasure_tool.h"
#include "apps/cli/mapping_tool.h"
#include "apps/cli/operate_tool.h"
#include "apps/cli/query_tool.h"
#include "apps/cli/replay_compare.h"
#include "apps/cli/sink_tool.h"
#include "apps/cli/topic_dump.h"
#include "apps/cli/topic_load.h"
#include "apps/tools/known_types.h"
#include "apps/tools/tool.h"
#include "engine/config/help_pages.h"
#include "engine/run/exit_codes.h"

namespace millrace::apps {
namespace {

/// Of commands that compare: they found something.
constexpr int kDifferent = 1;
constexpr int kExitCodes[] = {0, kDifferent, 2, 3, 5, 7, 70, 75};

struct ReplayFlags {
  ReplayOptions replay;
  std::vector<std::filesystem::path> key_files;
};

/// Of the commands that ask running programs.
struct QuestionFlags {
  GetFlags get;
  ScanFlags scan;
  IndexFlags index;
  WatchFlags watch;
  TopologyFlags topology;
  OperateFlags operate;
};

void add_questions(CLI::App& app, QuestionFlags& asked) {
  add_get(app, asked.get);
  add_scan(app, asked.scan);
  add_index(app, asked.index);
  add_watch(app, asked.watch);
  add_topology(app, asked.topology);
  add_operations(app, asked.operate);
}

/// Runs the one of them that the command line names.
Status ask(const CLI::App& app, const QuestionFlags& asked) {
  if (app.got_subcommand("get")) return get_path(asked.get, std::cout, std::cerr);
  if (app.got_subcommand("scan")) return scan_store(asked.scan, std::cout);
  if (app.got_subcommand("index")) return scan_index(asked.index, std::cout);
  if (app.got_subcommand("watch")) return watch_account(asked.watch, std::cout);
  if (!asked.operate.operation.empty()) return operate(asked.operate, std::cout);
  return show_topology(asked.topology, std::cout);
}

struct CreateOptions {
  std::string topic;
  int32_t partitions = 1;
  std::vector<std::string> settings;
};

Status dump(const DumpOptions& options, Connection& connection) {
  auto clients = connection.clients("millrace-dump");
  if (!clients.ok()) return clients.status();
  return dump_topic(options, **clients);
}

Status load(const LoadOptions& options, Connection& connection) {
  auto clients = connection.clients("millrace-load");
  if (!clients.ok()) return clients.status();
  const Result<LoadOutcome> outcome = load_topic(options, std::cin, **clients);
  if (!outcome.ok()) return outcome.status();
  fmt::print("loaded records={} tombstones={}\n", outcome->records, outcome->tombstones);
  return {};
}

Status replay(const ReplayFlags& flags, Connection& connection) {
  const auto keys = load_keys(flags.key_files);
  if (!keys.ok()) return keys.status();
  auto clients = connection.clients("millrace-replay");
  if (!clients.ok()) return clients.status();
  const Result<ReplayOutcome> outcome = replay_dead_letters(flags.replay, *keys, **clients);
  if (!outcome.ok()) return outcome.status();
  fmt::print("replayed={} passed_over={} cut={}\n", outcome->replayed, outcome->passed_over,
             outcome->cut.size());
  for (const std::string& letter : outcome->cut) spdlog::warn("not replayed: {}", letter);
  return {};
}

Status create(const CreateOptions& options, Connection& connection) {
  NewTopic topic{options.topic, options.partitions, {}};
  for (const std::string& setting : options.settings) {
    const size_t equals = setting.find('=');
    if (equals == std::string::npos) {
      return Error{ErrorCode::kInvalidArgument, setting + ": not of the form name=value"};
    }
    topic.config[setting.substr(0, equals)] = setting.substr(equals + 1);
  }
  auto clients = connection.clients("millrace-admin");
  if (!clients.ok()) return clients.status();
  auto admin = (*clients)->admin();
  if (!admin.ok()) return admin.status();
  return with_retries([&] { return (*admin)->create_topics({&topic, 1}); });
}

Status erase(const EraseOptions& options, Connection& connection) {
  auto clients = connection.clients("millrace-erase");
  if (!clients.ok()) return clients.status();
  return send_erasures(options, **clients);
}

Status audit(const AuditOptions& options, Connection& connection) {
  auto clients = connection.clients("millrace-audit");
  if (!clients.ok()) return clients.status();
  return audit_erasure(options, **clients);
}

Status compare(const CompareOptions& options, Connection& connection, CompareOutcome& outcome) {
  auto clients = connection.clients("millrace-compare");
  if (!clients.ok()) return clients.status();
  const Result<CompareOutcome> compared = compare_outputs(options, **clients, std::cout);
  if (!compared.ok()) return compared.status();
  std::cout.flush();
  outcome = *compared;
  return {};
}

Status check(const MappingCheckOptions& options, Connection& connection, bool& has_problems) {
  auto clients = connection.clients("millrace-mapping");
  if (!clients.ok()) return clients.status();
  const Result<bool> checked = check_mapping_file(options, **clients, std::cout);
  if (!checked.ok()) return checked.status();
  std::cout.flush();
  has_problems = *checked;
  return {};
}

Status draft(const MappingDraftOptions& options, Connection& connection) {
  auto clients = connection.clients("millrace-mapping");
  if (!clients.ok()) return clients.status();
  return draft_mapping(options, **clients, std::cout, std::cerr);
}

void add_keys(CLI::App& app, std::vector<std::filesystem::path>& files) {
  app.add_option("--dead.letter.key.file", files,
                 "Key that opens sealed dead letters; may be repeated, each letter names its own.");
}

std::string check_prefix(const std::string& text) {
  return crm::is_output_prefix(text) ? "" : "not the beginning of a topic's name";
}

void add_output_prefix(CLI::App& app, std::string& prefix) {
  app.add_option("--crm.output.prefix", prefix,
                 "Prefix of the topics that the materializer writes.")
      ->check(check_prefix)
      ->capture_default_str();
}

std::vector<std::string> type_names() {
  std::vector<std::string> names;
  for (const KnownType& type : known_types()) names.emplace_back(type.name);
  return names;
}

CLI::App* add_dump(CLI::App& topic, DumpOptions& options) {
  CLI::App* app = topic.add_subcommand(
      "dump",
      "Prints a topic's committed records as JSON lines, from its beginning to the end it has "
      "now.\n"
      "Decodes values of CRM topics; prints others as text, or as hexadecimal.\n"
      "With --mapping hides personal values, and shows only the size of bytes that are no JSON.\n"
      "Prints only sizes of dead letters, or with --mapping JSON without personal values.\n\n"
      "  millrace topic dump --topic crm.account-state --latest | jq .value.root\n");
  app->add_option("--topic", options.topic, "Topic to read.")->required();
  app->add_flag(
      "--latest", options.latest,
      "Only the latest record of each key that is no tombstone, in key order. Holds them\n"
      "in memory.");
  app->add_option("--limit", options.limit, "Print at most this many; 0: all.")
      ->check(CLI::NonNegativeNumber);
  app->add_option("--timeout", options.timeout_s, "Seconds until it gives up.")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  app->add_option("--type", options.type, "Table type of the values, if the topic does not tell.")
      ->check(CLI::IsMember(type_names()));
  add_output_prefix(*app, options.output_prefix);
  app->add_option("--mapping", options.mapping_file,
                  "Mapping file (crm.mapping); hides values of fields that it marks personal.");
  app->add_flag("--reveal", options.reveals,
                "Show whole records, personal values and dead letters too.");
  add_keys(*app, options.key_files);
  return app;
}

CLI::App* add_load(CLI::App& topic, LoadOptions& options) {
  CLI::App* app = topic.add_subcommand(
      "load",
      "Writes records of JSON lines from stdin, in the form of `topic dump`: key, value (JSON of\n"
      "the topic's type; null: a tombstone), and optionally timestamp_ms and headers. Values of\n"
      "topics without a type are text, or unchanged JSON. Each goes to its key's partition, in\n"
      "the order of lines. Ends at the first wrong line; loading a compacted topic again\n"
      "changes nothing.\n\n"
      "  millrace topic load --topic crm.territory-rules < rules.jsonl\n");
  app->add_option("--topic", options.topic, "Existing topic to write.")->required();
  app->add_option("--type", options.type, "Table type of the values, if the topic does not tell.")
      ->check(CLI::IsMember(type_names()));
  return app;
}

CLI::App* add_replay(CLI::App& top, ReplayFlags& flags) {
  CLI::App* letters = top.add_subcommand("dead-letters", "Handles dead letters.");
  letters->require_subcommand(1);
  CLI::App* app = letters->add_subcommand(
      "replay",
      "Sends the records of dead letters again to the topics and partitions they came from.\n"
      "Holds them in memory; sends none unless all of them open.\n\n"
      "  millrace dead-letters replay --topic crm-materializer-dead-letters --from 17 --to 17");
  app->add_option("--topic", flags.replay.topic, "Topic of dead letters.")->required();
  app->add_option("--from", flags.replay.from, "First offset.")->check(CLI::NonNegativeNumber);
  app->add_option("--to", flags.replay.to, "Last offset.")->check(CLI::NonNegativeNumber);
  app->add_option("--timeout", flags.replay.timeout_s, "Seconds until it gives up reading.")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  add_keys(*app, flags.key_files);
  return app;
}

CLI::App* add_erase(CLI::App& top, EraseOptions& options) {
  CLI::App* app = top.add_subcommand(
      "erase",
      "Asks a running crm_materializer to forget records: all changes that their sources\n"
      "committed up to a moment. Its tasks report to topic crm.erasure-reports.\n\n"
      "  millrace erase --id sf:0015g00000AbCdEAAV");
  app->add_option("--id", options.ids,
                  "source:id of an account or of a record under accounts; may "
                  "be repeated.")
      ->required();
  app->add_option("--as.of.ms", options.as_of_ms, "The moment, ms since 1970; 0: now.")
      ->check(CLI::NonNegativeNumber);
  return app;
}

CLI::App* add_audit(CLI::App& top, AuditOptions& options) {
  CLI::App* app = top.add_subcommand(
      "erasure-audit",
      "Reads all topics that crm_materializer derives, changelogs included, and prints where\n"
      "an id was written last: tombstones, and records that still name it.\n\n"
      "  millrace erasure-audit --id sf:0015g00000AbCdEAAV --application.id crm-materializer");
  app->add_option("--id", options.id, "source:id.")->required();
  app->add_option("--application.id", options.application_id, "Application id of the materializer.")
      ->capture_default_str();
  add_output_prefix(*app, options.output_prefix);
  app->add_option("--timeout", options.timeout_s, "Seconds for each topic.")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  return app;
}

CLI::App* add_compare(CLI::App& top, CompareOptions& options) {
  CLI::App* replay = top.add_subcommand("replay", "Handles a shadow of the materializer.");
  replay->require_subcommand(1);
  CLI::App* app = replay->add_subcommand(
      "compare",
      "Compares the compacted topics that two crm_materializers write of the same inputs, to the\n"
      "ends they have now. Prints a JSON line for each key that differs, and one for all; exits\n"
      "with 0 if all keys are equal, else with 1. Leaves out counters.\n\n"
      "  millrace replay compare --shadow.crm.output.prefix crm.next. --mapping mapping.json\n");
  app->add_option("--crm.output.prefix", options.live_prefix,
                  "Prefix of the topics that readers use: the crm.output.prefix of the live job.")
      ->check(check_prefix)
      ->capture_default_str();
  app->add_option("--shadow.crm.output.prefix", options.shadow_prefix,
                  "Prefix of the shadow's topics: its crm.output.prefix.")
      ->required()
      ->check(check_prefix);
  app->add_option("--ignore", options.ignored,
                  "A field to leave out, as in fields.website; may be repeated.");
  app->add_option("--attempts", options.attempts,
                  "Readings in which a key must differ, since live traffic continues.")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  app->add_option("--pause-ms", options.pause_ms, "Pause between attempts.")
      ->check(CLI::Range(0, 600'000))
      ->capture_default_str();
  app->add_option("--mapping", options.mapping_file,
                  "Mapping file (crm.mapping); shows values, except those that it marks personal.");
  app->add_flag("--reveal", options.reveals, "Show all values, personal ones too.");
  app->add_option("--limit", options.limit, "Show at most this many keys; 0: all.")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app->add_option("--timeout", options.timeout_s, "Seconds for each reading of a topic.")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  return app;
}

CLI::App* add_create(CLI::App& topic, CreateOptions& options) {
  CLI::App* app = topic.add_subcommand(
      "create",
      "Creates a topic; leaves an existing one unchanged.\n\n"
      "  millrace topic create --topic orders --partitions 4 --set cleanup.policy=compact\n");
  app->add_option("--topic", options.topic, "Name of the topic.")->required();
  app->add_option("--partitions", options.partitions, "Number of partitions.")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app->add_option("--set", options.settings, "Topic setting name=value; may be repeated.");
  return app;
}

/// A subcommand that talks to Kafka.
struct Command {
  CLI::App* app;
  std::function<Status(Connection&)> run;
  std::unique_ptr<Connection> connection = std::make_unique<Connection>(*app);
};

int run(int argc, char** argv) {
  CLI::App app{"Reads and writes Kafka topics, and queries running Millrace programs.", "millrace"};
  app.require_subcommand(1);
  app.footer(engine::exit_codes_text(kExitCodes));
  engine::add_help_pages(app);
  CLI::App* topic = app.add_subcommand("topic", "Reads, writes and creates topics.");
  topic->require_subcommand(1);
  DumpOptions dump_options;
  LoadOptions load_options;
  CreateOptions create_options;
  ReplayFlags replay_flags;
  EraseOptions erase_options;
  AuditOptions audit_options{.id = "", .application_id = "crm-materializer"};
  CompareOptions compare_options;
  CompareOutcome compared;
  MappingCheckOptions check_options;
  MappingDraftOptions debezium_options;
  MappingDraftOptions salesforce_options{.is_salesforce = true};
  bool has_problems = false;
  CLI::App* mapping =
      app.add_subcommand("mapping", "Checks mappings of sources, and writes first ones.");
  mapping->require_subcommand(1);
  QuestionFlags asked;
  std::vector<Command> commands;
  commands.push_back({add_dump(*topic, dump_options),
                      [&](Connection& kafka) { return dump(dump_options, kafka); }});
  commands.push_back({add_load(*topic, load_options),
                      [&](Connection& kafka) { return load(load_options, kafka); }});
  commands.push_back({add_create(*topic, create_options),
                      [&](Connection& kafka) { return create(create_options, kafka); }});
  commands.push_back({add_replay(app, replay_flags),
                      [&](Connection& kafka) { return replay(replay_flags, kafka); }});
  commands.push_back({add_erase(app, erase_options),
                      [&](Connection& kafka) { return erase(erase_options, kafka); }});
  commands.push_back({add_audit(app, audit_options),
                      [&](Connection& kafka) { return audit(audit_options, kafka); }});
  commands.push_back({add_compare(app, compare_options), [&](Connection& kafka) {
                        return compare(compare_options, kafka, compared);
                      }});
  commands.push_back({add_mapping_check(*mapping, check_options), [&](Connection& kafka) {
                        return check(check_options, kafka, has_problems);
                      }});
  for (MappingDraftOptions* options : {&debezium_options, &salesforce_options}) {
    commands.push_back({add_mapping_draft(*mapping, *options),
                        [options](Connection& kafka) { return draft(*options, kafka); }});
  }
  SinkFlags sink_flags;
  CLI::App* sink = app.add_subcommand("sink", "Keeps databases equal to the CRM job's outputs.");
  sink->require_subcommand(1);
  commands.push_back({add_sink_postgres(*sink, sink_flags),
                      [&](Connection& kafka) { return sink_to_postgres(sink_flags, kafka); }});
  add_questions(app, asked);
  // Whichever of them runs knows its kafka.* flags; what it takes away is the same for all.
  const std::vector<std::string> given(argv + 1, argv + argc);
  std::vector<std::string> arguments;
  for (Command& command : commands) arguments = command.connection->take_maps(given);
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  set_up_tool_logging();
  for (const Command& command : commands) {
    if (!command.app->parsed()) continue;
    const int code = tool_exit_code(command.run(*command.connection));
    return code == 0 && (compared.different > 0 || has_problems) ? kDifferent : code;
  }
  return tool_exit_code(ask(app, asked));
}

}  // namespace
}  // namespace millrace::apps

int main(int argc, char** argv) {
  return millrace::apps::run(argc, argv);
}
