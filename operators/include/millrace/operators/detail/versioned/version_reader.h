#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/core/store.h"

namespace millrace::operators {

/// The store that has the versions which are not the latest, beside that of a table's rows.
std::string history_store(std::string_view table);

/// Reads both stores. Copies from the history are its own; they live until its next call.
class VersionReader {
 public:
  VersionReader(KeyValueStore& latest, KeyValueStore& history);

  /// A view of the store.
  Row latest(Bytes key) { return latest_->get(key); }
  /// The version that was valid at that time, with the time from which it was: a copy, or a view of
  /// the store of the latest. No row: there was none then, or the history does not reach back.
  Row as_of(Bytes key, int64_t time_ms);

 private:
  KeyValueStore* latest_;
  KeyValueStore* history_;
  std::string group_;
  std::string value_;
};

}  // namespace millrace::operators
