#include "operators/windows/window_outputs.h"

#include "millrace/operators/windows.h"

namespace millrace::operators {

void WindowOutputs::forward(const Record& result) {
  if (!has_late_output_) {
    context_->forward(result);
    return;
  }
  const size_t children = context_->child_count();
  for (size_t child = 1; child < children; ++child) context_->forward_to(child, result);
}

void WindowOutputs::put_late(const Record& record, int64_t late_ms) {
  context_->count_late(late_ms);
  put(record, kLateHeader, late_ms);
}

void WindowOutputs::put_too_far_ahead(const Record& record, int64_t ahead_ms) {
  context_->count_dropped("too_far_ahead");
  put(record, kAheadHeader, ahead_ms);
}

void WindowOutputs::put(const Record& record, std::string_view header, int64_t ms) {
  if (!has_late_output_) return;
  ms_ = std::to_string(ms);
  headers_.assign(record.headers.begin(), record.headers.end());
  headers_.push_back({header, Bytes(ms_)});
  Record out = record;
  out.old_value = Bytes();
  out.headers = headers_;
  context_->forward_to(0, out);
}

}  // namespace millrace::operators
