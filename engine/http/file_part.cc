#include "engine/http/file_part.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "engine/base/numbers.h"

namespace millrace::engine {
namespace {

constexpr std::string_view kUnit = "bytes=";

/// Reads the first and last byte asked for; the last may be past the end.
bool read_range(std::string_view range, uint64_t& first, uint64_t& last) {
  if (!range.starts_with(kUnit)) return false;
  range.remove_prefix(kUnit.size());
  const size_t dash = range.find('-');
  if (dash == std::string_view::npos || !read_number(range.substr(0, dash), first)) return false;
  last = std::numeric_limits<uint64_t>::max();
  const std::string_view end = range.substr(dash + 1);
  return end.empty() || (read_number(end, last) && last >= first);
}

}  // namespace

FilePart choose_part(std::string_view range, std::shared_ptr<const File> file) {
  const uint64_t size = file->size();
  FilePart part{std::move(file), 0, size, 200, {}};
  uint64_t last = 0;
  if (!read_range(range, part.offset, last)) {
    part.offset = 0;
    return part;
  }
  if (part.offset >= size) {
    return {std::move(part.file), 0, 0, 416, fmt::format("bytes */{}", size)};
  }
  last = std::min(last, size - 1);
  part.bytes = last - part.offset + 1;
  part.status = 206;
  part.content_range = fmt::format("bytes {}-{}/{}", part.offset, last, size);
  return part;
}

Status take_piece(FilePart& part, std::string& piece) {
  piece.resize(std::min<uint64_t>(part.bytes, kFilePieceBytes));
  if (piece.empty()) return {};
  const Result<size_t> bytes = part.file->read_at(part.offset, {piece.data(), piece.size()});
  if (!bytes.ok()) return bytes.status();
  if (*bytes < piece.size()) return Error{ErrorCode::kStoreIo, "it became shorter"};
  part.offset += piece.size();
  part.bytes -= piece.size();
  return {};
}

}  // namespace millrace::engine
