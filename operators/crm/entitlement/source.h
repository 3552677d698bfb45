#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"

#include "crm/model/version.h"
#include "grant_source_generated.h"

namespace millrace::crm {

/// Bounds of a source, so that one bad row cannot grow an account's state for ever.
inline constexpr size_t kFeatureBytesMax = 255;
inline constexpr size_t kTermTextBytesMax = 1024;
inline constexpr size_t kTermsMax = 1024;
inline constexpr size_t kSuspensionsMax = 1024;
inline constexpr size_t kWithinMax = 8;
inline constexpr int32_t kGraceDaysMax = 3660;
inline constexpr int64_t kQuantityMax = 1'000'000'000'000;  ///< units, either sign
/// Days and moments of the years 1 to 9999.
inline constexpr int32_t kDateMin = -719'162;
inline constexpr int32_t kDateMax = 2'932'896;
inline constexpr int64_t kMomentMsMin = -62'135'596'800'000;
inline constexpr int64_t kMomentMsMax = 253'402'300'799'999;

struct TermView {
  std::string_view feature;
  FeatureKind kind = FeatureKind::Boolean;
  int64_t amount = 1;
  std::string_view text{};
  bool per_unit = false;
  int32_t grace_days = 0;

  friend bool operator==(const TermView&, const TermView&) = default;
};

/// As `Period` in grant_source.fbs.
struct PeriodView {
  std::optional<int32_t> start_date{};
  std::optional<int64_t> start_ms{};
  std::optional<int32_t> end_date{};
  std::optional<int64_t> end_ms{};

  friend bool operator==(const PeriodView&, const PeriodView&) = default;
};

/// The parts of a `GrantSource`, with the account that brought it. Lives as long as the buffers it
/// was read from. grant_source.fbs defines the fields.
struct SourceView {
  std::string_view id;
  std::string_view via{};
  GrantSourceKind kind = GrantSourceKind::Entitlement;
  GrantSourceStatus status = GrantSourceStatus::Active;
  Precedence precedence = Precedence::BySource;
  VersionView version{};
  PeriodView period{};
  std::vector<PeriodView> suspensions{};
  std::optional<int32_t> terminated_date{};
  std::optional<int64_t> terminated_ms{};
  std::vector<std::string_view> within{};
  std::optional<int64_t> quantity{};
  std::string_view product{};
  std::vector<TermView> terms{};

  friend bool operator==(const SourceView&, const SourceView&) = default;
};

/// Whether a source from outside has only known values, within the bounds above.
/// Error: `kInvalidRecord`.
Status check_source(const GrantSource& source);
/// The same for terms; a feature may be in them once.
Status check_terms(const flatbuffers::Vector<flatbuffers::Offset<FeatureTerm>>* terms);

/// REQUIRES: `check_source` was ok, `check_terms` too.
SourceView read_source(const GrantSource& source, std::string_view via);
std::vector<TermView> read_terms(
    const flatbuffers::Vector<flatbuffers::Offset<FeatureTerm>>* terms);

}  // namespace millrace::crm
