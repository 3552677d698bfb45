#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "millrace/core/result.h"

namespace millrace::apps {

/// Source of the registry's ids, by default.
inline constexpr std::string_view kRegistrySource = "ror";

/// An event of the registry as a record for Kafka.
struct RegistryEvent {
  std::string key;    ///< the account's internal id; for a merge fact, the victim's
  std::string value;  ///< FlatBuffer `AccountChange` or `MergeFact`
  int64_t timestamp_ms = 0;
  int64_t release = 0;  ///< see `release_ordinal`
};

/// Position of a release ("v1.17.1") among all, from its name alone, so that a part of the history
/// gives the same versions as the whole: major × 10^6 + minor × 10^3 + patch. −1: no valid name.
int64_t release_ordinal(std::string_view release);

/// Commit time that stands for a release, since most records carry no dates: 2019-01-01 UTC plus
/// one minute per ordinal.
int64_t release_time_ms(int64_t ordinal);

/// `kInvalidRecord` with the line's number; `index` counts from 0.
Error bad_line(int64_t index, std::string_view why);

/// Turns lines of the registry's history into account changes:
///
/// - version: commit time of the release, then the line's number; so the same file gives the same
///   bytes again;
/// - the first line of an id is a Create, later ones are Updates, both with the full image; a
///   withdrawn record is a Delete that keeps its last values, and one that comes back an Undelete;
/// - fields are text; lists (aliases, types, relationships) and numbers are JSON; nulls are left
///   out, which in a full image means the same.
class RegistryChanges {
 public:
  /// `source` goes into the ids; another one makes other accounts of the same file.
  explicit RegistryChanges(std::string source = std::string(kRegistrySource))
      : source_(std::move(source)) {}
  /// `line` is one JSON object; `index` its number, from 0. Error: `kInvalidRecord`.
  Result<RegistryEvent> convert(std::string_view line, int64_t index);

 private:
  std::string source_;
  std::unordered_map<std::string, bool> withdrawn_;  ///< by id, from its latest line
};

/// Calls `visit` with each line of a JSONL file, gzipped or not, without its newline, until it
/// fails. Errors: `kNotFound`, `kInvalidRecord` (a line longer than 1 MiB, damaged gzip), those of
/// `visit`.
Status for_each_line(const std::filesystem::path& file,
                     const std::function<Status(std::string_view line, int64_t index)>& visit);

/// Reads the ledger of merges (CSV with a header) in its order: MERGE, UNMERGE and SPLIT become
/// facts with the version (commit time of the release, event_index); it skips SUCCEEDED.
/// `source` as for `RegistryChanges`. Errors as `for_each_line`.
Status for_each_merge_fact(const std::filesystem::path& file, std::string_view source,
                           const std::function<Status(RegistryEvent event)>& visit);

}  // namespace millrace::apps
