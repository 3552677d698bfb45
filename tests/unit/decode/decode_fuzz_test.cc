// Damaged events: whatever the bytes, a decoder answers with well-formed changes or with an error
// at a byte of the event. The sequences are the same in every run.
#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "account_generated.h"
#include "crm/model/ids.h"
#include "decode_fixture.h"

namespace millrace::crm::decode_fuzz_test {

constexpr int kRounds = 20'000;

class Mutator {
 public:
  Mutator(std::vector<std::string> seeds, uint32_t seed)
      : seeds_(std::move(seeds)), random_(seed) {}

  std::string next() {
    std::string text = seeds_[up_to(seeds_.size() - 1)];
    for (size_t times = up_to(3) + 1; times > 0; --times) mutate(text);
    return text;
  }

 private:
  size_t up_to(size_t last) { return std::uniform_int_distribution<size_t>(0, last)(random_); }

  void mutate(std::string& text) {
    static constexpr std::array<std::string_view, 22> kTokens{"{",
                                                              "}",
                                                              "[",
                                                              "]",
                                                              ",",
                                                              ":",
                                                              "\"",
                                                              "\\",
                                                              "null",
                                                              "-1",
                                                              "1e9",
                                                              "true",
                                                              "\\u00e",
                                                              "\xf0\x9f",
                                                              "\"001*\"",
                                                              "18446744073709551616",
                                                              "[[[[",
                                                              "{}",
                                                              "\"\"",
                                                              "0x1f",
                                                              "\"op\":\"t\",",
                                                              "\"recordIds\":[],"};
    const size_t at = up_to(text.size());
    const size_t length = std::min(text.size() - at, up_to(40));
    switch (up_to(5)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(up_to(255));
        break;
      case 1:
        text.erase(at, length);
        break;
      case 2:
        text.insert(up_to(text.size()), text.substr(at, length));
        break;
      case 3:
        text.insert(at, kTokens[up_to(kTokens.size() - 1)]);
        break;
      case 4:
        text.resize(at);
        break;
      default: {
        const std::string& other = seeds_[up_to(seeds_.size() - 1)];
        text.replace(at, length, other.substr(up_to(other.size()), up_to(200)));
      }
    }
  }

  std::vector<std::string> seeds_;
  std::mt19937 random_;
};

void expect_sane(const Result<Decoded>& decoded, size_t bytes) {
  if (!decoded.ok()) {
    EXPECT_EQ(decoded.code(), ErrorCode::kInvalidRecord);
    const std::string& message = decoded.message();
    ASSERT_TRUE(message.starts_with("byte ")) << message;
    EXPECT_LE(std::stoul(message.substr(5)), bytes) << message;
    EXPECT_TRUE(std::ranges::all_of(message, [](char c) { return c >= ' ' && c <= '~'; }));
    return;
  }
  EXPECT_EQ(decoded->changes.empty(), !decoded->skipped.empty());
  for (const Change& change : decoded->changes) {
    EXPECT_TRUE(is_internal_id(change.id)) << change.id;
    ASSERT_NE(change.entity, nullptr);
    EXPECT_TRUE(std::ranges::is_sorted(change.fields, {}, &DecodedField::name));
    const auto same = std::ranges::adjacent_find(change.fields, {}, &DecodedField::name);
    EXPECT_TRUE(same == change.fields.end());
    size_t total = 0;  // reads every byte, for the sanitizers
    for (const DecodedField& field : change.fields) {
      for (const char c : field.value.value_or("")) total += static_cast<unsigned char>(c);
    }
    EXPECT_LE(total, bytes * 256 * 2);
  }
}

void fuzz(DecoderUnderTest decoder, const std::vector<std::string>& seeds, uint32_t seed) {
  int refused = 0;
  Mutator mutator(seeds, seed);
  for (int round = 0; round < kRounds; ++round) {
    const std::string text = mutator.next();
    const Result<Decoded> decoded = decoder.decode(text);
    refused += decoded.ok() ? 0 : 1;
    expect_sane(decoded, text.size());
    ASSERT_FALSE(::testing::Test::HasFailure()) << "round " << round << ": " << text;
  }
  EXPECT_GT(refused, kRounds / 4);
  EXPECT_LT(refused, kRounds);
}

std::vector<std::string> salesforce_seeds() {
  return {golden("salesforce_cdc/connect_ContactChangeEvent_CREATE.json").substr(0, 6000),
          golden("salesforce_cdc/pubsub_AccountChangeEvent_UPDATE.json"),
          R"({"payload":{"ChangeEventHeader":{"entityName":"Account","recordIds":)"
          R"(["001000000000001AAA","001000000000002"],"changeType":"UPDATE","transactionKey":"t",)"
          R"("sequenceNumber":2,"commitTimestamp":7,"nulledFields":["Name"]},"Name":null,)"
          R"("BillingAddress":{"City":"B"},"ParentId":"001000000000009","N":1.5,"L":[1,{"a":2}]}})",
          R"({"ChangeEventHeader":{"entityName":"Contact","recordIds":["001*"],)"
          R"("changeType":"GAP_UPDATE","commitTimestamp":7},"Name":null})"};
}

constexpr const char* kEntities = R"({"Account": {"type": "account", "fields":
    {"ParentId": {"name": "p", "reference": true}}}, "Contact": {"type": "contact"}})";

TEST(DecodeFuzz, Cometd) {
  fuzz(DecoderUnderTest::salesforce("salesforce_cometd", kEntities), salesforce_seeds(), 1);
}

TEST(DecodeFuzz, Pubsub) {
  fuzz(DecoderUnderTest::salesforce("salesforce_pubsub", kEntities), salesforce_seeds(), 2);
}

TEST(DecodeFuzz, Connect) {
  fuzz(DecoderUnderTest::salesforce("salesforce_connect", kEntities), salesforce_seeds(), 3);
}

TEST(DecodeFuzz, Debezium) {
  std::vector<std::string> seeds;
  for (const char* name : {"02_c", "03_u", "04_d", "05_t", "06_m"}) {
    seeds.push_back(golden("debezium/pg_customers_" + std::string(name) + ".json"));
  }
  fuzz(DecoderUnderTest(R"({"topics": {"t": {"format": "debezium", "source": "erp", "entities":
           {"public.customers": {"type": "account", "id": "id"}}}}})"),
       seeds, 4);
}

TEST(DecodeFuzz, Flatbuffers) {
  AccountChangeT change;
  change.id = "ror:0006s4z66";
  change.change_type = ChangeType::Update;
  change.version = std::make_unique<VersionT>();
  change.version->transaction_key = "transaction";
  for (const char* name : {"city", "name", "website"}) {
    change.fields.push_back(std::make_unique<FieldValueT>());
    change.fields.back()->name = name;
    change.fields.back()->value = "a value";
  }
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(AccountChange::Pack(builder, &change));
  const std::string seed(reinterpret_cast<const char*>(builder.GetBufferPointer()),
                         builder.GetSize());
  const Mapping mapping = flatbuffers_mapping("t");
  const auto decoder = make_decoder(mapping.topics.front());
  Mutator mutator({seed}, 5);
  int decoded_well = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::string text = mutator.next();
    std::vector<uint64_t> aligned(text.size() / sizeof(uint64_t) + 1);
    std::memcpy(aligned.data(), text.data(), text.size());
    const auto decoded =
        decoder->decode(Bytes(reinterpret_cast<const char*>(aligned.data()), text.size()));
    decoded_well += decoded.ok() ? 1 : 0;
    expect_sane(decoded, text.size());
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
  EXPECT_GT(decoded_well, 0);
}

TEST(DecodeFuzz, EveryPrefixOfADocumentIsRefused) {
  auto decoder = DecoderUnderTest::salesforce("salesforce_pubsub", kEntities);
  std::string document = golden("salesforce_cdc/pubsub_AccountChangeEvent_UPDATE.json");
  while (document.back() != '}') document.pop_back();
  ASSERT_TRUE(decoder.decode(document).ok());
  while (!document.empty()) {
    document.pop_back();
    ASSERT_FALSE(decoder.decode(document).ok()) << document.size();
  }
}

}  // namespace millrace::crm::decode_fuzz_test
