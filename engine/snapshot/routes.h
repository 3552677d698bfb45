#pragma once

#include "millrace/engine/query_server.h"

#include "engine/snapshot/snapshot_directory.h"

namespace millrace::engine {

/// Serves snapshots to peers:
///   `GET /v1/snapshots/{task}`                     the manifest of the newest one
///   `GET /v1/snapshots/{task}/{snapshot}/{file}`   a file that its manifest names; ranges work
/// They need the right to raw rows. Pruning spares a snapshot that somebody reads (see
/// `SnapshotDirectory::lease`).
void add_snapshot_routes(QueryServer& server, const SnapshotDirectory& store);

}  // namespace millrace::engine
