#pragma once

#include <optional>
#include <string>
#include <vector>

#include "millrace/core/result.h"

#include "crm/model/version.h"
#include "merge_fact_generated.h"

namespace millrace::crm {

/// A merge fact that was checked. Ordered by version, authority, then kind and ids, so that of two
/// facts of one log about one victim the same one wins whichever came first.
struct OwnedMergeFact {
  std::string victim;
  OwnedVersion version{};
  MergeAuthority authority = MergeAuthority::Explicit;
  MergeFactKind kind = MergeFactKind::Merge;
  std::string survivor{};                 ///< of a Merge, else empty
  std::vector<std::string> successors{};  ///< of a Split, else empty; sorted, no duplicates

  friend bool operator==(const OwnedMergeFact&, const OwnedMergeFact&) = default;
  friend auto operator<=>(const OwnedMergeFact&, const OwnedMergeFact&) = default;
};

/// Checks and copies `fact`. Error: `kInvalidRecord` when an id has not the internal form, a Merge
/// has no survivor or a Split no successors, or kind and authority do not go together.
Result<OwnedMergeFact> read_merge_fact(const MergeFact& fact);

/// The same without checks, for a fact that was checked before.
OwnedMergeFact copy_merge_fact(const MergeFact& fact);

flatbuffers::Offset<MergeFact> write_merge_fact(flatbuffers::FlatBufferBuilder& builder,
                                                const OwnedMergeFact& fact);

/// An ended time, in versions, in which a victim was merged.
struct MergedPeriod {
  OwnedVersion from{};   ///< of the fact that merged it
  OwnedVersion until{};  ///< of the fact that took the merge back; not part of the time
  std::string survivor;  ///< into which it was merged at the end

  friend bool operator==(const MergedPeriod&, const MergedPeriod&) = default;
};

/// The outcome of all facts about one victim.
struct Verdict {
  std::optional<OwnedMergeFact> fact{};  ///< the one that decides; nullopt: there are no facts
  std::vector<MergedPeriod> periods{};   ///< in their order
};

/// Computes the outcome of the facts about one victim, whatever their order.
///
/// In time facts of one log follow each other as in the log, and the clock of each is at least that
/// of the facts before it in its log; logs are merged by these clocks.
/// An undelete takes back the signals (facts of authority Transaction or MasterRecord) up to its
/// version, and so does a signal that is an Unmerge, since its survivor was erased. Of the other
/// facts the highest decides; if there are none, but some were taken back, the fact that took them
/// back decides. A period begins with a version up to which a merge decides, and ends with one up
/// to which none does.
Verdict judge_facts(std::vector<OwnedMergeFact> facts);

}  // namespace millrace::crm
