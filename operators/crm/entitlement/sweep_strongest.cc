#include <set>
#include <tuple>

#include "crm/entitlement/sweep.h"

namespace millrace::crm {
namespace {

/// A piece that is in effect, so ordered that the deciding one comes first.
struct Candidate {
  int64_t amount = 0;  ///< 0 where amounts do not decide
  uint32_t rank = 0;
  const Piece* piece = nullptr;

  friend bool operator<(const Candidate& a, const Candidate& b) {
    return std::tie(b.amount, a.rank) < std::tie(a.amount, b.rank);
  }
};

class StrongestSweep {
 public:
  StrongestSweep(const FeatureGrants& feature, Timeline& timeline)
      : feature_(feature),
        timeline_(timeline),
        by_amount_(feature.kind == FeatureKind::QuantityMax || feature.kind == FeatureKind::Tier) {}

  void run() {
    const std::vector<Boundary> boundaries = boundaries_of(feature_.grants);
    for (size_t i = 0; i < boundaries.size();) {
      const int64_t now_ms = boundaries[i].at_ms;
      for (; i < boundaries.size() && boundaries[i].at_ms == now_ms; ++i) apply(boundaries[i]);
      decide(now_ms);
    }
    close(kOpenEnd);
  }

 private:
  void apply(const Boundary& boundary) {
    const Piece& piece = *boundary.piece;
    if (feature_.kind == FeatureKind::Boolean && piece.amount == 0) return;
    auto& candidates = piece.status == EntitlementStatus::Active ? active_ : in_grace_;
    const Candidate candidate{by_amount_ ? piece.amount : 0, boundary.rank, &piece};
    if (boundary.is_start) {
      candidates.insert(candidate);
    } else {
      candidates.erase(candidate);
    }
  }

  void decide(int64_t now_ms) {
    const auto& candidates = active_.empty() ? in_grace_ : active_;
    const Candidate best = candidates.empty() ? Candidate{} : *candidates.begin();
    if (is_same(best)) return;
    close(now_ms);
    decided_ = best;
    since_ms_ = now_ms;
  }

  bool is_same(const Candidate& best) const {
    if (best.piece == nullptr || decided_.piece == nullptr) return best.piece == decided_.piece;
    return best.rank == decided_.rank && best.piece->status == decided_.piece->status &&
           best.piece->amount == decided_.piece->amount;
  }

  void close(int64_t now_ms) {
    if (decided_.piece == nullptr) return;
    const Grant& grant = feature_.grants[decided_.rank];
    const Interval time{since_ms_, now_ms};
    const Piece& piece = *decided_.piece;
    timeline_.segments.push_back({time, piece.status, piece.amount, grant.text});
    timeline_.shares.push_back({time, piece.status, piece.amount, decided_.rank, grant.precedence,
                                grant.source, grant.via});
  }

  const FeatureGrants& feature_;
  Timeline& timeline_;
  bool by_amount_;
  std::set<Candidate> active_;
  std::set<Candidate> in_grace_;
  Candidate decided_;  // of the segment that began at since_ms_
  int64_t since_ms_ = 0;
};

}  // namespace

void sweep_strongest(const FeatureGrants& feature, Timeline& timeline) {
  StrongestSweep(feature, timeline).run();
}

}  // namespace millrace::crm
