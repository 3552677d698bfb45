#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

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

  /// Forgets the records, and keeps their memory for those to come.
  void clear();

  std::span<const FetchedRecord> records() const { return records_; }
  size_t memory_bytes() const { return memory_bytes_; }

 private:
  char* allocate(size_t size);
  Bytes copy(Bytes bytes);

  struct Block {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;
  };
  std::vector<Block> blocks_;
  size_t blocks_used_ = 0;
  size_t block_left_ = 0;
  char* block_next_ = nullptr;
  size_t memory_bytes_ = 0;
  std::vector<FetchedRecord> records_;
  struct Headers {
    std::unique_ptr<Header[]> list;
    size_t count = 0;
  };
  std::vector<Headers> headers_;
};

}  // namespace millrace::engine
