#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "millrace/core/assert.h"

#include "crm/children/child_index.h"
#include "crm/children/child_root.h"
#include "crm/children/child_sender.h"
#include "crm/model/composite_key.h"

namespace millrace::crm {
namespace {

/// One timer for all moves of the task, so that together they take a bounded share of it.
constexpr std::string_view kTimerKey = "moves";
constexpr int64_t kPauseMs = 1;

class ChildMover final : public Processor {
 public:
  ChildMover(ChildIndexStores stores, size_t slice) : stores_(std::move(stores)), slice_(slice) {
    MILLRACE_ASSERT(slice > 0, "a slice moves something");
  }

  void init(ProcessorContext& context) override {
    Processor::init(context);
    entries_ = &context.store(stores_.entries);
    redirects_ = &context.store(stores_.redirects);
    moves_ = &context.store(stores_.moves);
    timers_ = &context.timers(stores_.timers);
    sender_.emplace(context);
  }

  void process(const Record& record) override {
    account_.assign(record.key.view());
    cursor_ = key_under(account_, "");
    work(record.timestamp_ms);
  }

  void on_timer(const Timer&) override {
    int64_t timestamp_ms = 0;
    {
      const auto first = moves_->range({}, {});
      if (!first->valid()) return;
      account_.assign(first->key().view());
      cursor_.assign(first->row().value.view());
      timestamp_ms = first->row().timestamp_ms;
    }
    work(timestamp_ms);
    if (moves_->range({}, {})->valid()) set_timer();
  }

 private:
  struct Entry {
    std::string key;
    std::string value;
    int64_t timestamp_ms = 0;
  };

  /// One slice of the account's move, from behind `cursor_` on.
  void work(int64_t timestamp_ms) {
    const Row redirect = redirects_->get(account_);
    redirect_.assign(redirect ? redirect.value.view() : std::string_view());
    const std::vector<Entry> slice = next_entries();
    for (const Entry& entry : slice) move(entry, timestamp_ms);
    if (slice.size() == slice_) {
      moves_->put(account_, slice.back().key, timestamp_ms);
      set_timer();
    } else if (moves_->get(account_)) {
      moves_->erase(account_, timestamp_ms);
    }
  }

  std::vector<Entry> next_entries() {
    std::vector<Entry> entries;
    const std::string from = cursor_ + '\0';
    const std::string to = account_ + '\1';
    for (const auto it = entries_->range(from, to); it->valid() && entries.size() < slice_;
         it->next()) {
      entries.push_back(
          {it->key().to_string(), it->row().value.to_string(), it->row().timestamp_ms});
    }
    return entries;
  }

  void move(const Entry& entry, int64_t moved_at_ms) {
    const auto& update = *flatbuffers::GetRoot<ChildUpdate>(entry.value.data());
    const std::string_view sent_root = update.root()->string_view();
    const std::string_view root = root_of_account(view_of(*update.since()));
    if (sent_root == root) return;
    const ChildEntry child = read_entry(update);
    const int64_t timestamp_ms = std::max(entry.timestamp_ms, moved_at_ms);
    sender_->retract(sent_root, child.place, timestamp_ms);
    const Bytes value = writer_.entry(root, child);
    entries_->put(entry.key, value, timestamp_ms);
    sender_->add(root, value, timestamp_ms);
  }

  /// An erased account has no redirect any more.
  std::string_view root_of_account(VersionView since) const {
    if (redirect_.empty()) return account_;
    return root_since(*flatbuffers::GetRoot<Redirect>(redirect_.data()), since);
  }

  void set_timer() {
    timers_->set(kTimerKey, 0, std::max<int64_t>(timers_->now_ms(), 0) + kPauseMs);
  }

  ChildIndexStores stores_;
  size_t slice_;
  KeyValueStore* entries_ = nullptr;
  KeyValueStore* redirects_ = nullptr;
  KeyValueStore* moves_ = nullptr;
  Timers* timers_ = nullptr;
  std::optional<EntrySender> sender_;
  ChildWriter writer_;
  std::string account_;
  std::string cursor_;
  std::string redirect_;
};

}  // namespace

ProcessorFactory child_mover(ChildIndexStores stores, size_t slice) {
  return
      [stores = std::move(stores), slice] { return std::make_unique<ChildMover>(stores, slice); };
}

}  // namespace millrace::crm
