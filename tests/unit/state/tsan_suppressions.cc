// RocksDB is not built with the thread sanitizer, which therefore does not see how its skip list
// publishes rows and calls their readers, in RocksDB and in our iterator, a race.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:librocksdb\nrace:millrace::RocksDbIterator::settle\n";
}
