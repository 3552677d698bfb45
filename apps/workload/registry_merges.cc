#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include <flatbuffers/flatbuffers.h>
#include <fmt/format.h>

#include "apps/workload/registry_history.h"
#include "crm/model/ids.h"
#include "merge_fact_generated.h"

namespace millrace::apps {
namespace {

constexpr std::string_view kOrigin = "registry";
constexpr std::string_view kHeader = "event_index,release,kind,victim,victim_status,survivors";
constexpr size_t kColumnsMin = 6;

/// Cells of a CSV line (RFC 4180, without newlines in cells).
std::vector<std::string> cells_of(std::string_view line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      cells.back() += '"';
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += c;
    }
  }
  return cells;
}

Result<std::vector<std::string>> internal_ids(std::string_view source, std::string_view list) {
  std::vector<std::string> ids;
  while (!list.empty()) {
    const size_t end = std::min(list.find(';'), list.size());
    Result<std::string> id = crm::internal_id(source, list.substr(0, end));
    if (!id.ok()) return id.status();
    ids.push_back(*std::move(id));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return ids;
}

struct Fact {
  int64_t event_index = 0;
  int64_t release = 0;
  crm::MergeFactKind kind = crm::MergeFactKind::Merge;
  std::string victim;
  std::vector<std::string> survivors;
};

RegistryEvent event_of(const Fact& fact) {
  const int64_t commit_ms = release_time_ms(fact.release);
  flatbuffers::FlatBufferBuilder builder;
  const auto victim = builder.CreateString(fact.victim);
  flatbuffers::Offset<flatbuffers::String> survivor;
  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>> successors;
  if (fact.kind == crm::MergeFactKind::Merge) {
    survivor = builder.CreateString(fact.survivors.front());
  } else if (fact.kind == crm::MergeFactKind::Split) {
    successors = builder.CreateVectorOfStrings(fact.survivors);
  }
  const auto version = crm::CreateVersion(builder, commit_ms, fact.event_index);
  const auto origin = builder.CreateString(kOrigin);
  builder.Finish(
      crm::CreateMergeFact(builder, victim, fact.kind, survivor, successors, version, origin));
  return {fact.victim,
          {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()},
          commit_ms,
          fact.release};
}

/// nullopt: a line that is no merge fact.
Result<std::optional<Fact>> parse_fact(std::string_view source, std::string_view line,
                                       int64_t index) {
  const std::vector<std::string> cells = cells_of(line);
  if (cells.size() < kColumnsMin) return bad_line(index, "too few columns");
  const std::string& kind = cells[2];
  if (kind == "SUCCEEDED") return std::optional<Fact>();
  Fact fact;
  if (kind == "UNMERGE") {
    fact.kind = crm::MergeFactKind::Unmerge;
  } else if (kind == "SPLIT") {
    fact.kind = crm::MergeFactKind::Split;
  } else if (kind != "MERGE") {
    return bad_line(index, "kind is none of MERGE, UNMERGE, SPLIT, SUCCEEDED");
  }
  const char* const end = cells[0].data() + cells[0].size();
  if (std::from_chars(cells[0].data(), end, fact.event_index).ptr != end || cells[0].empty()) {
    return bad_line(index, "event_index is not a number");
  }
  fact.release = release_ordinal(cells[1]);
  if (fact.release < 0) return bad_line(index, "the release has not the form v1.2 or v1.2.3");
  Result<std::string> victim = crm::internal_id(source, cells[3]);
  if (!victim.ok()) return bad_line(index, victim.message());
  Result<std::vector<std::string>> survivors = internal_ids(source, cells[5]);
  if (!survivors.ok()) return bad_line(index, survivors.message());
  if (fact.kind == crm::MergeFactKind::Merge && survivors->size() != 1) {
    return bad_line(index, "a MERGE has one survivor");
  }
  fact.victim = *std::move(victim);
  fact.survivors = *std::move(survivors);
  return std::optional<Fact>(std::move(fact));
}

}  // namespace

Status for_each_merge_fact(const std::filesystem::path& file, std::string_view source,
                           const std::function<Status(RegistryEvent event)>& visit) {
  return for_each_line(file, [&](std::string_view line, int64_t index) -> Status {
    if (index == 0) {
      if (line.starts_with(kHeader)) return {};
      return bad_line(index, fmt::format("the header does not begin with {}", kHeader));
    }
    if (line.empty()) return {};
    Result<std::optional<Fact>> fact = parse_fact(source, line, index);
    if (!fact.ok()) return fact.status();
    if (!*fact) return {};
    return visit(event_of(**fact));
  });
}

}  // namespace millrace::apps
