// RocksDB is not built with the thread sanitizer, which therefore sees neither how its skip list
// publishes rows nor how its threads hand over files, and reports both as races, in RocksDB and in
// our iterator. Every test program has these suppressions, since any of them may open a store.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:librocksdb\nrace:millrace::RocksDbIterator::settle\n";
}
