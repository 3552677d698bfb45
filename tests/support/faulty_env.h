#pragma once

#include <memory>
#include <thread>
#include <utility>

#include <rocksdb/env.h>
#include <rocksdb/system_clock.h>

#include "tests/support/faulty_file_system.h"

namespace millrace {

/// RocksDB's surroundings on a faulty file system. Nothing sleeps there: RocksDB waits a second
/// after each flush that fails, in case the disk recovers, and holds up the closing as long.
class FaultyEnv : public rocksdb::EnvWrapper {
 public:
  explicit FaultyEnv(std::shared_ptr<FaultyFileSystem> system)
      : EnvWrapper(rocksdb::NewCompositeEnv(system)) {
    file_system_ = std::move(system);
    system_clock_ = std::make_shared<Clock>();
  }

  void SleepForMicroseconds(int) override { std::this_thread::yield(); }

 private:
  class Clock final : public rocksdb::SystemClockWrapper {
   public:
    Clock() : SystemClockWrapper(rocksdb::SystemClock::Default()) {}
    const char* Name() const override { return "FaultyEnv::Clock"; }
    void SleepForMicroseconds(int) override { std::this_thread::yield(); }
  };
};

}  // namespace millrace
