#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "millrace/core/processor.h"
#include "millrace/core/topology.h"

#include "operators/windows/window_rows.h"

namespace millrace::operators {

/// The order in which versions end; the rows 'e' have the key as rest, and follow from the others.
const EndOrder& versions_by_end();
const DerivedRows& version_rows_by_end();

/// The versions of a task's rows that are not the latest, with the table's own stream time. All of
/// that is in the store, so it commits or aborts with the rows and survives a restart.
class VersionRows {
 public:
  VersionRows(std::string store, int64_t history_ms);

  void open(ProcessorContext& context);

  /// Begins a call: moves stream time if `timestamp_ms` is later.
  void advance(int64_t timestamp_ms);
  /// The history reaches back to this time.
  int64_t begins_ms() const { return rows_.expires_before_ms() - 1; }
  /// That of a store; null: it is empty.
  static std::optional<int64_t> begins_ms(KeyValueStore& store);

  /// Ends what was the latest version of a key: it was valid from <= time < to. A null value: there
  /// was no row then.
  void keep(Bytes key, int64_t from_ms, int64_t to_ms, Bytes value);
  /// Puts a version between those that there are, where a later one is known: in the store, or
  /// beginning at `latest_ms`. False: there is none, so this is the latest. A null value: from then
  /// on there is no row.
  bool insert(Bytes key, int64_t from_ms, Bytes value, std::optional<int64_t> latest_ms);
  /// Removes versions that expired, some hundred a call.
  void remove_some() { rows_.remove_some(); }

 private:
  void put(Bytes key, int64_t from_ms, int64_t to_ms, Bytes version, bool is_new);

  const std::string name_;
  WindowRows rows_;
  KeyValueStore* store_ = nullptr;  ///< of `rows_`
  std::string history_key_;
  std::string history_value_;
  std::string group_;
  std::string row_key_;
  std::string version_;
  std::string next_key_;  ///< of `insert`
  std::string next_version_;
};

}  // namespace millrace::operators
