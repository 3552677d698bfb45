#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "apps/tools/crm_topics.h"
#include "apps/workload/disorder.h"
#include "apps/workload/registry_history.h"
#include "apps/workload/workload_command.h"
#include "apps/workload/workload_sender.h"
#include "crm/account_topology.h"
#include "crm/model/ids.h"

namespace millrace::apps {
namespace {

constexpr const char* kRegistryHelp =
    R"(Loads the history of an organisation registry: snapshots as account changes (crm.accounts),
the ledger of merges, splits and un-merges as merge facts (crm.merge-facts). Creates missing
topics. The same files give the same bytes: versions come from the release and the
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

class Loader {
 public:
  Loader(RegistryOptions options, WorkloadSender& sender, std::vector<RegistryEvent> ledger)
      : options_(std::move(options)),
        sender_(sender),
        ledger_(std::move(ledger)),
        disorder_(options_.disorder) {}

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
          return add({crm::kAccounts.name, *std::move(event)});
        });
    if (!read.ok() && !cut) return read;
    MILLRACE_RETURN_IF_ERROR(
        send_facts_before(cut ? last_release_ : std::numeric_limits<int64_t>::max()));
    return disorder_.finish([this](const Item& item) { return deliver(item); });
  }

  void report() const {
    fmt::print("loaded account_changes={} merge_facts={} seconds={:.1f}\n",
               sender_.records_in(crm::kAccounts.name), sender_.records_in(crm::kMergeFacts.name),
               sender_.seconds());
  }

 private:
  struct Item {
    std::string_view topic;
    RegistryEvent event;
  };

  Status add(Item item) {
    return disorder_.add(std::move(item), [this](const Item& due) { return deliver(due); });
  }
  Status deliver(const Item& item) {
    return sender_.send(item.topic, item.event.key, item.event.value, item.event.timestamp_ms);
  }
  Status send_facts_before(int64_t release) {
    while (facts_sent_ < ledger_.size() && ledger_[facts_sent_].release < release) {
      MILLRACE_RETURN_IF_ERROR(add({crm::kMergeFacts.name, ledger_[facts_sent_]}));
      ++facts_sent_;
    }
    return {};
  }

  const RegistryOptions options_;
  WorkloadSender& sender_;
  const std::vector<RegistryEvent> ledger_;
  Disorder<Item> disorder_;
  size_t facts_sent_ = 0;
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
  const std::vector<NewTopic> topics = crm_input_topics(crm::default_mapping(), options.partitions);
  MILLRACE_RETURN_IF_ERROR(with_retries([&] { return (*admin)->create_topics(topics); }));
  auto producer = (*clients)->producer("");
  if (!producer.ok()) return producer.status();
  WorkloadSender sender(**admin, **producer, options.rate);
  Loader loader(options, sender, std::move(ledger));
  MILLRACE_RETURN_IF_ERROR(loader.load());
  MILLRACE_RETURN_IF_ERROR((*producer)->flush());
  loader.report();
  return {};
}

/// Options that turn the same file into other events.
void add_source_options(CLI::App& app, RegistryOptions& options) {
  app.add_option("--source", options.source,
                 "Source in the ids; another one makes other accounts of the same files.")
      ->check([](const std::string& text) {
        return crm::internal_id(text, "x").ok() ? "" : "not 1 to 32 of [a-z0-9_-]";
      })
      ->capture_default_str();
  app.add_option("--disorder-window", options.disorder.window,
                 "Events among which to permute the order; 0: keep it.")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  app.add_option("--repeats-permille", options.disorder.repeats_permille,
                 "Share of events to send once more, later within the window.")
      ->check(CLI::Range(0, 900))
      ->capture_default_str();
  app.add_option("--seed", options.disorder.seed, "Seed of permutation and repeats.")
      ->capture_default_str();
}

}  // namespace

WorkloadCommand add_registry(CLI::App& top) {
  auto options = std::make_shared<RegistryOptions>();
  CLI::App* app = top.add_subcommand("registry", kRegistryHelp);
  app->add_option("--changes", options->changes, "Snapshots, JSON lines, gzipped or plain.")
      ->required();
  app->add_option("--merges", options->merges, "The ledger, CSV, gzipped or plain.")->required();
  app->add_option("--rate", options->rate, "Records per second; 0: as fast as it goes.")
      ->check(CLI::Range(0, 10'000'000));
  app->add_option("--limit", options->limit,
                  "Load only this many snapshots, and the facts of "
                  "the releases before the last one.")
      ->check(CLI::PositiveNumber);
  app->add_option("--partitions", options->partitions,
                  "Partitions of crm.accounts, if it is created.")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  add_source_options(*app, *options);
  return {app, [options](Connection& connection) {
            return tool_exit_code(load_registry(*options, connection));
          }};
}

}  // namespace millrace::apps
