#include "crm/entitlement/timeline.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "product_features_generated.h"

namespace millrace::crm::timeline_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Status = EntitlementStatus;

constexpr int64_t kDayMs = 86'400'000;

SourceView source(std::string_view id, GrantSourceKind kind, PeriodView period = {}) {
  return {.id = id, .via = "s:account", .kind = kind, .period = period};
}
PeriodView ms(int64_t start, int64_t end) {
  return {.start_ms = start, .end_ms = end};
}

class TimelineTest : public ::testing::Test {
 protected:
  std::vector<Timeline> derive() { return derive_entitlements(sources_, Zone(), catalogue_); }
  std::vector<Segment> segments() {
    timelines_ = derive();
    return timelines_.empty() ? std::vector<Segment>() : timelines_.front().segments;
  }
  SourceView& add(std::string_view id, GrantSourceKind kind, TermView term,
                  PeriodView period = {}) {
    SourceView& added = sources_.emplace_back(source(id, kind, period));
    added.terms = {term};
    return added;
  }
  SourceView& use(std::string_view id, int64_t at_ms, int64_t count) {
    return add(id, GrantSourceKind::Usage, {.feature = "f", .amount = count}, {.start_ms = at_ms});
  }

  std::vector<SourceView> sources_;
  Catalogue catalogue_;
  std::vector<Timeline> timelines_;
};

TermView term(FeatureKind kind, int64_t amount, std::string_view text = {}) {
  return {.feature = "f", .kind = kind, .amount = amount, .text = text};
}

TEST_F(TimelineTest, EndDateIsTheLastDayInEffectAndAMissingEndIsOpen) {
  add("s:a", GrantSourceKind::Entitlement, term(FeatureKind::Boolean, 1),
      {.start_date = 10, .end_date = 12});
  EXPECT_THAT(segments(), ElementsAre(Segment{{10 * kDayMs, 13 * kDayMs}, Status::Active, 1, ""}));
  sources_[0].period.end_date.reset();
  EXPECT_THAT(segments(), ElementsAre(Segment{{10 * kDayMs, kOpenEnd}, Status::Active, 1, ""}));
}

TEST_F(TimelineTest, GrantIsCutWithItsContractAndAsset) {
  sources_.push_back(source("s:contract", GrantSourceKind::Contract, ms(10, 100)));
  sources_.push_back(source("s:asset", GrantSourceKind::Asset, ms(0, 50)));
  add("s:line", GrantSourceKind::ContractLine, term(FeatureKind::Boolean, 1), ms(5, 70)).within = {
      "s:contract", "s:asset"};
  EXPECT_THAT(segments(), ElementsAre(Segment{{10, 50}, Status::Active, 1, ""}));
}

TEST_F(TimelineTest, GrantWithinAContractThatIsMissingOrNotActiveIsNone) {
  add("s:line", GrantSourceKind::ContractLine, term(FeatureKind::Boolean, 1)).within = {
      "s:contract"};
  EXPECT_THAT(segments(), IsEmpty());
  sources_.push_back(source("s:contract", GrantSourceKind::Contract));
  EXPECT_THAT(segments(), SizeIs(1));
  sources_.back().status = GrantSourceStatus::Draft;
  EXPECT_THAT(segments(), IsEmpty());
}

TEST_F(TimelineTest, SuspensionInterruptsAndTerminationEndsWithoutGrace) {
  TermView with_grace = term(FeatureKind::Boolean, 1);
  with_grace.grace_days = 1;
  SourceView& line = add("s:a", GrantSourceKind::ContractLine, with_grace, ms(0, kDayMs));
  line.suspensions = {ms(10, 20)};
  EXPECT_THAT(segments(), ElementsAre(Segment{{0, 10}, Status::Active, 1, ""},
                                      Segment{{20, kDayMs}, Status::Active, 1, ""},
                                      Segment{{kDayMs, 2 * kDayMs}, Status::Grace, 1, ""}));
  line.terminated_ms = 50;
  EXPECT_THAT(segments(), ElementsAre(Segment{{0, 10}, Status::Active, 1, ""},
                                      Segment{{20, 50}, Status::Active, 1, ""}));
}

TEST_F(TimelineTest, GraceIsWeakerThanAnyActiveGrant) {
  TermView big = term(FeatureKind::QuantityMax, 100);
  big.grace_days = 2;
  add("s:old", GrantSourceKind::ContractLine, big, ms(0, kDayMs));
  add("s:new", GrantSourceKind::ContractLine, term(FeatureKind::QuantityMax, 1),
      ms(kDayMs + 5, kDayMs + 9));
  EXPECT_THAT(segments(), ElementsAre(Segment{{0, kDayMs}, Status::Active, 100, ""},
                                      Segment{{kDayMs, kDayMs + 5}, Status::Grace, 100, ""},
                                      Segment{{kDayMs + 5, kDayMs + 9}, Status::Active, 1, ""},
                                      Segment{{kDayMs + 9, 3 * kDayMs}, Status::Grace, 100, ""}));
}

TEST_F(TimelineTest, ConfigIsThatOfTheHighestPrecedenceThenTheLaterStartThenTheLowerId) {
  add("s:d", GrantSourceKind::Subscription, term(FeatureKind::Config, 1, "plan"), ms(9, 100))
      .quantity = 1;
  add("s:c", GrantSourceKind::ContractLine, term(FeatureKind::Config, 1, "early"), ms(0, 100));
  add("s:b", GrantSourceKind::ContractLine, term(FeatureKind::Config, 1, "late"), ms(5, 100));
  add("s:a", GrantSourceKind::ContractLine, term(FeatureKind::Config, 1, "late too"), ms(5, 100));
  add("s:m", GrantSourceKind::ManualGrant, term(FeatureKind::Config, 1, "manual"), ms(50, 60));
  EXPECT_THAT(segments(), ElementsAre(Segment{{0, 5}, Status::Active, 1, "early"},
                                      Segment{{5, 50}, Status::Active, 1, "late too"},
                                      Segment{{50, 60}, Status::Active, 1, "manual"},
                                      Segment{{60, 100}, Status::Active, 1, "late too"}));
}

TEST_F(TimelineTest, QuantityOfASubscriptionIsTheSumOfItsLedger) {
  TermView per_seat = term(FeatureKind::QuantitySum, 10);
  per_seat.per_unit = true;
  add("s:sub", GrantSourceKind::Subscription, per_seat, ms(0, 100));
  const auto entry = [&](std::string_view id, int64_t at_ms, int64_t delta) {
    SourceView& added =
        sources_.emplace_back(source(id, GrantSourceKind::LedgerEntry, {.start_ms = at_ms}));
    added.within = {"s:sub"};
    added.quantity = delta;
  };
  entry("s:e1", -5, 3);
  entry("s:e2", 20, 2);
  entry("s:e3", 40, -5);
  entry("s:e4", 60, 1);
  EXPECT_THAT(segments(), ElementsAre(Segment{{0, 20}, Status::Active, 30, ""},
                                      Segment{{20, 40}, Status::Active, 50, ""},
                                      Segment{{60, 100}, Status::Active, 10, ""}));
}

TEST_F(TimelineTest, IncidentsAreTakenFromWhatExpiresFirst) {
  add("s:long", GrantSourceKind::Entitlement, term(FeatureKind::PerIncident, 5), ms(0, 100));
  add("s:short", GrantSourceKind::Entitlement, term(FeatureKind::PerIncident, 2), ms(0, 50));
  use("s:u1", 10, 3);
  use("s:u2", 60, 9);
  EXPECT_THAT(segments(), ElementsAre(Segment{{0, 10}, Status::Active, 7, ""},
                                      Segment{{10, 50}, Status::Active, 4, ""},
                                      Segment{{50, 60}, Status::Active, 4, ""},
                                      Segment{{60, 100}, Status::Active, 0, ""}));
  EXPECT_EQ(timelines_[0].uncovered, 5);
}

TEST_F(TimelineTest, SharesTellWhoseAmountsTheSumIs) {
  add("s:a", GrantSourceKind::ContractLine, term(FeatureKind::Metered, 5), ms(0, 50));
  add("s:b", GrantSourceKind::Subscription, term(FeatureKind::Metered, 7), ms(20, 90)).quantity = 1;
  EXPECT_THAT(segments(), ElementsAre(Segment{{0, 20}, Status::Active, 5, ""},
                                      Segment{{20, 50}, Status::Active, 12, ""},
                                      Segment{{50, 90}, Status::Active, 7, ""}));
  const Share a{{0, 50}, Status::Active, 5, 0, Precedence::Contract, "s:a", "s:account"};
  const Share b{{20, 90}, Status::Active, 7, 1, Precedence::Plan, "s:b", "s:account"};
  EXPECT_THAT(timelines_[0].shares, ElementsAre(a, b));
}

TEST_F(TimelineTest, EqualSegmentsOfOtherProvenanceStayApart) {
  add("s:a", GrantSourceKind::ContractLine, term(FeatureKind::Boolean, 1), ms(0, 50));
  add("s:b", GrantSourceKind::ContractLine, term(FeatureKind::Boolean, 1), ms(50, 90));
  EXPECT_THAT(segments(), SizeIs(2));
  add("s:c", GrantSourceKind::ManualGrant, term(FeatureKind::Boolean, 1), ms(0, 90));
  EXPECT_THAT(segments(), ElementsAre(Segment{{0, 90}, Status::Active, 1, ""}));
}

TEST_F(TimelineTest, GrantsOfAnotherKindThanTheStrongestAreLeftOutAndCounted) {
  add("s:a", GrantSourceKind::ContractLine, term(FeatureKind::Boolean, 1), ms(0, 50));
  add("s:m", GrantSourceKind::ManualGrant, term(FeatureKind::QuantitySum, 3), ms(10, 20));
  EXPECT_THAT(segments(), ElementsAre(Segment{{10, 20}, Status::Active, 3, ""}));
  EXPECT_EQ(timelines_[0].other_kind, 1u);
}

TEST_F(TimelineTest, SumsStopAtTheLargestNumber) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  add("s:a", GrantSourceKind::ContractLine, term(FeatureKind::QuantitySum, kMost), ms(0, 50));
  add("s:b", GrantSourceKind::ContractLine, term(FeatureKind::QuantitySum, kMost), ms(10, 50));
  EXPECT_THAT(segments(), ElementsAre(Segment{{0, 10}, Status::Active, kMost, ""},
                                      Segment{{10, 50}, Status::Active, kMost, ""}));
}

TEST_F(TimelineTest, ProductsGiveTheirFeaturesUnlessTheSourceNamesThemItself) {
  flatbuffers::FlatBufferBuilder builder;
  std::vector<flatbuffers::Offset<FeatureTerm>> terms{
      CreateFeatureTermDirect(builder, "f", FeatureKind::QuantitySum, 5, nullptr, true),
      CreateFeatureTermDirect(builder, "g", FeatureKind::Tier, 2, "gold")};
  builder.Finish(CreateProductFeaturesDirect(builder, "suite", &terms));
  ASSERT_TRUE(catalogue_.put(Bytes(builder.GetBufferPointer(), builder.GetSize())).ok());

  sources_.push_back(source("s:a", GrantSourceKind::ContractLine));
  sources_[0].product = "suite";
  sources_[0].quantity = 4;
  ASSERT_THAT(derive(), SizeIs(2));
  EXPECT_EQ(derive()[0].segments[0].amount, 20);
  EXPECT_EQ(derive()[1].segments[0].text, "gold");
  sources_[0].terms = {term(FeatureKind::QuantitySum, 1)};
  EXPECT_EQ(derive()[0].segments[0].amount, 1);
  sources_[0].product = "unknown";
  EXPECT_THAT(derive(), SizeIs(1));
}

}  // namespace millrace::crm::timeline_test
