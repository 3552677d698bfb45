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

TEST(DebeziumGolden, TruncateIsOfTheWholeTable) {
  EXPECT_EQ(decoded(golden("debezium/pg_customers_05_t.json")),
            "truncate erp:public.customers public.customers 1559033904863/0/556 "
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
              "update erp:1 public.customers 9/0/ full\n"
              "  last_name=K\n"
              "  email is unchanged\n");
    EXPECT_EQ(decoded(event("c", "null", row)),
              "create erp:1 public.customers 9/0/ full\n"
              "  last_name=K\n"
              "  email is unknown\n");
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

/// A decoder of one entity `public.t` whose id is `id`.
DecoderUnderTest typed(std::string_view fields, std::string_view type = "account",
                       std::string_view more = "") {
  return DecoderUnderTest(fmt::format(
      R"({{"topics": {{"pg": {{"format": "debezium", "source": "erp", {} "entities": {{
        "public.t": {{"type": "{}", "id": "id", {} "fields": {}}}}}}}}}}})",
      more, type, type == "account" ? "" : R"("parent": "a",)", fields));
}

std::string row(std::string_view columns) {
  return event("u", "null", fmt::format(R"({{"id":1,{}}})", columns),
               R"("schema":"public","table":"t")");
}

std::string with_schema(std::string_view fields, std::string_view columns) {
  return fmt::format(
      R"({{"schema":{{"type":"struct","fields":[{{"field":"before","type":"struct"}},)"
      R"({{"field":"after","type":"struct","fields":[{}]}}]}},"payload":{}}})",
      fields, row(columns));
}

constexpr const char* kFull = "update erp:1 public.t 9/0/ full\n";

TEST(DebeziumValues, PlaceholderOfEveryShapeIsUnchanged) {
  auto decoder = typed("{}");
  for (
      const char* value :
      {R"("__debezium_unavailable_value")", R"("X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==")",
       R"("5f5f646562657a69756d5f756e617661696c61626c655f76616c7565")",
       R"(["__debezium_unavailable_value"])", R"(["b68a35a7-17ad-35b3-af2a-ae46edb4545a"])",
       R"({"__debezium_unavailable_value":"__debezium_unavailable_value"})",
       R"("{\"__debezium_unavailable_value\": \"__debezium_unavailable_value\"}")",
       R"({"wkb":"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==","srid":4326})",
       R"([95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,118,)"
       R"(97,108,117,101])"}) {
    EXPECT_EQ(decoder.text_of(row(fmt::format(R"("x":{})", value))),
              std::string(kFull) + "  x is unchanged\n")
        << value;
  }
  EXPECT_EQ(decoder.text_of(row(R"("x":[95,95])")), std::string(kFull) + "  x=[95,95]\n");
}

TEST(DebeziumValues, PlaceholderMayBeConfigured) {
  auto decoder = typed("{}", "account", R"("unavailable_value": "gone",)");
  EXPECT_EQ(decoder.text_of(row(R"("x":"gone","y":["gone"],"z":[103,111,110,101],"w":"Z29uZQ==")")),
            std::string(kFull) + "  w is unchanged\n  x is unchanged\n  y is unchanged\n" +
                "  z is unchanged\n");
}

TEST(DebeziumValues, SchemaTellsTypesAndUnits) {
  auto decoder = typed(R"({"amount": "amount", "day": "day", "at": "at", "n": "n"})");
  EXPECT_EQ(
      decoder.text_of(with_schema(
          R"({"field":"amount","type":"bytes","name":"org.apache.kafka.connect.data.Decimal",)"
          R"("parameters":{"scale":"2"}},{"field":"day","type":"int32",)"
          R"("name":"io.debezium.time.Date"},{"field":"at","type":"int64",)"
          R"("name":"io.debezium.time.MicroTimestamp"},{"field":"n","type":"struct",)"
          R"("name":"io.debezium.data.VariableScaleDecimal"},{"field":"ok","type":"boolean"},)"
          R"({"field":"tags","type":"array"},{"field":"zip","type":"string"})",
          R"("amount":"AfQ=","day":-6616,"at":1767264780123456,"n":{"scale":1,"value":"/w=="},)"
          R"("ok":true,"tags":["a"],"zip":"01067")")),
      std::string(kFull) +
          "  amount=5 (decimal)\n  at=2026-01-01T10:53:00.123456Z (moment)\n"
          "  day=1951-11-21 (date)\n  n=-0.1 (decimal)\n  ok=true (boolean)\n"
          "  tags=[\"a\"] (list)\n  zip=01067\n");
}

TEST(DebeziumValues, ANumberIsNoBytesWhateverTheSchemaSays) {
  auto decoder = typed(R"({"amount": "amount"})");
  EXPECT_EQ(
      decoder.text_of(with_schema(
          R"({"field":"amount","type":"bytes","name":"org.apache.kafka.connect.data.Decimal",)"
          R"("parameters":{"scale":"2"}})",
          R"("amount":1250.00)")),
      std::string(kFull) + "  amount=1250 (decimal)\n");
}

TEST(DebeziumValues, WrongValuesAreRefusedByName) {
  auto decoder = typed(
      R"({"o": "o", "l": "l", "b": {"name": "b", "type": "decimal"},
          "d": {"name": "d", "type": "date", "unit": "days"},
          "i": {"name": "i", "type": "integer"}})");
  EXPECT_EQ(
      decoder.text_of(row(R"("o":{"a":1},"l":[1],"b":"BQ==","d":20301231,"i":2.5)")),
      std::string(kFull) +
          "  b is unknown\n  d is unknown\n  i is unknown\n  l is unknown\n  o is unknown\n"
          "refused: o is an object, not one value\nrefused: l is a list, not one value\n"
          "refused: b is no number; if it is base64 of a decimal, the mapping has to name its "
          "scale\nrefused: d is no plausible date\n"
          "refused: i is no whole number\n");
  EXPECT_EQ(decoder.text_of(with_schema(R"({"field":"o","type":"bytes"})", R"("o":"AfQ=")")),
            std::string(kFull) + "  o is unknown\nrefused: o is binary\n");
}

TEST(DebeziumValues, AScaleBeyondAllNumbersIsRefused) {
  auto decoder = typed(R"({"n": "n"})");
  // Cut to 32 bits it would be a scale of 2.
  EXPECT_EQ(decoder.text_of(row(R"("n":{"scale":4294967298,"value":"AfQ="})")),
            std::string(kFull) + "  n is unknown\nrefused: n is no decimal in base64\n");
}

TEST(DebeziumValues, DeclaredTypesHaveOneForm) {
  auto decoder = typed(
      R"({"b": {"name": "b", "type": "decimal", "scale": 2}, "t": {"name": "t", "type": "text"},
          "i": {"name": "i", "type": "integer"}, "f": {"name": "f", "type": "boolean"},
          "m": {"name": "m", "type": "moment", "unit": "microseconds"},
          "d": {"name": "d", "type": "date"}, "l": {"name": "l", "type": "list"}})");
  EXPECT_EQ(decoder.text_of(row(R"("b":"AfQ=","t":"0111","i":"005.0","f":"YES",)"
                                R"("m":1767264780123456,"d":"20301231","l":"a;b")")),
            std::string(kFull) +
                "  b=5 (decimal)\n  d=2030-12-31 (date)\n  f=true (boolean)\n  i=5 (integer)\n"
                "  l=[\"a\",\"b\"] (list)\n  m=2026-01-01T10:53:00.123456Z (moment)\n"
                "  t=0111 (text)\n");
}

TEST(DebeziumValues, AListMayNotNestWithoutEnd) {
  auto decoder = typed(R"({"l": {"name": "l", "type": "list"}})");
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  EXPECT_EQ(decoder.text_of(row(fmt::format(R"("l":"{}")", deep))),
            std::string(kFull) + "  l is unknown\nrefused: l is nested too deeply\n");
  EXPECT_EQ(decoder.text_of(row(R"("l":"[\"[[[[\",[1]]")")),
            std::string(kFull) + "  l=[\"[[[[\",[1]] (list)\n");
}

TEST(DebeziumValues, TextsMayStandForNull) {
  auto decoder = typed(R"({"p": {"name": "p", "reference": true, "null_values": ["", "0"]}})");
  EXPECT_EQ(decoder.text_of(row(R"("p":0)")), std::string(kFull) + "  p is null\n");
  EXPECT_EQ(decoder.text_of(row(R"("p":"")")), std::string(kFull) + "  p is null\n");
  EXPECT_EQ(decoder.text_of(row(R"("p":7)")), std::string(kFull) + "  p=erp:7\n");
}

TEST(DebeziumValues, FieldsOfEntitlementsHaveTheirTypes) {
  auto decoder = typed(R"({"a": "a", "e": "end_date", "q": "quantity"})", "subscription");
  EXPECT_EQ(decoder.text_of(row(R"("a":1,"e":"2025-11-25Z","q":"5.00","start_date":-622191234)")),
            std::string(kFull) +
                "  a=erp:1\n  end_date=2025-11-25 (date)\n  quantity=5 (integer)\n"
                "  start_date=infinity (date)\n");
}

TEST(DebeziumValues, NumbersAndMomentsOfMongoDbAreUnwrapped) {
  auto decoder = typed(R"({"n": "n"})");
  EXPECT_EQ(decoder.text_of(row(R"("n":{"$numberLong":"5"},"at":{"$date":1767264780123},)"
                                R"("who":{"$oid":"6565"})")),
            std::string(kFull) +
                "  at=2026-01-01T10:53:00.123Z (moment)\n  n=5 (integer)\n"
                "  who=6565\n");
}

TEST(DebeziumValues, IdMayBeADecimal) {
  auto decoder = typed("{}");
  const auto id = [&decoder](std::string_view value) {
    return decoder.text_of(event("u", "null", fmt::format(R"({{"id":{}}})", value),
                                 R"("schema":"public","table":"t")"));
  };
  EXPECT_THAT(id(R"({"scale":0,"value":"BQ=="})"), StartsWith("update erp:5 "));
  EXPECT_THAT(id(R"({"$numberLong":"5"})"), StartsWith("update erp:5 "));
}

TEST(DebeziumValues, MappedColumnsThatDoNotComeAreNamedOnce) {
  auto decoder = typed(R"({"nmae": "name", "city": "city"})");
  const Result<Decoded> first = decoder.decode(row(R"("name":"A","city":"B")"));
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(first->absent_fields, ::testing::ElementsAre("nmae"));
  const Result<Decoded> second = decoder.decode(row(R"("name":"A","city":"B")"));
  ASSERT_TRUE(second.ok());
  EXPECT_THAT(second->absent_fields, ::testing::IsEmpty());
}

TEST(DebeziumNoise, IsCountedByKind) {
  EXPECT_EQ(decoded(R"({"ts_ms":1559033904863})"), "skipped: heartbeat\n");
  EXPECT_EQ(decoded(R"({"status":"BEGIN","id":"571:53195829","event_count":null,)"
                    R"("data_collections":null,"ts_ms":1486500577125})"),
            "skipped: transaction_marker\n");
  EXPECT_EQ(decoded(R"({"status":"END","id":"571:53195832","event_count":2,"data_collections":)"
                    R"([{"data_collection":"s1.a","event_count":2}],"ts_ms":1486500577691})"),
            "skipped: transaction_marker\n");
  EXPECT_EQ(decoded(R"({"source":{"connector":"mysql","name":"my","ts_ms":1,"db":"inventory"},)"
                    R"("ts_ms":1,"databaseName":"inventory","schemaName":null,)"
                    R"("ddl":"ALTER TABLE customers ADD x INT","tableChanges":[]})"),
            "skipped: schema_change\n");
  EXPECT_EQ(decoded(R"({"source":{"server":"my"},"position":{"file":"b.1","pos":4},"ts_ms":1,)"
                    R"("databaseName":"","ddl":"SET character_set_server=utf8mb4"})"),
            "skipped: schema_change\n");
  EXPECT_EQ(decoded(R"({"id":"5","aggregate_type":"Initial Snapshot","type":"COMPLETED",)"
                    R"("additional_data":{},"timestamp":1})"),
            "skipped: notification\n");
}

TEST(DebeziumNoise, WithASchemaIsTheSame) {
  EXPECT_EQ(decoded(R"({"schema":{"type":"struct"},"payload":{"ts_ms":1559033904863}})"),
            "skipped: heartbeat\n");
}

TEST(DebeziumNoise, RowWithoutAnEnvelopeIsNone) {
  for (const char* row : {R"({"id":1,"status":"END"})", R"({"id":1,"ts_ms":5})", "{}",
                          R"({"id":1,"ddl":"x","databaseName":"y"})"}) {
    EXPECT_THAT(decoded(row), HasSubstr("/op: must be one letter")) << row;
  }
}

std::string mongo_decoded(const std::string& value, const std::string& key = "null") {
  return DecoderUnderTest(R"({"topics": {"m": {"format": "debezium", "source": "erp", "entities": {
    "crm.customers": {"type": "account", "id": "_id", "fields": {
      "name": "name", "revenue": {"name": "revenue", "type": "decimal"},
      "address.city": "city", "address.zip": "zip",
      "group": {"name": "group", "reference": true}}}}}}})")
      .text_of(value, key);
}

std::string mongo_event(std::string_view op, std::string_view members) {
  return fmt::format(
      R"({{"op":"{}",{},"source":{{"ts_ms":9000,"db":"crm","collection":"customers","ord":3}}}})",
      op, members);
}

constexpr const char* kMongoKey = R"({"id":"{\"$oid\": \"596e275826f08b2730779e1f\"}"})";
constexpr const char* kMongoUpdate =
    "update erp:596e275826f08b2730779e1f crm.customers 9000/0/ "
    "erp@01913110 partial\n";

TEST(DebeziumMongo, ImageIsTheTextOfADocument) {
  const std::string after =
      R"("after":"{\"_id\": {\"$oid\": \"596e275826f08b2730779e1f\"}, \"name\": \"Anne\", )"
      R"(\"revenue\": {\"$numberDecimal\": \"10.50\"}, \"since\": {\"$date\": 1735689600000}, )"
      R"(\"address\": {\"city\": \"Bonn\"}, \"visits\": {\"$numberLong\": \"7\"}}")";
  const std::string fields =
      "  city=Bonn\n  name=Anne\n  revenue=10.5 (decimal)\n"
      "  since=2025-01-01T00:00:00Z (moment)\n  visits=7 (integer)\n";
  EXPECT_THAT(mongo_decoded(mongo_event("c", after)),
              ::testing::AllOf(StartsWith("create erp:596e275826f08b2730779e1f"),
                               HasSubstr(" full\n" + fields)));
  EXPECT_THAT(mongo_decoded(mongo_event("r", after)), HasSubstr(" full\n" + fields));
  // The whole document was looked up, so what the update set is in it.
  EXPECT_THAT(mongo_decoded(mongo_event(
                  "u", after + R"(,"updateDescription":{"updatedFields":"{\"name\":\"B\"}"})")),
              HasSubstr(" full\n" + fields));
}

TEST(DebeziumMongo, UpdateWithoutADocumentTellsWhatChanged) {
  const std::string update = mongo_event(
      "u", R"("after":null,"updateDescription":{)"
           R"("removedFields":["group","note"],"truncatedArrays":null,)"
           R"("updatedFields":"{\"name\": \"Anne Marie\", \"address.city\": \"Ulm\"}"})");
  EXPECT_EQ(mongo_decoded(update, kMongoKey),
            std::string(kMongoUpdate) +
                "  city=Ulm\n  group is null\n  name=Anne Marie\n  note is null\n");
  EXPECT_EQ(mongo_decoded(update, fmt::format(R"({{"schema":{{}},"payload":{}}})", kMongoKey)),
            mongo_decoded(update, kMongoKey));
}

TEST(DebeziumMongo, ReplacedOrRemovedObjectLosesItsOtherParts) {
  EXPECT_EQ(
      mongo_decoded(mongo_event("u", R"("updateDescription":{"updatedFields":)"
                                     R"("{\"address\": {\"city\": \"Ulm\", \"street\": \"A\"}}"})"),
                    kMongoKey),
      std::string(kMongoUpdate) +
          "  address is null\n  address.street=A\n  city=Ulm\n  zip is null\n");
  EXPECT_EQ(mongo_decoded(mongo_event("u", R"("updateDescription":{"removedFields":["address"]})"),
                          kMongoKey),
            std::string(kMongoUpdate) + "  address is null\n  city is null\n  zip is null\n");
}

TEST(DebeziumMongo, ChangeInsideAnArrayLeavesItUnknown) {
  EXPECT_EQ(
      mongo_decoded(
          mongo_event("u",
                      R"("updateDescription":{"updatedFields":)"
                      R"("{\"tags.3\": \"x\", \"lines.0.price\": 7}","removedFields":["codes.1"],)"
                      R"("truncatedArrays":[{"field":"old","size":2}]})"),
          kMongoKey),
      std::string(kMongoUpdate) +
          "  codes is unknown\n  lines is unknown\n"
          "  old is unknown\n  tags is unknown\n");
}

TEST(DebeziumMongo, DeleteWithoutADocumentTakesItsIdFromTheKey) {
  EXPECT_EQ(mongo_decoded(mongo_event("d", R"("before":null,"after":null)"), R"({"id":"1004"})"),
            "delete erp:1004 crm.customers 9000/0/ erp@01913110 partial\n");
  EXPECT_EQ(mongo_decoded(mongo_event("d", R"("before":"{\"_id\": 1005}")"), R"({"id":"1004"})"),
            "delete erp:1005 crm.customers 9000/0/ erp@01913110 partial\n");
  for (const char* key : {"null", "x", "{}", R"({"id":null})", R"({"id":"{"})"}) {
    EXPECT_THAT(mongo_decoded(mongo_event("d", R"("before":null)"), key),
                HasSubstr("/before: must be an object, or the record's key have the id"));
  }
}

TEST(DebeziumMongo, FaultsInATextAreNamedWithoutItsValues) {
  EXPECT_THAT(
      mongo_decoded(mongo_event("c", R"("after":"{\"_id\": 1, ")")),
      ::testing::AllOf(StartsWith("error: byte "), HasSubstr("/after: in its text at byte")));
  EXPECT_THAT(mongo_decoded(mongo_event("c", R"("after":"[1]")")),
              HasSubstr("/after: must be an object, or the JSON text of one"));
  EXPECT_THAT(mongo_decoded(mongo_event("c", R"("after":"{\"name\": \"A\"}")")),
              HasSubstr("/after: lacks the id column"));
}

}  // namespace millrace::crm::debezium_test
