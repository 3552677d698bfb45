#include "state/rocksdb/rocksdb_settings.h"

#include <algorithm>

#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include "state/rocksdb/rocksdb_groups.h"
#include "state/rocksdb/rocksdb_keys.h"

namespace millrace {
namespace {

constexpr size_t kWriteBufferBytes = 64 << 20;
constexpr int kWriteBuffersMax = 4;
constexpr double kBloomBitsPerKey = 10;
constexpr double kMemtableBloomShare = 0.02;  // about six bits a row of 200 bytes
constexpr size_t kFirstCompressedLevel = 2;
constexpr uint64_t kIndexPieceBytes = 4096;

rocksdb::BlockBasedTableOptions table_options(const SharedStateMemory& memory) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = memory.block_cache();
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
  table.format_version = 5;
  table.checksum = rocksdb::kXXH3;
  // Filters and indexes count in the one limit that all tasks share.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  // In pieces, since a small cache does not keep a block as large as a file's whole index: each
  // read would fetch all of it.
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.metadata_block_size = kIndexPieceBytes;
  table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  return table;
}

}  // namespace

SharedStateMemory::SharedStateMemory(size_t block_cache_bytes, size_t write_buffer_bytes)
    : block_cache_(rocksdb::NewLRUCache(block_cache_bytes)),
      write_buffers_(std::make_shared<rocksdb::WriteBufferManager>(write_buffer_bytes)) {}

std::shared_ptr<SharedStateMemory> make_shared_state_memory(size_t block_cache_bytes,
                                                            size_t write_buffer_bytes) {
  return std::make_shared<SharedStateMemory>(block_cache_bytes, write_buffer_bytes);
}

rocksdb::Options database_options(const SharedStateMemory& memory, rocksdb::Env* env) {
  rocksdb::Options options;
  options.create_if_missing = true;
  if (env != nullptr) options.env = env;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table_options(memory)));
  options.prefix_extractor = group_of_key();
  options.write_buffer_manager = memory.write_buffers();
  options.write_buffer_size = kWriteBufferBytes;
  options.max_write_buffer_number = kWriteBuffersMax;

  // A skip list, since cache misses and queries read the rows of unflushed commits; a vector
  // memtable sorts itself again for every such read. A commit comes sorted, so an insertion that
  // starts where the one before ended is nearly as cheap.
  options.memtable_insert_with_hint_prefix_extractor.reset(
      rocksdb::NewFixedPrefixTransform(kStorePrefixBytes));
  options.allow_concurrent_memtable_write = false;  // one writer; hints need it
  options.enable_write_thread_adaptive_yield = false;
  // A cache miss mostly looks for a row that is in no memtable: this spares it the skip list.
  options.memtable_prefix_bloom_size_ratio = kMemtableBloomShare;
  options.memtable_whole_key_filtering = true;

  // With one flush thread and no retry, memtables reach the disk in the order of their writes: the
  // flushed rows are all commits up to one of them. Before 7.9.0 RocksDB can misorder the retried
  // flushes of several threads.
  options.max_background_flushes = 1;
  options.max_background_compactions = 1;
  options.max_bgerror_resume_count = 0;

  // Compactions soon rewrite the upper levels; below, a row rests long enough to repay compression.
  options.compression_per_level.assign(static_cast<size_t>(options.num_levels),
                                       rocksdb::kNoCompression);
  const auto supported = rocksdb::GetSupportedCompressions();
  if (std::find(supported.begin(), supported.end(), rocksdb::kLZ4Compression) != supported.end()) {
    std::fill(options.compression_per_level.begin() + kFirstCompressedLevel,
              options.compression_per_level.end(), rocksdb::kLZ4Compression);
  }

  options.max_open_files = -1;  // opening looks at every file: damage shows at once
  options.skip_stats_update_on_db_open = true;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

rocksdb::Options ingested_file_options(const rocksdb::Options& options) {
  rocksdb::Options ingested = options;
  ingested.compression_per_level.clear();
  ingested.compression = rocksdb::kNoCompression;
  return ingested;
}

}  // namespace millrace
