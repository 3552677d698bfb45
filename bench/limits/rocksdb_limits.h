#pragma once

#include <cstdint>
#include <filesystem>

#include "millrace/core/result.h"

namespace millrace::bench {

/// CPU seconds of the whole process.
struct RocksDbCosts {
  double put = 0;
  double get = 0;
};

/// Writes so many rows into a new database in `folder`, and looks each up. Error: `kStoreIo`.
Result<RocksDbCosts> put_and_get(const std::filesystem::path& folder, int64_t rows);

/// CPU seconds for copying so many rows from memory that no cache holds.
double copy_rows(int64_t rows);

}  // namespace millrace::bench
