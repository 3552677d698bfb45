#include "engine/snapshot/manifest.h"

#include <algorithm>
#include <limits>
#include <random>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "millrace/core/assert.h"
#include "millrace/core/topology.h"
#include "millrace/state/task_state.h"

#include "engine/base/numbers.h"
#include "engine/base/shallow_json.h"
#include "engine/snapshot/digest.h"

namespace millrace::engine {
namespace {

using nlohmann::json;

constexpr int64_t kFormat = 1;
constexpr int kDepthMax = 3;  // the manifest, its files, a file
constexpr size_t kTextBytesMax = 4096;
constexpr size_t kStoresMax = 1024;
constexpr size_t kIdTimeDigits = 15;
constexpr size_t kIdDigits = kIdTimeDigits + 1 + 8;

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string digest_of(std::string_view text) {
  Digest digest;
  digest.update(text);
  return digest.hex();
}

bool consists_of(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

bool is_digest(std::string_view text) {
  return text.size() == kDigestDigits && consists_of(text, "0123456789abcdef");
}

/// Takes fields out of a JSON object; after a wrong one `ok` stays false.
class JsonFields {
 public:
  explicit JsonFields(const json& object) : object_(object), ok_(object.is_object()) {}

  bool ok() const { return ok_; }
  const json* get(const char* name) {
    if (!ok_) return nullptr;
    const auto found = object_.find(name);
    ok_ = found != object_.end();
    return ok_ ? &*found : nullptr;
  }
  std::string text(const char* name) {
    const json* const value = get(name);
    if (value == nullptr || !check(value->is_string())) return {};
    const auto& content = value->get_ref<const std::string&>();
    return check(content.size() <= kTextBytesMax) ? content : std::string();
  }
  int64_t number(const char* name) {
    const json* const value = get(name);
    return value == nullptr ? 0 : number(*value);
  }
  int64_t number(const json& value) {
    if (!check(value.is_number_unsigned())) return 0;
    const auto content = value.get<uint64_t>();
    return check(content <= std::numeric_limits<int64_t>::max()) ? static_cast<int64_t>(content)
                                                                 : 0;
  }
  bool check(bool condition) { return ok_ = ok_ && condition; }

 private:
  const json& object_;
  bool ok_;
};

bool read_files(const json& list, std::vector<SnapshotFile>& files) {
  if (!list.is_array() || list.empty() || list.size() > kSnapshotFilesMax) return false;
  for (const json& entry : list) {
    JsonFields fields(entry);
    SnapshotFile file;
    file.name = fields.text("name");
    file.size = static_cast<uint64_t>(fields.number("size"));
    file.digest = fields.text("digest");
    fields.check(is_state_file(file.name) && file.size <= kSnapshotFileBytesMax &&
                 is_digest(file.digest));
    fields.check(files.empty() || files.back().name < file.name);
    if (!fields.ok()) return false;
    files.push_back(std::move(file));
  }
  return true;
}

bool read_manifest(const json& object, SnapshotManifest& manifest) {
  JsonFields fields(object);
  fields.check(fields.number("format") == kFormat);
  manifest.application_id = fields.text("application_id");
  fields.check(is_legal_name(manifest.application_id, kApplicationIdLengthMax));
  const Result<TaskId> task = TaskId::parse(fields.text("task"));
  if (!fields.check(task.ok())) return false;
  manifest.task = *task;
  manifest.snapshot = fields.text("snapshot");
  fields.check(is_snapshot_id(manifest.snapshot));
  manifest.incarnation = fields.text("incarnation");
  manifest.committed_at_ms = fields.number("committed_at_ms");
  manifest.created_at_ms = fields.number("created_at_ms");
  const json* const ends = fields.get("changelog_end");
  if (ends == nullptr) return false;
  if (!fields.check(ends->is_object() && ends->size() <= kStoresMax)) return false;
  for (const auto& [store, end] : ends->items()) {
    manifest.changelog_end[store] = fields.number(end);
  }
  const json* const files = fields.get("files");
  return files != nullptr && fields.check(read_files(*files, manifest.files));
}

}  // namespace

uint64_t SnapshotManifest::bytes() const {
  uint64_t sum = 0;  // cannot overflow: both bounds are 2^52 together
  for (const SnapshotFile& file : files) sum += file.size;
  return sum;
}

const SnapshotFile* SnapshotManifest::find(std::string_view file) const {
  const auto place =
      std::lower_bound(files.begin(), files.end(), file,
                       [](const SnapshotFile& a, std::string_view b) { return a.name < b; });
  return place != files.end() && place->name == file ? &*place : nullptr;
}

std::string encode_manifest(const SnapshotManifest& manifest) {
  json files = json::array();
  for (const SnapshotFile& file : manifest.files) {
    files.push_back({{"name", file.name}, {"size", file.size}, {"digest", file.digest}});
  }
  json ends = json::object();
  for (const auto& [store, end] : manifest.changelog_end) ends[store] = end;
  json object{{"format", kFormat},
              {"application_id", manifest.application_id},
              {"task", manifest.task.to_string()},
              {"snapshot", manifest.snapshot},
              {"incarnation", manifest.incarnation},
              {"changelog_end", std::move(ends)},
              {"committed_at_ms", manifest.committed_at_ms},
              {"created_at_ms", manifest.created_at_ms},
              {"files", std::move(files)}};
  object["checksum"] = digest_of(dump(object));
  return dump(object);
}

// Writes the manifest again and compares: so there is one spelling, no member that nobody read,
// none twice, and the checksum fits.
Result<SnapshotManifest> decode_manifest(std::string_view text) {
  const Error no_manifest{ErrorCode::kInvalidRecord,
                          fmt::format("{} bytes are no manifest of a snapshot", text.size())};
  if (text.size() > kManifestBytesMax) return no_manifest;
  const json object = parse_shallow_json(text, kDepthMax);
  SnapshotManifest manifest;
  if (object.is_discarded() || !read_manifest(object, manifest)) return no_manifest;
  if (encode_manifest(manifest) != text) return no_manifest;
  return manifest;
}

std::string make_snapshot_id(int64_t created_at_ms) {
  std::random_device random;
  return fmt::format("{:0{}}-{:08x}", std::max<int64_t>(created_at_ms, 0), kIdTimeDigits,
                     static_cast<uint32_t>(random()));
}

bool is_snapshot_id(std::string_view text) {
  return text.size() == kIdDigits && text[kIdTimeDigits] == '-' &&
         consists_of(text.substr(0, kIdTimeDigits), "0123456789") &&
         consists_of(text.substr(kIdTimeDigits + 1), "0123456789abcdef");
}

int64_t snapshot_time_ms(std::string_view id) {
  MILLRACE_ASSERT(is_snapshot_id(id), "the id of a snapshot");
  int64_t time_ms = 0;
  read_number(id.substr(0, kIdTimeDigits), time_ms);  // 15 digits always fit
  return time_ms;
}

}  // namespace millrace::engine
