#pragma once

#include <filesystem>
#include <memory>

#include <rocksdb/env.h>

namespace millrace {

/// Sends RocksDB's log of the database under `path` to the program's own log.
/// RocksDB's log would be a file beside the data, where nobody looks for it. On a disk that fails
/// or is full, writing to it after a failure also ends the process by an assertion (seen with 7.8.3
/// as Debian builds it). No version makes this class dead: the first reason stays.
std::shared_ptr<rocksdb::Logger> database_log(const std::filesystem::path& path);

}  // namespace millrace
