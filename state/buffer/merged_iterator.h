#pragma once

#include <memory>
#include <string>

#include "millrace/core/store.h"

#include "state/buffer/commit_buffer.h"

namespace millrace {

/// Walks the rows of a back end as the commit buffer changes them, in key order: generation 2 hides
/// generation 1, which hides the back end. Its cost grows with the rows it passes.
class MergedIterator final : public StoreIterator {
 public:
  /// `committed` covers the same range [from, to); a null bound is open.
  MergedIterator(CommitBuffer& buffer, std::unique_ptr<StoreIterator> committed, Bytes from,
                 Bytes to);

  bool valid() const override { return current_ != Source::kEnd; }
  Bytes key() const override;
  Row row() const override;
  void next() override;

 private:
  enum class Source : uint8_t { kEnd, kBuffer, kCommitted };

  const StoredRow* dirty() const;
  const StoredRow* frozen() const;
  void settle();
  void pass(Bytes key);

  const std::vector<StoredRow*>& dirty_rows_;
  const CommitBuffer::DirtyIndex& dirty_index_;
  CommitBuffer::DirtyIndex::const_iterator dirty_;
  std::span<const SortedRow> frozen_;
  std::unique_ptr<StoreIterator> committed_;
  bool bounded_;
  std::string to_;
  Source current_ = Source::kEnd;
  const StoredRow* row_ = nullptr;  // of kBuffer
};

}  // namespace millrace
