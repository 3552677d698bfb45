#include <algorithm>
#include <random>
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "crm/entitlement/timeline.h"
#include "oracle.h"
#include "world.h"

namespace millrace::crm {

std::ostream& operator<<(std::ostream& out, const Draft& draft) {
  out << "place " << draft.place << ", kinds " << draft.kinds;
  for (const auto& numbers : draft.sources) {
    out << "\n {";
    for (const uint32_t number : numbers) out << number << ", ";
    out << "}";
  }
  return out;
}

namespace {

/// The size at which rapidcheck makes numbers of the whole range; by default it begins with small
/// ones, which here would mean accounts in which little happens.
constexpr int kFullSize = 100;

rc::Gen<Draft> drafts() {
  const auto number = rc::gen::resize(kFullSize, rc::gen::inRange<uint32_t>(0, 5040));
  const auto source = rc::gen::container<std::vector<uint32_t>>(kNumbersPerSource, number);
  const auto sources = rc::gen::mapcat(
      rc::gen::resize(kFullSize, rc::gen::inRange<size_t>(1, 11)), [source](size_t count) {
        return rc::gen::container<std::vector<std::vector<uint32_t>>>(count, source);
      });
  return rc::gen::build<Draft>(rc::gen::set(&Draft::place, number),
                               rc::gen::set(&Draft::kinds, number),
                               rc::gen::set(&Draft::sources, sources));
}

/// Everything that a property needs of one account.
struct Case {
  explicit Case(const Draft& draft)
      : world(world_of(draft)),
        oracle(world.sources, world.zone),
        timelines(derive_entitlements(world.sources, *Zone::find(world.zone), catalogue)) {}

  /// Around each moment of change, and far from all.
  std::set<int64_t> samples() const {
    std::set<int64_t> samples{0};
    for (const int64_t moment : oracle.moments()) {
      samples.insert({moment - 1, moment, moment + kHourMs / 2});
    }
    if (!oracle.moments().empty()) samples.insert(*oracle.moments().rbegin() + 100 * kHourMs);
    return samples;
  }

  GrantWorld world;
  Catalogue catalogue;
  Oracle oracle;
  std::vector<Timeline> timelines;
};

std::set<std::pair<std::string, int64_t>> shares_at(const Timeline& timeline,
                                                    const Segment& segment, int64_t ms) {
  std::set<std::pair<std::string, int64_t>> shares;
  for (const Share& share : timeline.shares) {
    if (share.status != segment.status || !share.time.contains(ms)) continue;
    shares.emplace(share.source, share.amount);
  }
  return shares;
}

std::map<std::string, Answer> answers_of(const std::vector<Timeline>& timelines, int64_t ms) {
  std::map<std::string, Answer> answers;
  for (const Timeline& timeline : timelines) {
    const Segment* segment = timeline.at(ms);
    if (segment == nullptr) continue;
    answers[std::string(timeline.feature)] = {.status = segment->status,
                                              .amount = segment->amount,
                                              .text = std::string(segment->text),
                                              .shares = shares_at(timeline, *segment, ms)};
  }
  return answers;
}

RC_GTEST_PROP(Entitlements, AtAnyMomentAreWhatAskingEverySourceGives, ()) {
  const Case c(*drafts());
  for (const Timeline& timeline : c.timelines) {
    RC_CLASSIFY(timeline.segments.size() > 2, EnumNameFeatureKind(timeline.kind));
  }
  for (const int64_t ms : c.samples()) {
    RC_LOG() << c.world.zone << " at " << ms << '\n';
    RC_ASSERT(answers_of(c.timelines, ms) == c.oracle.at(ms));
  }
}

RC_GTEST_PROP(Entitlements, NextChangeIsTheNextMomentWithAnotherAnswer, ()) {
  const Case c(*drafts());
  std::map<std::string, std::vector<int64_t>> changes;
  for (const int64_t ms : c.oracle.moments()) {
    auto before = c.oracle.at(ms - 1);
    auto after = c.oracle.at(ms);
    for (const Timeline& timeline : c.timelines) {
      const std::string feature(timeline.feature);
      const bool same =
          before.contains(feature) == after.contains(feature) && before[feature] == after[feature];
      if (!same) changes[feature].push_back(ms);
    }
  }
  for (const Timeline& timeline : c.timelines) {
    const std::vector<int64_t>& expected = changes[std::string(timeline.feature)];
    for (const int64_t ms : c.samples()) {
      const auto next = std::ranges::upper_bound(expected, ms);
      RC_ASSERT(timeline.next_change_after(ms) ==
                (next == expected.end() ? std::nullopt : std::optional(*next)));
    }
  }
}

RC_GTEST_PROP(Entitlements, SegmentsAreDisjointAndTouchingOnesDiffer, ()) {
  const Case c(*drafts());
  for (const Timeline& timeline : c.timelines) {
    for (size_t i = 0; i < timeline.segments.size(); ++i) {
      const Segment& segment = timeline.segments[i];
      RC_ASSERT(!segment.time.empty());
      if (i == 0) continue;
      const Segment& before = timeline.segments[i - 1];
      RC_ASSERT(before.time.to_ms <= segment.time.from_ms);
      if (before.time.to_ms != segment.time.from_ms) continue;
      const int64_t at_ms = segment.time.from_ms;
      RC_ASSERT(before.status != segment.status || before.amount != segment.amount ||
                before.text != segment.text ||
                shares_at(timeline, before, at_ms - 1) != shares_at(timeline, segment, at_ms));
    }
  }
}

RC_GTEST_PROP(Entitlements, OrderOfSourcesAndWornOutRowsDoNotMatter, ()) {
  const Case c(*drafts());
  std::vector<SourceView> shuffled = c.world.sources;
  for (SourceView& source : shuffled) source.version.commit_timestamp_ms = 2;
  for (const SourceView& source : c.world.sources) {
    SourceView older = source;
    older.via = "s:another-member";
    older.version.commit_timestamp_ms = 1;
    older.terms.clear();
    older.status = GrantSourceStatus::Cancelled;
    shuffled.push_back(older);
  }
  std::mt19937 random(*rc::gen::arbitrary<uint32_t>());
  std::ranges::shuffle(shuffled, random);
  const auto again = derive_entitlements(shuffled, *Zone::find(c.world.zone), c.catalogue);
  RC_ASSERT(again.size() == c.timelines.size());
  for (size_t i = 0; i < again.size(); ++i) {
    RC_ASSERT(again[i].kind == c.timelines[i].kind);
    RC_ASSERT(again[i].segments == c.timelines[i].segments);
    RC_ASSERT(again[i].shares == c.timelines[i].shares);
    RC_ASSERT(again[i].uncovered == c.timelines[i].uncovered);
  }
}

}  // namespace
}  // namespace millrace::crm
