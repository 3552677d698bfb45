#pragma once

#include <memory>

#include <rocksdb/cache.h>
#include <rocksdb/options.h>
#include <rocksdb/write_buffer_manager.h>

#include "millrace/state/task_state.h"

namespace millrace {

class SharedStateMemory {
 public:
  SharedStateMemory(size_t block_cache_bytes, size_t write_buffer_bytes);

  const std::shared_ptr<rocksdb::Cache>& block_cache() const { return block_cache_; }
  const std::shared_ptr<rocksdb::WriteBufferManager>& write_buffers() const {
    return write_buffers_;
  }

 private:
  std::shared_ptr<rocksdb::Cache> block_cache_;
  std::shared_ptr<rocksdb::WriteBufferManager> write_buffers_;
};

/// The settings of a task's database; the reasons stand beside them in the source.
rocksdb::Options database_options(const SharedStateMemory& memory, rocksdb::Env* env);

/// For files that a restore ingests: written once in bulk and soon compacted.
rocksdb::Options ingested_file_options(const rocksdb::Options& options);

}  // namespace millrace
