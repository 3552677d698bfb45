#pragma once

#include <cstdint>
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
/// Rows of the store of the AccountIndex: "e" → epoch; "s" from → to, and the fields that a scan of
/// all accounts brings into the index; "p" → empty: there are such rows; "c" field → empty: the
/// index has this field of all accounts.
class Realignment {
 public:
  /// `store` and `rules` must outlive this.
  Realignment(KeyValueStore& store, const RuleSet& rules) : store_(store), rules_(rules) {}

  /// Adds to the remaining work. Call it after every `RuleSet::apply`, in the same unit of work as
  /// the change of the stored definitions. Starts a new epoch unless no account is affected.
  void start(const AffectedAccounts& affected, int64_t timestamp_ms);

  /// Takes the next accounts off the work: at most `accounts_max`, sorted, each once; some come
  /// again in a later slice. May be empty although work is left. In the same unit of work the
  /// caller must match each one, or find it gone, and put it into the AccountIndex again.
  std::vector<std::string> next_slice(size_t accounts_max, int64_t timestamp_ms);

  /// Whether the store can have such a row "e", "p", "s" or "c". Error: `kInvalidRecord`.
  static Status check_row(Bytes key, Bytes value);

  bool is_pending() const;  ///< costs one read
  /// Counts the runs, from 0 before the first; never goes back.
  uint64_t epoch() const;

 private:
  /// A scan and its remaining range.
  struct Scan {
    IndexRange range;
    std::vector<std::string> fields;
  };
  std::vector<std::string> names(char kind) const;
  std::vector<Scan> scans(std::string_view from, size_t scans_max) const;
  std::vector<std::string> uncovered_fields() const;
  void forget_unmentioned(int64_t timestamp_ms);
  bool add_ranges(const AffectedAccounts& affected, std::vector<IndexRange>& ranges) const;
  void add(Scan scan, int64_t timestamp_ms);
  void put(const Scan& scan, int64_t timestamp_ms);
  void advance(Scan scan, size_t accounts_max, std::vector<std::string>& roots,
               int64_t timestamp_ms);

  KeyValueStore& store_;
  const RuleSet& rules_;
};

}  // namespace millrace::crm::territory
