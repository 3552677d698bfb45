#include "crm/children/child_counter.h"

#include <memory>
#include <utility>

#include "millrace/core/assert.h"

#include "child_counts_generated.h"
#include "child_update_generated.h"
#include "crm/children/child_counts.h"
#include "crm/children/child_key.h"
#include "crm/composite_key.h"
#include "crm/encode.h"

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
    const std::string child = key_under(update.root()->string_view(),
                                        child_key(update.kind(), update.child()->string_view()));
    const std::string key = key_under(child, update.account()->string_view());
    const Row entry = entries_->get(key);
    if (update.retract()) {
      if (!entry) return;
      entries_->erase(key, record.timestamp_ms);
      if (!has_entry(child)) count(update, -1, record);
    } else {
      if (entry.value == record.value) return;
      const bool is_new = !entry && !has_entry(child);
      entries_->put(key, record.value, record.timestamp_ms);
      if (is_new) count(update, 1, record);
    }
    if (context().child_count() > kChildrenByRootChild) {
      context().forward_to(kChildrenByRootChild, record);
    }
  }

 private:
  bool has_entry(const std::string& child) {
    return entries_->prefix(key_under(child, ""))->valid();
  }

  void count(const ChildUpdate& update, int64_t change, const Record& record) {
    const Bytes root = update.root()->string_view();
    ChildTally tally{};
    if (const Row row = counts_->get(root)) {
      tally = read_counts(*flatbuffers::GetRoot<ChildCounts>(row.value.data()));
    }
    uint64_t& number = tally[static_cast<size_t>(update.kind())];
    MILLRACE_ASSERT(change > 0 || number > 0, "a child that was not counted goes");
    number += static_cast<uint64_t>(change);
    if (tally == ChildTally{}) {
      counts_->erase(root, record.timestamp_ms);
    } else {
      builder_.Clear();
      counts_->put(root, finish_aligned(builder_, write_counts(builder_, tally)),
                   record.timestamp_ms);
    }
    context().forward_to(kCountsChild, {.key = record.key,
                                        .value = {},
                                        .old_value = {},
                                        .timestamp_ms = record.timestamp_ms,
                                        .headers = {}});
  }

  std::string entry_store_;
  std::string count_store_;
  KeyValueStore* entries_ = nullptr;
  KeyValueStore* counts_ = nullptr;
  flatbuffers::FlatBufferBuilder builder_;
};

}  // namespace

ProcessorFactory child_counter(std::string entry_store, std::string count_store) {
  return [entry_store = std::move(entry_store), count_store = std::move(count_store)] {
    return std::make_unique<ChildCounter>(entry_store, count_store);
  };
}

}  // namespace millrace::crm
