#include "crm/golden_record.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "crm/ids.h"

namespace millrace::crm {
namespace {

struct Candidate {
  std::string_view member;
  const FieldView* field = nullptr;
};

bool newer(const Candidate& a, const Candidate& b) {
  return std::tie(a.field->version, a.field->value, b.member) >
         std::tie(b.field->version, b.field->value, a.member);
}

size_t source_rank(const Candidate& candidate, const std::vector<std::string>& sources) {
  const auto at = std::ranges::find(sources, source_of(candidate.member));
  return static_cast<size_t>(at - sources.begin());
}

/// Whether `a` is to be taken rather than `b`.
bool preferred(const Candidate& a, const Candidate& b, std::string_view root,
               const FieldPolicy& policy) {
  const auto is_null = [](const Candidate& c) { return !c.field->value.has_value(); };
  const auto foreign = [root](const Candidate& c) { return c.member != root; };
  switch (policy.rule) {
    case Survivorship::kMasterWins:
    case Survivorship::kMostRecent:
      return newer(a, b);
    case Survivorship::kSourcePriority: {
      const auto rank_a = std::pair(is_null(a), source_rank(a, policy.sources));
      const auto rank_b = std::pair(is_null(b), source_rank(b, policy.sources));
      return rank_a != rank_b ? rank_a < rank_b : newer(a, b);
    }
    case Survivorship::kFillIfNull: {
      const auto rank_a = std::pair(is_null(a), foreign(a));
      const auto rank_b = std::pair(is_null(b), foreign(b));
      return rank_a != rank_b ? rank_a < rank_b : newer(a, b);
    }
  }
  return false;
}

}  // namespace

std::vector<GoldenFieldView> golden_fields(std::string_view root,
                                           std::span<const MemberView> members,
                                           const SurvivorshipPolicy& policy) {
  std::map<std::string_view, Candidate> chosen;
  for (const MemberView& member : members) {
    if (member.row == nullptr || member.row->status != RowStatus::Live) continue;
    for (const FieldView& field : member.row->fields) {
      const FieldPolicy& rule = policy.of(field.name);
      if (rule.rule == Survivorship::kMasterWins && member.id != root) continue;
      const Candidate candidate{member.id, &field};
      const auto [it, first] = chosen.try_emplace(field.name, candidate);
      if (!first && preferred(candidate, it->second, root, rule)) it->second = candidate;
    }
  }
  std::vector<GoldenFieldView> golden;
  golden.reserve(chosen.size());
  for (const auto& [name, candidate] : chosen) {
    golden.push_back({name, candidate.field->value, candidate.member, candidate.field->version});
  }
  return golden;
}

}  // namespace millrace::crm
