#pragma once

#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/assert.h"
#include "millrace/core/topology.h"
#include "millrace/state/timer_queue.h"

#include "engine/testing/memory_broker.h"
#include "tests/unit/mutator.h"

namespace millrace {

/// A topic of ours and a record that is nearly one of its own.
struct Forged {
  TopicPartition partition;
  testing::StoredRecord record;
};

/// Makes records by the model of those in a broker's topics. The same seed makes the same.
class Forger {
 public:
  using Topics = std::function<bool(const std::string& topic)>;

  explicit Forger(uint32_t seed) : mutator_(seed) {}

  size_t up_to(size_t last) { return mutator_.up_to(last); }

  /// Takes in what came to `topic` since the last call.
  void collect(const testing::MemoryBroker& broker, const std::string& topic) {
    for (int32_t p = 0; p < broker.partitions(topic); ++p) {
      int64_t& from = read_to_[{topic, p}];
      for (testing::StoredRecord& record : broker.read_committed({topic, p}, from)) {
        from = record.offset + 1;
        seen_[topic].push_back(std::move(record));
      }
    }
  }

  /// Those with records.
  std::vector<std::string> topics(const Topics& of) const {
    std::vector<std::string> found;
    for (const auto& [topic, records] : seen_) {
      if (of(topic)) found.push_back(topic);
    }
    return found;
  }

  /// REQUIRES: there are such topics.
  Forged forge(const testing::MemoryBroker& broker, const Topics& of) {
    const std::vector<std::string> all = topics(of);
    MILLRACE_ASSERT(!all.empty(), "no topic to forge by");
    const std::string& topic = all[up_to(all.size() - 1)];
    const auto partitions = static_cast<size_t>(broker.partitions(topic));
    const std::vector<testing::StoredRecord>& records = seen_.at(topic);
    const testing::StoredRecord& other = records[up_to(records.size() - 1)];
    Forged forged{{topic, static_cast<int32_t>(up_to(partitions - 1))},
                  records[up_to(records.size() - 1)]};
    testing::StoredRecord& record = forged.record;
    record.offset = record.transaction = 0;
    if (up_to(3) == 0) record.key = mutator_.mutate(record.key, other.key);
    if (up_to(7) != 0) record.value = mutator_.mutate(record.value, other.value);
    if (up_to(15) == 0) record.timestamp_ms = std::numeric_limits<int64_t>::max();
    if (up_to(31) == 0) record.timestamp_ms = -1;
    return forged;
  }

 private:
  Mutator mutator_;
  std::map<std::string, std::vector<testing::StoredRecord>> seen_;
  std::map<TopicPartition, int64_t> read_to_;
};

/// Of an application, its topics between tasks and those of its stores.
inline bool is_exchange(const std::string& topic) {
  return topic.ends_with("-exchange");
}
inline bool is_changelog(const std::string& topic) {
  return topic.ends_with("-changelog");
}

/// Asks `check` about a record as its readers get it: the value is at an 8-byte boundary.
template <class Check>
Status check_as_read(const testing::StoredRecord& record, Check&& check) {
  const size_t size = record.value ? record.value->size() : 0;
  std::vector<uint64_t> words(size / sizeof(uint64_t) + 1);
  if (size > 0) std::memcpy(words.data(), record.value->data(), size);
  return check(record.key ? Bytes(*record.key) : Bytes(),
               record.value ? Bytes(words.data(), size) : Bytes());
}

/// The store of application "test" with this changelog. REQUIRES: it is one.
inline const StoreSpec& store_behind(const Topology& topology, std::string_view changelog) {
  for (const StoreSpec& store : topology.stores()) {
    if (changelog_topic_name("test", store.name) == changelog) return store;
  }
  MILLRACE_ASSERT(false, "a changelog without a store");
  std::abort();
}

/// Whether an engine restores the store from it. Cursors have a check of their own.
inline bool is_row(const StoreSpec& store, const testing::StoredRecord& record) {
  if (!record.key) return false;
  return check_as_read(record,
                       [&](Bytes key, Bytes value) {
                         return store.timers ? TimerQueue::check_row(key, value)
                                             : store.check_row(key, value);
                       })
      .ok();
}

}  // namespace millrace
