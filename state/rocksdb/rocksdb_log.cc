#include "state/rocksdb/rocksdb_log.h"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <string>
#include <string_view>

#include <spdlog/spdlog.h>

namespace millrace {
namespace {

constexpr size_t kLineBytes = 2'000;

class DatabaseLog final : public rocksdb::Logger {
 public:
  explicit DatabaseLog(std::string path)
      : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL), path_(std::move(path)) {}

  using rocksdb::Logger::Logv;
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level < GetInfoLogLevel()) return;
    std::array<char, kLineBytes> line{};
    std::vsnprintf(line.data(), line.size(), format, arguments);
    std::string_view text(line.data());
    while (text.ends_with('\n')) text.remove_suffix(1);
    const bool is_error = level >= rocksdb::InfoLogLevel::ERROR_LEVEL;
    // Its warnings are routine: stalls, files of restores, checkpoints that overlap.
    spdlog::log(is_error ? spdlog::level::warn : spdlog::level::debug, "rocksdb path={} {}", path_,
                text);
  }
  /// Drops settings and versions, which RocksDB logs at every opening.
  void LogHeader(const char* /*format*/, va_list /*arguments*/) override {}

 private:
  std::string path_;
};

}  // namespace

std::shared_ptr<rocksdb::Logger> database_log(const std::filesystem::path& path) {
  return std::make_shared<DatabaseLog>(path.string());
}

}  // namespace millrace
