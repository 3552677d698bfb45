#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "apps/synthetic/event.h"
#include "apps/synthetic/expected/merge_model.h"
#include "apps/synthetic/share.h"

namespace millrace::apps::synthetic {

/// The records that make up a share of the roots. Merges decide that, and they may come last: so a
/// first pass reads all events before any row is kept.
class ShareMembers {
 public:
  explicit ShareMembers(Share share) : share_(share) {}

  void add(const Event& event);
  /// REQUIRES: called after the last `add`, and before any query.
  void settle();

  const Share& share() const { return share_; }
  /// True for every record that is under a root of the share, and for some others.
  bool contains(Kind kind, uint64_t number) const;

 private:
  /// A record that names an account outside the share, which may have been merged into it.
  struct Mention {
    uint32_t record = 0;
    uint32_t account_hash = 0;  ///< ids of a million accounts are many bytes
  };

  void mention(Kind kind, uint64_t number, const std::string& account);
  void let_in(size_t kind, uint64_t number);

  Share share_;
  MergeModel merges_;
  std::array<std::deque<Mention>, kKinds> mentions_;
  std::array<std::vector<bool>, kKinds> members_;
};

}  // namespace millrace::apps::synthetic
