#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"

#include "apps/synthetic/share.h"

namespace millrace::apps::synthetic {

/// The topics that are compared, and the files of what is expected on them.
enum class Output : unsigned char { kAccounts, kTerritories, kEntitlements, kRedirects };
struct OutputPlace {
  std::string_view topic;
  std::string_view file;
};
inline constexpr std::array<OutputPlace, 4> kOutputs{
    {{"crm.account-state", "account-state.jsonl"},
     {"crm.account-territories", "account-territories.jsonl"},
     {"crm.entitlements", "entitlements.jsonl"},
     {"crm.redirects", "redirects.jsonl"}}};

/// What of an account's state is a function of the set of events.
struct AccountOutcome {
  std::string status;
  bool incomplete = false;
  std::map<std::string, std::string> members{};  ///< id → what it was merged into; empty: the root
  std::map<std::string, std::optional<std::string>> fields{};
  std::map<std::string, uint64_t> children{};  ///< by kind, none of 0
};
struct TerritoryOutcome {
  std::vector<std::string> rules{};
  bool manual = false;
};
struct SegmentOutcome {
  std::optional<int64_t> from_ms{};
  std::optional<int64_t> to_ms{};
  std::string status{};
  int64_t amount = 0;
  std::string text{};

  bool covers(int64_t ms) const { return (!from_ms || *from_ms <= ms) && (!to_ms || ms < *to_ms); }
};
struct EntitlementOutcome {
  std::string kind;
  std::vector<SegmentOutcome> segments{};
  std::optional<SegmentOutcome> current{};

  /// Segments that only differ in provenance become one.
  void append(SegmentOutcome segment);
  /// What `segments` say of a moment.
  void look_at(int64_t ms);
};
struct RedirectOutcome {
  std::string root;
  std::string survivor{};  ///< empty: a root
  std::string decision;
};

/// A long text by its length and checksum.
std::string shortened(std::string_view text);

/// An outcome as one line of JSON.
std::string line_of(const AccountOutcome& outcome);
std::string line_of(const TerritoryOutcome& outcome);
std::string line_of(const EntitlementOutcome& outcome);
std::string line_of(const RedirectOutcome& outcome);

/// Key of the topic → line.
using Lines = std::map<std::string, std::string>;
using FinalState = std::array<Lines, kOutputs.size()>;

/// What is expected, and of what.
struct Expectation {
  FinalState state{};
  int64_t as_of_ms = 0;  ///< for which `current` was taken
  Share share{};         ///< whose keys there are
};
/// Writes a file an output, one line a key in order of keys: {"key":…,"row":…}. Error: `kNotFound`
/// when a file cannot be written.
Status write_expectation(const std::filesystem::path& folder, const Expectation& expectation);
/// Errors: `kNotFound`, `kInvalidRecord`.
Result<Expectation> read_expectation(const std::filesystem::path& folder);

}  // namespace millrace::apps::synthetic
