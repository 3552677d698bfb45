#pragma once

#include <mutex>

#include "engine/clients/clients.h"

namespace millrace::engine::kafka {

/// Who can commit offsets as a member of the group: only the client that joined it.
class OffsetCommitter {
 public:
  virtual ~OffsetCommitter() = default;
  virtual Status commit(std::span<const PartitionOffset> offsets, const GroupMetadata& group) = 0;
};

/// Lets the producer of an instance that runs at least once commit through the instance's
/// membership, whichever is created or closed first.
class GroupSlot {
 public:
  void attach(OffsetCommitter* member) {
    const std::lock_guard lock(mutex_);
    member_ = member;
  }
  /// Waits for a commit that is on its way.
  void detach(const OffsetCommitter* member) {
    const std::lock_guard lock(mutex_);
    if (member_ == member) member_ = nullptr;
  }
  /// Error `kAborted` when there is no membership; else as its `commit`.
  Status commit(std::span<const PartitionOffset> offsets, const GroupMetadata& group) {
    const std::lock_guard lock(mutex_);
    if (member_ == nullptr) {
      return Error{ErrorCode::kAborted, "commit of offsets: not a member of the group"};
    }
    return member_->commit(offsets, group);
  }

 private:
  std::mutex mutex_;
  OffsetCommitter* member_ = nullptr;
};

}  // namespace millrace::engine::kafka
