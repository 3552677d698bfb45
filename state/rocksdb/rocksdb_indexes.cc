#include "state/rocksdb/rocksdb_indexes.h"

#include <algorithm>
#include <cstring>

namespace millrace {
namespace {

constexpr char kComplete = 1;
constexpr char kUnfinished = 0;
constexpr char kUpTo = '+';
constexpr size_t kUnfinishedBytes = 1 + sizeof(uint64_t);

char letter_of(IndexType type) {
  return type == IndexType::kText ? 't' : 'i';
}

}  // namespace

std::string encode_built(IndexType type, const IndexBuilt& built) {
  std::string bytes(1, letter_of(type));
  if (built.is_complete) return bytes + kComplete;
  bytes += kUnfinished;
  bytes.append(reinterpret_cast<const char*>(&built.rows), sizeof built.rows);
  if (built.up_to) bytes += kUpTo + *built.up_to;
  return bytes;
}

std::optional<IndexBuilt> decode_built(IndexType type, std::string_view bytes) {
  if (bytes.empty() || bytes.front() != letter_of(type)) return std::nullopt;
  bytes.remove_prefix(1);
  if (bytes == std::string_view(&kComplete, 1)) return IndexBuilt();
  if (bytes.size() < kUnfinishedBytes || bytes.front() != kUnfinished) return std::nullopt;
  IndexBuilt built{.is_complete = false};
  std::memcpy(&built.rows, bytes.data() + 1, sizeof built.rows);
  bytes.remove_prefix(kUnfinishedBytes);
  if (bytes.empty()) return built;
  if (bytes.front() != kUpTo) return std::nullopt;
  built.up_to = bytes.substr(1);
  return built;
}

void RocksDbIndex::show(int percent) {
  progress->rows = built.rows;
  progress->percent = percent;
  progress->is_complete = built.is_complete;
}

RocksDbIndexes::RocksDbIndexes(std::span<const StoreSpec> stores) {
  for (size_t store = 0; store < stores.size(); ++store) {
    for (const IndexSpec& spec : stores[store].indexes) {
      indexes_.emplace_back(store, spec, index_store_name(stores[store].name, spec.name));
    }
  }
}

bool RocksDbIndexes::has(size_t store) const {
  return std::any_of(indexes_.begin(), indexes_.end(),
                     [&](const RocksDbIndex& index) { return index.store == store; });
}

const RocksDbIndex* RocksDbIndexes::find(size_t store, std::string_view index_name) const {
  const auto found = std::find_if(indexes_.begin(), indexes_.end(), [&](const auto& index) {
    return index.store == store && index.changes.name() == index_name;
  });
  return found == indexes_.end() ? nullptr : &*found;
}

RocksDbIndex* RocksDbIndexes::unfinished() {
  const auto found = std::find_if(indexes_.begin(), indexes_.end(),
                                  [](const auto& index) { return !index.built.is_complete; });
  return found == indexes_.end() ? nullptr : &*found;
}

void RocksDbIndexes::compare(size_t store, Bytes key, Bytes before, Bytes after,
                             const Visitor& visit) {
  if (before == after) return;
  if (!before.is_null()) before = before_.copy(before);
  for (RocksDbIndex& index : indexes_) {
    if (index.store != store || !index.covers(key)) continue;
    index.changes.compare(key, before, after, [&](const std::string& entry, bool is_there) {
      visit(index.number, entry, is_there);
    });
  }
}

}  // namespace millrace
