#include <chrono>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "millrace/core/clock.h"

#include "apps/synthetic/delivery.h"
#include "apps/synthetic/encode.h"
#include "apps/synthetic/expected/expected_state.h"
#include "apps/synthetic/generator.h"
#include "apps/tools/crm_topics.h"
#include "apps/tools/progress.h"
#include "apps/workload/workload_command.h"
#include "apps/workload/workload_sender.h"

namespace millrace::apps {
namespace {

using synthetic::Phase;
using synthetic::Profile;

constexpr const char* kHelp =
    R"(Makes up the change events of a CRM from a seed: accounts, contacts, opportunities,
contracts, lines, subscriptions, assets and entitlements as Salesforce's Change Data Capture sends
them (crm.raw.salesforce), merge facts (crm.merge-facts), territories, rules and products. The
materializer reads them with --crm.mapping apps/data/synthetic_mapping.json.

Each phase continues from those before it. --after names phases that were sent before, so that

  crm_workload synthetic --phase backfill --phase steady
  crm_workload synthetic --after backfill --phase steady

send the same steady phase, the second without the phase before it. --expected writes the expected
outputs after all phases, those of --after included, to files, for

  crm_workload check --expected DIR

A share takes a share of the memory; its time also includes a first pass over all events:

  crm_workload synthetic --profile l --phase backfill --expected DIR --expected-share 1/20
)";

struct SyntheticOptions {
  std::string profile = "s";
  uint64_t accounts = 0;  ///< 0: as the profile says
  uint64_t seed = 1;
  std::vector<std::string> after;
  std::vector<std::string> phases;
  int64_t start_ms = 1'735'689'600'000;  // 2025-01-01
  int64_t rate = 0;
  int32_t partitions = 4;
  std::string expected;
  std::string expected_share = "1/1";
  bool expected_children_stay = false;
  int64_t as_of_ms = 0;
  bool dry_run = false;
};

Status create_topics(engine::Admin& admin, int32_t partitions) {
  std::vector<NewTopic> topics =
      crm_input_topics(crm::flatbuffers_mapping(synthetic::kRawTopic), partitions);
  for (NewTopic& topic : territory_topics()) topics.push_back(std::move(topic));
  topics.push_back(product_topic());
  return with_retries([&] { return admin.create_topics(topics); });
}

/// Clients of Kafka, unless nothing is to be sent.
struct Target {
  std::unique_ptr<engine::ClientFactory> clients;
  std::unique_ptr<engine::Admin> admin;
  std::unique_ptr<engine::Producer> producer;
  std::optional<WorkloadSender> sender;

  Status open(const SyntheticOptions& options, Connection& connection) {
    auto made = connection.clients("crm-workload");
    if (!made.ok()) return made.status();
    clients = *std::move(made);
    auto made_admin = clients->admin();
    if (!made_admin.ok()) return made_admin.status();
    admin = *std::move(made_admin);
    MILLRACE_RETURN_IF_ERROR(create_topics(*admin, options.partitions));
    auto made_producer = clients->producer("");
    if (!made_producer.ok()) return made_producer.status();
    producer = *std::move(made_producer);
    sender.emplace(*admin, *producer, options.rate);
    return {};
  }
};

class Synthetic {
 public:
  explicit Synthetic(const SyntheticOptions& options)
      : options_(options), share_(*synthetic::share_from(options.expected_share)) {}

  Status run(Connection& connection) {
    Target target;
    if (!options_.dry_run) MILLRACE_RETURN_IF_ERROR(target.open(options_, connection));
    if (!options_.expected.empty()) {
      expected_.emplace(share_members(), options_.expected_children_stay
                                             ? synthetic::UnmergedChildren::kStay
                                             : synthetic::UnmergedChildren::kReturn);
    }
    synthetic::Generator generator(generator_options());
    for (const std::string& name : options_.after) run_phase(generator, name, nullptr);
    for (const std::string& name : options_.phases) {
      run_phase(generator, name, target.sender ? &*target.sender : nullptr);
      MILLRACE_RETURN_IF_ERROR(sent_);
    }
    if (target.sender) {
      MILLRACE_RETURN_IF_ERROR(target.producer->flush());
      fmt::print("sent records={} seconds={:.1f}\n", target.sender->records(),
                 target.sender->seconds());
    }
    return expected_ ? write_expected() : Status();
  }

 private:
  synthetic::GeneratorOptions generator_options() const {
    return {options_.accounts > 0 ? synthetic::large_with(options_.accounts)
                                  : *find_by_name(synthetic::kProfiles, options_.profile),
            options_.seed, options_.start_ms};
  }

  synthetic::ShareMembers share_members() const {
    synthetic::ShareMembers members(share_);
    if (share_.is_all()) return members;
    synthetic::Generator generator(generator_options());
    Progress progress;
    const synthetic::EventSink add = [&](const synthetic::Event& event) {
      members.add(event);
      if (progress.is_due()) fmt::print(stderr, "looking ahead events={}\n", progress.steps());
    };
    for (const auto& names : {options_.after, options_.phases}) {
      for (const std::string& name : names) {
        generator.run(*find_by_name(synthetic::kPhases, name), add);
      }
    }
    members.settle();
    return members;
  }

  void run_phase(synthetic::Generator& generator, const std::string& name, WorkloadSender* sender) {
    ++phases_;
    synthetic::Delivery delivery(options_.seed + phases_, [&](const synthetic::Event& event) {
      if (sender == nullptr || !sent_.ok()) return;
      const synthetic::RawRecord record = synthetic::encode(event);
      sent_ = sender->send(record.topic, record.key, record.value, record.timestamp_ms);
    });
    generator.run(*find_by_name(synthetic::kPhases, name), [&](synthetic::Event event) {
      if (expected_) expected_->add(event);
      if (events_.is_due()) {
        fmt::print(stderr, "making up phase={} events={}\n", name, events_.steps());
      }
      if (sender != nullptr) delivery.add(std::move(event));
    });
    delivery.finish();
  }

  Status write_expected() {
    const int64_t as_of_ms = options_.as_of_ms > 0 ? options_.as_of_ms : system_clock().now_ms();
    Progress progress;
    const auto say = [&](size_t done, size_t roots) {
      if (progress.is_due()) fmt::print(stderr, "expecting roots={} of={}\n", done, roots);
    };
    const synthetic::Expectation expectation{expected_->at(as_of_ms, say), as_of_ms, share_};
    MILLRACE_RETURN_IF_ERROR(synthetic::write_expectation(options_.expected, expectation));
    const auto& [accounts, territories, entitlements, redirects] = expectation.state;
    fmt::print("expected accounts={} territories={} entitlements={} redirects={} as_of_ms={}\n",
               accounts.size(), territories.size(), entitlements.size(), redirects.size(),
               as_of_ms);
    return {};
  }

  const SyntheticOptions& options_;
  const synthetic::Share share_;
  std::optional<synthetic::ExpectedState> expected_;
  Progress events_;
  uint64_t phases_ = 0;
  Status sent_;
};

Status check_phases(const SyntheticOptions& options) {
  const auto& first = options.after.empty() ? options.phases : options.after;
  if (!first.empty() && first.front() == "backfill") return {};
  return Error{ErrorCode::kConfig, "the first phase, of --after if there are any, is backfill"};
}

template <class Table>
std::vector<std::string> names_in(const Table& table) {
  std::vector<std::string> names;
  names.reserve(std::size(table));
  for (const auto& [name, value] : table) names.emplace_back(name);
  return names;
}

}  // namespace

WorkloadCommand add_synthetic(CLI::App& top) {
  auto options = std::make_shared<SyntheticOptions>();
  CLI::App* app = top.add_subcommand("synthetic", kHelp);
  auto* profile = app->add_option("--profile", options->profile,
                                  "Size: s has 1,000 accounts, m 50,000, l a million.")
                      ->check(CLI::IsMember(names_in(synthetic::kProfiles)))
                      ->capture_default_str();
  app->add_option("--accounts", options->accounts,
                  "Another number of accounts; operations, rules and products in proportion to\n"
                  "profile l.")
      ->check(CLI::Range(uint64_t{10}, uint64_t{10'000'000}))
      ->excludes(profile);
  app->add_option("--seed", options->seed, "The same seed gives the same events.")
      ->capture_default_str();
  app->add_option("--phase", options->phases, "Phase to send; repeated, in this order.")
      ->check(CLI::IsMember(names_in(synthetic::kPhases)));
  app->add_option("--after", options->after, "Phase that was sent before; repeated, in this order.")
      ->check(CLI::IsMember(names_in(synthetic::kPhases)));
  app->add_option(
         "--start-ms", options->start_ms,
         "Commit time of the first event, in ms since 1970; the quarter ends 90 days later.")
      ->check(CLI::Range(int64_t{0}, int64_t{4'102'444'800'000}))
      ->capture_default_str();
  app->add_option("--rate", options->rate, "Records per second; 0: as fast as it goes.")
      ->check(CLI::Range(0, 10'000'000));
  app->add_option("--partitions", options->partitions,
                  "Partitions of crm.raw.salesforce, if it is created.")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  auto* expected =
      app->add_option("--expected", options->expected, "Folder for the expected outputs.");
  app->add_option("--expected-share", options->expected_share,
                  "I/N: write only accounts in the I-th of N parts of about equal size.")
      ->check([](const std::string& text) {
        return synthetic::share_from(text) ? std::string() : "not I/N with I from 1 to N";
      })
      ->needs(expected)
      ->capture_default_str();
  app->add_flag("--expected-children-stay", options->expected_children_stay,
                "Expect a materializer with --crm.unmerge.children stay.")
      ->needs(expected);
  app->add_option("--as-of-ms", options->as_of_ms,
                  "Moment for which current entitlements are expected; default: now.")
      ->check(CLI::PositiveNumber);
  app->add_flag("--dry-run", options->dry_run, "Send nothing.");
  return {app, [options](Connection& connection) {
            const Status valid = check_phases(*options);
            return tool_exit_code(valid.ok() ? Synthetic(*options).run(connection) : valid);
          }};
}

}  // namespace millrace::apps
