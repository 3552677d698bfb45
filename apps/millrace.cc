// The operations command line. See README.md.

#include <filesystem>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "millrace/engine/run_main.h"

#include "crm/decode/mapping.h"
#include "dead_letter_replay.h"
#include "dead_letter_view.h"
#include "engine/dead_letters.h"
#include "erasure_tool.h"
#include "flat_json.h"
#include "http_get.h"
#include "personal_mask.h"
#include "tool.h"
#include "topic_reader.h"

namespace millrace::apps {
namespace {

using Json = nlohmann::ordered_json;

struct DumpOptions {
  std::string topic;
  std::string type;
  bool latest = false;
  int64_t limit = 0;
  int64_t timeout_s = 60;
  std::string mapping_file;
  bool reveals = false;
  std::vector<std::filesystem::path> key_files;
};

struct ReplayFlags {
  ReplayOptions replay;
  std::vector<std::filesystem::path> key_files;
};

struct CreateOptions {
  std::string topic;
  int32_t partitions = 1;
  std::vector<std::string> settings;
};

struct TopologyOptions {
  std::string url = "http://127.0.0.1:8090";
  bool mermaid = false;
};

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json text_json(Bytes value, const PersonalMask* mask) {
  if (mask == nullptr || value.is_null()) return bytes_json(value);
  if (std::optional<Json> masked = mask->masked(value.view())) return *std::move(masked);
  return bytes_json(value);
}

Json value_json(Bytes value, const KnownType* type, const PersonalMask* mask) {
  if (value.is_null() || type == nullptr) return text_json(value, mask);
  const Status valid = type->validate(value);
  if (!valid.ok()) return {{"invalid", valid.message()}, {"bytes", bytes_json(value)}};
  Json json = flat_json(value, type->table());
  if (mask != nullptr) mask->apply(json);
  return json;
}

Json record_json(int32_t partition, const engine::FetchedRecord& record, const KnownType* type,
                 const PersonalMask* mask) {
  Json json{{"partition", partition},
            {"offset", record.offset},
            {"timestamp_ms", record.timestamp_ms},
            {"key", bytes_json(record.key)},
            {"value", value_json(record.value, type, mask)}};
  for (const Header& header : record.headers) {
    json["headers"].push_back({std::string(header.name), bytes_json(header.value)});
  }
  return json;
}

class Dump {
 public:
  Dump(const DumpOptions& options, const KnownType* type, const PersonalMask* mask,
       std::vector<engine::SealingKey> keys)
      : options_(options), type_(type), mask_(mask), keys_(std::move(keys)) {}

  Status run(engine::ClientFactory& clients) {
    Status status =
        read_topic(clients, options_.topic, options_.timeout_s * 1'000,
                   [this](int32_t partition, const engine::FetchedRecord& record) {
                     return options_.latest ? keep(partition, record) : print(partition, record);
                   });
    for (const auto& [key, line] : latest_) {
      if (!status.ok() || !has_room()) break;
      std::cout << line << "\n";
      ++printed_;
    }
    std::cout.flush();
    return status;
  }

 private:
  bool has_room() const { return options_.limit == 0 || printed_ < options_.limit; }

  bool print(int32_t partition, const engine::FetchedRecord& record) {
    std::cout << line_of(shown(partition, record)) << "\n";
    ++printed_;
    return has_room();
  }

  /// Keys in the order of their bytes. Records without a key have no latest.
  bool keep(int32_t partition, const engine::FetchedRecord& record) {
    if (record.key.is_null()) return true;
    if (record.value.is_null()) {
      latest_.erase(record.key.to_string());
    } else {
      latest_.insert_or_assign(record.key.to_string(), line_of(shown(partition, record)));
    }
    return true;
  }

  Json shown(int32_t partition, const engine::FetchedRecord& record) const {
    std::optional<engine::DeadLetter> letter = engine::read_dead_letter(record);
    if (!letter) return record_json(partition, record, type_, mask_);
    const Status opened = engine::open_dead_letter(*letter, keys_);
    Json json = dead_letter_json(*letter, {.mask = mask_, .reveals = options_.reveals});
    if (!opened.ok() && !keys_.empty()) json["not_opened"] = opened.message();
    return {{"partition", partition}, {"offset", record.offset}, {"dead_letter", std::move(json)}};
  }

  const DumpOptions& options_;
  const KnownType* type_;
  const PersonalMask* mask_;
  const std::vector<engine::SealingKey> keys_;
  std::map<std::string, std::string> latest_;
  int64_t printed_ = 0;
};

Status dump(const DumpOptions& options, Connection& connection) {
  const KnownType* type =
      options.type.empty() ? find_type_by_topic(options.topic) : find_type_by_name(options.type);
  std::optional<PersonalMask> mask;
  if (!options.mapping_file.empty()) {
    const Result<crm::Mapping> mapping = crm::load_mapping(options.mapping_file);
    if (!mapping.ok()) return mapping.status();
    mask.emplace(*mapping);
  }
  auto keys = load_keys(options.key_files);
  if (!keys.ok()) return keys.status();
  auto clients = connection.clients("millrace-dump");
  if (!clients.ok()) return clients.status();
  return Dump(options, type, mask ? &*mask : nullptr, *std::move(keys)).run(**clients);
}

Status replay(const ReplayFlags& flags, Connection& connection) {
  const auto keys = load_keys(flags.key_files);
  if (!keys.ok()) return keys.status();
  auto clients = connection.clients("millrace-replay");
  if (!clients.ok()) return clients.status();
  const Result<ReplayOutcome> outcome = replay_dead_letters(flags.replay, *keys, **clients);
  if (!outcome.ok()) return outcome.status();
  fmt::print("replayed={} passed_over={}\n", outcome->replayed, outcome->passed_over);
  return {};
}

Status create(const CreateOptions& options, Connection& connection) {
  engine::NewTopic topic{options.topic, options.partitions, {}};
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

Status show_topology(const TopologyOptions& options) {
  std::string url = options.url;
  while (url.ends_with('/')) url.pop_back();
  const Result<std::string> text =
      http_get(url + (options.mermaid ? "/v1/topology?format=mermaid" : "/v1/topology"));
  if (!text.ok()) return text.status();
  std::cout << *text;
  return {};
}

void add_keys(CLI::App& app, std::vector<std::filesystem::path>& files) {
  app.add_option("--dead.letter.key.file", files,
                 "Key that dead letters are sealed with; may be repeated, each letter names its "
                 "own.");
}

CLI::App* add_dump(CLI::App& topic, DumpOptions& options) {
  std::vector<std::string> names;
  for (const KnownType& type : known_types()) names.emplace_back(type.name);
  CLI::App* app = topic.add_subcommand(
      "dump",
      "Prints a topic's committed records as JSON lines, from its beginning to the end it has "
      "now.\n"
      "Values of CRM topics are decoded; others are shown as text, or as hexadecimal.\n"
      "Of dead letters only sizes are shown, or with --mapping JSON without personal values.\n\n"
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
      ->check(CLI::IsMember(names));
  app->add_option(
      "--mapping", options.mapping_file,
      "Mapping file (crm.mapping): values of fields that it marks personal are hidden.");
  app->add_flag("--reveal", options.reveals,
                "Show records in dead letters as they are, personal values too.");
  add_keys(*app, options.key_files);
  return app;
}

CLI::App* add_replay(CLI::App& top, ReplayFlags& flags) {
  CLI::App* letters = top.add_subcommand("dead-letters", "What to do with dead letters.");
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
      "Asks a running crm_materializer to forget records: all that their sources committed up to\n"
      "a moment. What its tasks did comes to topic crm.erasure-reports.\n\n"
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
      "Reads all that crm_materializer derives, changelogs included, and prints where an id was\n"
      "written last: tombstones, and what still names it.\n\n"
      "  millrace erasure-audit --id sf:0015g00000AbCdEAAV --application.id crm-materializer");
  app->add_option("--id", options.id, "source:id.")->required();
  app->add_option("--application.id", options.application_id, "Of the materializer.")
      ->capture_default_str();
  app->add_option("--timeout", options.timeout_s, "Seconds for each topic.")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  return app;
}

CLI::App* add_create(CLI::App& topic, CreateOptions& options) {
  CLI::App* app = topic.add_subcommand(
      "create",
      "Creates a topic; one that exists is left as it is.\n\n"
      "  millrace topic create --topic orders --partitions 4 --set cleanup.policy=compact\n");
  app->add_option("--topic", options.topic, "Its name.")->required();
  app->add_option("--partitions", options.partitions, "How many.")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  app->add_option("--set", options.settings, "Topic setting name=value; may be repeated.");
  return app;
}

CLI::App* add_topology(CLI::App& top, TopologyOptions& options) {
  CLI::App* app = top.add_subcommand("topology",
                                     "Describes the topology of a running program.\n\n"
                                     "  millrace topology --url http://127.0.0.1:8090 --mermaid\n");
  app->add_option("--url", options.url, "Its query server.")->capture_default_str();
  app->add_flag("--mermaid", options.mermaid, "As a Mermaid flowchart.");
  return app;
}

/// A subcommand that talks to Kafka.
struct Command {
  CLI::App* app;
  std::function<Status(Connection&)> run;
  std::unique_ptr<Connection> connection = std::make_unique<Connection>(*app);
};

int run(int argc, char** argv) {
  CLI::App app{"Looks into Kafka topics and running Millrace programs.", "millrace"};
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 2 usage or configuration, 3 no such topic, 7 refused, 75 no answer in "
      "time.");
  CLI::App* topic = app.add_subcommand("topic", "Reads and creates topics.");
  topic->require_subcommand(1);
  DumpOptions dump_options;
  CreateOptions create_options;
  ReplayFlags replay_flags;
  EraseOptions erase_options;
  AuditOptions audit_options{.id = "", .application_id = "crm-materializer"};
  TopologyOptions topology_options;
  std::vector<Command> commands;
  commands.push_back({add_dump(*topic, dump_options),
                      [&](Connection& kafka) { return dump(dump_options, kafka); }});
  commands.push_back({add_create(*topic, create_options),
                      [&](Connection& kafka) { return create(create_options, kafka); }});
  commands.push_back({add_replay(app, replay_flags),
                      [&](Connection& kafka) { return replay(replay_flags, kafka); }});
  commands.push_back({add_erase(app, erase_options),
                      [&](Connection& kafka) { return erase(erase_options, kafka); }});
  commands.push_back({add_audit(app, audit_options),
                      [&](Connection& kafka) { return audit(audit_options, kafka); }});
  add_topology(app, topology_options);
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
    if (command.app->parsed()) return tool_exit_code(command.run(*command.connection));
  }
  return tool_exit_code(show_topology(topology_options));
}

}  // namespace
}  // namespace millrace::apps

int main(int argc, char** argv) {
  return millrace::apps::run(argc, argv);
}
