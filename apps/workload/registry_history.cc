#include "apps/workload/registry_history.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <vector>

#include <flatbuffers/flatbuffers.h>
#include <fmt/format.h>
#include <simdjson.h>
#include <zlib.h>

#include "account_generated.h"
#include "crm/model/ids.h"

namespace millrace::apps {
namespace {

constexpr int64_t kEpochMs = 1'546'300'800'000;  // 2019-01-01T00:00:00Z
constexpr int64_t kReleaseMs = 60'000;
constexpr size_t kLineBytesMax = 1 << 20;

struct GzClose {
  void operator()(gzFile file) const { gzclose(file); }
};

/// The text of a record's member as a field; nullopt for null.
Result<std::optional<std::string>> field_text(simdjson::dom::element value) {
  if (value.is_null()) return std::optional<std::string>();
  std::string_view text;
  if (value.get(text) == simdjson::SUCCESS) return std::optional<std::string>(text);
  return std::optional<std::string>(simdjson::minify(value));
}

std::string encoded_change(const std::string& id, crm::ChangeType type, int64_t commit_ms,
                           int64_t index, const std::map<std::string, std::string>& fields) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<crm::FieldValue>> values;
  values.reserve(fields.size());
  for (const auto& [name, value] : fields) {  // sorted, as the schema wants
    values.push_back(
        crm::CreateFieldValue(builder, builder.CreateString(name), builder.CreateString(value)));
  }
  const auto version = crm::CreateVersion(builder, commit_ms, index);
  const auto change =
      crm::CreateAccountChange(builder, builder.CreateString(id), type, version,
                               builder.CreateVector(values), type != crm::ChangeType::Delete);
  builder.Finish(change);
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

}  // namespace

Error bad_line(int64_t index, std::string_view why) {
  return {ErrorCode::kInvalidRecord, fmt::format("line {}: {}", index + 1, why)};
}

int64_t release_ordinal(std::string_view release) {
  if (!release.starts_with('v')) return -1;
  int64_t parts[3] = {0, 0, 0};
  const char* at = release.data() + 1;
  const char* const end = release.data() + release.size();
  for (int64_t& part : parts) {
    const auto [next, error] = std::from_chars(at, end, part);
    if (error != std::errc() || part < 0 || part > 999) return -1;
    at = next;
    if (at == end) return parts[0] * 1'000'000 + parts[1] * 1'000 + parts[2];
    if (*at++ != '.') return -1;
  }
  return -1;
}

int64_t release_time_ms(int64_t ordinal) {
  return kEpochMs + ordinal * kReleaseMs;
}

Result<RegistryEvent> RegistryChanges::convert(std::string_view line, int64_t index) {
  thread_local simdjson::dom::parser parser(kLineBytesMax);
  simdjson::dom::object record;
  if (parser.parse(line.data(), line.size()).get(record) != simdjson::SUCCESS) {
    return bad_line(index, "not a JSON object");
  }
  std::string_view local_id;
  std::string_view status;
  std::string_view release;
  if (record["id"].get(local_id) != simdjson::SUCCESS ||
      record["status"].get(status) != simdjson::SUCCESS ||
      record["release"].get(release) != simdjson::SUCCESS) {
    return bad_line(index, "id, status or release is missing");
  }
  const Result<std::string> id = crm::internal_id(source_, local_id);
  const int64_t ordinal = release_ordinal(release);
  if (!id.ok()) return bad_line(index, id.message());
  if (ordinal < 0) return bad_line(index, "the release has not the form v1.2 or v1.2.3");

  std::map<std::string, std::string> fields;
  for (const auto& [name, value] : record) {
    if (name == "id" || name == "release") continue;
    Result<std::optional<std::string>> text = field_text(value);
    if (*text) fields.emplace(name, std::move(**text));
  }
  const bool is_withdrawn = status == "withdrawn";
  const auto [known, is_new] = withdrawn_.try_emplace(*id, is_withdrawn);
  const bool was_withdrawn = known->second;
  known->second = is_withdrawn;
  const crm::ChangeType type = is_withdrawn    ? crm::ChangeType::Delete
                               : is_new        ? crm::ChangeType::Create
                               : was_withdrawn ? crm::ChangeType::Undelete
                                               : crm::ChangeType::Update;
  const int64_t commit_ms = release_time_ms(ordinal);
  return RegistryEvent{*id, encoded_change(*id, type, commit_ms, index, fields), commit_ms,
                       ordinal};
}

Status for_each_line(const std::filesystem::path& file,
                     const std::function<Status(std::string_view line, int64_t index)>& visit) {
  const std::unique_ptr<gzFile_s, GzClose> stream(gzopen(file.c_str(), "rb"));
  if (stream == nullptr) {
    return Error{ErrorCode::kNotFound, fmt::format("{}: cannot be opened", file.string())};
  }
  gzbuffer(stream.get(), 1 << 17);
  std::vector<char> line(kLineBytesMax + 1);
  int64_t index = 0;
  for (; gzgets(stream.get(), line.data(), static_cast<int>(line.size())) != nullptr; ++index) {
    std::string_view text(line.data());
    if (text.ends_with('\n')) {
      text.remove_suffix(1);
    } else if (gzeof(stream.get()) == 0) {
      return Error{ErrorCode::kInvalidRecord,
                   fmt::format("{}:{}: longer than 1 MiB", file.string(), index + 1)};
    }
    if (text.ends_with('\r')) text.remove_suffix(1);
    Status status = visit(text, index);
    if (!status.ok()) {
      return Error{status.code(), fmt::format("{}: {}", file.string(), status.message())};
    }
  }
  int error = Z_OK;
  gzerror(stream.get(), &error);
  if (error == Z_OK || error == Z_STREAM_END) return {};
  return Error{ErrorCode::kInvalidRecord,
               fmt::format("{}:{}: damaged gzip data", file.string(), index + 1)};
}

}  // namespace millrace::apps
