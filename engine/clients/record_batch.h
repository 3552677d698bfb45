#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "millrace/core/arena.h"
#include "millrace/core/record.h"

namespace millrace::engine {

/// A record as it was fetched. Views into its batch.
struct FetchedRecord {
  int64_t offset = 0;
  int64_t timestamp_ms = 0;
  Bytes key;
  Bytes value;
  std::span<const Header> headers;
};

/// Records of one partition in offset order, copied once into memory of its own in which every
/// non-null key and value starts at an 8-byte boundary. Movable; views stay valid over a move.
class RecordBatch {
 public:
  RecordBatch() = default;
  RecordBatch(RecordBatch&&) noexcept = default;
  RecordBatch& operator=(RecordBatch&&) noexcept = default;

  /// Copies everything, header names and values too.
  void add(int64_t offset, int64_t timestamp_ms, Bytes key, Bytes value,
           std::span<const Header> headers);

  /// Forgets the records, and keeps their memory for the next ones.
  void clear();

  std::span<const FetchedRecord> records() const { return records_; }
  size_t memory_bytes() const { return arena_.reserved_bytes(); }

 private:
  Arena arena_;
  std::vector<FetchedRecord> records_;
};

}  // namespace millrace::engine
