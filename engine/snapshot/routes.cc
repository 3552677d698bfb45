#include "engine/snapshot/routes.h"

#include <memory>
#include <utility>

#include "engine/base/file.h"

namespace millrace::engine {
namespace {

HttpAnswer newest_manifest(const SnapshotDirectory& store, const HttpRequest& request) {
  const Result<TaskId> task = TaskId::parse(request.arguments[0]);
  if (!task.ok()) return error_answer(task.error());
  const Result<SnapshotManifest> manifest = store.newest(*task);
  if (!manifest.ok()) return error_answer(manifest.error());
  store.lease(*task, manifest->snapshot);
  return {.body = encode_manifest(*manifest)};
}

/// Nothing of the request becomes a path: the snapshot's id has one form, and the manifest must
/// have the file's name.
HttpAnswer snapshot_file(const SnapshotDirectory& store, const HttpRequest& request) {
  const Result<TaskId> task = TaskId::parse(request.arguments[0]);
  if (!task.ok()) return error_answer(task.error());
  const Result<SnapshotManifest> manifest = store.open(*task, request.arguments[1]);
  if (!manifest.ok()) return error_answer(404, "no such snapshot");
  const SnapshotFile* const file = manifest->find(request.arguments[2]);
  if (file == nullptr) return error_answer(404, "no such file in the snapshot");
  store.lease(*task, manifest->snapshot);
  Result<File> opened = File::open(store.file_path(*manifest, *file));
  if (!opened.ok() || opened->size() != file->size) return error_answer(404, "the file is gone");
  return {.content_type = "application/octet-stream",
          .file = std::make_shared<const File>(std::move(*opened))};
}

}  // namespace

void add_snapshot_routes(QueryServer& server, const SnapshotDirectory& store) {
  const HttpParameter task{.name = "task", .meaning = "As /v1/health names it, such as 0_3."};
  server.route(
      {.pattern = "/v1/snapshots/{task}",
       .right = Right::kRaw,
       .summary = "The manifest of a task's newest snapshot.",
       .parameters = {task},
       .errors = {{404, "There is no snapshot."}},
       .handler = [store](const HttpRequest& request) { return newest_manifest(store, request); }});
  server.route(
      {.pattern = "/v1/snapshots/{task}/{snapshot}/{file}",
       .right = Right::kRaw,
       .summary = "A file that a snapshot's manifest names; ranges work.",
       .parameters = {task,
                      {.name = "snapshot", .meaning = "Of the manifest."},
                      {.name = "file", .meaning = "A name in the manifest."}},
       .errors = {{404, "There is no such file."}, {416, "The range is outside."}},
       .content_type = "application/octet-stream",
       .handler = [store](const HttpRequest& request) { return snapshot_file(store, request); }});
}

}  // namespace millrace::engine
