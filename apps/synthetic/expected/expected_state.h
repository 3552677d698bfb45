#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "synthetic/event.h"
#include "synthetic/expected/grant_model.h"
#include "synthetic/expected/merge_model.h"
#include "synthetic/expected/record_row.h"
#include "synthetic/expected/territory_model.h"
#include "synthetic/outcome.h"

namespace millrace::apps::synthetic {

/// What the outputs must come to, from the set of events alone: all in memory, everything from
/// nothing at the end, and no code of the operators. Survivorship is master wins, children stay
/// under the account they name, and rule changes count at once.
class ExpectedState {
 public:
  /// Of records and merges in any order; definitions in theirs.
  void add(const Event& event);
  /// `as_of_ms`: for what is current then.
  FinalState at(int64_t as_of_ms);

 private:
  struct Root {
    AccountOutcome account;
    FieldTexts fields;
    std::array<std::map<std::string, const RecordRow*>, kKinds> children;
  };
  std::map<std::string, Root> roots();
  void write_root(const std::string& id, const Root& root, int64_t as_of_ms, FinalState& state);

  std::array<std::map<std::string, RecordRow>, kKinds> rows_;  ///< by internal id
  MergeModel merges_;
  TerritoryModel territories_;
  GrantModel grants_;
};

}  // namespace millrace::apps::synthetic
