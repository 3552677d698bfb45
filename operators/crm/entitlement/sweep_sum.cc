#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "crm/entitlement/sweep.h"
#include "crm/entitlement/wide.h"

namespace millrace::crm {
namespace {

/// The present amount of a grant.
struct Given {
  EntitlementStatus status = EntitlementStatus::Active;
  int64_t amount = 0;
  friend bool operator==(const Given&, const Given&) = default;
};

/// Where one grant stands.
struct Standing {
  const Piece* piece = nullptr;  ///< in effect
  int64_t used = 0;
  std::optional<Given> shown{};  ///< as of the last moment that is done
  int64_t shown_since_ms = 0;

  int64_t left() const { return std::max<int64_t>(piece->amount - used, 0); }
};

/// Of the grants in effect with one status.
struct Pool {
  size_t count = 0;
  Wide sum = 0;                                     ///< of what is shown
  bool changed = false;                             ///< at the moment in hand
  std::set<std::pair<int64_t, uint32_t>> usable{};  ///< end, rank: in the order of being used
};

class SumSweep {
 public:
  SumSweep(const FeatureGrants& feature, Timeline& timeline)
      : feature_(feature), timeline_(timeline), standings_(feature.grants.size()) {}

  void run() {
    const std::vector<Boundary> boundaries = boundaries_of(feature_.grants);
    size_t boundary = 0;
    size_t use = 0;
    while (boundary < boundaries.size() || use < feature_.uses.size()) {
      const int64_t now_ms =
          std::min(boundary < boundaries.size() ? boundaries[boundary].at_ms : kOpenEnd,
                   use < feature_.uses.size() ? feature_.uses[use].at_ms : kOpenEnd);
      for (; boundary < boundaries.size() && boundaries[boundary].at_ms == now_ms; ++boundary) {
        apply(boundaries[boundary]);
      }
      for (; use < feature_.uses.size() && feature_.uses[use].at_ms == now_ms; ++use) {
        take(feature_.uses[use].count);
      }
      settle(now_ms);
    }
    close_all();
  }

 private:
  Pool& pool(EntitlementStatus status) { return pools_[static_cast<size_t>(status)]; }

  void apply(const Boundary& boundary) {
    Standing& standing = standings_[boundary.rank];
    Pool& of_status = pool(boundary.piece->status);
    touched_.push_back(boundary.rank);
    if (boundary.is_start) {
      standing.piece = boundary.piece;
      ++of_status.count;
    } else {
      standing.piece = nullptr;
      --of_status.count;
    }
    if (feature_.kind != FeatureKind::PerIncident) return;
    const std::pair end_and_rank{feature_.grants[boundary.rank].time.to_ms, boundary.rank};
    if (!boundary.is_start) {
      of_status.usable.erase(end_and_rank);
    } else if (standing.left() > 0) {
      of_status.usable.insert(end_and_rank);
    }
  }

  /// Uses up `count` incidents of what is in effect.
  void take(int64_t count) {
    auto& usable = pool(pool(EntitlementStatus::Active).count > 0 ? EntitlementStatus::Active
                                                                  : EntitlementStatus::Grace)
                       .usable;
    while (count > 0 && !usable.empty()) {
      const uint32_t rank = usable.begin()->second;
      Standing& standing = standings_[rank];
      const int64_t taken = std::min(count, standing.left());
      standing.used += taken;
      count -= taken;
      touched_.push_back(rank);
      if (standing.left() == 0) usable.erase(usable.begin());
    }
    uncovered_ += count;
  }

  void settle(int64_t now_ms) {
    for (const uint32_t rank : touched_) show(rank, now_ms);
    touched_.clear();
    const std::optional<EntitlementStatus> status = status_now();
    if (status != status_ || (status && pool(*status).changed)) {
      close_segment(now_ms);
      status_ = status;
      since_ms_ = now_ms;
      amount_ = status ? saturated(pool(*status).sum) : 0;
    }
    for (Pool& each : pools_) each.changed = false;
  }

  std::optional<EntitlementStatus> status_now() {
    for (const auto status : {EntitlementStatus::Active, EntitlementStatus::Grace}) {
      if (pool(status).count > 0) return status;
    }
    return std::nullopt;
  }

  /// Brings what is shown of a grant up to date.
  void show(uint32_t rank, int64_t now_ms) {
    Standing& standing = standings_[rank];
    std::optional<Given> given;
    if (standing.piece != nullptr) given = Given{standing.piece->status, standing.left()};
    if (given == standing.shown) return;
    close_share(rank, now_ms);
    if (standing.shown) {
      pool(standing.shown->status).sum -= standing.shown->amount;
      pool(standing.shown->status).changed = true;
    }
    if (given) {
      pool(given->status).sum += given->amount;
      pool(given->status).changed = true;
    }
    standing.shown = given;
    standing.shown_since_ms = now_ms;
  }

  void close_share(uint32_t rank, int64_t now_ms) {
    const Standing& standing = standings_[rank];
    if (!standing.shown) return;
    const Grant& grant = feature_.grants[rank];
    timeline_.shares.push_back({{standing.shown_since_ms, now_ms},
                                standing.shown->status,
                                standing.shown->amount,
                                rank,
                                grant.precedence,
                                grant.source,
                                grant.via});
  }

  void close_segment(int64_t now_ms) {
    if (status_) timeline_.segments.push_back({{since_ms_, now_ms}, *status_, amount_, {}});
  }

  void close_all() {
    close_segment(kOpenEnd);
    for (uint32_t rank = 0; rank < standings_.size(); ++rank) close_share(rank, kOpenEnd);
    timeline_.uncovered = saturated(uncovered_);
  }

  const FeatureGrants& feature_;
  Timeline& timeline_;
  std::vector<Standing> standings_;  // by rank
  std::array<Pool, static_cast<size_t>(EntitlementStatus::MAX) + 1> pools_;
  std::vector<uint32_t> touched_;  // ranks; at the moment in hand
  Wide uncovered_ = 0;
  std::optional<EntitlementStatus> status_;  // of the segment that began at since_ms_
  int64_t amount_ = 0;
  int64_t since_ms_ = 0;
};

}  // namespace

void sweep_sum(const FeatureGrants& feature, Timeline& timeline) {
  SumSweep(feature, timeline).run();
}

}  // namespace millrace::crm
