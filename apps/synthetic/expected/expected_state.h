#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "apps/synthetic/event.h"
#include "apps/synthetic/expected/grant_model.h"
#include "apps/synthetic/expected/merge_model.h"
#include "apps/synthetic/expected/record_row.h"
#include "apps/synthetic/expected/share_members.h"
#include "apps/synthetic/expected/territory_model.h"
#include "apps/synthetic/outcome.h"

namespace millrace::apps::synthetic {

/// The place of records that came under an account while it was merged away, after its un-merge.
enum class UnmergedChildren : unsigned char {
  kReturn,  ///< under that account
  kStay,    ///< under the account that it was merged into
};

/// The expected outputs, from the set of events alone: keeps everything in memory, computes
/// everything from scratch at the end, and uses no code of the operators. Survivorship is master
/// wins, and rule changes count at once.
class ExpectedState {
 public:
  /// Of all roots.
  ExpectedState() : ExpectedState(ShareMembers(Share{})) {}
  /// Of the roots of a share; `members` are settled.
  explicit ExpectedState(ShareMembers members,
                         UnmergedChildren unmerged_children = UnmergedChildren::kReturn)
      : members_(std::move(members)), unmerged_children_(unmerged_children) {}

  /// Takes records and merges in any order, definitions in theirs.
  void add(const Event& event);
  /// `as_of_ms`: the moment for which `current` is taken. `progress` gets the number of finished
  /// roots, and of all.
  using Progress = std::function<void(size_t done, size_t roots)>;
  FinalState at(int64_t as_of_ms, const Progress& progress = {});

 private:
  struct Root {
    AccountOutcome account;
    const RecordRow* row = nullptr;  ///< if it is live
    std::vector<GrantRecord> children;
  };
  using Roots = std::map<std::string, Root>;
  Roots roots();
  void add_members(Roots& roots);
  void write_root(const std::string& id, const Root& root, int64_t as_of_ms, FinalState& state);

  ShareMembers members_;
  UnmergedChildren unmerged_children_;
  std::array<std::map<uint64_t, RecordRow>, kKinds> rows_;  ///< by number
  MergeModel merges_;
  TerritoryModel territories_;
  GrantModel grants_;
};

}  // namespace millrace::apps::synthetic
