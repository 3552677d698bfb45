#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/engine/client.h"

namespace millrace::client {

/// Reads server-sent events from bytes as they come.
class EventParser {
 public:
  /// Bound on an event that is not complete.
  explicit EventParser(size_t bytes_max) : bytes_max_(bytes_max) {}

  /// The events that these bytes complete. Error: `kInvalidRecord` for one that is too long.
  Result<std::vector<Event>> add(std::string_view bytes);

 private:
  void take_line(std::string_view line, std::vector<Event>& events);

  const size_t bytes_max_;
  std::string line_;
  Event event_;
  bool has_data_ = false;
};

}  // namespace millrace::client
