#include "crm/entitlement/source.h"

#include <functional>

#include <gtest/gtest.h>

#include "millrace/core/serde.h"

namespace millrace::crm::source_test {

GrantSourceT valid() {
  GrantSourceT source;
  source.id = "s:line";
  source.kind = GrantSourceKind::ContractLine;
  source.version = std::make_unique<VersionT>();
  auto term = std::make_unique<FeatureTermT>();
  term->feature = "seats";
  source.terms.push_back(std::move(term));
  source.period = std::make_unique<PeriodT>();
  source.within = {"s:contract"};
  return source;
}

Status check(const std::function<void(GrantSourceT&)>& change) {
  GrantSourceT source = valid();
  change(source);
  return check_source(*Flat<GrantSource>(source));
}

TEST(GrantSource, WithinItsBoundsIsTaken) {
  EXPECT_TRUE(check([](GrantSourceT&) {}).ok());
  EXPECT_TRUE(check([](GrantSourceT& s) { s.period->end_date = kDateMax; }).ok());
}

TEST(GrantSource, OutOfBoundsIsRefused) {
  const std::vector<std::function<void(GrantSourceT&)>> changes{
      [](GrantSourceT& s) { s.id = "no-source"; },
      [](GrantSourceT& s) { s.kind = static_cast<GrantSourceKind>(99); },
      [](GrantSourceT& s) { s.status = static_cast<GrantSourceStatus>(-1); },
      [](GrantSourceT& s) { s.precedence = static_cast<Precedence>(99); },
      [](GrantSourceT& s) { s.within = {"nothing"}; },
      [](GrantSourceT& s) { s.within.resize(kWithinMax + 1, "s:a"); },
      [](GrantSourceT& s) { s.quantity = kQuantityMax + 1; },
      [](GrantSourceT& s) { s.period->end_date = kDateMax + 1; },
      [](GrantSourceT& s) { s.period->start_ms = kMomentMsMin - 1; },
      [](GrantSourceT& s) { s.terminated_date = kDateMin - 1; },
      [](GrantSourceT& s) { s.terms[0]->feature.clear(); },
      [](GrantSourceT& s) { s.terms[0]->feature = std::string("a\0b", 3); },
      [](GrantSourceT& s) { s.terms[0]->feature.assign(kFeatureBytesMax + 1, 'f'); },
      [](GrantSourceT& s) { s.terms[0]->kind = static_cast<FeatureKind>(99); },
      [](GrantSourceT& s) { s.terms[0]->amount = -1; },
      [](GrantSourceT& s) { s.terms[0]->grace_days = kGraceDaysMax + 1; },
      [](GrantSourceT& s) { s.terms.push_back(std::make_unique<FeatureTermT>(*s.terms[0])); },
      [](GrantSourceT& s) { s.kind = GrantSourceKind::Usage; },
      [](GrantSourceT& s) {
        s.kind = GrantSourceKind::LedgerEntry;
        s.within.clear();
      }};
  for (size_t i = 0; i < changes.size(); ++i) {
    const Status status = check(changes[i]);
    ASSERT_FALSE(status.ok()) << "change " << i;
    EXPECT_EQ(status.code(), ErrorCode::kInvalidRecord) << "change " << i;
  }
}

TEST(GrantSource, IsReadAsItWasWritten) {
  GrantSourceT object = valid();
  object.period->start_date = 5;
  object.terminated_ms = 77;
  object.quantity = -3;
  object.product = "suite";
  object.terms[0]->per_unit = true;
  auto suspension = std::make_unique<PeriodT>();
  suspension->end_ms = 9;
  object.suspensions.push_back(std::move(suspension));
  const Flat<GrantSource> bytes(object);
  const SourceView source = read_source(*bytes, "s:account");
  EXPECT_EQ(source.id, "s:line");
  EXPECT_EQ(source.via, "s:account");
  EXPECT_EQ(source.period.start_date, 5);
  EXPECT_EQ(source.period.end_date, std::nullopt);
  EXPECT_EQ(source.terminated_ms, 77);
  EXPECT_EQ(source.terminated_date, std::nullopt);
  EXPECT_EQ(source.quantity, -3);
  EXPECT_EQ(source.product, "suite");
  ASSERT_EQ(source.terms.size(), 1u);
  EXPECT_EQ(source.terms[0].amount, 1);
  EXPECT_TRUE(source.terms[0].per_unit);
  ASSERT_EQ(source.suspensions.size(), 1u);
  EXPECT_EQ(source.suspensions[0].end_ms, 9);
  EXPECT_EQ(source.within, std::vector<std::string_view>{"s:contract"});
}

}  // namespace millrace::crm::source_test
