#include "snapshots.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "engine/snapshot/manifest.h"

namespace millrace::simulation {
namespace {

namespace fs = std::filesystem;

constexpr const char* kManifest = "manifest.json";

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) entries.push_back(entry.path());
  std::ranges::sort(entries);
  return entries;
}

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A new file under the old name: links keep what they had.
void replace(const fs::path& path, const std::string& content) {
  fs::remove(path);
  std::ofstream(path, std::ios::binary) << content;
}

/// A file with something in it, which `change` then changes.
template <class Change>
bool change_file(const fs::path& snapshot, Draws& draws, Change&& change) {
  std::vector<fs::path> files = entries_of(snapshot);
  std::erase_if(files, [](const fs::path& file) {
    return !fs::is_regular_file(file) || fs::file_size(file) == 0;
  });
  if (files.empty()) return false;
  const fs::path file = draws.one_of(files);
  std::string content = content_of(file);
  change(content);
  replace(file, content);
  return true;
}

}  // namespace

std::vector<fs::path> snapshots_in(const fs::path& root) {
  std::vector<fs::path> snapshots;
  for (const fs::path& task : entries_of(root)) {
    for (const fs::path& snapshot : entries_of(task)) {
      if (engine::is_snapshot_id(snapshot.filename().string())) snapshots.push_back(snapshot);
    }
  }
  return snapshots;
}

bool cut_snapshot(const fs::path& snapshot, Draws& draws) {
  return change_file(snapshot, draws, [&](std::string& content) {
    content.resize(static_cast<size_t>(draws.below(content.size())));
  });
}

bool garble_snapshot(const fs::path& snapshot, Draws& draws) {
  return change_file(snapshot, draws, [&](std::string& content) {
    for (int64_t i = draws.between(1, 5); i > 0; --i) {
      content[static_cast<size_t>(draws.below(content.size()))] ^=
          static_cast<char>(draws.between(1, 255));
    }
  });
}

bool postdate_snapshot(const fs::path& snapshot, int64_t ahead_ms) {
  Result<engine::SnapshotManifest> manifest =
      engine::decode_manifest(content_of(snapshot / kManifest));
  if (!manifest.ok()) return false;
  manifest->created_at_ms += ahead_ms;
  manifest->committed_at_ms += ahead_ms;
  manifest->snapshot = engine::make_snapshot_id(manifest->created_at_ms);
  const fs::path later = snapshot.parent_path() / manifest->snapshot;
  std::error_code failed;
  fs::copy(snapshot, later, failed);
  if (failed) return false;
  replace(later / kManifest, engine::encode_manifest(*manifest));
  return true;
}

}  // namespace millrace::simulation
