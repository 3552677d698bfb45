// Writes CRM changes to Kafka. See README.md.

#include <chrono>
#include <cstdio>
#include <iostream>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "millrace/core/partitioner.h"
#include "millrace/engine/run_main.h"

#include "crm/account_topology.h"
#include "crm/ids.h"
#include "crm_topics.h"
#include "disorder.h"
#include "registry_history.h"
#include "tool.h"

namespace millrace::apps {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr const char* kRegistryHelp =
    R"(Loads the history of an organisation registry: snapshots as account changes (crm.accounts),
the ledger of merges, splits and un-merges as merge facts (crm.merge-facts). Creates the topics
that do not exist. The same files give the same bytes: versions come from the release and the
line, so loading twice changes no account.

  crm_workload registry --changes apps/data/registry.jsonl.gz --merges apps/data/registry_merges.csv
)";

struct RegistryOptions {
  std::string changes;
  std::string merges;
  int64_t rate = 0;
  int64_t limit = std::numeric_limits<int64_t>::max();
  int32_t partitions = 4;
  std::string source{kRegistrySource};
  DisorderOptions disorder;
};

/// Sends to a topic, each record to its key's partition.
class KeyedSender {
 public:
  static Result<KeyedSender> make(engine::Admin& admin, engine::Producer& producer,
                                  std::string_view topic) {
    const std::string name(topic);
    const auto description = admin.describe_topic(name);
    if (!description.ok()) return description.status();
    const auto handle = producer.topic_handle(name);
    if (!handle.ok()) return handle.status();
    return KeyedSender(producer, *handle, description->partitions);
  }

  Status send(const RegistryEvent& event) {
    return producer_->send({.topic = handle_,
                            .partition = partition_of(Bytes(event.key), partitions_),
                            .key = Bytes(event.key),
                            .value = Bytes(event.value),
                            .timestamp_ms = event.timestamp_ms,
                            .headers = {}});
  }

 private:
  KeyedSender(engine::Producer& producer, int32_t handle, int32_t partitions)
      : producer_(&producer), handle_(handle), partitions_(partitions) {}

  engine::Producer* producer_;
  int32_t handle_;
  int32_t partitions_;
};

/// Keeps to a rate and says every second how far it is.
class Progress {
 public:
  explicit Progress(int64_t rate) : rate_(rate) {}

  void count() {
    ++records_;
    if (rate_ > 0) {
      const auto due = start_ + std::chrono::microseconds(records_ * 1'000'000 / rate_);
      if (due > SteadyClock::now()) std::this_thread::sleep_until(due);
    }
    if (records_ % 256 == 0 && SteadyClock::now() >= next_) {
      next_ += std::chrono::seconds(1);
      fmt::print(stderr, "loading records={} records_per_second={:.0f}\n", records_, per_second());
    }
  }
  int64_t records() const { return records_; }
  double seconds() const {
    return std::chrono::duration<double>(SteadyClock::now() - start_).count();
  }
  double per_second() const { return static_cast<double>(records_) / std::max(seconds(), 1e-3); }

 private:
  const int64_t rate_;
  const SteadyClock::time_point start_ = SteadyClock::now();
  SteadyClock::time_point next_ = start_ + std::chrono::seconds(1);
  int64_t records_ = 0;
};

class Loader {
 public:
  Loader(RegistryOptions options, KeyedSender changes, KeyedSender facts,
         std::vector<RegistryEvent> ledger)
      : options_(std::move(options)),
        changes_(changes),
        facts_(facts),
        ledger_(std::move(ledger)),
        disorder_(options_.disorder),
        progress_(options_.rate) {}

  /// The facts of a release go after its changes, as they became known.
  Status load() {
    RegistryChanges registry(options_.source);
    bool cut = false;
    Status read =
        for_each_line(options_.changes, [&](std::string_view line, int64_t index) -> Status {
          if (index >= options_.limit) {
            cut = true;
            return Error{ErrorCode::kAborted, "enough"};
          }
          Result<RegistryEvent> event = registry.convert(line, index);
          if (!event.ok()) return event.status();
          MILLRACE_RETURN_IF_ERROR(send_facts_before(event->release));
          last_release_ = event->release;
          return add({&changes_, *std::move(event)});
        });
    if (!read.ok() && !cut) return read;
    MILLRACE_RETURN_IF_ERROR(
        send_facts_before(cut ? last_release_ : std::numeric_limits<int64_t>::max()));
    return disorder_.finish([this](const Item& item) { return deliver(item); });
  }

  void report() const {
    fmt::print("loaded account_changes={} merge_facts={} seconds={:.1f}\n",
               progress_.records() - facts_delivered_, facts_delivered_, progress_.seconds());
  }

 private:
  struct Item {
    KeyedSender* sender;
    RegistryEvent event;
  };

  Status add(Item item) {
    return disorder_.add(std::move(item), [this](const Item& due) { return deliver(due); });
  }
  Status deliver(const Item& item) {
    progress_.count();
    if (item.sender == &facts_) ++facts_delivered_;
    return item.sender->send(item.event);
  }
  Status send_facts_before(int64_t release) {
    while (facts_sent_ < ledger_.size() && ledger_[facts_sent_].release < release) {
      MILLRACE_RETURN_IF_ERROR(add({&facts_, ledger_[facts_sent_]}));
      ++facts_sent_;
    }
    return {};
  }

  const RegistryOptions options_;
  KeyedSender changes_;
  KeyedSender facts_;
  const std::vector<RegistryEvent> ledger_;
  Disorder<Item> disorder_;
  Progress progress_;
  size_t facts_sent_ = 0;
  int64_t facts_delivered_ = 0;
  int64_t last_release_ = 0;
};

Status load_registry(const RegistryOptions& options, Connection& connection) {
  std::vector<RegistryEvent> ledger;
  MILLRACE_RETURN_IF_ERROR(
      for_each_merge_fact(options.merges, options.source, [&](RegistryEvent event) -> Status {
        ledger.push_back(std::move(event));
        return {};
      }));
  auto clients = connection.clients("crm-workload");
  if (!clients.ok()) return clients.status();
  auto admin = (*clients)->admin();
  if (!admin.ok()) return admin.status();
  const std::vector<engine::NewTopic> topics =
      crm_input_topics(crm::default_mapping(), options.partitions);
  MILLRACE_RETURN_IF_ERROR(with_retries([&] { return (*admin)->create_topics(topics); }));
  auto producer = (*clients)->producer("");
  if (!producer.ok()) return producer.status();
  auto changes = KeyedSender::make(**admin, **producer, crm::kAccounts.name);
  if (!changes.ok()) return changes.status();
  auto facts = KeyedSender::make(**admin, **producer, crm::kMergeFacts.name);
  if (!facts.ok()) return facts.status();

  Loader loader(options, *changes, *facts, std::move(ledger));
  MILLRACE_RETURN_IF_ERROR(loader.load());
  MILLRACE_RETURN_IF_ERROR((*producer)->flush());
  loader.report();
  return {};
}

/// What makes the same file into other events.
void add_source_options(CLI::App& app, RegistryOptions& options) {
  app.add_option("--source", options.source,
                 "Source in the ids; another one makes other accounts of the same files.")
      ->check([](const std::string& text) {
        return crm::internal_id(text, "x").ok() ? "" : "not 1 to 32 of [a-z0-9_-]";
      })
      ->capture_default_str();
  app.add_option("--disorder-window", options.disorder.window,
                 "Events among which the order is permuted; 0: it stays.")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_option("--repeats-permille", options.disorder.repeats_permille,
                 "Of the events that are sent once more, later within the window.")
      ->check(CLI::Range(0, 900))
      ->capture_default_str();
  app.add_option("--seed", options.disorder.seed, "Of permutation and repeats.")
      ->capture_default_str();
}

int run(int argc, char** argv) {
  CLI::App app{"Writes CRM changes to Kafka, for trying out, testing and measuring Millrace.",
               "crm_workload"};
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 2 usage or configuration, 3 files or topics do not fit, 5 a file holds "
      "a "
      "broken line, 7 refused by the broker, 75 the broker is away.");
  CLI::App* registry = app.add_subcommand("registry", kRegistryHelp);
  RegistryOptions options;
  registry->add_option("--changes", options.changes, "Snapshots, JSON lines, gzipped or plain.")
      ->required();
  registry->add_option("--merges", options.merges, "The ledger, CSV, gzipped or plain.")
      ->required();
  registry->add_option("--rate", options.rate, "Records per second; 0: as fast as it goes.")
      ->check(CLI::Range(0, 10'000'000));
  registry
      ->add_option("--limit", options.limit,
                   "Load only this many snapshots, and the facts of "
                   "the releases before the last one.")
      ->check(CLI::PositiveNumber);
  registry->add_option("--partitions", options.partitions, "Of crm.accounts, if it is created.")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  add_source_options(*registry, options);
  Connection connection(*registry);
  try {
    app.parse(connection.take_maps({argv + 1, argv + argc}));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::kUsage);
  }
  set_up_tool_logging();
  return tool_exit_code(load_registry(options, connection));
}

}  // namespace
}  // namespace millrace::apps

int main(int argc, char** argv) {
  return millrace::apps::run(argc, argv);
}
