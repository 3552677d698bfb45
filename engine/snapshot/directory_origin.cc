#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/base/file.h"
#include "engine/snapshot/origin.h"
#include "engine/snapshot/snapshot_directory.h"

namespace millrace::engine {
namespace {

class DirectoryOrigin final : public SnapshotOrigin {
 public:
  DirectoryOrigin(std::filesystem::path root, std::stop_token stop, const Clock& clock)
      : store_(std::move(root), {}, clock), stop_(std::move(stop)) {}

  Result<std::string> manifest(TaskId task) override {
    const Result<SnapshotManifest> newest = store_.newest(task);
    if (!newest.ok()) return newest.status();
    store_.lease(task, newest->snapshot);
    return encode_manifest(*newest);
  }

  Status read(const SnapshotManifest& manifest, const SnapshotFile& file, uint64_t offset,
              const Sink& sink) override {
    store_.lease(manifest.task, manifest.snapshot);
    const Result<File> opened = File::open(store_.file_path(manifest, file));
    if (!opened.ok()) return opened.status();
    if (opened->size() != file.size) {
      return Error{ErrorCode::kInvalidRecord,
                   fmt::format("{}: {} bytes instead of {}", file.name, opened->size(), file.size)};
    }
    uint64_t left = file.size - std::min(offset, file.size);
    return read_pieces(*opened, offset, [&](std::string_view piece) {
      if (stop_.stop_requested()) return Status(Error{ErrorCode::kAborted, "asked to stop"});
      piece = piece.substr(0, left);  // it may grow meanwhile
      left -= piece.size();
      return sink(piece);
    });
  }

 private:
  SnapshotDirectory store_;
  std::stop_token stop_;
};

}  // namespace

std::unique_ptr<SnapshotOrigin> open_directory_origin(std::filesystem::path root,
                                                      std::stop_token stop, const Clock& clock) {
  return std::make_unique<DirectoryOrigin>(std::move(root), std::move(stop), clock);
}

}  // namespace millrace::engine
