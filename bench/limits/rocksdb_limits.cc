#include "bench/limits/rocksdb_limits.h"

#include <chrono>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <rocksdb/db.h>

#include "bench/job.h"
#include "bench/micro/split_mix.h"
#include "state/rocksdb/rocksdb_settings.h"

namespace millrace::bench {
namespace {

constexpr int64_t kRowsPerBatch = 10'000;
constexpr size_t kRowBytes = 216;
// As `compare.sh aggregate` has them.
constexpr size_t kBlockCacheBytes = 64 << 20;
constexpr size_t kWriteBufferBytes = 256 << 20;
constexpr size_t kCopiedBytes = 512 << 20;

std::string key_of(int64_t number) {
  return fmt::format("account-{:08}", number);
}

Error failed(const rocksdb::Status& status) {
  return {ErrorCode::kStoreIo, status.ToString()};
}

bool is_compacting(rocksdb::DB& database) {
  for (const std::string& name : {rocksdb::DB::Properties::kNumRunningCompactions,
                                  rocksdb::DB::Properties::kCompactionPending}) {
    uint64_t count = 0;
    if (database.GetIntProperty(name, &count) && count > 0) return true;
  }
  return false;
}

std::vector<int64_t> shuffled(int64_t count) {
  std::vector<int64_t> numbers(static_cast<size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  for (size_t i = numbers.size(); i > 1; --i) std::swap(numbers[i - 1], numbers[split_mix(i) % i]);
  return numbers;
}

}  // namespace

Result<RocksDbCosts> put_and_get(const std::filesystem::path& folder, int64_t rows) {
  const auto memory = make_shared_state_memory(kBlockCacheBytes, kWriteBufferBytes);
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status =
      rocksdb::DB::Open(database_options(*memory, nullptr), folder.string(), &opened);
  if (!status.ok()) return failed(status);
  const std::unique_ptr<rocksdb::DB> database(opened);
  const std::vector<int64_t> order = shuffled(rows);
  const std::string value(kRowBytes, 'v');
  rocksdb::WriteOptions unlogged;
  unlogged.disableWAL = true;
  RocksDbCosts costs;
  costs.put = -cpu_seconds();
  rocksdb::WriteBatch batch;
  for (size_t i = 0; i < order.size(); ++i) {
    batch.Put(key_of(order[i]), value);
    if (batch.Count() < kRowsPerBatch && i + 1 < order.size()) continue;
    status = database->Write(unlogged, &batch);
    if (!status.ok()) return failed(status);
    batch.Clear();
  }
  status = database->Flush(rocksdb::FlushOptions());
  if (!status.ok()) return failed(status);
  while (is_compacting(*database)) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  costs.put += cpu_seconds();
  costs.get = -cpu_seconds();
  rocksdb::PinnableSlice found;
  for (auto number = order.rbegin(); number != order.rend(); ++number) {
    status = database->Get(rocksdb::ReadOptions(), database->DefaultColumnFamily(), key_of(*number),
                           &found);
    if (!status.ok()) return failed(status);
    found.Reset();
  }
  costs.get += cpu_seconds();
  return costs;
}

double copy_rows(int64_t rows) {
  const std::vector<char> from(kCopiedBytes, 'v');
  std::vector<char> to(kRowBytes);
  const size_t places = kCopiedBytes / kRowBytes;
  size_t sum = 0;
  const double begun = cpu_seconds();
  for (int64_t i = 0; i < rows; ++i) {
    std::memcpy(to.data(), from.data() + split_mix(static_cast<uint64_t>(i)) % places * kRowBytes,
                kRowBytes);
    sum += static_cast<size_t>(to[static_cast<size_t>(i) % kRowBytes]);
  }
  const double cost = cpu_seconds() - begun;
  return sum == 0 ? 0 : cost;  // so that the copies are made
}

}  // namespace millrace::bench
