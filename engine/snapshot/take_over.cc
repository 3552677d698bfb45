#include "engine/snapshot/take_over.h"

#include <system_error>

#include "engine/base/file.h"
#include "engine/snapshot/digest.h"

namespace millrace::engine {
namespace {

namespace fs = std::filesystem;

Error stopped() {
  return {ErrorCode::kAborted, "asked to stop"};
}

bool link(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::create_hard_link(from, to, failed);
  return !failed;
}

Result<std::string> digest_of(const File& file, const std::stop_token& stop) {
  Digest digest;
  const Status status = read_pieces(file, 0, [&](std::string_view piece) {
    digest.update(piece);
    return stop.stop_requested() ? Status(stopped()) : Status();
  });
  if (!status.ok()) return status;
  return digest.hex();
}

Result<std::string> copy(const File& from, const fs::path& to, const std::stop_token& stop) {
  Result<File> file = File::create(to);
  if (!file.ok()) return file.status();
  Digest digest;
  MILLRACE_RETURN_IF_ERROR(read_pieces(from, 0, [&](std::string_view piece) {
    digest.update(piece);
    return stop.stop_requested() ? Status(stopped()) : file->append(piece);
  }));
  MILLRACE_RETURN_IF_ERROR(file->sync());
  return digest.hex();
}

}  // namespace

Result<SnapshotFile> take_over(const fs::path& from, const fs::path& to, const Known& known,
                               const std::stop_token& stop) {
  const Result<File> source = File::open(from);
  if (!source.ok()) return source.status();
  SnapshotFile taken{to.filename().string(), source->size(), {}};
  const bool may_be_known = !known.path.empty() && known.size == source->size();
  std::error_code failed;
  if (may_be_known && fs::equivalent(from, known.path, failed) && link(from, to)) {
    taken.digest = known.digest;
    return taken;
  }
  const bool is_linked = link(from, to);
  if (is_linked || may_be_known) {
    Result<std::string> digest = digest_of(*source, stop);
    if (!digest.ok()) return digest.status();
    taken.digest = std::move(*digest);
    if (is_linked || (taken.digest == known.digest && link(known.path, to))) return taken;
  }
  Result<std::string> digest = copy(*source, to, stop);
  if (!digest.ok()) return digest.status();
  taken.digest = std::move(*digest);
  return taken;
}

}  // namespace millrace::engine
