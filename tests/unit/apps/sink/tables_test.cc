#include "apps/sink/tables.h"

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace millrace::apps::sink {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

FoundTable as_wanted(const Table& table) {
  FoundTable found;
  std::set<std::string> key;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const bool is_key = i < table.key_columns;
    found.columns[table.columns[i].name] = {table.columns[i].type, is_key};
    if (is_key) key.insert(table.columns[i].name);
  }
  found.unique = {key};
  return found;
}

TEST(SinkTables, DeclaredTypesDecideTheColumns) {
  const auto tables = crm_tables({{"closed", crm::FieldType::Date},
                                  {"name", crm::FieldType::Text},
                                  {"revenue", crm::FieldType::Decimal}});
  ASSERT_TRUE(tables.ok());
  const std::string sql = create_sql("crm", tables->front().main);
  EXPECT_THAT(sql, HasSubstr("\"field_closed\" date,\n"));
  EXPECT_THAT(sql, HasSubstr("\"field_name\" text,\n"));
  EXPECT_THAT(sql, HasSubstr("\"field_revenue\" numeric,\n"));
  EXPECT_THAT(sql, HasSubstr("PRIMARY KEY (\"root\")"));
}

TEST(SinkTables, ANameThatPostgresWouldCutIsRefused) {
  EXPECT_TRUE(crm_tables({{std::string(57, 'n'), crm::FieldType::Text}}).ok());
  EXPECT_EQ(crm_tables({{std::string(58, 'n'), crm::FieldType::Text}}).code(), ErrorCode::kConfig);
}

TEST(SinkTables, TheOwnTablesFit) {
  const auto tables = crm_tables({{"name", crm::FieldType::Text}});
  for (const TopicTables& each : *tables) {
    EXPECT_THAT(mend_sql("crm", each.main, as_wanted(each.main)), IsEmpty());
    if (!each.child) continue;
    EXPECT_THAT(mend_sql("crm", *each.child, as_wanted(*each.child)), IsEmpty());
  }
}

TEST(SinkTables, EachFaultHasAStatementThatMendsIt) {
  const Table& table = positions_table();
  FoundTable found = as_wanted(table);
  found.columns.erase("updated_at");
  found.columns["next_offset"] = {"integer", true};
  found.columns["mine"] = {"text", true};
  found.columns["also_mine"] = {"text", false};
  found.unique = {{"topic"}};
  EXPECT_THAT(
      mend_sql("a\"b", table, found),
      ElementsAre("ALTER TABLE \"a\"\"b\".\"sink_positions\" ALTER COLUMN \"next_offset\" TYPE "
                  "bigint USING \"next_offset\"::bigint;",
                  "ALTER TABLE \"a\"\"b\".\"sink_positions\" ALTER COLUMN \"next_offset\" DROP NOT "
                  "NULL;",
                  "ALTER TABLE \"a\"\"b\".\"sink_positions\" ADD COLUMN \"updated_at\" timestamp "
                  "with time zone;",
                  "ALTER TABLE \"a\"\"b\".\"sink_positions\" ALTER COLUMN \"mine\" DROP NOT NULL;",
                  "ALTER TABLE \"a\"\"b\".\"sink_positions\" ADD UNIQUE (\"topic\", "
                  "\"partition\");"));
}

TEST(SinkTables, OlderRowsLeaveTheStageBeforeAnythingElse) {
  const auto tables = crm_tables({});
  const std::string sql = merge_sql("crm", tables->front());
  EXPECT_TRUE(
      sql.starts_with("DELETE FROM pg_temp.\"stage_accounts\" s USING \"crm\".\"accounts\" "
                      "t WHERE t.\"root\" = s.\"root\" AND t.kafka_partition = "
                      "s.kafka_partition AND t.kafka_offset >= s.kafka_offset;\n"))
      << sql;
}

TEST(SinkTables, ATombstoneOfConflictsNamesTheirIdOnly) {
  const auto tables = crm_tables({});
  const TopicTables& conflicts = tables->back();
  EXPECT_THAT(merge_sql("crm", conflicts),
              HasSubstr("DELETE FROM \"crm\".\"conflicts\" t USING pg_temp.\"stage_conflicts\" s "
                        "WHERE s.deleted AND t.\"id\" = s.\"id\";"));
}

TEST(SinkTables, QuotesCannotBeLeft) {
  EXPECT_EQ(quoted_name("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(quoted_text("it's"), "'it''s'");
}

}  // namespace
}  // namespace millrace::apps::sink
