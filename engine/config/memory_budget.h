#pragma once

#include <cstddef>
#include <filesystem>

#include "millrace/engine/config_table.h"
#include "millrace/engine/options.h"

namespace millrace::engine {

/// Memory that this process may use: the least limit of its control groups (version 2 or 1, below
/// `root`), or the machine's memory. 0: unknown.
size_t usable_memory_bytes(const std::filesystem::path& root = "/");

/// Divides `memory.bytes` (0: a quarter of `usable_bytes`) among cache, RocksDB and buffers, as far
/// as no source sets those. None of them gets less than its default.
void divide_memory(const ConfigTable& table, size_t usable_bytes, EngineOptions& options);

}  // namespace millrace::engine
