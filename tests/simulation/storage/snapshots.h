#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "tests/simulation/draws.h"

namespace millrace::simulation {

/// The folders of whole snapshots below `root`, the oldest first.
std::vector<std::filesystem::path> snapshots_in(const std::filesystem::path& root);

// Damage to a snapshot. Files that it shares with a database by a link stay as they are there.
// False: there was nothing to damage.
bool cut_snapshot(const std::filesystem::path& snapshot, Draws& draws);
bool garble_snapshot(const std::filesystem::path& snapshot, Draws& draws);
/// Puts a copy beside it that seems to be from a time `ahead_ms` later.
bool postdate_snapshot(const std::filesystem::path& snapshot, int64_t ahead_ms);

}  // namespace millrace::simulation
