#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace millrace::crm {

/// A PostgreSQL with tables customers and contacts, and a Debezium connector that writes what
/// happens to topics of several partitions; all by chance.
///
/// The connector repeats events, gives up snapshots halfway and begins new ones, and misses changes
/// while it is away; a complete snapshot follows before the history ends.
class TableSource {
 public:
  static constexpr int32_t kPartitions = 3;
  struct Event {
    std::string topic;
    int32_t partition = 0;
    std::string value;
  };
  using Rows = std::map<int, std::string>;  ///< id → name

  explicit TableSource(uint32_t seed) : random_(seed) {}

  void run(int steps);
  /// In the order in which the connector wrote them; only that of one partition holds.
  const std::vector<Event>& events() const { return events_; }
  const Rows& customers() const { return tables_[0]; }
  const Rows& contacts() const { return tables_[1]; }
  int truncates() const { return truncates_; }
  int snapshots() const { return snapshots_; }

  static const char* mapping();

 private:
  int any(int from, int to) { return std::uniform_int_distribution<int>(from, to)(random_); }
  void step();
  void change(int table);
  void truncate(int table);
  void snapshot(bool to_its_end);
  void commit_open(int64_t lsn);
  void repeat();
  void write(int table, int partition, const std::string& op, const std::string& before,
             const std::string& after, const std::string& mark);
  std::string image(int table, int id) const;

  std::mt19937 random_;
  Rows tables_[2];
  std::vector<Event> events_;
  int64_t lsn_ = 1000;
  int64_t commit_ = 900;
  int64_t snapshot_lsn_ = 0;
  bool is_away_ = false;
  int truncates_ = 0;
  int snapshots_ = 0;
  int names_ = 0;
};

}  // namespace millrace::crm
