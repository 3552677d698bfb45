#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "millrace/core/result.h"

#include "engine/base/file.h"

namespace millrace::engine {

constexpr size_t kFilePieceBytes = 64 << 10;

/// The part of a file to send, with status and range header.
struct FilePart {
  std::shared_ptr<const File> file;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  unsigned status = 200;
  std::string content_range;  ///< the header's value; empty: none
};

/// Follows one range "bytes=N-" or "bytes=N-M"; answers any other with the whole file, as HTTP
/// allows. 416 without bytes when it begins past the end.
FilePart choose_part(std::string_view range, std::shared_ptr<const File> file);

/// Reads the next piece of what is left of `part` into `piece`, and takes it off; empty at the end.
/// Errors: those of `File`; `kStoreIo` when the file became shorter.
Status take_piece(FilePart& part, std::string& piece);

}  // namespace millrace::engine
