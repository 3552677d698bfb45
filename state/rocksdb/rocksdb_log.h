#pragma once

#include <filesystem>
#include <memory>

#include <rocksdb/env.h>

namespace millrace {

/// Sends RocksDB's log of the database under `path` to the program's own log.
/// RocksDB's log would be a file beside the data: on a disk that fails or is full, writing to it
/// after a failure ends the process by an assertion (7.8.3 as Debian builds it).
std::shared_ptr<rocksdb::Logger> database_log(const std::filesystem::path& path);

}  // namespace millrace
