#include "crm/decode/mapping_report.h"

#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crm/decode/decoder.h"

namespace millrace::crm::mapping_report_test {

using ::testing::SizeIs;

Mapping mapping() {
  return parse_mapping(R"({"topics": {"t": {"format": "debezium", "source": "erp", "entities": {
      "public.c": {"type": "account", "id": "id", "fields": {
        "name": "name", "nmae": "nick", "revenue": {"name": "revenue", "type": "decimal"},
        "email": {"name": "email", "personal": true}, "gone": null}}}}}})")
      .value();
}

std::string event(std::string_view op, std::string_view row, std::string_view table = "c") {
  const bool is_delete = op == "d";
  return fmt::format(R"({{"op":"{}","before":{},"after":{},"source":{{"ts_ms":1,"lsn":1,)"
                     R"("schema":"public","table":"{}"}}}})",
                     op, is_delete ? row : "null", is_delete ? "null" : row, table);
}

class Counting {
 public:
  void count(const std::string& value, int64_t timestamp_ms = 10) {
    const Result<Decoded> decoded = decoder_->decode(Bytes(value));
    if (decoded.ok()) return report.count(0, *decoded, timestamp_ms);
    report.count_invalid(0, decoded.message(), timestamp_ms);
  }
  TopicFit topic() const { return report.topics().front(); }
  FieldFit field(std::string_view name) const {
    const TopicFit fit = topic();
    for (const FieldFit& field : fit.entities.front().fields) {
      if (field.field == name) return field;
    }
    return {};
  }

 private:
  const Mapping mapping_ = mapping();
  std::unique_ptr<Decoder> decoder_ = make_decoder(mapping_.topics.front());

 public:
  MappingReport report{mapping_};
};

TEST(MappingReport, CountsWhatEachFieldDid) {
  Counting counting;
  counting.count(event("c", R"({"id":1,"name":"A","revenue":"12.50","email":null})"), 30);
  counting.count(event("u", R"({"id":1,"name":"A","revenue":"much","email":"a@b.c"})"), 20);
  counting.count(event("u", R"({"id":1,"name":"__debezium_unavailable_value"})"), 40);
  counting.count(event("d", R"({"id":1})"), 50);
  const EntityFit entity = counting.topic().entities.front();
  EXPECT_EQ(entity.records, 4U);
  EXPECT_EQ(entity.images, 3U);
  EXPECT_THAT(entity.fields, SizeIs(4)) << "a field that is left out is not counted";
  EXPECT_EQ(counting.field("name").seen, 3U);
  EXPECT_EQ(counting.field("name").times.first_ms, 20);
  EXPECT_EQ(counting.field("name").times.last_ms, 40);
  EXPECT_EQ(counting.field("email").nulls, 1U);
  EXPECT_TRUE(counting.field("email").is_personal);
  EXPECT_EQ(counting.field("nmae").seen, 0U);
  EXPECT_EQ(counting.field("nmae").times.first_ms, std::nullopt);
  const FieldFit revenue = counting.field("revenue");
  EXPECT_EQ(revenue.seen, 2U);
  EXPECT_EQ(revenue.refused.count, 1U);
  EXPECT_THAT(revenue.refused.last_reason, ::testing::StartsWith("is no number"));
  EXPECT_EQ(revenue.refused.times.first_ms, 20);
}

TEST(MappingReport, UnknownEntitiesAndInvalidRecordsAreNamed) {
  Counting counting;
  counting.count(event("c", R"({"id":1})", "costumers"), 5);
  counting.count(event("c", R"({"id":2})", "costumers"), 7);
  counting.count("no JSON", 9);
  counting.report.count_null(0, 11);
  const TopicFit topic = counting.topic();
  EXPECT_EQ(topic.records, 4U);
  EXPECT_EQ(topic.times.last_ms, 11);
  EXPECT_EQ(topic.invalid.count, 1U);
  EXPECT_THAT(topic.invalid.last_reason, ::testing::StartsWith("byte "));
  ASSERT_THAT(topic.unknown_entities, SizeIs(1));
  EXPECT_EQ(topic.unknown_entities.front().entity, "public.costumers");
  EXPECT_EQ(topic.unknown_entities.front().records, 2U);
}

TEST(MappingReport, NamesOfTheSourceAreBounded) {
  Counting counting;
  for (size_t i = 0; i < MappingReport::kNamesMax + 5; ++i) {
    counting.count(event("c", R"({"id":1})", "t" + std::to_string(i)));
  }
  EXPECT_THAT(counting.topic().unknown_entities, SizeIs(MappingReport::kNamesMax));
  EXPECT_EQ(counting.topic().unknown_left_out, 5U);
}

TEST(MappingReport, TasksCountWhileOthersRead) {
  const Mapping read = mapping();
  MappingReport report(read);
  constexpr int kThreads = 4;
  constexpr int kRecords = 500;
  std::vector<std::jthread> tasks;
  for (int task = 0; task < kThreads; ++task) {
    tasks.emplace_back([&] {
      const auto decoder = make_decoder(read.topics.front());
      for (int i = 0; i < kRecords; ++i) {
        const std::string value =
            event("u", R"({"id":1,"name":"A","revenue":"x"})", i % 10 == 0 ? "other" : "c");
        report.count(0, decoder->decode(Bytes(value)).value(), i);
        if (i % 50 == 0) (void)report.topics();
      }
    });
  }
  tasks.clear();
  const TopicFit topic = report.topics().front();
  EXPECT_EQ(topic.records, kThreads * kRecords);
  EXPECT_EQ(topic.entities.front().images, kThreads * kRecords * 9 / 10);
  EXPECT_EQ(topic.unknown_entities.front().records, kThreads * kRecords / 10);
  for (const FieldFit& field : topic.entities.front().fields) {
    EXPECT_EQ(field.refused.count, field.field == "revenue" ? field.seen : 0U);
  }
}

}  // namespace millrace::crm::mapping_report_test
