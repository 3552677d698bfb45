#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "millrace/core/result.h"

#include "crm/version.h"
#include "merge_fact_generated.h"

namespace millrace::crm {

/// A merge fact that was checked. Ordered by what decides: version, authority, then kind and ids,
/// so that of two facts about one victim the same one wins whichever came first.
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

/// Checks `fact` and takes it. Error: `kInvalidRecord` when an id has not the internal form, a
/// Merge has no survivor or a Split no successors, or kind and authority do not go together.
Result<OwnedMergeFact> read_merge_fact(const MergeFact& fact);

/// The same without checks, of what was checked before.
OwnedMergeFact copy_merge_fact(const MergeFact& fact);

flatbuffers::Offset<MergeFact> write_merge_fact(flatbuffers::FlatBufferBuilder& builder,
                                                const OwnedMergeFact& fact);

/// What decides among all the facts about one victim, whatever their order; nullopt: nothing is
/// said of it as a victim.
///
/// An undelete takes the signals (facts of authority Transaction or MasterRecord) up to its version
/// back, and so does a signal that is an Unmerge, since its survivor was erased. Of what is left
/// the highest decides; if nothing is left, but something was taken back, what took it back does.
std::optional<OwnedMergeFact> deciding_fact(std::vector<OwnedMergeFact> facts);

}  // namespace millrace::crm
