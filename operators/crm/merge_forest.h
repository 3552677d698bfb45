#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/store.h"

#include "conflict_generated.h"
#include "crm/merge_fact.h"
#include "crm/version.h"
#include "redirect_generated.h"

namespace millrace::crm {

/// Where records go that came to a victim while it was merged, when the merge is taken back.
enum class UnmergedChildren : unsigned char {
  kReturn,  ///< with all others to the victim
  kStay,    ///< nowhere: they stay with the survivor, wherever it leads
};

/// See redirect.fbs.
struct OwnedStay {
  OwnedVersion from{};
  OwnedVersion until{};
  std::string survivor;
  std::string root;

  friend bool operator==(const OwnedStay&, const OwnedStay&) = default;
  friend auto operator<=>(const OwnedStay&, const OwnedStay&) = default;
};

/// Where an id leads; see redirect.fbs.
struct OwnedRedirect {
  std::string id;
  std::string survivor{};  ///< empty for a root
  std::string root;
  RedirectDecision decision = RedirectDecision::None;
  OwnedVersion version{};  ///< meaningless if `decision` is None
  std::vector<OwnedStay> stays{};

  friend bool operator==(const OwnedRedirect&, const OwnedRedirect&) = default;
  friend auto operator<=>(const OwnedRedirect&, const OwnedRedirect&) = default;
};

/// Absent for none.
flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<Stay>>> write_stays(
    flatbuffers::FlatBufferBuilder& builder, const std::vector<OwnedStay>& stays);

/// See conflict.fbs.
struct OwnedConflict {
  ConflictKind kind = ConflictKind::CycleEdgeInactive;
  std::vector<std::string> ids;
  OwnedVersion version{};

  friend bool operator==(const OwnedConflict&, const OwnedConflict&) = default;
  friend auto operator<=>(const OwnedConflict&, const OwnedConflict&) = default;
};

/// What one fact changed: redirects sorted by id, each once; conflicts in the order to report them.
struct ForestChanges {
  std::vector<OwnedRedirect> redirects;
  std::vector<OwnedConflict> conflicts;
  std::vector<std::string> erased{};  ///< ids that have no redirect any more
};

/// The forest of merges, incrementally, over a key-value store.
///
/// Of each victim one fact decides (`judge_facts`); a deciding Merge is an edge victim → survivor.
/// The edges of a component have at most one cycle, and its oldest edge (lowest version, then
/// lowest victim) is inactive. Everything kept is a function of the set of facts applied, never of
/// their order.
///
/// In the store: "n" + id → ForestNode; "f" + victim + NUL + version and authority → MergeFact,
/// each that was applied; an empty row "i" + survivor + NUL + victim when any of these names the
/// survivor; and "e" + id → up to which commit time facts about an erased id are not believed.
/// Holds nothing itself; single-threaded like the store.
class MergeForest {
 public:
  /// `store` must outlive this. `children`: whether redirects have stays. A store that was written
  /// under the other policy follows it victim by victim, with the next fact about each.
  explicit MergeForest(KeyValueStore& store, UnmergedChildren children = UnmergedChildren::kReturn)
      : store_(store), children_(children) {}

  /// Takes a fact and returns what it changed; nothing for a duplicate or a fact that decides
  /// nothing, but for the ids it names for the first time.
  ///
  /// Costs reading all facts about the victim, reads and writes for every id whose root changes,
  /// and reads for the path from the new survivor to its root if the victim had a survivor before
  /// or the fact closes a cycle.
  ForestChanges apply(const OwnedMergeFact& fact, int64_t event_time_ms);

  /// Forgets what facts committed up to `through_ms` said of `id`, those that come later included.
  /// As victim it stands for itself; ids that were merged into it do too, as by un-merges of the
  /// same versions. What newer facts say of it stays. Costs as the un-merges.
  ForestChanges erase(const std::string& id, int64_t through_ms, int64_t event_time_ms);

  /// Nullopt for an id that no fact has named.
  std::optional<OwnedRedirect> find(std::string_view id);

 private:
  KeyValueStore& store_;
  UnmergedChildren children_;
};

}  // namespace millrace::crm
