#include "crm/accounts/golden_record.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "crm/model/ids.h"

namespace millrace::crm {
namespace {

struct FieldCandidate {
  std::string_view member;
  const FieldView* field = nullptr;
};

/// Of one log.
bool newer(const FieldCandidate& a, const FieldCandidate& b) {
  return std::tie(a.field->version, a.field->value, b.member) >
         std::tie(b.field->version, b.field->value, a.member);
}

size_t source_rank(const FieldCandidate& candidate, const std::vector<std::string>& sources) {
  const auto at = std::ranges::find(sources, source_of(candidate.member));
  return static_cast<size_t>(at - sources.begin());
}

/// The lowest rank is taken, whatever the versions.
using Rank = std::pair<bool, size_t>;

Rank rank_of(const FieldCandidate& candidate, std::string_view root, const FieldPolicy& policy) {
  const bool is_null = !candidate.field->value.has_value();
  switch (policy.rule) {
    case Survivorship::kMasterWins:
    case Survivorship::kMostRecent:
      break;
    case Survivorship::kSourcePriority:
      return {is_null, source_rank(candidate, policy.sources)};
    case Survivorship::kFillIfNull:
      return {is_null, candidate.member != root ? size_t{1} : size_t{0}};
  }
  return {};
}

/// The candidate for one field: of the lowest rank the newest.
class Choice {
 public:
  void take(const FieldCandidate& candidate, const Rank& rank) {
    if (of_logs_.empty() || rank < rank_) {
      of_logs_.assign(1, candidate);
      rank_ = rank;
      return;
    }
    if (rank != rank_) return;
    const auto same_log = [&](const FieldCandidate& other) {
      return other.field->version.log == candidate.field->version.log;
    };
    const auto known = std::ranges::find_if(of_logs_, same_log);
    if (known == of_logs_.end()) {
      of_logs_.push_back(candidate);
    } else if (newer(candidate, *known)) {
      *known = candidate;
    }
  }

  /// REQUIRES: one was taken.
  const FieldCandidate& newest() const {
    return *std::ranges::max_element(of_logs_, is_before_by_clock,
                                     [](const FieldCandidate& c) { return c.field->version; });
  }

 private:
  std::vector<FieldCandidate> of_logs_;  ///< the newest of each log
  Rank rank_{};
};

}  // namespace

std::vector<GoldenFieldView> golden_fields(std::string_view root,
                                           std::span<const MemberView> members,
                                           const SurvivorshipPolicy& policy) {
  std::map<std::string_view, Choice> chosen;
  for (const MemberView& member : members) {
    if (member.row == nullptr || member.row->status != RowStatus::Live) continue;
    for (const FieldView& field : member.row->fields) {
      const FieldPolicy& rule = policy.of(field.name);
      if (rule.rule == Survivorship::kMasterWins && member.id != root) continue;
      const FieldCandidate candidate{member.id, &field};
      chosen[field.name].take(candidate, rank_of(candidate, root, rule));
    }
  }
  std::vector<GoldenFieldView> golden;
  golden.reserve(chosen.size());
  for (const auto& [name, choice] : chosen) {
    const FieldCandidate& candidate = choice.newest();
    golden.push_back({name, candidate.field->value, candidate.member, candidate.field->version,
                      candidate.field->type});
  }
  return golden;
}

}  // namespace millrace::crm
