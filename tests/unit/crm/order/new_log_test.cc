// How a new log of a source is recognised, or configured.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "crm/decode/decoder.h"
#include "crm/model/version.h"

namespace millrace::crm::order_test {
namespace {

OwnedVersion version_of(const Mapping& mapping, const std::string& event) {
  const std::unique_ptr<Decoder> decoder = make_decoder(mapping.topics.front());
  const Result<Decoded> decoded = decoder->decode(Bytes(event));
  MILLRACE_ASSERT(decoded.ok(), decoded.message().c_str());
  return OwnedVersion(decoded->changes.front().version);
}

Mapping mapping(std::string_view format, std::string_view more = "") {
  return parse_mapping(fmt::format(
                           R"({{"topics": {{"t": {{"format": "{}", "source": "s", {}
                             "entities": {{{}}}}}}}}})",
                           format, more,
                           format == "debezium" ? R"("crm.rows": {"type": "account", "id": "id"})"
                                                : R"("Account": {"type": "account"})"))
      .value();
}

std::string postgres(int64_t ms, uint64_t lsn, std::string_view name = "cdc") {
  return fmt::format(R"({{"op":"u","after":{{"id":1}},"source":{{"name":"{}","schema":"crm",)"
                     R"("table":"rows","ts_ms":{},"lsn":{}}}}})",
                     name, ms, lsn);
}

std::string mysql(int64_t ms, std::string_view file) {
  return fmt::format(R"({{"op":"u","after":{{"id":1}},"source":{{"name":"cdc","db":"crm",)"
                     R"("table":"rows","ts_ms":{},"file":"{}","pos":4}}}})",
                     ms, file);
}

std::string salesforce(int64_t ms, std::string_view number) {
  return fmt::format(R"({{"ChangeEventHeader":{{"entityName":"Account","changeType":"UPDATE",)"
                     R"("recordIds":["001000000000001"],"transactionKey":"t","sequenceNumber":1,)"
                     R"("commitTimestamp":{}{}}}}})",
                     ms, number);
}

constexpr int64_t kDayMs = 86'400'000;
constexpr int64_t kNowMs = 20'000 * kDayMs;

TEST(NewLog, MomentInTheMappingBeginsALogThatFollowsTheOldOne) {
  const Mapping without = mapping("debezium");
  EXPECT_FALSE(is_before(version_of(without, postgres(kNowMs, 900)).view(),
                         version_of(without, postgres(kNowMs + 5'000, 7)).view()));
  const Mapping with = mapping("debezium", fmt::format(R"("log_starts": [{}],)", kNowMs + 1'000));
  EXPECT_TRUE(is_before(version_of(with, postgres(kNowMs, 900)).view(),
                        version_of(with, postgres(kNowMs + 5'000, 7)).view()));
  // Versions from before the moment was configured are in the old log.
  EXPECT_TRUE(is_before(version_of(without, postgres(kNowMs, 900)).view(),
                        version_of(with, postgres(kNowMs + 5'000, 7)).view()));
}

TEST(NewLog, ClockDecidesBetweenConnectorsOfDifferentNames) {
  const Mapping pg = mapping("debezium");
  EXPECT_TRUE(is_before(version_of(pg, postgres(kNowMs, 900, "old")).view(),
                        version_of(pg, postgres(kNowMs + 1, 7, "new")).view()));
}

TEST(NewLog, ClockDecidesBetweenBinlogsOfDifferentNames) {
  const Mapping my = mapping("debezium");
  EXPECT_TRUE(is_before(version_of(my, mysql(kNowMs, "a-bin.000900")).view(),
                        version_of(my, mysql(kNowMs + 1, "b-bin.000001")).view()));
  EXPECT_TRUE(is_before(version_of(my, mysql(kNowMs + 1, "a-bin.000999")).view(),
                        version_of(my, mysql(kNowMs, "a-bin.1000000")).view()));
}

TEST(NewLog, ClockDecidesWhereSalesforceSendsNoNumberOrOneOfAnotherKind) {
  const Mapping sf = mapping("salesforce_cometd");
  const std::string scn = R"(,"commitNumber":10832042834831)";
  const std::string ns = fmt::format(R"(,"commitNumber":{}000000)", kNowMs + 1);
  EXPECT_TRUE(is_before(version_of(sf, salesforce(kNowMs, ns)).view(),
                        version_of(sf, salesforce(kNowMs + 1, scn)).view()));
  EXPECT_TRUE(is_before(version_of(sf, salesforce(kNowMs, scn)).view(),
                        version_of(sf, salesforce(kNowMs + 1, "")).view()));
  EXPECT_TRUE(is_before(version_of(sf, salesforce(kNowMs, "")).view(),
                        version_of(sf, salesforce(kNowMs + 1, scn)).view()));
  EXPECT_TRUE(
      is_before(version_of(sf, salesforce(kNowMs + 1, scn)).view(),
                version_of(sf, salesforce(kNowMs, R"(,"commitNumber":"10832042834832")")).view()));
}

TEST(NewLog, MomentsMustBeNumbersInOrder) {
  const auto fault = [](std::string_view starts) {
    return parse_mapping(fmt::format(R"({{"topics": {{"t": {{"format": "debezium", "source": "s",
      "log_starts": {}, "entities": {{"crm.rows": {{"type": "account", "id": "id"}}}}}}}}}})",
                                     starts))
        .message();
  };
  EXPECT_EQ(fault("7"), "topics.t.log_starts: must be a list of moments");
  EXPECT_EQ(fault("[5, 5]"), "topics.t.log_starts[1]: must be later than the one before it");
  EXPECT_EQ(fault(R"(["2026"])"),
            "topics.t.log_starts[0]: must be a moment in ms since 1970-01-01 UTC");
}

}  // namespace
}  // namespace millrace::crm::order_test
