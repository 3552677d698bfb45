#include "engine/task/input_queue.h"

#include <utility>

#include "millrace/core/assert.h"

namespace millrace::engine {

void InputQueue::push(RecordBatch batch) {
  if (batch.records().empty()) return;
  memory_bytes_ += batch.memory_bytes();
  size_ += batch.records().size();
  batches_.push_back(std::move(batch));
}

void InputQueue::pop() {
  MILLRACE_ASSERT(!batches_.empty(), "pop of an empty queue");
  --size_;
  if (++next_ < batches_.front().records().size()) return;
  memory_bytes_ -= batches_.front().memory_bytes();
  batches_.pop_front();
  next_ = 0;
}

void InputQueue::clear() {
  batches_.clear();
  next_ = 0;
  size_ = 0;
  memory_bytes_ = 0;
}

}  // namespace millrace::engine
