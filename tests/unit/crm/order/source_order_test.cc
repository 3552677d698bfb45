// The last state of a database comes out of its events in any order, by the order of its log.
#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "crm/decode/decoder.h"
#include "crm/model/logged_row.h"
#include "source_model.h"

namespace millrace::crm::order_test {
namespace {

ChangeType type_of(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kCreate:
      return ChangeType::Create;
    case ChangeKind::kDelete:
      return ChangeType::Delete;
    case ChangeKind::kUndelete:
      return ChangeType::Undelete;
    default:
      return ChangeType::Update;
  }
}

/// Rows as stores keep them: as bytes.
class Rows {
 public:
  explicit Rows(const Mapping& mapping) : decoder_(make_decoder(mapping.topics.front())) {}

  void take(const std::string& event) {
    const Result<Decoded> decoded = decoder_->decode(Bytes(event));
    ASSERT_TRUE(decoded.ok()) << decoded.message() << '\n' << event;
    for (const Change& change : decoded->changes) {
      ChangeView view{.id = change.id,
                      .type = type_of(change.kind),
                      .version = change.version,
                      .full_image = change.full_image};
      for (const DecodedField& field : change.fields) {
        view.fields.push_back({field.name, field.value, change.version});
      }
      merge(view);
    }
  }

  std::map<std::string, std::optional<Values>> records() const {
    std::map<std::string, std::optional<Values>> records;
    for (const auto& [id, bytes] : rows_) {
      const RowView row = read_row(*flatbuffers::GetRoot<AccountRow>(bytes.data()));
      auto& values = records[id];
      if (row.status != RowStatus::Live) continue;
      values.emplace();
      for (const FieldView& field : row.fields) {
        values->emplace(field.name, field.value.value_or("null"));
      }
    }
    return records;
  }
  const std::map<std::string, std::string>& bytes() const { return rows_; }

 private:
  void merge(const ChangeView& change) {
    std::string& stored = rows_[std::string(change.id)];
    const std::string old = stored;
    LoggedRow row{.row = {.id = change.id}};
    if (!old.empty()) row = read_logged_row(*flatbuffers::GetRoot<AccountRow>(old.data()));
    ASSERT_TRUE(merge_change(row, change).ok());
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(write_row(builder, row));
    stored.assign(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
  }

  std::unique_ptr<Decoder> decoder_;
  std::map<std::string, std::string> rows_;
};

class SourceOrder : public ::testing::TestWithParam<Database> {
 protected:
  SourceOrder() : mapping_(parse_mapping(mapping_json(GetParam())).value()) {}
  Mapping mapping_;
};

TEST_P(SourceOrder, LastStateComesOutOfTheEventsInAnyOrder) {
  size_t events = 0;
  for (uint32_t seed = 0; seed < 1'500; ++seed) {
    std::mt19937 random(seed);
    History history = random_history(GetParam(), random);
    events += history.events.size();
    Rows in_order(mapping_);
    for (const std::string& event : history.events) in_order.take(event);
    ASSERT_EQ(in_order.records(), history.records) << "seed " << seed;
    std::ranges::shuffle(history.events, random);
    Rows shuffled(mapping_);
    for (const std::string& event : history.events) shuffled.take(event);
    ASSERT_EQ(shuffled.bytes(), in_order.bytes()) << "seed " << seed;
  }
  EXPECT_GT(events, 10'000U);
}

INSTANTIATE_TEST_SUITE_P(Databases, SourceOrder,
                         ::testing::Values(Database::kPostgres, Database::kMySql,
                                           Database::kSqlServer, Database::kOracle,
                                           Database::kMongo, Database::kSalesforce),
                         [](const auto& one) { return std::string(to_string(one.param)); });

}  // namespace
}  // namespace millrace::crm::order_test
