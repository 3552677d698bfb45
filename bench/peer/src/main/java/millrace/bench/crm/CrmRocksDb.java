package millrace.bench.crm;

import java.util.Map;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.BloomFilter;
import org.rocksdb.Cache;
import org.rocksdb.CompressionType;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.WriteBufferManager;

/** One block cache and one write-buffer limit for all stores of all tasks. */
public final class CrmRocksDb implements RocksDBConfigSetter {
  private static final long BLOCK_CACHE_BYTES = 512L << 20;
  private static final long WRITE_BUFFERS_BYTES = 512L << 20;
  private static final long WRITE_BUFFER_BYTES = 32L << 20;

  static {
    RocksDB.loadLibrary();
  }

  private static final Cache BLOCK_CACHE = new LRUCache(BLOCK_CACHE_BYTES);
  private static final WriteBufferManager WRITE_BUFFERS =
      new WriteBufferManager(WRITE_BUFFERS_BYTES, new LRUCache(WRITE_BUFFERS_BYTES));
  private static final BloomFilter FILTER = new BloomFilter(10);

  @Override
  public void setConfig(String store, Options options, Map<String, Object> configs) {
    BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
    table.setBlockCache(BLOCK_CACHE);
    table.setFilterPolicy(FILTER);
    table.setBlockSize(8 << 10);
    table.setCacheIndexAndFilterBlocks(false);
    options.setTableFormatConfig(table);
    options.setWriteBufferManager(WRITE_BUFFERS);
    options.setWriteBufferSize(WRITE_BUFFER_BYTES);
    options.setMaxWriteBufferNumber(3);
    options.setCompressionType(CompressionType.LZ4_COMPRESSION);
  }

  @Override
  public void close(String store, Options options) {
    // The shared objects live as long as the process.
  }
}
