#include "apps/synthetic/published.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "millrace/core/serde.h"

#include "account_state_generated.h"
#include "account_territory_generated.h"
#include "feature_entitlement_generated.h"
#include "redirect_generated.h"

namespace millrace::apps::synthetic {
namespace {

std::string text_of(const flatbuffers::String* text) {
  return text == nullptr ? std::string() : text->str();
}

AccountOutcome outcome_of(const crm::AccountState& state) {
  AccountOutcome outcome{crm::EnumNameAccountStatus(state.status()), state.incomplete()};
  for (const crm::Member* member : *state.members()) {
    outcome.members[member->id()->str()] = text_of(member->via());
  }
  for (const crm::GoldenField* field : *state.fields()) {
    std::optional<std::string>& value = outcome.fields[field->name()->str()];
    if (field->value() != nullptr) value = field->value()->str();
  }
  if (state.children() == nullptr) return outcome;
  const crm::ChildCounts& counts = *state.children();
  outcome.children = {
      {"contact", counts.contacts()},           {"opportunity", counts.opportunities()},
      {"contract", counts.contracts()},         {"contract_line", counts.contract_lines()},
      {"subscription", counts.subscriptions()}, {"asset", counts.assets()},
      {"entitlement", counts.entitlements()}};
  std::erase_if(outcome.children, [](const auto& count) { return count.second == 0; });
  return outcome;
}

TerritoryOutcome outcome_of(const crm::AccountTerritory& row) {
  TerritoryOutcome outcome{{}, row.manual()};
  for (const auto* rule : *row.rules()) outcome.rules.push_back(rule->str());
  return outcome;
}

SegmentOutcome outcome_of(const crm::EntitlementSegment& segment) {
  return {segment.from_ms() ? std::optional(*segment.from_ms()) : std::nullopt,
          segment.to_ms() ? std::optional(*segment.to_ms()) : std::nullopt,
          crm::EnumNameEntitlementStatus(segment.status()), segment.amount(),
          text_of(segment.text())};
}

/// `current` holds from when it was taken until the next change; before that, the segments tell.
EntitlementOutcome outcome_of(const crm::FeatureEntitlement& row, int64_t as_of_ms) {
  EntitlementOutcome outcome{crm::EnumNameFeatureKind(row.kind())};
  for (const crm::EntitlementSegment* segment : *row.segments()) {
    outcome.append(outcome_of(*segment));
  }
  if (row.as_of_ms() > as_of_ms) {
    outcome.look_at(as_of_ms);
  } else if (row.current() != nullptr) {
    outcome.current = outcome_of(*row.current());
  }
  return outcome;
}

RedirectOutcome outcome_of(const crm::Redirect& redirect) {
  return {redirect.root()->str(), text_of(redirect.survivor()),
          crm::EnumNameRedirectDecision(redirect.decision())};
}

template <class Table, class... Arguments>
Result<std::string> line_in(Bytes value, Arguments... arguments) {
  MILLRACE_RETURN_IF_ERROR(Serde<Table>::validate(value));
  return line_of(outcome_of(Serde<Table>::view(value), arguments...));
}

const std::string& line_at(const Lines& lines, const std::string& key) {
  static const std::string none;
  const auto found = lines.find(key);
  return found == lines.end() ? none : found->second;
}

}  // namespace

Result<std::string> published_line(Output output, Bytes value, int64_t as_of_ms) {
  switch (output) {
    case Output::kAccounts:
      return line_in<crm::AccountState>(value);
    case Output::kTerritories:
      return line_in<crm::AccountTerritory>(value);
    case Output::kEntitlements:
      return line_in<crm::FeatureEntitlement>(value, as_of_ms);
    case Output::kRedirects:
      break;
  }
  return line_in<crm::Redirect>(value);
}

std::vector<Difference> differences(const FinalState& expected, const FinalState& published) {
  std::vector<Difference> found;
  for (size_t i = 0; i < kOutputs.size(); ++i) {
    const std::string topic(kOutputs[i].topic);
    const auto first = static_cast<std::ptrdiff_t>(found.size());
    for (const auto& [key, want] : expected[i]) {
      const std::string& have = line_at(published[i], key);
      if (want != have) found.push_back({topic, key, want, have});
    }
    for (const auto& [key, have] : published[i]) {
      if (!expected[i].contains(key)) found.push_back({topic, key, {}, have});
    }
    std::ranges::sort(found.begin() + first, found.end(), {}, &Difference::key);
  }
  return found;
}

std::string to_text(const Difference& difference) {
  std::string key = difference.key;
  std::ranges::replace(key, '\0', '|');
  const auto shown = [](const std::string& line) { return line.empty() ? "nothing" : line; };
  return fmt::format("{} {}\n  expected  {}\n  published {}", difference.topic, key,
                     shown(difference.expected), shown(difference.published));
}

}  // namespace millrace::apps::synthetic
