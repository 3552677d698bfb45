#include "source_model.h"

#include <algorithm>
#include <set>
#include <utility>

#include "source_events.h"

namespace millrace::crm::order_test {
namespace {

constexpr int kRecords = 4;

class Model {
 public:
  Model(Database database, std::mt19937& random) : database_(database), random_(random) {}

  History run() {
    for (size_t step = 20 + up_to(40); step > 0; --step) {
      tick();
      act();
    }
    while (!open_.empty()) commit(0);
    History history;
    for (const RowEvent& event : sent_) history.events.push_back(event_json(database_, event));
    for (const auto& [id, values] : committed_) history.records[our_id(database_, id)] = values;
    return history;
  }

 private:
  struct Transaction {
    uint64_t number = 0;
    std::vector<RowEvent> events{};
    std::map<int, std::optional<Values>> rows{};  ///< that it has changed, and locked
  };

  size_t up_to(size_t n) { return std::uniform_int_distribution<size_t>(0, n)(random_); }
  bool one_in(size_t n) { return up_to(n - 1) == 0; }

  /// The clock runs, stands still or steps back; the log only grows.
  void tick() {
    clock_ms_ += static_cast<int64_t>(up_to(1'500));
    if (one_in(12)) clock_ms_ -= 20'000;
  }
  uint64_t append() { return std::exchange(end_, end_ + 1 + up_to(30)); }

  void act() {
    switch (up_to(11)) {
      case 0:
      case 1:
        if (open_.size() < 3) open_.push_back({.number = ++transactions_});
        return;
      case 2:
      case 3:
      case 4:
        if (!open_.empty()) commit(up_to(open_.size() - 1));
        return;
      case 5:
        return database_ == Database::kSalesforce ? void() : snapshot();
      case 6:
      case 7:
        return database_ == Database::kSalesforce ? void() : advance_chunk();
      case 8:
        return restart();
      default:
        if (open_.empty()) open_.push_back({.number = ++transactions_});
        change(open_[up_to(open_.size() - 1)]);
    }
  }

  void change(Transaction& transaction) {
    const int id = static_cast<int>(up_to(kRecords - 1));
    const bool is_locked = std::ranges::any_of(open_, [&](const Transaction& other) {
      return &other != &transaction && other.rows.contains(id);
    });
    if (is_locked) return;
    const auto known = committed_.find(id);
    const std::optional<Values> committed =
        known == committed_.end() ? std::nullopt : known->second;
    const auto [row, first] = transaction.rows.try_emplace(id, committed);
    const std::optional<Values> before = row->second;
    if (!before) {
      row->second = Values{{"a", fresh()}, {"b", fresh()}};
      return add(transaction, {.op = 'c', .id = id, .after = row->second}, append());
    }
    const uint64_t place = append();
    if (one_in(4)) {
      row->second.reset();
      return add(transaction, {.op = 'd', .id = id, .before = before}, place);
    }
    row->second->at(one_in(2) ? "a" : "b") = fresh();
    if (one_in(3) && database_ != Database::kSalesforce) {
      // A column of a key that is no id of ours changed: one change, two events.
      add(transaction, {.op = 'd', .id = id, .before = before}, place);
      return add(transaction, {.op = 'c', .id = id, .after = row->second}, place,
                 database_ == Database::kSqlServer ? 1 : 0);
    }
    add(transaction, {.op = 'u', .id = id, .before = before, .after = row->second}, place);
  }

  std::string fresh() { return std::to_string(1'000 + up_to(8'999)); }

  void add(Transaction& transaction, RowEvent event, uint64_t place, uint64_t row = 0) {
    event.transaction = transaction.number;
    event.place = {.change = place, .row = row, .order = transaction.events.size() + 1};
    transaction.events.push_back(std::move(event));
  }

  void commit(size_t at) {
    Transaction transaction = std::move(open_[at]);
    open_.erase(open_.begin() + static_cast<std::ptrdiff_t>(at));
    if (transaction.events.empty()) return;
    place_at_commit(transaction);
    send_held_rows(transaction.events.front().place);
    const uint64_t place = commit_place();
    for (RowEvent& event : transaction.events) {
      event.ms = event_ms();
      event.place.last_commit = last_commit_;
      event.place.commit = place;
      sent_.push_back(event);
    }
    last_commit_ = place;
    for (const auto& [id, values] : transaction.rows) {
      committed_[id] = values;
      changed_.insert(id);
    }
  }

  /// A binlog has whole transactions; the rows of one event share its position.
  void place_at_commit(Transaction& transaction) {
    if (database_ != Database::kMySql) return;
    std::map<uint64_t, uint64_t> places;
    for (RowEvent& event : transaction.events) {
      const auto [known, first] = places.try_emplace(event.place.change, end_);
      if (first) append();
      event.place.change = known->second;
    }
    std::map<uint64_t, uint64_t> rows;
    for (size_t i = 1; i < transaction.events.size(); ++i) {
      RowEvent& event = transaction.events[i];
      const RowEvent& before = transaction.events[i - 1];
      if (event.op == 'c' && before.op == 'd' && before.id == event.id) {
        event.place = before.place;
      } else if (one_in(3)) {
        event.place.change = before.place.change;
        event.place.row = before.place.row + 1;
      }
    }
  }

  /// MongoDB counts the operations of a second.
  uint64_t commit_place() {
    if (database_ != Database::kMongo) return append();
    const int64_t second = std::max(cluster_ms_, clock_ms_) / 1'000;
    ordinal_ = second == cluster_ms_ / 1'000 ? ordinal_ + 1 : 1;
    cluster_ms_ = second * 1'000;
    return ordinal_;
  }
  int64_t event_ms() const {
    if (database_ == Database::kMongo) return cluster_ms_;
    return database_ == Database::kMySql ? clock_ms_ / 1'000 * 1'000 : clock_ms_;
  }
  /// A connector's clock is not the database's.
  int64_t connector_ms() {
    if (database_ == Database::kMongo) return cluster_ms_;
    return clock_ms_ + static_cast<int64_t>(up_to(10'000)) - 5'000;
  }

  /// The place from which the log is read after a snapshot of now.
  Place place_of_snapshot() const {
    switch (database_) {
      case Database::kPostgres:
      case Database::kMySql:
        return {.change = end_};
      case Database::kOracle:
        return {.change = last_commit_};
      case Database::kMongo:
        return {.commit = ordinal_};
      default:
        return {.commit = last_commit_};
    }
  }

  void snapshot() {
    const Place place = place_of_snapshot();
    const int64_t ms = connector_ms();
    for (const auto& [id, values] : committed_) {
      if (values) send_row(id, *values, place, ms, one_in(5) ? "last" : "true");
    }
    // Something else commits before the transactions that were open.
    if (database_ != Database::kMongo) last_commit_ = append();
  }

  void send_row(int id, const Values& values, const Place& place, int64_t ms,
                const std::string& mark) {
    sent_.push_back({.op = 'r',
                     .snapshot = mark,
                     .id = id,
                     .place = place,
                     .ms = ms,
                     .transaction = ++transactions_,
                     .after = values});
  }

  /// An incremental snapshot: a mark in the log, a read, a mark; what changed between is dropped.
  void advance_chunk() {
    if (database_ == Database::kMongo) commit_place();
    switch (chunk_state_++ % 3) {
      case 0:
        if (database_ != Database::kMongo) last_commit_ = append();
        changed_.clear();
        return;
      case 1:
        chunk_ = committed_;
        return;
      default:
        break;
    }
    for (const int id : changed_) chunk_.erase(id);
    Place place = place_of_snapshot();
    if (database_ != Database::kMongo) {
      place = {.last_commit = last_commit_, .change = append(), .commit = append()};
      last_commit_ = place.commit;
    }
    if (database_ == Database::kOracle) place.change = place.commit;
    // Some connectors send the rows at the place of the next event, which may be of the same row.
    is_held_ = database_ == Database::kMySql && one_in(2);
    if (!is_held_) send_chunk(place);
  }

  void send_held_rows(const Place& place) {
    if (!std::exchange(is_held_, false)) return;
    send_chunk({.change = place.change});
  }

  void send_chunk(const Place& place) {
    const int64_t ms = connector_ms();
    for (const auto& [id, values] : std::exchange(chunk_, {})) {
      if (values) send_row(id, *values, place, ms, "incremental");
    }
  }

  /// The last events of the connector come again.
  void restart() {
    const size_t again = std::min<size_t>(up_to(5), sent_.size());
    const std::vector<RowEvent> last(sent_.end() - static_cast<std::ptrdiff_t>(again), sent_.end());
    sent_.insert(sent_.end(), last.begin(), last.end());
  }

  Database database_;
  std::mt19937& random_;
  int64_t clock_ms_ = 1'700'000'000'000;
  int64_t cluster_ms_ = clock_ms_;
  uint64_t ordinal_ = 0;
  uint64_t end_ = 1'000;
  uint64_t last_commit_ = 0;
  uint64_t transactions_ = 500;
  std::vector<Transaction> open_;
  std::map<int, std::optional<Values>> committed_;
  std::set<int> changed_;  ///< since the last mark
  std::map<int, std::optional<Values>> chunk_;
  size_t chunk_state_ = 0;
  bool is_held_ = false;
  std::vector<RowEvent> sent_;
};

}  // namespace

History random_history(Database database, std::mt19937& random) {
  return Model(database, random).run();
}

}  // namespace millrace::crm::order_test
