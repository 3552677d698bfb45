#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"

/// A snapshot's description as JSON, the same in `GET /v1/snapshots/{task}` and in the snapshot:
///
///   {"application_id": "crm", "changelog_end": {"accounts": 4711}, "checksum": "<digest>",
///    "committed_at_ms": 1700000000000, "created_at_ms": 1700000000123,
///    "files": [{"digest": "<digest>", "name": "000012.sst", "size": 4096}, …],
///    "format": 1, "incarnation": "…", "snapshot": "001700000000123-0a1b2c3d", "task": "0_3"}
///
/// Digests are XXH3-128 in hexadecimal; the checksum is that of the same JSON without it. A
/// manifest has one spelling (sorted members, no spaces, no others); decoding accepts only that.
namespace millrace::engine {

constexpr size_t kManifestBytesMax = 1 << 20;
constexpr size_t kSnapshotFilesMax = 4096;
constexpr uint64_t kSnapshotFileBytesMax = uint64_t{1} << 40;

struct SnapshotFile {
  std::string name;
  uint64_t size = 0;
  std::string digest;
};

struct SnapshotManifest {
  std::string application_id;
  TaskId task;
  std::string snapshot;                                       ///< its id, see `make_snapshot_id`
  std::string incarnation;                                    ///< see `TaskStateOptions`
  std::map<std::string, int64_t, std::less<>> changelog_end;  ///< see `TaskPositions`
  int64_t committed_at_ms = 0;
  int64_t created_at_ms = 0;
  std::vector<SnapshotFile> files;  ///< by name

  uint64_t bytes() const;
  const SnapshotFile* find(std::string_view file) const;
};

std::string encode_manifest(const SnapshotManifest& manifest);
/// Accepts only file names of a task's state, and bounds counts and sizes.
/// Error: `kInvalidRecord`.
Result<SnapshotManifest> decode_manifest(std::string_view text);

/// Time in 15 digits and 8 random hexadecimal ones, so that ids sort by time and never meet.
std::string make_snapshot_id(int64_t created_at_ms);
bool is_snapshot_id(std::string_view text);
/// When it was made. REQUIRES: `is_snapshot_id`.
int64_t snapshot_time_ms(std::string_view id);

}  // namespace millrace::engine
