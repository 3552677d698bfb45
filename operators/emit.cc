#include "millrace/operators/emit.h"

namespace millrace::operators {

void RawEmit::forward(Bytes key, Bytes value) {
  forward_at(key, value, base_.timestamp_ms);
}

void RawEmit::forward_at(Bytes key, Bytes value, int64_t timestamp_ms) {
  Record out = base_;
  out.key = key;
  out.value = value;
  out.timestamp_ms = timestamp_ms;
  context_->forward(out);
}

}  // namespace millrace::operators
