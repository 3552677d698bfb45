#include "millrace/operators/emit.h"

namespace millrace::operators {

void RawEmit::bind(ProcessorContext& context, size_t first) {
  context_ = &context;
  first_ = first;
  last_ = context.child_count();
}

void RawEmit::bind_to(ProcessorContext& context, size_t child) {
  context_ = &context;
  first_ = child;
  last_ = child + 1;
}

void RawEmit::forward_at(Bytes key, Bytes value, int64_t timestamp_ms) const {
  forward({.key = key,
           .value = value,
           .old_value = {},
           .timestamp_ms = timestamp_ms,
           .headers = answered_->headers});
}

void RawEmit::forward(const Record& record) const {
  for (size_t child = first_; child < last_; ++child) context_->forward_to(child, record);
}

}  // namespace millrace::operators
