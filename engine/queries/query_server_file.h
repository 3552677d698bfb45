#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/optional.hpp>
#include <boost/system/error_code.hpp>

#include "engine/base/file.h"

namespace millrace::engine {

constexpr size_t kFilePieceBytes = 64 << 10;

/// What of a file is sent, and as what.
struct FilePart {
  std::shared_ptr<const File> file;
  uint64_t offset = 0;
  uint64_t bytes = 0;
  unsigned status = 200;
  std::string content_range;  ///< the header's value; empty: none
};

/// Follows one range "bytes=N-" or "bytes=N-M"; any other is answered with the whole file, as HTTP
/// allows. 416 without bytes when it begins past the end.
FilePart choose_part(std::string_view range, std::shared_ptr<const File> file);

/// Beast's Body that is read from the file while it is sent, a piece at a time.
struct FilePartBody {
  using value_type = FilePart;
  static uint64_t size(const FilePart& part) { return part.bytes; }

  class writer {  // NOLINT(readability-identifier-naming): Beast's name
   public:
    using const_buffers_type = boost::asio::const_buffer;  // NOLINT: Beast's name

    template <bool IsRequest, class Fields>
    writer(const boost::beast::http::header<IsRequest, Fields>&, const FilePart& part)
        : part_(part), buffer_(new char[kFilePieceBytes]) {}

    void init(boost::system::error_code& error) { error = {}; }
    boost::optional<std::pair<const_buffers_type, bool>> get(boost::system::error_code& error);

   private:
    const FilePart& part_;
    std::unique_ptr<char[]> buffer_;
    uint64_t sent_ = 0;
  };
};

}  // namespace millrace::engine
