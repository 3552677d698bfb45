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
  /// Only a regular file, and none that a symbolic link leads to. Errors: `kNotFound`, `kStoreIo`.
  static Result<File> open(const std::filesystem::path& path);
  /// A file that is not there yet, to be written. Error: `kStoreIo`.
  static Result<File> create(const std::filesystem::path& path);
  File(File&& other) noexcept;
  File& operator=(File&&) = delete;
  ~File();

  uint64_t size() const { return size_; }  ///< when it was opened, and what was appended since
  /// How many bytes there were from `offset` on; fewer than asked only at the end.
  Result<size_t> read_at(uint64_t offset, std::span<char> into) const;
  Status append(std::string_view bytes);
  /// Brings what was written to the disk.
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

/// `kStoreIo` that names the path and what the system said of it.
Error io_error(const std::filesystem::path& path, const std::error_code& error);
/// Brings the names in a directory to the disk.
Status sync_directory(const std::filesystem::path& path);
/// Removes a file or a whole directory; a failure is logged.
void remove_logged(const std::filesystem::path& path);
/// Whole content, at most `bytes_max`. Errors: as `File::open`; `kInvalidRecord`: larger.
Result<std::string> read_file(const std::filesystem::path& path, size_t bytes_max);

}  // namespace millrace::engine
