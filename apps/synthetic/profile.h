#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace millrace::apps::synthetic {

/// The sizes of a workload.
struct Profile {
  uint64_t accounts = 0;    ///< of a backfill; other records are in proportion
  uint64_t operations = 0;  ///< of a steady phase
  uint32_t territories = 0;
  uint32_t rules = 0;
  uint32_t products = 0;
};

inline constexpr std::array<std::pair<std::string_view, Profile>, 3> kProfiles{
    {{"s", {1'000, 4'000, 40, 60, 10}},
     {"m", {50'000, 100'000, 2'000, 3'000, 50}},
     {"l", {1'000'000, 2'000'000, 20'000, 30'000, 200}}}};

/// Profile l for another number of accounts, all else in proportion. REQUIRES: `accounts` > 0.
constexpr Profile large_with(uint64_t accounts) {
  constexpr Profile kLarge = kProfiles.back().second;
  const auto of = [accounts](uint64_t whole) {
    return std::max<uint64_t>(whole * accounts / kLarge.accounts, 10);
  };
  return {accounts, of(kLarge.operations), static_cast<uint32_t>(of(kLarge.territories)),
          static_cast<uint32_t>(of(kLarge.rules)), static_cast<uint32_t>(of(kLarge.products))};
}

/// A part of the workload.
enum class Phase : unsigned char {
  kBackfill,     ///< all initial records, as creates: definitions, accounts, children
  kSteady,       ///< an ordinary day: the mix of operations
  kBulkImport,   ///< a fifth more accounts at once, some of them merged before they come
  kQuarterEnd,   ///< closing and renewing around the midnight in which a fifth of grants end
  kBulkDedupe,   ///< a tenth of the accounts is merged away
  kRealignment,  ///< a tenth of the rules changes while accounts change
};

inline constexpr std::array<std::pair<std::string_view, Phase>, 6> kPhases{
    {{"backfill", Phase::kBackfill},
     {"steady", Phase::kSteady},
     {"bulk-import", Phase::kBulkImport},
     {"quarter-end", Phase::kQuarterEnd},
     {"bulk-dedupe", Phase::kBulkDedupe},
     {"realignment", Phase::kRealignment}}};

template <class Table>
constexpr auto find_by_name(const Table& table, std::string_view name)
    -> std::optional<typename Table::value_type::second_type> {
  for (const auto& [known, value] : table) {
    if (known == name) return value;
  }
  return std::nullopt;
}

}  // namespace millrace::apps::synthetic
