#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/broadcast.h"
#include "millrace/core/result.h"
#include "millrace/core/store.h"

#include "crm/territory/rules/definitions.h"

namespace millrace::crm::territory {

/// The time at which changes of rules reach accounts.
enum class RuleRuns : unsigned char {
  kContinuous,  ///< at once
  kOnSignal,    ///< at a signal to run the rules; see `rules_run_ms` of a model
};

/// The published definitions that a task has applied, and the changes that wait: so that after a
/// restart the rules are those of the last commit, whatever was published since.
///
/// Rows of a store of its own, k being the kind's digit, integers of 8 bytes, big-endian:
///   "d" k id             → the definition as applied: the topic's value
///   "p" k id NUL number  → a change that waits: its time, and the value (none: a removal)
///   "f"                  → empty; changes may wait whose time has come
///   "s"                  → `rules_run_ms` of the latest signal, and when it was published
///   "l"                  → time of the latest change that was applied
class RuleFeed {
 public:
  /// `store` must outlive this.
  RuleFeed(KeyValueStore& store, RuleRuns runs) : store_(store), runs_(runs) {}

  /// Whether the store can have such a row; null: erased. Error: `kInvalidRecord`.
  static Status check_row(Bytes key, Bytes value);

  /// All definitions as applied.
  std::vector<RuleSetChange> applied() const;

  /// Adds a published definition; null: removed. REQUIRES: the value is valid. The value of a model
  /// may be a signal. It covers all changes published up to it, also those that arrive later
  /// because they came by another topic.
  void add(DefinitionKind kind, std::string_view id, Bytes value, int64_t timestamp_ms);
  /// Adds the changes that turn the definitions of a kind into `rows`.
  void add_differences(DefinitionKind kind, const BroadcastRows& rows, int64_t timestamp_ms);

  /// Takes the changes whose time has come, the latest of each definition, and marks them as
  /// applied. Costs one read when there are none.
  std::vector<RuleSetChange> take();
  /// The publishing time of the latest applied change; 0: none was applied.
  int64_t taken_ms() const;

 private:
  struct Signal {
    int64_t run_ms = 0;
    int64_t published_ms = -1;
  };
  Signal signal() const;
  void note_signal(Bytes model, int64_t timestamp_ms);
  /// Changes published after this wait.
  int64_t due_until_ms() const;
  std::map<std::string, std::string> latest(DefinitionKind kind) const;

  KeyValueStore& store_;
  RuleRuns runs_;
  bool has_looked_ = false;  ///< the mode may have changed since the last start
};

}  // namespace millrace::crm::territory
