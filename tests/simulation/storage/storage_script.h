#pragma once

#include "tests/simulation/script.h"

namespace millrace::simulation {

/// Kinds that hit databases or snapshots: `add_storage` draws their strikes, and nothing else
/// does.
bool is_of_storage(Kind kind);
/// Adds to a script how the engine keeps and moves its state, and in worlds on disk strikes at
/// that. The rest of the script is as it would be without.
void add_storage(WorldScript& script, const ScriptOptions& options);
std::string describe(const StorageScript& script);

}  // namespace millrace::simulation
