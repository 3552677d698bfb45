#include "crm/children/child_counter.h"

#include <memory>
#include <utility>

#include "millrace/core/invalid_record.h"

#include "child_counts_generated.h"
#include "child_update_generated.h"
#include "crm/accounts/child_counts.h"
#include "crm/children/child_sender.h"
#include "crm/mapping/child_key.h"
#include "crm/model/composite_key.h"
#include "crm/model/encode.h"

namespace millrace::crm {
namespace {

class ChildCounter final : public Processor {
 public:
  ChildCounter(std::string entry_store, std::string count_store)
      : entry_store_(std::move(entry_store)), count_store_(std::move(count_store)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    entries_ = &context.store(entry_store_);
    counts_ = &context.store(count_store_);
  }

  void process(const Record& record) override {
    const auto& update = *flatbuffers::GetRoot<ChildUpdate>(record.value.data());
    const std::string_view root = update.root()->string_view();
    const ChildPlace place{update.account()->string_view(), update.kind(),
                           update.child()->string_view()};
    const std::string child = key_under(root, child_key(place.kind, place.child));
    const std::string key = key_under(child, place.account);
    const bool is_there = static_cast<bool>(entries_->get(key));
    if (update.retract()) {
      if (!is_there) return;
      entries_->erase(key, record.timestamp_ms);
      count(update, {child, key}, -1, record);
    } else if (!is_there) {
      entries_->put(key, writer_.mark(root, place), record.timestamp_ms);
      count(update, {child, key}, 1, record);
    }
    if (context().child_count() > kChildrenByRootChild) {
      context().forward_to(kChildrenByRootChild, record);
    }
  }

 private:
  struct EntryKeys {
    const std::string& child;  ///< of all entries of the child under the root
    const std::string& entry;
  };

  bool has_other_entry(const EntryKeys& keys) {
    for (const auto it = entries_->prefix(key_under(keys.child, "")); it->valid(); it->next()) {
      if (it->key().view() != keys.entry) return true;
    }
    return false;
  }

  /// An entry came (1) or went (-1).
  void count(const ChildUpdate& update, const EntryKeys& keys, int64_t change,
             const Record& record) {
    const Bytes root = update.root()->string_view();
    ChildTally tally{};
    uint64_t by_others = 0;
    if (const Row row = counts_->get(root)) {
      const auto& counts = *flatbuffers::GetRoot<ChildCounts>(row.value.data());
      tally = read_counts(counts);
      by_others = counts.by_other_accounts();
    }
    // Nearly always all entries are of the root's own: then a child has one, and none is looked
    // for.
    const bool is_by_other = update.account()->string_view() != root.view();
    const bool is_counted = (is_by_other || by_others > 0) && has_other_entry(keys);
    if (is_by_other) add(by_others, change);
    if (!is_counted) add(tally[static_cast<size_t>(update.kind())], change);
    if (is_by_other || !is_counted) write(root, tally, by_others, record.timestamp_ms);
    if (is_counted) return;
    context().forward_to(kCountsChild, {.key = record.key,
                                        .value = {},
                                        .old_value = {},
                                        .timestamp_ms = record.timestamp_ms,
                                        .headers = {}});
  }

  static void add(uint64_t& number, int64_t change) {
    if (change < 0 && number == 0) {
      throw InvalidRecord("a child that was not counted goes: the stores contradict each other");
    }
    number += static_cast<uint64_t>(change);
  }

  void write(Bytes root, const ChildTally& tally, uint64_t by_others, int64_t timestamp_ms) {
    if (tally == ChildTally{}) return counts_->erase(root, timestamp_ms);
    builder_.Clear();
    counts_->put(root, finish_aligned(builder_, write_counts(builder_, tally, by_others)),
                 timestamp_ms);
  }

  std::string entry_store_;
  std::string count_store_;
  KeyValueStore* entries_ = nullptr;
  KeyValueStore* counts_ = nullptr;
  ChildWriter writer_;
  flatbuffers::FlatBufferBuilder builder_;
};

}  // namespace

ProcessorFactory child_counter(std::string entry_store, std::string count_store) {
  return [entry_store = std::move(entry_store), count_store = std::move(count_store)] {
    return std::make_unique<ChildCounter>(entry_store, count_store);
  };
}

}  // namespace millrace::crm
