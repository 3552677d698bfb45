#pragma once

#include <cstddef>
#include <span>

#include "millrace/core/store.h"

#include "state/buffer/commit_buffer.h"

namespace millrace {

/// Walks rows of a group that the commit buffer holds as a whole. The buffer evicts nothing while
/// this lives.
class GroupIterator final : public StoreIterator {
 public:
  /// The rows of `group` with from <= key < to. REQUIRES: `group` is held, and `buffer` outlives
  /// this.
  GroupIterator(CommitBuffer& buffer, const RowGroups::Group& group, Bytes from, Bytes to);

  bool valid() const override { return !rows_.empty(); }
  Bytes key() const override;
  Row row() const override;
  void next() override;

 private:
  void pass_absent();

  CommitBuffer::Pin pin_;
  std::span<StoredRow* const> rows_;
};

}  // namespace millrace
