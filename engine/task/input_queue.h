#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>

#include "engine/clients/record_batch.h"

namespace millrace::engine {

/// Fetched records of one partition that the task has not processed yet, by batch. Frees a batch's
/// memory as a whole, with its last record.
class InputQueue {
 public:
  InputQueue() = default;
  InputQueue(InputQueue&&) noexcept = default;

  void push(RecordBatch batch);
  bool empty() const { return batches_.empty(); }
  /// REQUIRES: !empty(). Valid until `pop`.
  const FetchedRecord& front() const { return batches_.front().records()[next_]; }
  void pop();
  void clear();

  size_t memory_bytes() const { return memory_bytes_; }
  size_t size() const { return size_; }

  /// Visits the keys of records [from, to), counted from the front, as far as there are any.
  template <class Visit>
  void for_each_key(size_t from, size_t to, Visit&& visit) const {
    size_t index = next_;
    for (const RecordBatch& batch : batches_) {
      const auto records = batch.records();
      const size_t here = records.size() - index;
      for (size_t i = from; i < std::min(to, here); ++i) visit(records[index + i].key);
      if (to <= here) return;
      from -= std::min(from, here);
      to -= here;
      index = 0;
    }
  }

 private:
  std::deque<RecordBatch> batches_;  ///< none of them empty
  size_t next_ = 0;                  ///< in the first batch
  size_t size_ = 0;
  size_t memory_bytes_ = 0;
};

}  // namespace millrace::engine
