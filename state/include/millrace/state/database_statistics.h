#pragma once

#include <cstdint>

namespace millrace {

/// Sums over the databases that this process has open, of all tasks.
struct DatabaseStatistics {
  uint64_t databases = 0;
  uint64_t rows = 0;                ///< RocksDB's estimate
  uint64_t files_bytes = 0;         ///< of the live files
  uint64_t block_cache_bytes = 0;   ///< each shared cache once, like the write buffers
  uint64_t block_cache_pinned = 0;  ///< bytes of it that readers hold at the moment
  uint64_t write_buffer_bytes = 0;
  uint64_t pending_compaction_bytes = 0;  ///< RocksDB's estimate
  uint64_t running_compactions = 0;
  uint64_t running_flushes = 0;
  uint64_t stalled = 0;  ///< databases that slow down or stop writes
  uint64_t background_errors = 0;
};

/// Asks RocksDB for numbers that it keeps anyway: reads and commits pay nothing for them. A
/// database that its task closes meanwhile stays open until this returns. Thread-safe.
DatabaseStatistics database_statistics();

}  // namespace millrace
