#pragma once

#include <functional>
#include <string>

#include "millrace/core/index.h"

namespace millrace {

/// Finds the changes of an index that follow from a change of a row. Not thread-safe.
class IndexChanges {
 public:
  /// `name`: of the index, for the log.
  IndexChanges(IndexSpec spec, std::string name);

  /// Gets the key of an entry that comes or goes.
  using Visitor = std::function<void(const std::string& entry, bool is_there)>;
  /// Null bytes: there is no row. Values are 8-byte aligned.
  void compare(Bytes key, Bytes before, Bytes after, const Visitor& visit);

  const std::string& name() const { return name_; }
  IndexType type() const { return spec_.type; }

 private:
  std::span<const std::string> values_of(Bytes key, Bytes value, IndexValues& values);
  void warn(const char* thrown);

  IndexSpec spec_;
  std::string name_;
  bool has_warned_ = false;
  IndexValues before_;
  IndexValues after_;
  std::string entry_;
};

}  // namespace millrace
