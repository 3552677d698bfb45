#pragma once

#include <string>
#include <vector>

#include "millrace/core/processor.h"

namespace millrace::operators {

/// Where a windowed operator forwards to. With a late output that is the first child, and results
/// go to the others.
class WindowOutputs {
 public:
  explicit WindowOutputs(bool has_late_output) : has_late_output_(has_late_output) {}

  void open(ProcessorContext& context) { context_ = &context; }
  void forward(const Record& result);
  /// Counts the record as late, and gives it to the late output.
  void put_late(const Record& record, int64_t late_ms);
  /// Drops and counts the record, and gives it to the late output.
  void put_too_far_ahead(const Record& record, int64_t ahead_ms);

 private:
  void put(const Record& record, std::string_view header, int64_t ms);

  const bool has_late_output_;
  ProcessorContext* context_ = nullptr;
  std::string ms_;
  std::vector<Header> headers_;
};

}  // namespace millrace::operators
