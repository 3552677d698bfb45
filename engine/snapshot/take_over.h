#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "millrace/core/result.h"

#include "engine/snapshot/manifest.h"

namespace millrace::engine {

/// The file of the previous snapshot with the same name; empty: there is none.
struct Known {
  std::filesystem::path path;
  uint64_t size = 0;
  std::string digest;
};

/// Makes `to` a file with the content of `from`, which does not change any more: by a link to
/// `from`, or to `known` when that has the same content, else by copying. Does not read a file
/// that `known` shares already. Errors: `kAborted` when asked to stop, `kStoreIo`.
Result<SnapshotFile> take_over(const std::filesystem::path& from, const std::filesystem::path& to,
                               const Known& known, const std::stop_token& stop);

}  // namespace millrace::engine
