#include "crm/children/child_index.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "crm/children/child_root.h"
#include "crm/children/child_sender.h"
#include "crm/mapping/child_key.h"
#include "crm/model/composite_key.h"

namespace millrace::crm {
namespace {

class ChildIndex final : public Processor {
 public:
  explicit ChildIndex(ChildIndexStores stores) : stores_(std::move(stores)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    entries_ = &context.store(stores_.entries);
    redirects_ = &context.store(stores_.redirects);
    sender_.emplace(context);
  }

  void process(const Record& record) override {
    const auto& update = *flatbuffers::GetRoot<ChildUpdate>(record.value.data());
    const ChildPlace place{update.account()->string_view(), update.kind(),
                           update.child()->string_view()};
    const std::string key = key_under(place.account, child_key(place.kind, place.child));
    const Row entry = entries_->get(key);
    old_entry_.assign(entry ? entry.value.view() : std::string_view());
    const int64_t timestamp_ms = std::max(entry.timestamp_ms, record.timestamp_ms);
    if (update.retract()) {
      if (!entry) return;
      entries_->erase(key, timestamp_ms);
      return sender_->retract(sent_root(), place, timestamp_ms);
    }
    const ChildEntry now = read_entry(update);
    root_.assign(root_of(place.account, now.since));
    const Bytes value = writer_.entry(root_, now);
    if (entry && value == Bytes(old_entry_)) return;
    const bool is_at_root = entry && sent_root() == root_;
    if (entry && !is_at_root) sender_->retract(sent_root(), place, timestamp_ms);
    entries_->put(key, value, timestamp_ms);
    // Versions alone are nothing to the root, as the child router says.
    if (is_at_root && project(*old_entry().row(), place.kind) == now.projection) return;
    sender_->add(root_, value, timestamp_ms);
  }

 private:
  /// REQUIRES: there was an entry.
  const ChildUpdate& old_entry() const {
    return *flatbuffers::GetRoot<ChildUpdate>(old_entry_.data());
  }
  std::string_view sent_root() const { return old_entry().root()->string_view(); }

  std::string_view root_of(std::string_view account, VersionView since) {
    const Row redirect = redirects_->get(account);
    return redirect ? root_since(*flatbuffers::GetRoot<Redirect>(redirect.value.data()), since)
                    : account;
  }

  ChildIndexStores stores_;
  KeyValueStore* entries_ = nullptr;
  KeyValueStore* redirects_ = nullptr;
  std::optional<EntrySender> sender_;
  ChildWriter writer_;
  std::string old_entry_;
  std::string root_;
};

}  // namespace

ProcessorFactory child_index(ChildIndexStores stores) {
  return [stores = std::move(stores)] { return std::make_unique<ChildIndex>(stores); };
}

}  // namespace millrace::crm
