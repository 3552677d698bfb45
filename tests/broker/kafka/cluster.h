#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/kafka/kafka_clients.h"
#include "engine/testing/memory_broker.h"

namespace millrace::engine::kafka {

/// `std::move(result).value()`, after a readable failure if there is none.
template <class T>
T must(Result<T> result) {
  if (!result.ok()) ADD_FAILURE() << to_string(result.code()) << ": " << result.message();
  return std::move(result).value();
}

/// For `join` where no new generation is asked for.
inline const std::string kSpareTopic = "spare";

/// For EXPECT_EQ: "ok", or the code's name with the message.
inline std::string shown(const Status& status) {
  if (status.ok()) return "ok";
  return std::string(to_string(status.code())) + ": " + status.message();
}

#define EXPECT_OK(expression) EXPECT_EQ(shown(expression), "ok")
#define ASSERT_OK(expression) ASSERT_EQ(shown(expression), "ok")
#define EXPECT_CODE(expression, expected)                                \
  do {                                                                   \
    const Status got_ = (expression);                                    \
    EXPECT_TRUE(!got_.ok() && got_.code() == (expected)) << shown(got_); \
  } while (false)

/// A record read from Kafka, owned.
struct ReadRecord {
  int64_t offset = 0;
  int64_t timestamp_ms = 0;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;

  friend bool operator==(const ReadRecord&, const ReadRecord&) = default;
};

struct ReadResult {
  std::vector<ReadRecord> records;
  std::optional<int64_t> end_offset;
};

/// The Kafka under test; the address "memory" stands for the broker in memory of `engine/testing`,
/// a new one for each test, which has to pass what it can of the same assertions. Every test has
/// topics, groups and transactional ids of its own, so tests may run side by side and again and
/// again on one broker.
class BrokerTest : public ::testing::Test {
 public:
  static std::unique_ptr<ClientFactory> clients(const KafkaOptions& options);
  /// The broker in memory, which a test asks for what a Kafka does in its own time; null: a Kafka
  /// is tested.
  static testing::MemoryBroker* memory() { return memory_.get(); }

 protected:
  void SetUp() override;

  /// `suffix` made unique to this run of this test.
  std::string unique(const std::string& suffix) const { return prefix_ + "-" + suffix; }
  KafkaOptions options() const;
  std::unique_ptr<ClientFactory> clients() const { return clients(options()); }
  /// Makes a topic and returns its name.
  std::string make_topic(const std::string& suffix, int32_t partitions = 1,
                         std::map<std::string, std::string> config = {});
  /// Writes `values` to partition 0 and flushes, without a transaction.
  void write(const std::string& topic, const std::vector<std::string>& values);
  /// Writes one record, however large, without a transaction.
  void pipe(const std::string& topic, Bytes key, Bytes value, int64_t timestamp_ms,
            int32_t partition = 0, std::span<const Header> headers = {});
  /// The offset that the application has committed; −1: none, −2: an open transaction hides it.
  int64_t committed(const TopicPartition& partition);
  /// Reads from `offset` until the end of the partition is reported with nothing behind it, or
  /// `patience_ms` is over.
  ReadResult read_to_end(const std::string& topic, int64_t offset = 0,
                         int64_t patience_ms = 10'000);
  /// The same once the end is at `end_offset`: a commit's or abort's marker may come after the
  /// answer.
  ReadResult read_until(const std::string& topic, int64_t end_offset);

  std::unique_ptr<Admin> admin_;

 private:
  static inline std::unique_ptr<testing::MemoryBroker> memory_;  ///< null: a Kafka is tested
  std::string bootstrap_;
  std::string prefix_;
};

std::vector<std::string> values_of(const std::vector<ReadRecord>& records);
void append(const RecordBatch& batch, std::vector<ReadRecord>& records);
/// Calls `done` until it is true; false after `patience_ms`.
bool eventually(const std::function<bool()>& done, int64_t patience_ms = 15'000);

}  // namespace millrace::engine::kafka
