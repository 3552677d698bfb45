#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::crm {

/// A Salesforce with accounts and contacts, a client that writes what happens to a topic of several
/// partitions, and a program that loads all records of one entity; all by chance.
///
/// The client repeats events and misses changes while it is away. Loads are given up halfway, lose
/// records and send some twice; records change while they are read. When the history ends, every
/// entity of which a change was missed has been loaded since.
class LoadSource {
 public:
  static constexpr int32_t kPartitions = 3;
  struct Event {
    int32_t partition = 0;
    int64_t ms = 0;
    std::string value;
  };
  using Rows = std::map<std::string, std::string>;  ///< internal id → name

  explicit LoadSource(uint32_t seed) : random_(seed) {}

  void run(int steps);
  /// In the order in which they were written; only that of one partition holds.
  const std::vector<Event>& events() const { return events_; }
  Rows accounts() const { return rows_of(0); }
  Rows contacts() const { return rows_of(1); }
  int loads() const { return loads_; }
  int given_up() const { return given_up_; }

  static const char* topic() { return "crm.raw.sf"; }
  static const char* mapping();

 private:
  int any(int from, int to) { return std::uniform_int_distribution<int>(from, to)(random_); }
  void step();
  void change(int entity);
  /// Whether it is complete.
  bool load(int entity, bool may_fail);
  void repeat();
  std::string id_of(int entity, int number) const;
  void write_change(int entity, int number, std::string_view type);
  void write_load(int entity, std::string_view type, std::string_view more, int partition);
  Rows rows_of(int entity) const;

  std::mt19937 random_;
  std::map<int, std::string> records_[2];  ///< number → name
  std::vector<Event> events_;
  int64_t now_ms_ = 1'000;
  int64_t load_ms_ = 0;
  bool is_away_ = false;
  bool has_missed_[2] = {false, false};
  int loads_ = 0;
  int given_up_ = 0;
  int names_ = 0;
};

}  // namespace millrace::crm
