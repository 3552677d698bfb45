#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace millrace::simulation {

/// The kinds of faults. `README.md` says for each what it stands for.
enum class Kind : unsigned char {
  kKill,
  kStop,
  kFreeze,
  kRequestLost,
  kAnswerLost,
  kAborted,
  kLate,
  kCut,
  kBrokerAway,
  kLeaderless,
  kMarkersHeld,
  kTransactionTimeout,
  kRebalance,
  kSessionEnd,
  kCompaction,
  kRetention,
  kDay,
  kClockStep,
  kPause,
  kPoison,
  kForeignReport,
  kForeignTransaction,
  kDiskLost,
  kDiskTorn,
  kInputGrown,
  kTableGrown,
  kInputReplaced,
  kChangelogDeleted,
  kOtherVersion,
  kForeignRow,
  kUpgrade,
  kRefusal,
  kOddTime,
  kDiskWrite,
  kDiskSync,
  kDiskFull,
  kDiskRead,
  kDiskGarbled,
  kSnapshotCut,
  kSnapshotGarbled,
  kSnapshotFuture,
  kSnapshotGone,
  kMembersLost,
};
inline constexpr size_t kKinds = static_cast<size_t>(Kind::kMembersLost) + 1;
std::string_view to_string(Kind kind);
std::optional<Kind> kind_of(std::string_view name);

/// The state of the victim when a strike came.
enum class Phase : unsigned char {
  kDown,
  kStarting,
  kRebalancing,
  kRestoring,
  kIdle,
  kProcessing,  ///< something is uncommitted
  kCommitting,  ///< within the calls of a commit or abort
};
inline constexpr size_t kPhases = static_cast<size_t>(Phase::kCommitting) + 1;
std::string_view to_string(Phase phase);

/// One fault of a schedule. All that it draws comes from `salt`, so that leaving out others changes
/// nothing about it.
struct Strike {
  int step = 0;
  Kind kind = Kind::kKill;
  size_t victim = 0;  ///< an instance
  /// 0: between turns; else it strikes within the victim's so-manieth call to Kafka or step of a
  /// commit from then on.
  int calls = 0;
  uint64_t salt = 0;
};

using Coverage = std::map<std::pair<Kind, Phase>, int64_t>;
/// A table, a line a kind, that ends with the kinds that never struck.
std::string coverage_table(const Coverage& coverage);

}  // namespace millrace::simulation
