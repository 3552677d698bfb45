#include "table_source.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace millrace::crm {
namespace {

constexpr int kIds = 12;
/// The log grows by a byte a minute.
constexpr int64_t kMsOfLsn = 60'000;
constexpr int64_t kAwayMinutes = 200;
constexpr const char* kNames[] = {"customers", "contacts"};

int32_t partition_of_id(int id) {
  return id % TableSource::kPartitions;
}

}  // namespace

const char* TableSource::mapping() {
  return R"({"topics": {
    "pg.customers": {"format": "debezium", "source": "pg", "entities": {"public.customers":
      {"type": "account", "id": "id", "fields": {"name": "name"}}}},
    "pg.contacts": {"format": "debezium", "source": "pg", "entities": {"public.contacts":
      {"type": "contact", "id": "id", "parent": "customer",
       "fields": {"customer": "account_id", "name": "name"}}}}}})";
}

void TableSource::run(int steps) {
  for (int i = 0; i < steps; ++i) step();
  if (is_away_) snapshot(true);
}

void TableSource::step() {
  const int dice = any(1, 100);
  if (dice <= 70) return change(any(0, 1));
  if (dice <= 76) return truncate(any(0, 1));
  if (dice <= 82) {
    is_away_ = true;  // the slot is lost
    return;
  }
  if (dice <= 92) {
    if (any(1, 3) == 1) snapshot(false);
    return snapshot(true);
  }
  repeat();
}

void TableSource::change(int table) {
  const int id = any(0, kIds - 1);
  Rows& rows = tables_[table];
  lsn_ += 8;
  const bool is_known = rows.contains(id);
  const std::string before = is_known ? image(table, id) : "null";
  if (is_known && any(1, 3) == 1) {
    rows.erase(id);
    write(table, partition_of_id(id), "d", before, "null", "false");
  } else {
    rows[id] = fmt::format("n{}", ++names_);
    write(table, partition_of_id(id), is_known ? "u" : "c", before, image(table, id), "false");
  }
  commit_ = lsn_ += 8;
}

void TableSource::truncate(int table) {
  tables_[table].clear();
  lsn_ += 8;
  ++truncates_;
  write(table, any(0, kPartitions - 1), "t", "null", "null", "false");
  commit_ = lsn_ += 8;
}

/// Marks rows as the connector does. Each table has a row, since it says nothing of empty ones.
void TableSource::snapshot(bool to_its_end) {
  for (int table = 0; table < 2; ++table) {
    if (tables_[table].empty()) tables_[table][0] = fmt::format("n{}", ++names_);
  }
  // Hours pass until somebody sees that a connector has stopped.
  if (is_away_) lsn_ += kAwayMinutes;
  is_away_ = false;
  const int64_t open_lsn = lsn_ += 8;
  snapshot_lsn_ = lsn_ += 8;
  for (int table = 0; table < 2; ++table) {
    const Rows& rows = tables_[table];
    for (const auto& [id, name] : rows) {
      const bool is_first = id == rows.begin()->first;
      const bool is_last = id == rows.rbegin()->first;
      if (!to_its_end && is_last) {
        is_away_ = true;  // it starts over
        return;
      }
      const char* mark = is_last && table == 1    ? "last"
                         : is_first && table == 0 ? "first"
                         : is_last                ? "last_in_data_collection"
                         : is_first               ? "first_in_data_collection"
                                                  : "true";
      write(table, partition_of_id(id), "r", "null", image(table, id), mark);
    }
  }
  ++snapshots_;
  if (any(1, 2) == 1) commit_open(open_lsn);
}

/// A transaction that was open while the snapshot was read: the first to commit afterwards.
void TableSource::commit_open(int64_t lsn) {
  const int table = any(0, 1);
  const int id = any(0, kIds - 1);
  if (tables_[table].contains(id)) return;
  tables_[table][id] = fmt::format("n{}", ++names_);
  std::swap(lsn, lsn_);
  write(table, partition_of_id(id), "c", "null", image(table, id), "open");
  std::swap(lsn, lsn_);
  commit_ = lsn_ += 8;
}

/// The connector did not know that it had written them.
void TableSource::repeat() {
  if (is_away_) return;
  const int count = any(0, std::min<int>(static_cast<int>(events_.size()), 8));
  const std::vector<Event> last(events_.end() - count, events_.end());
  events_.insert(events_.end(), last.begin(), last.end());
}

void TableSource::write(int table, int partition, const std::string& op, const std::string& before,
                        const std::string& after, const std::string& mark) {
  if (is_away_) return;
  const bool is_open = mark == "open";
  const bool is_snapshot = mark != "false" && !is_open;
  const int64_t lsn = is_snapshot ? snapshot_lsn_ : lsn_;
  const std::string sequence = is_snapshot || is_open
                                   ? fmt::format(R"([null,\"{}\"])", lsn)
                                   : fmt::format(R"([\"{}\",\"{}\"])", commit_, lsn);
  events_.push_back(
      {fmt::format("pg.{}", kNames[table]), partition,
       fmt::format(R"({{"op":"{}","before":{},"after":{},"source":{{"connector":"postgresql",)"
                   R"("name":"pg","ts_ms":{},"snapshot":"{}","sequence":"{}","schema":"public",)"
                   R"("table":"{}","txId":{},"lsn":{}}}}})",
                   op, before, after, lsn * kMsOfLsn, is_open ? "false" : mark, sequence,
                   kNames[table], lsn, lsn)});
}

std::string TableSource::image(int table, int id) const {
  return fmt::format(R"({{"id":{},"name":"{}","customer":{}}})", id, tables_[table].at(id), id);
}

}  // namespace millrace::crm
