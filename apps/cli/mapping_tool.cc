#include "apps/cli/mapping_tool.h"

#include <algorithm>
#include <iostream>
#include <optional>
#include <set>
#include <stop_token>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fnmatch.h>

#include "apps/mapping/mapping_check.h"
#include "apps/mapping/mapping_writer.h"
#include "apps/mapping/proposal.h"
#include "apps/tools/progress.h"
#include "crm/account_topology.h"
#include "crm/mapping/names.h"
#include "crm/model/ids.h"

namespace millrace::apps {
namespace {

constexpr int64_t kMs = 1'000;
constexpr size_t kTopicsMax = 1'000;

SampleOptions sample_options(const SampleFlags& flags) {
  return {.records = flags.records, .timeout_ms = flags.timeout_s * kMs};
}

void add_sample_options(CLI::App& app, SampleFlags& flags) {
  app.add_option("--records", flags.records, "Records to read of each end of each partition.")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--timeout", flags.timeout_s, "Seconds for each topic.")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
}

Error option_error(std::string message) {
  return {ErrorCode::kConfig, std::move(message)};
}

bool is_pattern(const std::string& topic) {
  return topic.find_first_of("*?[") != std::string::npos;
}

/// The named topics, and those that fit a pattern, each once and sorted.
Result<std::set<std::string>> find_topics(const std::vector<std::string>& wanted,
                                          engine::ClientFactory& clients) {
  std::set<std::string> found;
  std::vector<engine::TopicDescription> all;
  if (std::ranges::any_of(wanted, is_pattern)) {
    auto admin = clients.admin();
    if (!admin.ok()) return admin.status();
    MILLRACE_RETURN_IF_ERROR(with_retries([&]() -> Status {
      auto listed = (*admin)->list_topics();
      if (!listed.ok()) return listed.status();
      all = *std::move(listed);
      return {};
    }));
  }
  for (const std::string& topic : wanted) {
    if (!is_pattern(topic)) {
      found.insert(topic);
      continue;
    }
    const size_t before = found.size();
    for (const engine::TopicDescription& one : all) {
      if (fnmatch(topic.c_str(), one.name.c_str(), 0) == 0) found.insert(one.name);
    }
    if (found.size() == before) {
      return Error{ErrorCode::kNotFound, fmt::format("{}: no topic fits the pattern", topic)};
    }
  }
  if (found.size() > kTopicsMax) {
    return option_error(fmt::format("{} topics fit; name fewer than {}", found.size(), kTopicsMax));
  }
  return found;
}

Result<ChosenKinds> chosen_kinds(const std::vector<std::string>& entities) {
  ChosenKinds kinds;
  for (const std::string& text : entities) {
    const size_t equals = text.rfind('=');
    const auto kind = equals == std::string::npos
                          ? std::nullopt
                          : find_name(crm::kEntityKindNames, text.substr(equals + 1));
    if (!kind) {
      std::string types;
      for (const auto& [name, unused] : crm::kEntityKindNames) types.append(" ").append(name);
      return option_error(
          fmt::format("--entity {}: not of the form ENTITY=TYPE; types:{}", text, types));
    }
    kinds[text.substr(0, equals)] = *kind;
  }
  return kinds;
}

/// Reads samples of topics and proposes their mappings.
class Draft {
 public:
  Draft(const MappingDraftOptions& options, engine::ClientFactory& clients, ChosenKinds kinds,
        std::optional<crm::RawFormat> format)
      : options_(options), clients_(clients), kinds_(std::move(kinds)), format_(format) {}

  Status add(const std::string& topic) {
    TopicProfile profile(
        options_.is_salesforce ? crm::RawFormat::kSalesforcePubsub : crm::RawFormat::kDebezium,
        crm::kUnavailableValue);
    const auto sampled = sample_topic(
        clients_, topic, sample_options(options_.sample), std::stop_token(),
        [&](int32_t, const engine::FetchedRecord& record) {
          profile.add(record.key, record.value);
          if (progress_.is_due()) {
            fmt::print(stderr, "reading topic={} records={}\n", topic, profile.records());
          }
        });
    if (!sampled.ok()) return sampled.status();
    std::string note;
    crm::RawFormat format = crm::RawFormat::kDebezium;
    if (options_.is_salesforce) {
      format = format_ ? *format_ : salesforce_format(profile.salesforce(), note);
    }
    TopicProposal proposal =
        propose_topic(topic, format, source_of(profile), profile, kinds_, topics_);
    if (options_.is_salesforce && !format_) proposal.notes.push_back(std::move(note));
    if (sampled->is_cut) {
      proposal.notes.push_back("the time was over before the sample was whole: see --timeout");
    }
    if (sampled->records == 0) proposal.notes.push_back("it holds no record yet: try again later");
    topics_.push_back(std::move(proposal));
    return {};
  }

  const std::vector<TopicProposal>& topics() const { return topics_; }

 private:
  std::string source_of(const TopicProfile& profile) const {
    if (!options_.source.empty()) return options_.source;
    if (options_.is_salesforce) return "sf";
    for (const auto& [name, entity] : profile.entities()) {
      if (!entity.connector.empty()) return source_name(entity.connector);
    }
    return "db";
  }

  const MappingDraftOptions& options_;
  engine::ClientFactory& clients_;
  const ChosenKinds kinds_;
  const std::optional<crm::RawFormat> format_;
  Progress progress_;
  std::vector<TopicProposal> topics_;
};

/// Whether the program takes the mapping.
Status check_draft(const std::string& mapping) {
  const Result<crm::Mapping> parsed = crm::parse_mapping(mapping);
  if (!parsed.ok()) return parsed.status();
  return crm::account_topology(*parsed).status();
}

}  // namespace

Result<bool> check_mapping_file(const MappingCheckOptions& options, engine::ClientFactory& clients,
                                std::ostream& out) {
  const Result<crm::Mapping> mapping = crm::load_mapping(options.mapping_file);
  if (!mapping.ok()) return mapping.status();
  MILLRACE_RETURN_IF_ERROR(crm::account_topology(*mapping).status());
  Progress progress;
  const CheckReport report =
      check_mapping(*mapping, clients, sample_options(options.sample), std::stop_token(),
                    [&progress](const std::string& topic, int64_t records) {
                      if (progress.is_due())
                        fmt::print(stderr, "reading topic={} records={}\n", topic, records);
                    });
  if (!report.status.ok()) return report.status;
  write_report(report, out);
  return report.has_problems();
}

Status draft_mapping(const MappingDraftOptions& options, engine::ClientFactory& clients,
                     std::ostream& out, std::ostream& notes) {
  if (!options.source.empty() && !crm::internal_id(options.source, "x").ok()) {
    return option_error(fmt::format("--source {}: must be 1 to 32 of a-z 0-9 - _", options.source));
  }
  std::optional<crm::RawFormat> format;
  if (!options.format.empty()) format = find_name(crm::kRawFormatNames, options.format);
  const Result<ChosenKinds> kinds = chosen_kinds(options.entities);
  if (!kinds.ok()) return kinds.status();
  const Result<std::set<std::string>> topics = find_topics(options.topics, clients);
  if (!topics.ok()) return topics.status();
  Draft draft(options, clients, *kinds, format);
  for (const std::string& topic : *topics) MILLRACE_RETURN_IF_ERROR(draft.add(topic));
  notes << describe_proposals(draft.topics());
  if (!has_entities(draft.topics())) {
    return option_error(
        "nothing can be mapped yet, for the reasons above; name the type of a table with --entity, "
        "or other topics");
  }
  const std::string mapping = write_mapping(draft.topics());
  if (const Status status = check_draft(mapping); !status.ok()) {
    return Error{ErrorCode::kInternal, "the proposals do not fit together: " + status.message()};
  }
  out << mapping;
  return {};
}

CLI::App* add_mapping_check(CLI::App& mapping, MappingCheckOptions& options) {
  CLI::App* app = mapping.add_subcommand(
      "check",
      "Compares a mapping with the oldest and newest records of each of its topics: fields that\n"
      "are never seen or refused, misspelt entities, missing topics, and unmapped fields that\n"
      "look like personal data or references. Shows names and counts, never a value. Changes\n"
      "nothing. Problems give exit code 1; notes, such as an empty topic, do not.\n\n"
      "  millrace mapping check --mapping mapping.json --bootstrap.servers kafka:9092\n\n"
      "To end a problem, correct the name, declare the type, or map the field to null.");
  app->add_option("--mapping", options.mapping_file, "Mapping file (crm.mapping).")->required();
  add_sample_options(*app, options.sample);
  return app;
}

CLI::App* add_mapping_draft(CLI::App& mapping, MappingDraftOptions& options) {
  const bool is_salesforce = options.is_salesforce;
  CLI::App* app = mapping.add_subcommand(
      is_salesforce ? "from-salesforce" : "from-debezium",
      is_salesforce
          ? "Writes a first mapping of topics with Salesforce's change events to stdout: types,\n"
            "references and personal fields by schemas, values and names. Notes go to stderr.\n\n"
            "  millrace mapping from-salesforce --topic crm.raw.salesforce > mapping.json\n\n"
            "Read it line by line: comments say what was guessed. Then: millrace mapping check."
          : "Writes a first mapping of topics with Debezium's events to stdout: ids, parents,\n"
            "types and personal fields by keys, schemas, values and names. Notes go to stderr.\n\n"
            "  millrace mapping from-debezium --topic 'cdc.crm.*' > mapping.json\n\n"
            "Read it line by line: comments say what was guessed. Then: millrace mapping check.");
  app->add_option("--topic", options.topics,
                  "Topic to map, or a pattern with * and ?; may be repeated.")
      ->required();
  app->add_option("--source", options.source,
                  is_salesforce ? "Prefix of ids; sf by default."
                                : "Prefix of ids; the connector's topic.prefix by default.");
  app->add_option("--entity", options.entities,
                  "ENTITY=TYPE: the type of a table whose name does not suggest one, as in\n"
                  "public.kunden=account; may be repeated.");
  if (is_salesforce) {
    app->add_option("--format", options.format, "Dialect, if the shape of events misleads.")
        ->check(CLI::IsMember({"salesforce_cometd", "salesforce_pubsub", "salesforce_connect"}));
  }
  add_sample_options(*app, options.sample);
  return app;
}

}  // namespace millrace::apps
