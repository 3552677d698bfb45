// Whatever is in the topic of dead letters, a replay sends records back to where letters say, or
// ends with an error.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/cli/dead_letter_replay.h"
#include "apps/cli/dead_letter_view.h"
#include "engine/output/dead_letters.h"
#include "engine/testing/manual_clock.h"
#include "engine/testing/memory_broker.h"
#include "tests/unit/key_file.h"
#include "tests/unit/mutator.h"
#include "tests/unit/temp_directory.h"

namespace millrace::apps::dead_letter_fuzz_test {

using ::testing::AnyOf;
using testing::MemoryBroker;
using testing::StoredRecord;

constexpr const char* kLetters = "letters";
constexpr int32_t kPartitions = 2;

/// Letters as a task sends them; with a key they are sealed.
std::vector<StoredRecord> true_letters(const engine::SealingKey* key) {
  MemoryBroker broker;
  broker.create_topic(kLetters, 1);
  const auto clients = broker.clients();
  const auto producer = std::move(*clients->producer(""));
  engine::OutputTopics topics({kLetters});
  EXPECT_TRUE(topics.describe(**clients->admin()).ok());
  topics.bind(topics.handles_of(*producer).value());
  testing::ManualClock clock{1'700'000'000'000};
  engine::Collector collector(topics, clock);
  const std::vector<Header> headers{{"null", Bytes()}, {"empty", Bytes("")}, {"trace", "7"}};
  for (int64_t offset = 0; offset < 6; ++offset) {
    collector.begin_unit();
    engine::stage_dead_letter(
        {.collector = collector, .topics = topics, .key = key, .now_ms = clock.now_ms()},
        {{.offset = offset,
          .timestamp_ms = 5,
          .key = offset % 3 == 0 ? Bytes() : Bytes("key"),
          .value = Bytes("a value"),
          .headers = headers},
         {}},
        {offset % 2 == 0 ? "in" : "other", static_cast<int32_t>(offset % kPartitions), offset},
        {0, 0}, Error{ErrorCode::kUserCode, "told so"});
    EXPECT_TRUE(collector.unit_status().ok());
  }
  EXPECT_TRUE(collector.flush(*producer).ok());
  return broker.read_committed({kLetters, 0});
}

class ForgedLetters {
 public:
  explicit ForgedLetters(const engine::SealingKey& key) : letters_(true_letters(nullptr)) {
    for (StoredRecord& sealed : true_letters(&key)) letters_.push_back(std::move(sealed));
  }

  size_t up_to(size_t last) { return mutator_.up_to(last); }
  StoredRecord next() {
    StoredRecord letter = any();
    const StoredRecord& other = any();
    letter.offset = letter.transaction = 0;
    if (up_to(7) == 0) letter.key = mutator_.mutate(letter.key, other.key);
    if (up_to(7) == 0) letter.value = mutator_.mutate(letter.value, other.value);
    if (up_to(7) == 0) letter.timestamp_ms = -1;
    auto& headers = letter.headers;
    for (auto& [name, value] : headers) {
      const auto& [other_name, other_value] = other.headers[up_to(other.headers.size() - 1)];
      if (up_to(29) == 0) value = mutator_.mutate(value, other_value);
      if (up_to(79) == 0) name = mutator_.mutate(name, other_name).value_or("");
    }
    if (up_to(9) == 0) std::swap(headers[up_to(headers.size() - 1)], headers.back());
    if (up_to(9) == 0) headers.emplace_back("millrace.cut", "the value has 1 of 9 bytes");
    if (up_to(9) == 0) headers.resize(up_to(headers.size()));
    return letter;
  }

 private:
  const StoredRecord& any() { return letters_[up_to(letters_.size() - 1)]; }

  Mutator mutator_{13};
  std::vector<StoredRecord> letters_;
};

/// As `millrace dead-letters` prints it.
void print(const StoredRecord& record) {
  std::vector<Header> headers;
  for (const auto& [name, value] : record.headers) {
    headers.push_back({name, value ? Bytes(*value) : Bytes()});
  }
  engine::RecordBatch batch;
  batch.add(0, record.timestamp_ms, record.key ? Bytes(*record.key) : Bytes(),
            record.value ? Bytes(*record.value) : Bytes(), headers);
  const auto letter = engine::read_dead_letter(batch.records().front());
  if (!letter) return;
  for (const bool reveals : {false, true}) {
    const auto json = dead_letter_json(*letter, {.reveals = reveals});
    EXPECT_FALSE(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).empty());
  }
}

size_t records_in(const MemoryBroker& broker) {
  size_t records = 0;
  for (const std::string& topic : broker.topics()) {
    for (int32_t p = 0; p < broker.partitions(topic); ++p) {
      records += broker.read_committed({topic, p}).size();
    }
  }
  return records;
}

TEST(DeadLetterFuzz, AReplaySendsWhatTheLettersSayOrEndsWithAnError) {
  const TempDirectory directory;
  const auto keys = load_keys({engine::write_key(directory.path() / "key", '1')});
  ASSERT_TRUE(keys.ok()) << keys.message();
  ForgedLetters forged(keys->front());
  int64_t replayed = 0;
  int errors = 0;
  for (int round = 0; round < 600; ++round) {
    SCOPED_TRACE(round);
    MemoryBroker broker;
    for (const char* const topic : {"in", "other"}) broker.create_topic(topic, kPartitions);
    broker.create_topic(kLetters, 1);
    const auto letters = static_cast<int64_t>(forged.up_to(2) + 1);
    for (int64_t i = 0; i < letters; ++i) {
      const StoredRecord letter = forged.next();
      print(letter);
      broker.append({kLetters, 0}, letter);
    }
    const auto clients = broker.clients();
    const Result<ReplayOutcome> outcome = replay_dead_letters({.topic = kLetters}, *keys, *clients);
    if (!outcome.ok()) {
      ++errors;
      EXPECT_THAT(outcome.code(), AnyOf(ErrorCode::kNotFound, ErrorCode::kInvalidRecord,
                                        ErrorCode::kConfig, ErrorCode::kRefused))
          << outcome.message();
      continue;
    }
    const auto cut = static_cast<int64_t>(outcome->cut.size());
    EXPECT_EQ(outcome->replayed + outcome->passed_over + cut, letters);
    EXPECT_EQ(records_in(broker), static_cast<size_t>(letters + outcome->replayed));
    replayed += outcome->replayed;
  }
  EXPECT_GT(replayed, 100);
  EXPECT_GT(errors, 50);
}

}  // namespace millrace::apps::dead_letter_fuzz_test
