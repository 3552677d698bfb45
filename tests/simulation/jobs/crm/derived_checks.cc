#include "derived_checks.h"

#include <charconv>
#include <deque>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "crm/account_topology.h"
#include "crm/children/child_topology.h"
#include "crm/territory/assignment_rows.h"
#include "tests/unit/crm/entitlement/oracle.h"
#include "tests/unit/crm/world/moment_text.h"

namespace millrace::simulation::crm_job {
namespace {

using namespace crm;  // NOLINT(google-build-using-namespace): its vocabulary is the job's

/// Root and territory → rules, and "manual" for a person's choice.
using Places = std::map<std::pair<std::string, std::string>, std::vector<std::string>>;

Places published_places(const Folds& folds) {
  Places places;
  for (const auto& [key, bytes] : folds.topic(kAccountTerritories.name)) {
    const auto& row = *flatbuffers::GetRoot<AccountTerritory>(bytes.data());
    std::vector<std::string>& rules = places[{row.root()->str(), row.territory()->str()}];
    for (const auto* rule : *row.rules()) rules.push_back(rule->str());
    if (row.manual()) rules.emplace_back("manual");
  }
  return places;
}

Places expected_places(const Folds& folds, territory::RuleOracle& rules) {
  Places places;
  for (const auto& [root, bytes] : folds.topic(kAccountStates.name)) {
    const auto& state = *flatbuffers::GetRoot<AccountState>(bytes.data());
    if (state.status() != AccountStatus::Active) continue;
    territory::OracleAccount fields;
    for (const GoldenField* field : *state.fields()) {
      if (field->value() != nullptr) fields[field->name()->str()] = field->value()->str();
    }
    std::set<std::string> members;
    for (const Member* member : *state.members()) members.insert(member->id()->str());
    for (const territory::Assignment& assigned : rules.assign(fields, members)) {
      std::vector<std::string>& reasons = places[{root, assigned.territory}];
      reasons = assigned.rules;
      if (assigned.manual) reasons.emplace_back("manual");
    }
  }
  return places;
}

/// Every task has the definitions that are published, and no others.
void check_definitions(const Folds& folds, Problems& problems) {
  constexpr std::array kTopics{
      std::pair("d0", kTerritoryModels.name), std::pair("d1", kTerritories.name),
      std::pair("d2", kTerritoryRules.name), std::pair("d3", kRuleTerritories.name)};
  Rows published;
  for (const auto& [prefix, topic] : kTopics) {
    for (const auto& [id, bytes] : folds.topic(topic)) published[prefix + id] = bytes;
  }
  for (const auto& [task, rows] : folds.store_parts(kTerritoryRuleStore)) {
    Rows applied;
    for (const auto& row : rows) {
      if (row.first.starts_with('d')) applied.insert(row);
    }
    for (const auto& [key, bytes] : published) {
      const auto found = applied.find(key);
      if (found != applied.end() && found->second == bytes) continue;
      problems.push_back(fmt::format("task {} has {} definition {}", task,
                                     found == applied.end() ? "no" : "an old", key));
    }
    for (const auto& [key, bytes] : applied) {
      if (published.contains(key)) continue;
      problems.push_back(fmt::format("task {} has definition {}, which is removed", task, key));
    }
  }
}

/// The fields of a child's row, as a source of grants.
class ChildSource {
 public:
  ChildSource(const ChildUpdate& child, const AccountRow& row) {
    const bool is_asset = child.kind() == ChildKind::Asset;
    const std::string id = child.child()->str().substr(std::string("sf:").size());
    source_.id = keep((is_asset ? "sf:asset/" : "sf:contract/") + id);
    source_.kind = is_asset ? GrantSourceKind::Asset : GrantSourceKind::Contract;
    for (const FieldView& field : read_row(row).fields) {
      if (field.value) fields_[std::string(field.name)] = *field.value;
    }
    if (const std::string* end = find("end_time")) source_.period.end_ms = seconds_of(*end) * 1000;
    if (const std::string* status = find("status"); status != nullptr && *status == "Cancelled") {
      source_.status = GrantSourceStatus::Cancelled;
    }
    if (const std::string* contract = find("contract_id")) {
      source_.within.push_back(keep("sf:contract/" + contract->substr(std::string("sf:").size())));
    }
    if (const std::string* feature = find("feature")) add_term(*feature);
  }

  const SourceView& view() const { return source_; }

 private:
  const std::string* find(const std::string& name) const {
    const auto found = fields_.find(name);
    return found == fields_.end() ? nullptr : &found->second;
  }
  static int64_t number(const std::string& text) {
    int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }
  std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }
  void add_term(const std::string& feature) {
    TermView& term = source_.terms.emplace_back();
    term.feature = feature;
    if (const std::string* amount = find("amount")) term.amount = number(*amount);
    if (const std::string* kind = find("feature_kind")) {
      term.kind = *kind == "quantity_max" ? FeatureKind::QuantityMax : FeatureKind::QuantitySum;
    }
  }

  std::deque<std::string> kept_;
  std::map<std::string, std::string> fields_;
  SourceView source_;
};

using Answers = std::map<std::string, Answer>;

bool is_in(int64_t ms, flatbuffers::Optional<int64_t> from_ms,
           flatbuffers::Optional<int64_t> to_ms) {
  return (!from_ms || *from_ms <= ms) && (!to_ms || ms < *to_ms);
}

void add_answer(const FeatureEntitlement& row, int64_t ms, Answers& answers) {
  for (const EntitlementSegment* segment : *row.segments()) {
    if (!is_in(ms, segment->from_ms(), segment->to_ms())) continue;
    Answer& answer = answers[row.feature()->str()];
    answer.status = segment->status();
    answer.amount = segment->amount();
    if (segment->text() != nullptr) answer.text = segment->text()->str();
    if (row.shares() == nullptr) continue;
    for (const EntitlementShare* share : *row.shares()) {
      if (share->status() != segment->status() || !is_in(ms, share->from_ms(), share->to_ms())) {
        continue;
      }
      answer.shares.emplace(share->source()->str(), share->amount());
    }
  }
}

std::string text_of(const Answers& answers) {
  std::ostringstream text;
  for (const auto& [feature, answer] : answers) text << ' ' << feature << ": " << answer << ';';
  return text.str().empty() ? " nothing" : text.str();
}

/// One root's sources, and what is published of it.
struct Grants {
  std::deque<ChildSource> sources{};
  std::vector<const FeatureEntitlement*> published{};
};

void compare(const std::string& root, const Grants& grants, Problems& problems) {
  std::vector<SourceView> views;
  for (const ChildSource& source : grants.sources) views.push_back(source.view());
  const Oracle oracle(views, "UTC");
  std::set<int64_t> samples{0};
  for (const int64_t moment : oracle.moments()) samples.insert({moment - 1, moment});
  for (const int64_t ms : samples) {
    Answers actual;
    for (const FeatureEntitlement* row : grants.published) add_answer(*row, ms, actual);
    const Answers expected = oracle.at(ms);
    if (actual == expected) continue;
    problems.push_back(fmt::format("entitlements of {} at {}: are{}\n  not{}", root, ms,
                                   text_of(actual), text_of(expected)));
  }
}

}  // namespace

void check_territories(const Folds& folds, territory::RuleOracle& rules, Problems& problems) {
  check_definitions(folds, problems);
  const Places actual = published_places(folds);
  const Places expected = expected_places(folds, rules);
  std::set<Places::key_type> keys;
  for (const Places* places : {&actual, &expected}) {
    for (const auto& [key, reasons] : *places) keys.insert(key);
  }
  const auto text_in = [](const Places& places, const Places::key_type& key) {
    const auto found = places.find(key);
    return found == places.end() ? std::string("none") : fmt::format("{}", found->second);
  };
  for (const auto& key : keys) {
    const std::string a = text_in(actual, key);
    const std::string e = text_in(expected, key);
    if (a == e) continue;
    problems.push_back(fmt::format("{} in {} by {}, not {}", key.first, key.second, a, e));
  }
}

void check_entitlements(const Folds& folds, int64_t now_ms, Problems& problems) {
  std::map<std::string, Grants> roots;
  const Rows rows = folds.store(kChildRowStore);
  for (const auto& [key, bytes] : folds.store(kRootChildStore)) {
    const auto& child = *flatbuffers::GetRoot<ChildUpdate>(bytes.data());
    if (child.kind() != ChildKind::Asset && child.kind() != ChildKind::Contract) continue;
    const auto row = rows.find(child_key(child.kind(), child.child()->string_view()));
    if (row == rows.end()) continue;
    roots[child.root()->str()].sources.emplace_back(
        child, *flatbuffers::GetRoot<AccountRow>(row->second.data()));
  }
  const Rows published = folds.topic(kEntitlements.name);
  for (const auto& [key, bytes] : published) {
    const auto& row = *flatbuffers::GetRoot<FeatureEntitlement>(bytes.data());
    roots[row.root()->str()].published.push_back(&row);
    if (row.next_change_ms() && *row.next_change_ms() < now_ms) {
      problems.push_back(fmt::format("{} of {} has not changed at {}", row.feature()->str(),
                                     row.root()->str(), *row.next_change_ms()));
    }
  }
  for (const auto& [root, grants] : roots) compare(root, grants, problems);
}

}  // namespace millrace::simulation::crm_job
