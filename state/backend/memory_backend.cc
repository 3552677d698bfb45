#include "state/backend/memory_backend.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <mutex>
#include <utility>

#include "millrace/core/assert.h"

#include "state/backend/positions.h"

namespace millrace {
namespace {

using Rows = MemoryBackend::Rows;

MemoryBackend::OwnedValue own(Bytes value, int64_t timestamp_ms) {
  std::vector<uint64_t> words(value.size() / sizeof(uint64_t) + 1);
  if (!value.empty()) std::memcpy(words.data(), value.data(), value.size());
  return {std::make_shared<const std::vector<uint64_t>>(std::move(words)), value.size(),
          timestamp_ms};
}

void set_row(Rows& rows, Rows::iterator place, bool found, Bytes key, Bytes value,
             int64_t timestamp_ms) {
  if (value.is_null()) {
    if (found) rows.erase(place);
  } else if (found) {
    place->second = own(value, timestamp_ms);
  } else {
    rows.emplace_hint(place, key.to_string(), own(value, timestamp_ms));
  }
}

void set(MemoryBackend::Table& table, Bytes key, Bytes value, int64_t timestamp_ms) {
  const auto place = table.rows.lower_bound(key.view());
  const bool found = place != table.rows.end() && place->first == key.view();
  for (MemoryBackend::Index& index : table.indexes) {
    const Bytes before = found ? place->second.row().value : Bytes();
    index.changes.compare(key, before, value, [&](const std::string& entry, bool is_there) {
      if (is_there) {
        index.entries.insert(entry);
      } else {
        index.entries.erase(entry);
      }
    });
  }
  set_row(table.rows, place, found, key, value, timestamp_ms);
}

void set_derived(MemoryBackend::Table& table, const ChangelogRecord& record) {
  const auto place = table.rows.find(record.key.view());
  const Bytes before = place == table.rows.end() ? Bytes() : place->second.row().value;
  table.derived.compare(record.key, before, record.value, [&](Bytes key, Bytes value) {
    set(table, key, value, record.timestamp_ms);
  });
}

Rows::const_iterator lower(const Rows& rows, Bytes from) {
  return from.is_null() ? rows.begin() : rows.lower_bound(from.view());
}

bool before(const Rows& rows, Rows::const_iterator place, Bytes to) {
  return place != rows.end() && (to.is_null() || place->first < to.view());
}

class MemoryIterator final : public StoreIterator {
 public:
  MemoryIterator(const Rows& rows, Bytes from, Bytes to)
      : rows_(rows), place_(lower(rows, from)), bounded_(!to.is_null()), to_(to.view()) {}

  bool valid() const override { return before(rows_, place_, bounded_ ? Bytes(to_) : Bytes()); }
  Bytes key() const override { return place_->first; }
  Row row() const override { return place_->second.row(); }
  void next() override { ++place_; }

 private:
  const Rows& rows_;
  Rows::const_iterator place_;
  bool bounded_;
  std::string to_;
};

class MemoryReader final : public StoreReader {
 public:
  explicit MemoryReader(std::shared_ptr<const MemoryBackend::Table> table)
      : table_(std::move(table)) {}

  Result<OwnedRow> get(Bytes key) const override {
    const std::shared_lock lock(table_->mutex);
    const auto place = table_->rows.find(key.view());
    if (place == table_->rows.end()) return Error{ErrorCode::kNotFound, "no such row"};
    const Row row = place->second.row();
    return OwnedRow{row.value.to_string(), row.timestamp_ms};
  }

  // Visiting may take long, so the lock covers only the copy of keys and pointers.
  Status scan(const RowRange& range,
              const std::function<bool(Bytes key, Row row)>& visit) const override {
    std::vector<std::pair<std::string, MemoryBackend::OwnedValue>> found;
    {
      const std::shared_lock lock(table_->mutex);
      const auto first = lower(table_->rows, range.from);
      auto last = first;
      while (before(table_->rows, last, range.to)) ++last;
      const auto take = [&](const auto& row) {
        if (found.size() < range.rows_max) found.emplace_back(row);
      };
      if (range.is_descending) {
        std::for_each(std::make_reverse_iterator(last), std::make_reverse_iterator(first), take);
      } else {
        std::for_each(first, last, take);
      }
    }
    for (const auto& [key, value] : found) {
      if (!visit(key, value.row())) break;
    }
    return {};
  }

 private:
  std::shared_ptr<const MemoryBackend::Table> table_;
};

class MemoryIndexReader final : public StoreReader {
 public:
  MemoryIndexReader(std::shared_ptr<const MemoryBackend::Table> table, size_t index)
      : table_(std::move(table)), index_(index) {}

  Result<OwnedRow> get(Bytes key) const override {
    const std::shared_lock lock(table_->mutex);
    const MemoryBackend::Index& index = table_->indexes[index_];
    const auto row = index.entries.contains(key.view()) ? row_of(key.view()) : table_->rows.end();
    if (row == table_->rows.end()) return Error{ErrorCode::kNotFound, "no such row"};
    return OwnedRow{row->second.row().value.to_string(), row->second.timestamp_ms};
  }

  Status scan(const RowRange& range,
              const std::function<bool(Bytes key, Row row)>& visit) const override {
    std::vector<std::pair<std::string, MemoryBackend::OwnedValue>> found;
    {
      const std::shared_lock lock(table_->mutex);
      const auto& entries = table_->indexes[index_].entries;
      const auto first =
          range.from.is_null() ? entries.begin() : entries.lower_bound(range.from.view());
      auto last = first;
      while (last != entries.end() && (range.to.is_null() || *last < range.to.view())) ++last;
      const auto take = [&](const std::string& entry) {
        if (found.size() == range.rows_max) return;
        if (const auto row = row_of(entry); row != table_->rows.end()) {
          found.emplace_back(entry, row->second);
        }
      };
      if (range.is_descending) {
        std::for_each(std::make_reverse_iterator(last), std::make_reverse_iterator(first), take);
      } else {
        std::for_each(first, last, take);
      }
    }
    for (const auto& [entry, value] : found) {
      if (!visit(entry, value.row())) break;
    }
    return {};
  }

 private:
  Rows::const_iterator row_of(std::string_view entry) const {
    const auto parts = read_index_entry(table_->indexes[index_].changes.type(), Bytes(entry));
    return parts ? table_->rows.find(parts->row_key.view()) : table_->rows.end();
  }

  std::shared_ptr<const MemoryBackend::Table> table_;
  size_t index_;
};

}  // namespace

MemoryBackend::MemoryBackend(std::span<const StoreSpec> stores) {
  for (const StoreSpec& store : stores) {
    names_.push_back(store.name);
    tables_.push_back(std::make_shared<Table>(store));
  }
}

MemoryBackend::Table::Table(const StoreSpec& store) : derived(store) {
  for (const IndexSpec& index : store.indexes) {
    indexes.push_back({IndexChanges(index, index_store_name(store.name, index.name)), {}});
  }
}

Result<FoundRows> MemoryBackend::read(size_t store, std::span<const Bytes> keys) {
  const Rows& rows = tables_[store]->rows;
  found_.clear();
  for (const Bytes& key : keys) {
    const auto place = rows.find(key.view());
    found_.push_back(place == rows.end() ? Row() : place->second.row());
  }
  return FoundRows(*this, found_);
}

std::unique_ptr<StoreIterator> MemoryBackend::range(size_t store, Bytes from, Bytes to, Status&) {
  return std::make_unique<MemoryIterator>(tables_[store]->rows, from, to);
}

Status MemoryBackend::commit(std::span<const StoreChanges> changes,
                             const TaskPositions& positions) {
  for (const StoreChanges& change : changes) {
    Table& table = *tables_[change.store];
    const std::unique_lock lock(table.mutex);
    for (const SortedRow& sorted : change.rows) {
      const StoredRow& stored = *sorted.row;
      set(table, stored.key(), stored.value(), stored.timestamp_ms);
    }
  }
  merge_positions(positions, names_, positions_);
  return {};
}

std::shared_ptr<const StoreReader> MemoryBackend::reader(size_t store) const {
  return std::make_shared<MemoryReader>(tables_[store]);
}

std::shared_ptr<const StoreReader> MemoryBackend::index_reader(size_t store,
                                                               std::string_view name) const {
  const std::vector<Index>& indexes = tables_[store]->indexes;
  const auto found = std::find_if(indexes.begin(), indexes.end(),
                                  [&](const Index& index) { return index.changes.name() == name; });
  MILLRACE_ASSERT(found != indexes.end(), "an index that the store does not have");
  return std::make_shared<MemoryIndexReader>(tables_[store],
                                             static_cast<size_t>(found - indexes.begin()));
}

Status MemoryBackend::restore(size_t store, std::span<const ChangelogRecord> records,
                              int64_t end_offset) {
  Table& table = *tables_[store];
  const std::unique_lock lock(table.mutex);
  for (const ChangelogRecord& record : records) {
    if (table.derived.is_derived(record.key)) continue;
    if (table.derived.any()) set_derived(table, record);
    set(table, record.key, record.value, record.timestamp_ms);
  }
  positions_.changelog_end[names_[store]] = end_offset;
  return {};
}

}  // namespace millrace
