#include "engine/config/memory_budget.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>
#include <string>

namespace millrace::engine {
namespace {

namespace fs = std::filesystem;

constexpr size_t kUnlimited = std::numeric_limits<size_t>::max();
constexpr size_t kUsableShare = 4;

/// Sixteenths of the budget. The rest is for what has no setting: batches on their way to RocksDB
/// and Kafka, queries, the allocator.
constexpr size_t kParts = 16;
constexpr size_t kCacheParts = 8;
constexpr size_t kBlockCacheParts = 2;
constexpr size_t kWriteBufferParts = 2;
constexpr size_t kInputParts = 1;
constexpr size_t kCommitParts = 1;
/// More gains nothing: a commit is lost as a whole, and records wait to be processed.
constexpr size_t kInputBytesMax = size_t{1} << 30;
constexpr size_t kCommitBytesMax = size_t{512} << 20;

/// The number in a file of one line; none: there is no such file, or it says "max".
std::optional<size_t> number_in(const fs::path& file) {
  std::ifstream stream(file);
  size_t number = 0;
  if (stream >> number) return number;
  return std::nullopt;
}

/// The limit of the control group `name` below `tree` and of those around it.
size_t least_limit(const fs::path& tree, fs::path name, const char* file) {
  size_t least = kUnlimited;
  for (;; name = name.parent_path()) {
    least = std::min(least, number_in(tree / name.relative_path() / file).value_or(kUnlimited));
    if (name == name.parent_path()) return least;
  }
}

/// Lines of /proc/self/cgroup: "0::/name" of version 2, "5:memory:/name" of version 1. Inside a
/// container a name may begin outside of what is mounted here; then the top has the limit.
size_t control_group_limit(const fs::path& root) {
  const fs::path tree = root / "sys/fs/cgroup";
  size_t least = std::min(least_limit(tree, "/", "memory.max"),
                          least_limit(tree / "memory", "/", "memory.limit_in_bytes"));
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const size_t name = line.find(":/");
    if (name == std::string::npos) continue;
    const fs::path path = line.substr(name + 1);
    if (line.starts_with("0:")) least = std::min(least, least_limit(tree, path, "memory.max"));
    if (line.find(":memory:") != std::string::npos) {
      least = std::min(least, least_limit(tree / "memory", path, "memory.limit_in_bytes"));
    }
  }
  return least;
}

size_t machine_memory(const fs::path& root) {
  std::ifstream lines(root / "proc/meminfo");
  std::string name;
  size_t kibibytes = 0;
  while (lines >> name >> kibibytes) {
    if (name == "MemTotal:") return kibibytes << 10;
    lines.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return kUnlimited;
}

}  // namespace

size_t usable_memory_bytes(const fs::path& root) {
  const size_t least = std::min(control_group_limit(root), machine_memory(root));
  return least == kUnlimited ? 0 : least;
}

void divide_memory(const ConfigTable& table, size_t usable_bytes, EngineOptions& options) {
  const size_t budget =
      options.memory_bytes > 0 ? options.memory_bytes : usable_bytes / kUsableShare;
  const auto give = [&](const char* name, size_t parts, size_t& bytes, size_t most = kUnlimited) {
    if (table.source_of(name) != "default") return;
    bytes = std::max(bytes, std::min(most, budget / kParts * parts));
  };
  give("cache.bytes", kCacheParts, options.cache_bytes);
  give("block.cache.bytes", kBlockCacheParts, options.block_cache_bytes);
  give("write.buffer.bytes", kWriteBufferParts, options.write_buffer_bytes);
  give("input.buffer.bytes", kInputParts, options.input_buffer_bytes, kInputBytesMax);
  give("commit.bytes.max", kCommitParts, options.commit_bytes_max, kCommitBytesMax);
}

}  // namespace millrace::engine
