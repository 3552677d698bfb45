#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "millrace/core/result.h"

namespace millrace::engine {

/// An open file. It stays readable after its name is removed. Reading is thread-safe.
class File {
 public:
  /// Opens a regular file, but not through a symbolic link. Errors: `kNotFound`, `kStoreIo`.
  static Result<File> open(const std::filesystem::path& path);
  /// Creates a new file to write. Error: `kStoreIo`, also when it exists.
  static Result<File> create(const std::filesystem::path& path);
  File(File&& other) noexcept;
  File& operator=(File&&) = delete;
  ~File();

  uint64_t size() const { return size_; }  ///< at opening, and what was appended since
  /// Returns how many bytes it read from `offset` on; fewer than asked only at the end.
  Result<size_t> read_at(uint64_t offset, std::span<char> into) const;
  Status append(std::string_view bytes);
  /// Flushes the written bytes to the disk.
  Status sync();

 private:
  File(std::filesystem::path path, int descriptor, uint64_t size);
  Error failure(const char* what) const;

  std::filesystem::path path_;  ///< for messages
  int descriptor_;
  uint64_t size_;
};

/// Calls `piece` with all bytes of `file` from `offset` on, in pieces, until it fails.
template <class Piece>
Status read_pieces(const File& file, uint64_t offset, Piece&& piece) {
  constexpr size_t kPieceBytes = 256 << 10;
  const auto buffer = std::make_unique<char[]>(kPieceBytes);
  for (;;) {
    const Result<size_t> bytes = file.read_at(offset, {buffer.get(), kPieceBytes});
    if (!bytes.ok()) return bytes.status();
    if (*bytes == 0) return {};
    MILLRACE_RETURN_IF_ERROR(piece(std::string_view(buffer.get(), *bytes)));
    offset += *bytes;
  }
}

/// A `kStoreIo` error with the path and the system's message.
Error io_error(const std::filesystem::path& path, const std::error_code& error);
/// Flushes the names in a directory to the disk.
Status sync_directory(const std::filesystem::path& path);
/// Removes a file or a whole directory; logs a failure.
void remove_logged(const std::filesystem::path& path);
/// Reads the whole content, at most `bytes_max`. Errors: as `File::open`; `kInvalidRecord`: larger.
Result<std::string> read_file(const std::filesystem::path& path, size_t bytes_max);

}  // namespace millrace::engine
