#include "state/buffer/group_iterator.h"

#include <algorithm>

#include "millrace/core/assert.h"

namespace millrace {

GroupIterator::GroupIterator(CommitBuffer& buffer, const RowGroups::Group& group, Bytes from,
                             Bytes to)
    : pin_(buffer.pin()), rows_(group.rows) {
  const auto place_of = [this](Bytes key) {
    return std::partition_point(rows_.begin(), rows_.end(), [key](const StoredRow* row) {
      return row->key().view() < key.view();
    });
  };
  const auto first = place_of(from);
  const auto last = place_of(to);
  rows_ = first < last ? std::span<StoredRow* const>(first, last) : std::span<StoredRow* const>();
  pass_absent();
}

void GroupIterator::pass_absent() {
  while (!rows_.empty() && rows_.front()->absent) rows_ = rows_.subspan(1);
}

Bytes GroupIterator::key() const {
  MILLRACE_ASSERT(valid(), "key() past the end");
  return rows_.front()->key();
}

Row GroupIterator::row() const {
  MILLRACE_ASSERT(valid(), "row() past the end");
  return rows_.front()->row();
}

void GroupIterator::next() {
  MILLRACE_ASSERT(valid(), "next() past the end");
  rows_ = rows_.subspan(1);
  pass_absent();
}

}  // namespace millrace
