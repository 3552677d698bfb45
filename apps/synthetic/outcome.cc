#include "apps/synthetic/outcome.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <zlib.h>

namespace millrace::apps::synthetic {
namespace {

using nlohmann::json;

constexpr std::string_view kAboutFile = "about.json";
constexpr size_t kShownBytesMax = 80;

json number_or_null(const std::optional<int64_t>& number) {
  return number ? json(*number) : json();
}

json segment_json(const SegmentOutcome& segment) {
  json shown{{"from_ms", number_or_null(segment.from_ms)},
             {"to_ms", number_or_null(segment.to_ms)},
             {"status", segment.status},
             {"amount", segment.amount}};
  if (!segment.text.empty()) shown["text"] = segment.text;
  return shown;
}

Error not_written(const std::filesystem::path& file) {
  return {ErrorCode::kNotFound, fmt::format("{}: cannot be written", file.string())};
}

Status write_lines(const std::filesystem::path& file, const Lines& lines) {
  std::ofstream out(file, std::ios::trunc);
  for (const auto& [key, row] : lines) {
    out << R"({"key":)" << json(key).dump() << R"(,"row":)" << row << "}\n";
  }
  out.close();
  if (!out) return not_written(file);
  return {};
}

Status read_lines(const std::filesystem::path& file, Lines& lines) {
  std::ifstream in(file);
  if (!in) return Error{ErrorCode::kNotFound, fmt::format("{}: cannot be read", file.string())};
  std::string line;
  for (size_t number = 1; std::getline(in, line); ++number) {
    const json parsed = json::parse(line, nullptr, false);
    if (!parsed.is_object() || !parsed.contains("key") || !parsed.contains("row") ||
        !parsed["key"].is_string()) {
      return Error{ErrorCode::kInvalidRecord,
                   fmt::format("{}:{}: has no key and row", file.string(), number)};
    }
    lines[parsed["key"].get<std::string>()] = parsed["row"].dump();
  }
  return {};
}

std::optional<Share> share_in(const json& about) {
  if (!about.is_object() || !about.contains("share") || !about["share"].is_string()) {
    return std::nullopt;
  }
  return share_from(about["share"].get<std::string>());
}

}  // namespace

void EntitlementOutcome::append(SegmentOutcome segment) {
  if (!segments.empty()) {
    SegmentOutcome& last = segments.back();
    const bool goes_on = last.to_ms && last.to_ms == segment.from_ms &&
                         last.status == segment.status && last.amount == segment.amount &&
                         last.text == segment.text;
    if (goes_on) {
      last.to_ms = segment.to_ms;
      return;
    }
  }
  segments.push_back(std::move(segment));
}

void EntitlementOutcome::look_at(int64_t ms) {
  const auto found = std::ranges::find_if(
      segments, [ms](const SegmentOutcome& segment) { return segment.covers(ms); });
  current = found == segments.end() ? std::nullopt : std::optional(*found);
}

std::string shortened(std::string_view text) {
  if (text.size() <= kShownBytesMax) return std::string(text);
  const auto* bytes = reinterpret_cast<const Bytef*>(text.data());
  return fmt::format("#{}:{:08x}", text.size(), crc32_z(0, bytes, text.size()));
}

std::string line_of(const AccountOutcome& outcome) {
  json members = json::object();
  for (const auto& [id, via] : outcome.members) members[id] = via.empty() ? json() : json(via);
  json fields = json::object();
  for (const auto& [name, value] : outcome.fields) {
    fields[name] = value ? json(shortened(*value)) : json();
  }
  return json{{"status", outcome.status},
              {"incomplete", outcome.incomplete},
              {"members", std::move(members)},
              {"fields", std::move(fields)},
              {"children", outcome.children}}
      .dump();
}

std::string line_of(const TerritoryOutcome& outcome) {
  return json{{"rules", outcome.rules}, {"manual", outcome.manual}}.dump();
}

std::string line_of(const EntitlementOutcome& outcome) {
  json segments = json::array();
  for (const SegmentOutcome& segment : outcome.segments) segments.push_back(segment_json(segment));
  json line{{"kind", outcome.kind}, {"segments", std::move(segments)}, {"current", nullptr}};
  if (!outcome.current) return line.dump();
  // Where it begins and ends, its provenance decides.
  SegmentOutcome current = *outcome.current;
  current.from_ms.reset();
  current.to_ms.reset();
  line["current"] = segment_json(current);
  return line.dump();
}

std::string line_of(const RedirectOutcome& outcome) {
  return json{{"root", outcome.root},
              {"survivor", outcome.survivor.empty() ? json() : json(outcome.survivor)},
              {"decision", outcome.decision}}
      .dump();
}

Status write_expectation(const std::filesystem::path& folder, const Expectation& expectation) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  for (size_t i = 0; i < kOutputs.size(); ++i) {
    MILLRACE_RETURN_IF_ERROR(write_lines(folder / kOutputs[i].file, expectation.state[i]));
  }
  std::ofstream about(folder / kAboutFile, std::ios::trunc);
  const json text{{"as_of_ms", expectation.as_of_ms}, {"share", to_text(expectation.share)}};
  about << text.dump() << "\n";
  about.close();
  if (!about) return not_written(folder / kAboutFile);
  return {};
}

Result<Expectation> read_expectation(const std::filesystem::path& folder) {
  Expectation read;
  std::ifstream in(folder / kAboutFile);
  const json about = json::parse(in, nullptr, false);
  const std::optional<Share> share = share_in(about);
  if (!share || !about.contains("as_of_ms") || !about["as_of_ms"].is_number_integer()) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("{}: no folder of what is expected", folder.string())};
  }
  read.as_of_ms = about["as_of_ms"].get<int64_t>();
  read.share = *share;
  for (size_t i = 0; i < kOutputs.size(); ++i) {
    MILLRACE_RETURN_IF_ERROR(read_lines(folder / kOutputs[i].file, read.state[i]));
  }
  return read;
}

}  // namespace millrace::apps::synthetic
