#include "apps/mapping/mapping_check.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "apps/mapping/names.h"
#include "apps/mapping/proposal.h"
#include "apps/mapping/topic_profile.h"
#include "crm/decode/decoder.h"

namespace millrace::apps {
namespace {

using Weight = Finding::Weight;

std::string suggestion(std::string_view name, const std::vector<std::string_view>& candidates) {
  const auto closest = closest_name(name, candidates);
  return closest ? fmt::format("; is it '{}'?", *closest) : "";
}

/// Checks one topic and appends what it finds.
class TopicChecker {
 public:
  TopicChecker(const crm::TopicMapping& topic, std::vector<Finding>& findings)
      : topic_(topic), findings_(findings) {
    mapping_.topics.push_back(topic);
    report_.emplace(mapping_);
    decoder_ = crm::make_decoder(mapping_.topics.front());
    if (topic.format != crm::RawFormat::kFlatbuffers) {
      profile_.emplace(topic.format, topic.unavailable_value);
    }
  }

  void add(const engine::FetchedRecord& record) {
    if (profile_) profile_->add(record.key, record.value);
    if (record.value.is_null()) return report_->count_null(0, record.timestamp_ms);
    const Result<crm::Decoded> decoded = decoder_->decode(record.value, record.key);
    if (decoded.ok()) {
      report_->count(0, *decoded, record.timestamp_ms);
    } else {
      report_->count_invalid(0, decoded.message(), record.timestamp_ms);
    }
  }

  crm::TopicFit finish() {
    crm::TopicFit fit = report_->topics().front();
    if (fit.records == 0) note("", "", "holds no record yet: nothing to check");
    if (fit.invalid.count > 0) {
      problem("", "",
              fmt::format("{} of {} records are invalid, the last since: {}", fit.invalid.count,
                          fit.records, fit.invalid.last_reason));
    }
    if (fit.records == 0 || !profile_) return fit;
    check_unknown(fit);
    for (const crm::EntityFit& entity : fit.entities) check_entity(entity);
    return fit;
  }

 private:
  void problem(std::string_view entity, std::string_view field, std::string text) {
    add_finding(Weight::kProblem, entity, field, std::move(text));
  }
  void note(std::string_view entity, std::string_view field, std::string text) {
    add_finding(Weight::kNote, entity, field, std::move(text));
  }
  void add_finding(Weight weight, std::string_view entity, std::string_view field,
                   std::string text) {
    findings_.push_back({.weight = weight,
                         .topic = topic_.topic,
                         .entity = std::string(entity),
                         .field = std::string(field),
                         .text = std::move(text)});
  }

  void check_unknown(const crm::TopicFit& fit) {
    std::vector<std::string_view> silent;
    for (const crm::EntityFit& entity : fit.entities) {
      if (entity.records == 0) silent.push_back(entity.entity);
    }
    std::set<std::string_view> misspelt;
    for (const crm::UnknownEntityFit& unknown : fit.unknown_entities) {
      const auto meant = closest_name(unknown.entity, silent);
      if (!meant) {
        note(unknown.entity, "",
             fmt::format("{} records, and the mapping has no such entity: they are left out",
                         unknown.records));
        continue;
      }
      misspelt.insert(*meant);
      problem(*meant, "",
              fmt::format("no record is of this entity, but {} are of '{}': is it misspelt?",
                          unknown.records, unknown.entity));
    }
    for (const std::string_view entity : silent) {
      if (!misspelt.contains(entity)) note(entity, "", "no record of the sample is of it");
    }
  }

  void check_entity(const crm::EntityFit& entity) {
    if (entity.records == 0) return;
    const auto found = profile_->entities().find(entity.entity);
    static const EntityProfile kNone;
    const EntityProfile& profile = found == profile_->entities().end() ? kNone : found->second;
    const crm::EntityMapping& mapped = topic_.entities.find(entity.entity)->second;
    if (profile.rows == 0) {
      return note(entity.entity, "", "none of its records in the sample has fields");
    }
    for (const crm::FieldFit& field : entity.fields) {
      if (field.refused.count > 0) {
        problem(entity.entity, field.field,
                fmt::format("{} of {} values refused, the last since it {}", field.refused.count,
                            field.seen, field.refused.last_reason));
      }
      if (!field.name.empty()) check_mapped(entity, field, mapped, profile);
    }
    for (const auto& [name, column] : profile.columns) {
      check_unmapped(entity, name, column, mapped);
    }
  }

  /// Whether a record of the sample has the column, or the compound that it is a part of.
  static bool has_column(const EntityProfile& profile, std::string_view name) {
    for (size_t dot = name.find('.'); dot != std::string_view::npos;
         dot = name.find('.', dot + 1)) {
      if (profile.columns.contains(name.substr(0, dot))) return true;
    }
    if (profile.columns.contains(name)) return true;
    const auto part = profile.columns.lower_bound(std::string(name) + ".");
    return part != profile.columns.end() && part->first.starts_with(std::string(name) + ".");
  }

  void check_mapped(const crm::EntityFit& entity, const crm::FieldFit& field,
                    const crm::EntityMapping& mapped, const EntityProfile& profile) {
    if (field.seen == 0 && !has_column(profile, field.field)) {
      std::vector<std::string_view> free;
      for (const auto& [name, column] : profile.columns) {
        if (mapped.find(name) == nullptr && name != mapped.id_field) free.push_back(name);
      }
      const std::string meant = suggestion(field.field, free);
      const std::string text = fmt::format("never seen in {} records{}", profile.rows, meant);
      // Events of changes may leave out what did not change.
      const bool has_all =
          profile.full_rows > 0 && topic_.format != crm::RawFormat::kSalesforceCometd;
      add_finding(has_all || !meant.empty() ? Weight::kProblem : Weight::kNote, entity.entity,
                  field.field, text);
      return;
    }
    const auto column = profile.columns.find(field.field);
    if (column == profile.columns.end()) return;
    const FormProposal form = propose_form(field.field, column->second);
    const crm::FieldForm& declared = mapped.find(field.field)->form;
    if (!form.is_readable && declared.type == crm::FieldType::Undeclared) {
      problem(entity.entity, field.field,
              "values look like bytes: declare type and scale, or map it to null");
    }
    const std::string reason = personal_reason(entity.kind, field.field, column->second);
    if (!reason.empty() && !field.is_personal) {
      note(entity.entity, field.field, fmt::format("not marked personal; {}", reason));
    }
  }

  void check_unmapped(const crm::EntityFit& entity, const std::string& name,
                      const ColumnProfile& column, const crm::EntityMapping& mapped) {
    if (!mapped.keep_others || name == mapped.id_field || is_named(mapped, name)) return;
    const char* remedy = "map it, or map it to null to leave it out";
    const std::string reason = personal_reason(entity.kind, name, column);
    if (!reason.empty()) {
      return problem(entity.entity, name,
                     fmt::format("not mapped, and kept unmasked; {}: {}", reason, remedy));
    }
    const bool is_account = entity.kind == crm::EntityKind::kAccount;
    if (is_account && mapped.master.empty() && is_master_name(name)) {
      problem(entity.entity, name,
              fmt::format("not mapped; it may be the account that this one was merged into: {}, as "
                          "`master` too",
                          remedy));
    } else if (!is_account && is_parent_name(name)) {
      problem(entity.entity, name,
              fmt::format("not mapped; it may be the id of the record's account: {}", remedy));
    } else if (topic_.format == crm::RawFormat::kDebezium && name != "id" &&
               profile_->entities().find(entity.entity)->second.key_columns.contains(name)) {
      problem(entity.entity, name,
              fmt::format("not mapped, but part of the records' key; the id is '{}': check it",
                          mapped.id_field));
    }
  }

  /// Whether the mapping names it, or a compound that it is a part of.
  static bool is_named(const crm::EntityMapping& mapped, std::string_view name) {
    if (mapped.find(name) != nullptr || mapped.compounds.contains(name)) return true;
    for (size_t dot = name.find('.'); dot != std::string_view::npos;
         dot = name.find('.', dot + 1)) {
      if (mapped.find(name.substr(0, dot)) != nullptr) return true;
    }
    return false;
  }

  const crm::TopicMapping& topic_;
  std::vector<Finding>& findings_;
  crm::Mapping mapping_;
  std::optional<crm::MappingReport> report_;
  std::unique_ptr<crm::Decoder> decoder_;
  std::optional<TopicProfile> profile_;
};

/// The names of all topics, or none if the broker does not say.
std::vector<std::string> topic_names(engine::ClientFactory& clients) {
  std::vector<std::string> names;
  const auto admin = clients.admin();
  if (!admin.ok()) return names;
  const auto topics = (*admin)->list_topics();
  if (!topics.ok()) return names;
  for (const engine::TopicDescription& topic : *topics) names.push_back(topic.name);
  return names;
}

std::string missing_text(const std::string& topic, engine::ClientFactory& clients) {
  const std::vector<std::string> names = topic_names(clients);
  return fmt::format("there is no such topic: create it, or correct its name{}",
                     suggestion(topic, {names.begin(), names.end()}));
}

std::string share_text(const crm::FieldFit& field, uint64_t images) {
  std::string text = field.seen == 0 ? std::string("never seen")
                                     : fmt::format("seen in {} of {}", field.seen, images);
  if (field.nulls > 0) text += fmt::format(", null in {}", field.nulls);
  if (field.refused.count > 0) {
    text += fmt::format(", refused {}: {}", field.refused.count, field.refused.last_reason);
  }
  return text;
}

}  // namespace

bool CheckReport::has_problems() const {
  return std::ranges::any_of(
      findings, [](const Finding& finding) { return finding.weight == Weight::kProblem; });
}

std::string line_of(const Finding& finding) {
  std::string line = finding.topic;
  if (!finding.entity.empty()) line.append(" ").append(finding.entity);
  if (!finding.field.empty()) line.append(" ").append(finding.field);
  return line.append(": ").append(finding.text);
}

CheckReport check_mapping(const crm::Mapping& mapping, engine::ClientFactory& clients,
                          const SampleOptions& options, const std::stop_token& stop,
                          const CheckProgress& progress) {
  CheckReport report;
  for (const crm::TopicMapping& topic : mapping.topics) {
    if (stop.stop_requested()) break;
    TopicChecker checker(topic, report.findings);
    TopicCheck checked;
    int64_t records = 0;
    const Result<SampleOutcome> sample = sample_topic(
        clients, topic.topic, options, stop, [&](int32_t, const engine::FetchedRecord& record) {
          checker.add(record);
          if (progress) progress(topic.topic, ++records);
        });
    if (sample.ok()) {
      checked.is_read = true;
      checked.sample = *sample;
      checked.fit = checker.finish();
    } else {
      checked.fit.topic = topic.topic;
      if (sample.code() == ErrorCode::kRetriable) {
        report.status = sample.status();
        break;  // the other topics would wait as long
      }
      const bool is_missing = sample.code() == ErrorCode::kNotFound;
      report.findings.push_back(
          {.topic = topic.topic,
           .text = is_missing ? missing_text(topic.topic, clients)
                              : fmt::format("cannot be read: {}", sample.message())});
    }
    report.topics.push_back(std::move(checked));
  }
  return report;
}

void write_report(const CheckReport& report, std::ostream& out) {
  for (const TopicCheck& topic : report.topics) {
    if (!topic.is_read) continue;
    out << fmt::format("{}: {} partitions, {} records read{}, {} invalid\n", topic.fit.topic,
                       topic.sample.partitions, topic.sample.records,
                       topic.sample.is_cut ? " until the time was over" : "",
                       topic.fit.invalid.count);
    for (const crm::EntityFit& entity : topic.fit.entities) {
      out << fmt::format("  {} ({}): {} records, {} with fields\n", entity.entity,
                         to_string(entity.kind), entity.records, entity.images);
      for (const crm::FieldFit& field : entity.fields) {
        out << fmt::format("    {} -> {}: {}\n", field.field,
                           field.name.empty() ? field.field : field.name,
                           share_text(field, entity.images));
      }
    }
  }
  for (const Weight weight : {Weight::kProblem, Weight::kNote}) {
    for (const Finding& finding : report.findings) {
      if (finding.weight != weight) continue;
      out << (weight == Weight::kProblem ? "problem: " : "note: ") << line_of(finding) << "\n";
    }
  }
  const auto problems = std::ranges::count_if(
      report.findings, [](const Finding& finding) { return finding.weight == Weight::kProblem; });
  out << fmt::format("problems={} notes={}\n", problems,
                     report.findings.size() - static_cast<size_t>(problems));
}

}  // namespace millrace::apps
