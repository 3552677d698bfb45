#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "decode_fixture.h"

namespace millrace::crm::debezium_test {

using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string decoded(const std::string& value) {
  return DecoderUnderTest(R"({"topics": {"pg": {"format": "debezium", "source": "erp", "entities": {
    "public.customers": {"type": "account", "id": "id",
      "fields": {"first_name": "given_name", "email": {"name": "email", "personal": true}}}}}}})")
      .text_of(value);
}

TEST(DebeziumGolden, CreateWithItsSchema) {
  EXPECT_EQ(decoded(golden("debezium/pg_customers_02_c.json")),
            "create erp:1 public.customers 1559033904863/0/ "
            "erp/PostgreSQL_server@0716e90580716e90580 full\n"
            "  email=annek@noanswer.org\n"
            "  given_name=Anne\n"
            "  last_name=Kretchmar\n");
}

TEST(DebeziumGolden, WithoutSchemaIsTheSame) {
  const std::string with = golden("debezium/pg_customers_02_c.json");
  EXPECT_EQ(decoded(nlohmann::json::parse(with)["payload"].dump()), decoded(with));
}

TEST(DebeziumGolden, UpdateIsAFullImage) {
  EXPECT_EQ(decoded(golden("debezium/pg_customers_03_u.json")),
            "update erp:1 public.customers 1559033904863/0/556 "
            "erp/PostgreSQL_server@0716e905811716e90580 full\n"
            "  email=annek@noanswer.org\n"
            "  given_name=Anne Marie\n"
            "  last_name=Kretchmar\n");
}

TEST(DebeziumGolden, DeleteTakesItsIdFromTheRowBefore) {
  EXPECT_EQ(decoded(golden("debezium/pg_customers_04_d.json")),
            "delete erp:1 public.customers 1559033904863/0/556 "
            "erp/PostgreSQL_server@072c5e2f81172c5e2f80 partial\n");
}

TEST(DebeziumGolden, TruncateNeedsAResync) {
  EXPECT_EQ(decoded(golden("debezium/pg_customers_05_t.json")),
            "overflow erp:public.customers public.customers 1559033904863/0/556 "
            "erp/PostgreSQL_server@072c5e2f81172c5e2f80 partial\n");
}

TEST(DebeziumGolden, MessageSaysNothing) {
  EXPECT_EQ(decoded(golden("debezium/pg_customers_06_m.json")), "skipped: message\n");
}

TEST(DebeziumGolden, KeyIsNoEvent) {
  EXPECT_THAT(decoded(golden("debezium/pg_customers_01_key.json")),
              HasSubstr("/payload/op: must be one letter"));
}

std::string event(std::string_view op, std::string_view before, std::string_view after,
                  std::string_view source = R"("schema":"public","table":"customers")") {
  return fmt::format(R"({{"op":"{}","before":{},"after":{},"source":{{"ts_ms":9,{}}},"ts_ms":10}})",
                     op, before, after, source);
}

TEST(Debezium, SnapshotIsAFullImage) {
  EXPECT_EQ(decoded(event("r", "null", R"({"id":"7","first_name":null})")),
            "update erp:7 public.customers 9/0/ full\n  given_name is null\n");
}

TEST(Debezium, ColumnThatIsNotAvailableKeepsItsValue) {
  for (const char* placeholder :
       {R"("__debezium_unavailable_value")", R"("X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==")",
        R"(["__debezium_unavailable_value"])"}) {
    const auto row = fmt::format(R"({{"id":1,"email":{},"last_name":"K"}})", placeholder);
    EXPECT_EQ(decoded(event("u", "null", row)),
              "update erp:1 public.customers 9/0/ partial\n"
              "  last_name=K\n");
  }
}

TEST(Debezium, IdThatChangesInAnUpdateLeavesTheOldRecordDeleted) {
  EXPECT_EQ(decoded(event("u", R"({"id":1})", R"({"id":2})")),
            "update erp:2 public.customers 9/0/ full\n"
            "delete erp:1 public.customers 9/0/ partial\n");
}

TEST(Debezium, VersionIsThePlaceInTheLogOfEachDatabase) {
  const auto version = [](std::string_view source) {
    const std::string text =
        decoded(event("d", R"({"id":1})", "null",
                      fmt::format(R"("schema":"public","table":"customers",{})", source)));
    const size_t from = text.find("9/");
    return text.substr(from, text.find(" partial") - from);
  };
  EXPECT_EQ(version(R"("lsn":77,"txId":5)"), "9/0/5 erp@024d1124d0");
  EXPECT_EQ(version(R"("name":"cdc","lsn":77,"sequence":"[\"255\",\"77\"]")"),
            "9/0/ erp/cdc@02ff1124d0");
  EXPECT_EQ(version(R"("lsn":77,"txId":5,"snapshot":"first","sequence":"[null,\"77\"]")"),
            "9/0/ erp@024d024d0");
  EXPECT_EQ(version(R"("file":"mysql-bin.000003","pos":154,"row":2,"gtid":"g:1")"),
            "9/0/g:1 erp/mysql-bin@01329a11012");
  EXPECT_EQ(
      version(R"("commit_lsn":"00000027:00000758:0005","change_lsn":"00000027:00000758:0003",)"
              R"("event_serial_no":2)"),
      "9/0/00000027:00000758:0005 erp@0227375815112273758131"
      "2");
  EXPECT_EQ(version(R"("commit_lsn":"00000000:00000758:0005","snapshot":"true")"),
            "9/0/ erp@003758151"
            "20");
  EXPECT_EQ(version(R"("scn":"2122185","commit_scn":"2122190","rs_id":" 0x0000a1.00000010.0010 ")"),
            "9/0/ erp@062061ce1162061c92a121021"
            "000");
  EXPECT_EQ(version(R"("ord":4)"),
            "9/0/ erp@001411"
            "0");
  EXPECT_EQ(version(R"("lsn":null)"), "9/0/");
}

TEST(Debezium, TransactionIsWhatTheDatabaseCallsIt) {
  EXPECT_EQ(decoded(R"({"op":"d","before":{"id":1},"transaction":{"id":"571:53195829"},)"
                    R"("source":{"ts_ms":9,"txId":571,"schema":"public","table":"customers"}})"),
            "delete erp:1 public.customers 9/0/571 partial\n");
}

TEST(Debezium, TableOfADatabaseWithoutSchemas) {
  EXPECT_EQ(decoded(event("d", R"({"id":1})", "null", R"("db":"public","table":"customers")")),
            "delete erp:1 public.customers 9/0/ partial\n");
  EXPECT_EQ(decoded(event("d", R"({"id":1})", "null", R"("db":"crm","table":"orders")")),
            "skipped: unknown_entity\n");
}

TEST(Debezium, NestedColumnsHaveDottedNames) {
  EXPECT_EQ(decoded(event("c", "null", R"({"id":1,"place":{"x":1.5,"y":-2},"tags":["a", "b"]})")),
            "create erp:1 public.customers 9/0/ full\n"
            "  place.x=1.5\n  place.y=-2\n  tags=[\"a\",\"b\"]\n");
}

TEST(Debezium, NullEnvelopeSaysNothing) {
  EXPECT_EQ(decoded(R"({"schema":null,"payload":null})"), "skipped: null_value\n");
  EXPECT_EQ(decoded("null"), "skipped: null_value\n");
}

TEST(Debezium, RefusesWhatIsNoEvent) {
  EXPECT_THAT(decoded("7"), StartsWith("error: byte 0: the document: must be an object"));
  EXPECT_THAT(decoded(R"({"payload":3})"), StartsWith("error: byte 11: /payload: must be"));
  EXPECT_THAT(decoded(event("x", "null", "null")), HasSubstr("/op: must be c, r"));
  EXPECT_THAT(decoded(event("c", "null", "null")), HasSubstr("/after: must be an object"));
  EXPECT_THAT(decoded(event("c", "null", R"({"a":1})")), HasSubstr("/after: lacks the id column"));
  EXPECT_THAT(decoded(event("c", "null", R"({"id":[1]})")), HasSubstr("/after/id: must be"));
  EXPECT_THAT(decoded(event("d", "null", "null")), HasSubstr("/before: must be an object"));
  EXPECT_THAT(decoded(R"({"op":"d","source":{"ts_ms":"9"}})"), HasSubstr("/source/ts_ms: must"));
  EXPECT_THAT(decoded(R"({"op":"d","source":{"ts_ms":9}})"), HasSubstr("/source: must name"));
}

}  // namespace millrace::crm::debezium_test
