#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

#include <rocksdb/slice.h>

#include "millrace/core/bytes.h"
#include "millrace/core/store.h"

/// The contents of a task's database, in its one column family:
///
///   key                          value
///   u16 0 | "format"             u32 little-endian: kStateFormat
///   u16 0 | "incarnation"        text, see `TaskStateOptions`
///   u16 0 | "positions"          see positions.h
///   u16 0 | "store/" | name      u16 big-endian: the store's number, from 1
///   u16 0 | "index/" | name      't' or 'i', its type | u8 1: complete; else u8 0 | u64
///                                little-endian rows | then nothing, or '+' | key of the row up to
///                                which it is built
///   u16 number | key             i64 little-endian timestamp_ms | value
///
/// The leading u16 is big-endian, so a store's rows lie together in the order of their keys. An
/// index is a store here, called "<store>/<index>": its keys are those of `IndexEntry`, its values
/// are empty.
namespace millrace {

using StoreNumber = uint16_t;
constexpr size_t kStorePrefixBytes = sizeof(StoreNumber);
constexpr size_t kRowHeaderBytes = sizeof(int64_t);
constexpr StoreNumber kMetaStore = 0;
/// 3: derived rows follow from the others in every database, not only from the changelog.
constexpr uint32_t kStateFormat = 3;

constexpr std::string_view kFormatKey = "format";
constexpr std::string_view kIncarnationKey = "incarnation";
constexpr std::string_view kPositionsKey = "positions";
constexpr std::string_view kStoreKeyPrefix = "store/";
constexpr std::string_view kIndexKeyPrefix = "index/";

static_assert(std::endian::native == std::endian::little, "the formats are little-endian");

using StorePrefix = std::array<char, kStorePrefixBytes>;

constexpr StorePrefix store_prefix(StoreNumber number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number & 0xff)};
}

inline std::string database_key(StoreNumber number, Bytes key) {
  const StorePrefix prefix = store_prefix(number);
  std::string out(prefix.data(), prefix.size());
  if (!key.empty()) out.append(key.data(), key.size());
  return out;
}

/// First key after the rows of a store when `to` is null, else the key of `to`.
inline std::string upper_bound_key(StoreNumber number, Bytes to) {
  return to.is_null() ? database_key(static_cast<StoreNumber>(number + 1), Bytes())
                      : database_key(number, to);
}

/// The row in a database value; its value is not aligned. A null value: the bytes are damaged.
inline Row split_row(const rocksdb::Slice& stored) {
  if (stored.size() < kRowHeaderBytes) return {};
  Row row;
  std::memcpy(&row.timestamp_ms, stored.data(), kRowHeaderBytes);
  row.value = Bytes(stored.data() + kRowHeaderBytes, stored.size() - kRowHeaderBytes);
  return row;
}

}  // namespace millrace
