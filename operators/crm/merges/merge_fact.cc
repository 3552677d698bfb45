#include "crm/merges/merge_fact.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "crm/model/encode.h"
#include "crm/model/ids.h"

namespace millrace::crm {
namespace {

Error invalid(const char* what) {
  return Error{ErrorCode::kInvalidRecord, what};
}

Status check_authority(const OwnedMergeFact& fact) {
  switch (fact.authority) {
    case MergeAuthority::Transaction:
    case MergeAuthority::MasterRecord:
      if (fact.kind == MergeFactKind::Merge) return {};
      return invalid("a merge signal must state a merge");
    case MergeAuthority::Undelete:
      if (fact.kind == MergeFactKind::Unmerge) return {};
      return invalid("an undelete signal must state an un-merge");
    case MergeAuthority::Explicit:
      return {};
  }
  return invalid("this version does not know the authority of the merge fact");
}

/// The deciding one among the facts taken so far, in ascending order.
class Decision {
 public:
  void take(const OwnedMergeFact& fact) {
    if (fact.authority == MergeAuthority::Explicit) {
      stated_ = &fact;
    } else if (fact.kind == MergeFactKind::Merge) {
      signal_ = &fact;
    } else if (signal_ != nullptr || fact.authority != MergeAuthority::Undelete) {
      taken_back_by_ = &fact;
      signal_ = nullptr;
    }
  }

  /// Null: none.
  const OwnedMergeFact* fact() const {
    // Both are in the list of facts, where the later one is behind.
    if (signal_ != nullptr && (stated_ == nullptr || stated_ < signal_)) return signal_;
    return stated_ != nullptr ? stated_ : taken_back_by_;
  }

 private:
  const OwnedMergeFact* stated_ = nullptr;
  const OwnedMergeFact* signal_ = nullptr;
  const OwnedMergeFact* taken_back_by_ = nullptr;
};

/// Every log in its own order, and all of them merged by clocks that never step back in a log.
void sort_by_time(std::vector<OwnedMergeFact>& facts) {
  std::ranges::sort(facts);
  const auto log_of = [](const OwnedMergeFact& fact) { return std::string_view(fact.version.log); };
  if (facts.empty() || log_of(facts.front()) == log_of(facts.back())) return;
  // By the index, since the clock of a fact may be that of another before it.
  std::vector<std::pair<size_t, size_t>> order;
  for (size_t i = 0; i < facts.size(); ++i) {
    size_t clock = i;
    if (i > 0 && log_of(facts[i - 1]) == log_of(facts[i])) {
      const size_t before = order.back().first;
      if (is_before_by_clock(facts[i].version.view(), facts[before].version.view())) clock = before;
    }
    order.emplace_back(clock, i);
  }
  std::ranges::stable_sort(
      order,
      [&](size_t a, size_t b) {
        return is_before_by_clock(facts[a].version.view(), facts[b].version.view());
      },
      &std::pair<size_t, size_t>::first);
  std::vector<OwnedMergeFact> sorted;
  sorted.reserve(facts.size());
  for (const auto& [clock, i] : order) sorted.push_back(std::move(facts[i]));
  facts = std::move(sorted);
}

bool is_merge(const OwnedMergeFact* fact) {
  return fact != nullptr && fact->kind == MergeFactKind::Merge;
}

}  // namespace

OwnedMergeFact copy_merge_fact(const MergeFact& fact) {
  OwnedMergeFact copy{.victim = fact.victim()->str(),
                      .version = OwnedVersion(view_of(*fact.version())),
                      .authority = fact.authority(),
                      .kind = fact.kind()};
  if (fact.kind() == MergeFactKind::Merge && fact.survivor() != nullptr) {
    copy.survivor = fact.survivor()->str();
  }
  if (fact.kind() == MergeFactKind::Split && fact.successors() != nullptr) {
    for (const flatbuffers::String* successor : *fact.successors()) {
      copy.successors.push_back(successor->str());
    }
    std::ranges::sort(copy.successors);
    copy.successors.erase(std::unique(copy.successors.begin(), copy.successors.end()),
                          copy.successors.end());
  }
  return copy;
}

Result<OwnedMergeFact> read_merge_fact(const MergeFact& fact) {
  OwnedMergeFact copy = copy_merge_fact(fact);
  if (fact.kind() < MergeFactKind::MIN || fact.kind() > MergeFactKind::MAX) {
    return invalid("this version does not know the kind of the merge fact");
  }
  if (!is_internal_id(copy.victim)) return invalid("the victim of a merge fact is not source:id");
  if (fact.kind() == MergeFactKind::Merge && !is_internal_id(copy.survivor)) {
    return invalid("the survivor of a merge is not source:id");
  }
  if (fact.kind() == MergeFactKind::Split && copy.successors.empty()) {
    return invalid("a split names no successor");
  }
  if (!std::ranges::all_of(copy.successors, is_internal_id)) {
    return invalid("a successor of a split is not source:id");
  }
  MILLRACE_RETURN_IF_ERROR(check_version(copy.version.view()));
  MILLRACE_RETURN_IF_ERROR(check_authority(copy));
  return copy;
}

flatbuffers::Offset<MergeFact> write_merge_fact(flatbuffers::FlatBufferBuilder& builder,
                                                const OwnedMergeFact& fact) {
  const auto victim = builder.CreateString(fact.victim);
  const auto survivor = write_text(builder, fact.survivor);
  using Successors = flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>;
  const auto successors = fact.successors.empty() ? flatbuffers::Offset<Successors>()
                                                  : builder.CreateVectorOfStrings(fact.successors);
  const auto version = write_version(builder, fact.version.view());
  const flatbuffers::Offset<flatbuffers::String> no_origin;
  return CreateMergeFact(builder, victim, fact.kind, survivor, successors, version, no_origin,
                         fact.authority);
}

Verdict judge_facts(std::vector<OwnedMergeFact> facts) {
  sort_by_time(facts);
  Verdict verdict;
  Decision decision;
  const OwnedMergeFact* before = nullptr;
  OwnedVersion merged_since;
  for (size_t i = 0; i < facts.size(); ++i) {
    decision.take(facts[i]);
    const OwnedVersion& version = facts[i].version;
    if (i + 1 < facts.size() && facts[i + 1].version == version) continue;
    const OwnedMergeFact* now = decision.fact();
    if (!is_merge(before) && is_merge(now)) merged_since = version;
    if (is_merge(before) && !is_merge(now)) {
      verdict.periods.push_back({merged_since, version, before->survivor});
    }
    before = now;
  }
  if (before != nullptr) verdict.fact = *before;
  return verdict;
}

}  // namespace millrace::crm
