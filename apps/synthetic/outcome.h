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
#include "crm/account_topology.h"
#include "crm/entitlement/deriver.h"
#include "crm/territory/territory_assigner.h"

namespace millrace::apps::synthetic {

/// The compared topics, and the files with their expected rows.
enum class Output : unsigned char { kAccounts, kTerritories, kEntitlements, kRedirects };
struct OutputPlace {
  std::string_view topic;
  std::string_view file;
};
inline constexpr std::array<OutputPlace, 4> kOutputs{
    {{crm::kAccountStates.name, "account-state.jsonl"},
     {crm::kAccountTerritories.name, "account-territories.jsonl"},
     {crm::kEntitlements.name, "entitlements.jsonl"},
     {crm::kRedirects.name, "redirects.jsonl"}}};

/// The part of an account's state that is a function of the set of events.
struct AccountOutcome {
  std::string status;
  bool incomplete = false;
  std::map<std::string, std::string> members{};  ///< id → its survivor; empty for the root
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

  /// Joins segments that differ only in provenance.
  void append(SegmentOutcome segment);
  /// Sets `current` to the segment of a moment.
  void look_at(int64_t ms);
};
struct RedirectOutcome {
  std::string root;
  std::string survivor{};  ///< empty: a root
  std::string decision;
};

/// Replaces a long text by its length and checksum.
std::string shortened(std::string_view text);

/// An outcome as one line of JSON.
std::string line_of(const AccountOutcome& outcome);
std::string line_of(const TerritoryOutcome& outcome);
std::string line_of(const EntitlementOutcome& outcome);
std::string line_of(const RedirectOutcome& outcome);

/// Key of the topic → line.
using Lines = std::map<std::string, std::string>;
using FinalState = std::array<Lines, kOutputs.size()>;

/// The expected outputs, and the share of accounts they cover.
struct Expectation {
  FinalState state{};
  int64_t as_of_ms = 0;  ///< the moment for which `current` was taken
  Share share{};         ///< the share whose keys are in `state`
};
/// Writes one file per output, one line a key in order of keys: {"key":…,"row":…}. Error:
/// `kNotFound` when a file cannot be written.
Status write_expectation(const std::filesystem::path& folder, const Expectation& expectation);
/// Errors: `kNotFound`, `kInvalidRecord`.
Result<Expectation> read_expectation(const std::filesystem::path& folder);

}  // namespace millrace::apps::synthetic
