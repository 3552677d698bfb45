#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/store.h"

#include "crm/territory/account_index.h"
#include "crm/territory/rules/rule_set.h"

namespace millrace::crm::territory {

/// The work that a change of the rule set leaves: matching every account again that it may concern.
/// The store holds the remaining work, so a restart resumes at the last commit.
///
/// The work is a set of ranges of the AccountIndex, which one walk visits from its lowest key to
/// its highest and then from the lowest again, until nothing is left. Ranges that a later change
/// adds join those that are there: however many changes concern an account, it waits for one visit,
/// and none waits longer than a walk over all.
///
/// Rows of the store of the AccountIndex: "e" → epoch; "s" from → to; "p" → empty: there are such
/// rows; "u" → where the walk is; "l" → number of the lap, which begins at the lowest key; "c"
/// field → empty: the index has this field of all accounts; "q" field → lap in which the index
/// began to await it; "n" field → rules mention it; "o" field → rules mentioned it once; "g" →
/// generation.
class Realignment {
 public:
  /// `store` and `rules` must outlive this.
  Realignment(KeyValueStore& store, const RuleSet& rules) : store_(store), rules_(rules) {}

  /// Reads what it keeps in memory of the rows. Call it on start, before anything else.
  void load();

  /// Adds to the remaining work. Call it after every `RuleSet::apply`, in the same unit of work as
  /// the change of the stored definitions. Starts a new epoch unless no account is affected.
  void start(const AffectedAccounts& affected, int64_t timestamp_ms);
  /// The same for all accounts, whose states and choices may be others than those that were
  /// matched.
  void doubt_all(int64_t timestamp_ms);

  /// Takes the next accounts off the work: at most `accounts_max`, sorted, each once; some come
  /// again in a later slice. May be empty although work is left. In the same unit of work the
  /// caller must match each one, or find it gone, and put it into the AccountIndex again if it has
  /// another generation.
  std::vector<std::string> next_slice(size_t accounts_max, int64_t timestamp_ms);

  /// Whether the store can have such a row "e", "p", "s", "u", "l", "c", "q", "n", "o" or "g".
  /// Error: `kInvalidRecord`.
  static Status check_row(Bytes key, Bytes value);

  bool is_pending() const;  ///< costs one read
  /// Counts the runs, from 0 before the first; never goes back.
  uint64_t epoch() const;
  /// Of the rows of accounts: those with this number have all fields that rules mention. It rises
  /// when rules begin to mention a field.
  uint64_t generation() const;
  /// Whether rows of accounts may have this field: rules mention it, or did once. The index is to
  /// hear of changes of such a field, so that it keeps no value that the account has no more.
  bool may_have(std::string_view field) const;

 private:
  std::vector<std::string> names(char kind) const;
  std::vector<IndexRange> ranges(std::string_view from, size_t ranges_max) const;
  uint64_t count(std::string_view key) const;
  void raise(std::string_view key, int64_t timestamp_ms);
  bool note_fields(std::initializer_list<char> kinds, char kind, uint64_t value,
                   int64_t timestamp_ms);
  void forget_unmentioned(int64_t timestamp_ms);
  bool add_ranges(const AffectedAccounts& affected, std::vector<IndexRange>& ranges) const;
  void add(std::vector<IndexRange> added, int64_t timestamp_ms);
  void put(const IndexRange& range, int64_t timestamp_ms);
  void advance(IndexRange range, size_t accounts_max, std::vector<std::string>& roots,
               int64_t timestamp_ms);
  void begin_lap(int64_t timestamp_ms);
  void cover(const std::string& field, int64_t timestamp_ms);
  void finish(int64_t timestamp_ms);

  KeyValueStore& store_;
  const RuleSet& rules_;
  /// All that have a row "o", and perhaps more.
  std::set<std::string, std::less<>> once_mentioned_;
};

}  // namespace millrace::crm::territory
