#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <new>

#include "millrace/core/assert.h"
#include "millrace/core/bytes.h"
#include "millrace/core/store.h"

namespace millrace {

enum class RowState : uint8_t {
  kClean,   ///< as in the back end; may be evicted
  kDirty,   ///< generation 2: changed since the last freeze
  kFrozen,  ///< generation 1: being committed
};

/// A row in a commit buffer: this header, the key, and the value at the next 8-byte boundary, in
/// one block. Key, value and timestamp never change: a write makes a new row.
struct StoredRow {
  int64_t timestamp_ms;
  uint32_t hash;
  uint32_t key_size;
  uint32_t value_size;
  uint32_t dirty_index;  ///< kDirty: its place in the list of dirty rows
  RowState state;
  bool absent;      ///< clean: known not to exist; else: deleted
  bool superseded;  ///< kFrozen: generation 2 has a newer row of this key

  static constexpr size_t value_offset(size_t key_size) {
    return sizeof(StoredRow) + ((key_size + 7) & ~size_t{7});
  }
  static constexpr size_t bytes(size_t key_size, size_t value_size) {
    return value_offset(key_size) + value_size;
  }

  const char* data() const { return reinterpret_cast<const char*>(this); }
  Bytes key() const { return {data() + sizeof(StoredRow), key_size}; }
  /// Null when absent.
  Bytes value() const {
    return absent ? Bytes() : Bytes(data() + value_offset(key_size), value_size);
  }
  Row row() const { return {value(), timestamp_ms}; }
  size_t bytes() const { return bytes(key_size, value_size); }

  /// Makes a row in `block`, which has room for `bytes(key.size(), row.value.size())`. A null value
  /// makes it absent.
  static StoredRow* create(void* block, uint32_t hash, Bytes key, Row row, RowState state) {
    constexpr size_t kMax = std::numeric_limits<uint32_t>::max();
    MILLRACE_ASSERT(!key.is_null(), "a row needs a key");
    MILLRACE_ASSERT(key.size() <= kMax && row.value.size() <= kMax, "a row above 4 GiB");
    auto* const stored = new (block) StoredRow{row.timestamp_ms,
                                               hash,
                                               static_cast<uint32_t>(key.size()),
                                               static_cast<uint32_t>(row.value.size()),
                                               0,
                                               state,
                                               row.value.is_null(),
                                               false};
    char* const data = static_cast<char*>(block);
    if (!key.empty()) std::memcpy(data + sizeof(StoredRow), key.data(), key.size());
    if (!row.value.empty()) {
      std::memcpy(data + value_offset(key.size()), row.value.data(), row.value.size());
    }
    return stored;
  }
};
static_assert(sizeof(StoredRow) == 32 && alignof(StoredRow) == 8);

/// A row in a list sorted by key; `prefix` orders most pairs without a look at the row.
struct SortedRow {
  uint64_t prefix;
  StoredRow* row;
};

}  // namespace millrace
