#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/store.h"

#include "conflict_generated.h"
#include "crm/merges/merge_fact.h"
#include "crm/model/version.h"
#include "redirect_generated.h"

namespace millrace::crm {

/// The place of records that came to a victim while it was merged, after the merge is taken back.
enum class UnmergedChildren : unsigned char {
  kReturn,  ///< they go to the victim, like all others
  kStay,    ///< they stay with the survivor, wherever it leads
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

/// The survivor and root of an id; see redirect.fbs.
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

/// The changes that one fact made: redirects sorted by id, each once; conflicts in the order to
/// report them.
struct ForestChanges {
  std::vector<OwnedRedirect> redirects;
  std::vector<OwnedConflict> conflicts;
  std::vector<std::string> erased{};  ///< ids that have no redirect any more
};

/// The forest of merges, incrementally, over a key-value store.
///
/// For each victim one fact decides (`judge_facts`); a deciding Merge is an edge victim → survivor.
/// The edges of a component have at most one cycle, and its oldest edge (lowest version, then
/// lowest victim; of several logs the oldest of each, then by the clock) is inactive. The store's
/// contents are a function of the set of applied facts, never of their order.
///
/// In the store: "n" + id → ForestNode; "f" + victim + NUL + authority and version → MergeFact,
/// each applied one; an empty row "i" + survivor + NUL + victim if any of these names the survivor;
/// and "e" + id → the commit time up to which facts about an erased id are ignored. Holds nothing
/// itself; single-threaded like the store.
class MergeForest {
 public:
  /// `store` must outlive this. `children` decides whether redirects have stays. A store that was
  /// written under the other policy changes victim by victim, with the next fact about each.
  explicit MergeForest(KeyValueStore& store, UnmergedChildren children = UnmergedChildren::kReturn)
      : store_(store), children_(children) {}

  /// Applies a fact and returns its changes. A duplicate, or a fact that decides nothing, changes
  /// only ids that it names for the first time.
  ///
  /// Costs reading all facts about the victim, reads and writes for every id whose root changes,
  /// and reads for the path from the new survivor to its root if the victim had a survivor before
  /// or the fact closes a cycle.
  ForestChanges apply(const OwnedMergeFact& fact, int64_t event_time_ms);

  /// Forgets the facts about `id` that were committed up to `through_ms`, also those that arrive
  /// later. If it is a victim it becomes its own root; so do ids that were merged into it, as by
  /// un-merges of the same versions. Newer facts about it stay. Costs as much as the un-merges.
  ForestChanges erase(const std::string& id, int64_t through_ms, int64_t event_time_ms);

  /// Nullopt for an id that no fact has named.
  std::optional<OwnedRedirect> find(std::string_view id);

 private:
  KeyValueStore& store_;
  UnmergedChildren children_;
};

}  // namespace millrace::crm
