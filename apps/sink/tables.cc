#include "apps/sink/tables.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "crm/account_topology.h"
#include "crm/entitlement/deriver.h"

namespace millrace::apps::sink {
namespace {

constexpr size_t kNameBytesMax = 63;  // PostgreSQL cuts longer ones
constexpr std::string_view kTime = "timestamp with time zone";
constexpr std::string_view kPartitionColumn = "kafka_partition";
constexpr std::string_view kOffsetColumn = "kafka_offset";

Column column(std::string_view name, std::string_view type) {
  return {std::string(name), std::string(type)};
}

std::string_view type_of(crm::FieldType type) {
  switch (type) {
    case crm::FieldType::Integer:
    case crm::FieldType::Decimal:
      return "numeric";
    case crm::FieldType::Boolean:
      return "boolean";
    case crm::FieldType::Date:
      return "date";
    case crm::FieldType::Moment:
      return kTime;
    case crm::FieldType::List:
      return "jsonb";
    case crm::FieldType::Undeclared:
    case crm::FieldType::Text:
      break;
  }
  return "text";
}

void add_position(Table& table) {
  table.columns.push_back(column(kPartitionColumn, "integer"));
  table.columns.push_back(column(kOffsetColumn, "bigint"));
}

Result<TopicTables> accounts(const FieldTypes& fields) {
  Table main{
      "accounts",
      {column("root", "text"), column("status", "text"), column("version", "bigint"),
       column("event_time", kTime), column("members", "integer"), column("incomplete", "boolean"),
       column("delete_pending", "boolean"), column("incomplete_fields", "jsonb"),
       column("contacts", "bigint"), column("opportunities", "bigint"),
       column("contracts", "bigint"), column("contract_lines", "bigint"),
       column("subscriptions", "bigint"), column("assets", "bigint"),
       column("entitlements", "bigint"), column("fields", "jsonb")},
      1};
  for (const auto& [name, type] : fields) {
    main.columns.push_back(column("field_" + name, type_of(type)));
    if (main.columns.back().name.size() > kNameBytesMax) {
      return Error{ErrorCode::kConfig,
                   fmt::format("the mapping's field {}: its column's name would have more than {} "
                               "bytes; give the field a shorter name",
                               name, kNameBytesMax)};
    }
  }
  add_position(main);
  return TopicTables{
      Contents::kAccounts, crm::kAccountStates.name, std::move(main),
      Table{"account_members",
            {column("root", "text"), column("member", "text"), column("via", "text")},
            2}};
}

TopicTables territories() {
  Table main{"account_territories",
             {column("root", "text"), column("territory", "text"), column("rules", "jsonb"),
              column("manual", "boolean"), column("alignment_epoch", "bigint")},
             2};
  add_position(main);
  return {Contents::kTerritories, crm::kAccountTerritories.name, std::move(main), std::nullopt, 2};
}

TopicTables entitlements() {
  Table main{"entitlements",
             {column("root", "text"), column("feature", "text"), column("kind", "text"),
              column("version", "bigint"), column("current_status", "text"),
              column("current_amount", "bigint"), column("current_text", "text"),
              column("current_from", kTime), column("current_to", kTime),
              column("next_change", kTime), column("as_of", kTime), column("uncovered", "bigint"),
              column("segments", "integer"), column("shares", "jsonb")},
             2};
  add_position(main);
  return {Contents::kEntitlements, crm::kEntitlements.name, std::move(main),
          Table{"entitlement_segments",
                {column("root", "text"), column("feature", "text"), column("number", "integer"),
                 column("from_time", kTime), column("to_time", kTime), column("status", "text"),
                 column("amount", "bigint"), column("text", "text")},
                3},
          2};
}

TopicTables redirects() {
  Table main{"redirects",
             {column("id", "text"), column("survivor", "text"), column("root", "text"),
              column("decision", "text"), column("decided_at", kTime), column("version", "jsonb"),
              column("stays", "jsonb")},
             1};
  add_position(main);
  return {Contents::kRedirects, crm::kRedirects.name, std::move(main), std::nullopt, 1};
}

/// A log: each record is a row.
TopicTables conflicts() {
  return {Contents::kConflicts, crm::kConflicts.name,
          Table{"conflicts",
                {column("id", "text"), column(kPartitionColumn, "integer"),
                 column(kOffsetColumn, "bigint"), column("kind", "text"), column("ids", "jsonb"),
                 column("version", "jsonb"), column("text", "text"), column("record_time", kTime)},
                3},
          std::nullopt, 1};
}

std::string key_list(const Table& table) {
  std::vector<std::string> names;
  for (size_t i = 0; i < table.key_columns; ++i) {
    names.push_back(quoted_name(table.columns[i].name));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string column_list(const Table& table, std::string_view alias) {
  std::vector<std::string> names;
  for (const Column& each : table.columns) {
    names.push_back(fmt::format("{}{}", alias, quoted_name(each.name)));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

/// `left.key = right.key AND …` over the first `columns` of them.
std::string same_key(const Table& table, size_t columns, std::string_view left,
                     std::string_view right) {
  std::vector<std::string> terms;
  for (size_t i = 0; i < columns; ++i) {
    const std::string name = quoted_name(table.columns[i].name);
    terms.push_back(fmt::format("{}.{} = {}.{}", left, name, right, name));
  }
  return fmt::format("{}", fmt::join(terms, " AND "));
}

std::string stage_name(const Table& table) {
  return "pg_temp." + quoted_name("stage_" + table.name);
}

/// Everything that is no key, from the row that could not be inserted.
std::string update_list(const Table& table) {
  std::vector<std::string> terms;
  for (size_t i = table.key_columns; i < table.columns.size(); ++i) {
    const std::string name = quoted_name(table.columns[i].name);
    terms.push_back(fmt::format("{} = excluded.{}", name, name));
  }
  return fmt::format("{}", fmt::join(terms, ", "));
}

/// Whether a child's row differs from the one that could not be inserted.
std::string is_changed(const Table& child) {
  std::vector<std::string> before;
  std::vector<std::string> after;
  for (size_t i = child.key_columns; i < child.columns.size(); ++i) {
    before.push_back("c." + quoted_name(child.columns[i].name));
    after.push_back("excluded." + quoted_name(child.columns[i].name));
  }
  return fmt::format("({}) IS DISTINCT FROM ({})", fmt::join(before, ", "), fmt::join(after, ", "));
}

std::string stage_of(const Table& table, std::string_view more) {
  std::vector<std::string> columns;
  for (const Column& each : table.columns) {
    columns.push_back(fmt::format("{} {}", quoted_name(each.name), each.type));
  }
  return fmt::format("CREATE TEMPORARY TABLE {} ({}{}) ON COMMIT DELETE ROWS;\n",
                     quoted_name("stage_" + table.name), fmt::join(columns, ", "), more);
}

}  // namespace

Result<std::vector<TopicTables>> crm_tables(const FieldTypes& fields) {
  Result<TopicTables> first = accounts(fields);
  if (!first.ok()) return first.status();
  return std::vector<TopicTables>{*std::move(first), territories(), entitlements(), redirects(),
                                  conflicts()};
}

const Table& positions_table() {
  static const Table table{"sink_positions",
                           {column("topic", "text"), column("partition", "integer"),
                            column("next_offset", "bigint"), column("updated_at", kTime)},
                           2};
  return table;
}

std::string quoted_name(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

std::string quoted_text(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted.append(c == '\'' ? 2 : 1, c);
  return quoted + '\'';
}

std::string full_name(std::string_view schema, const Table& table) {
  return quoted_name(schema) + "." + quoted_name(table.name);
}

std::string create_sql(std::string_view schema, const Table& table) {
  std::string columns;
  for (const Column& each : table.columns) {
    columns += fmt::format("  {} {},\n", quoted_name(each.name), each.type);
  }
  return fmt::format("CREATE TABLE {} (\n{}  PRIMARY KEY ({})\n);", full_name(schema, table),
                     columns, key_list(table));
}

std::vector<std::string> mend_sql(std::string_view schema, const Table& table,
                                  const FoundTable& found) {
  std::vector<std::string> statements;
  const auto alter = [&](const std::string& change) {
    statements.push_back(fmt::format("ALTER TABLE {} {};", full_name(schema, table), change));
  };
  std::set<std::string> key;
  std::set<std::string> wanted;
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const auto& [name, type] = table.columns[i];
    const bool is_key = i < table.key_columns;
    wanted.insert(name);
    if (is_key) key.insert(name);
    const auto there = found.columns.find(name);
    if (there == found.columns.end()) {
      alter(fmt::format("ADD COLUMN {} {}", quoted_name(name), type));
      continue;
    }
    if (there->second.type != type) {
      alter(fmt::format("ALTER COLUMN {} TYPE {} USING {}::{}", quoted_name(name), type,
                        quoted_name(name), type));
    }
    if (!is_key && there->second.must_be_given) {
      alter(fmt::format("ALTER COLUMN {} DROP NOT NULL", quoted_name(name)));
    }
  }
  for (const auto& [name, there] : found.columns) {
    if (wanted.contains(name) || !there.must_be_given) continue;
    alter(fmt::format("ALTER COLUMN {} DROP NOT NULL", quoted_name(name)));
  }
  if (std::ranges::find(found.unique, key) == found.unique.end()) {
    alter(fmt::format("ADD UNIQUE ({})", key_list(table)));
  }
  return statements;
}

std::string stage_sql(const TopicTables& tables) {
  return stage_of(tables.main, ", deleted boolean") +
         (tables.child ? stage_of(*tables.child, "") : "");
}

std::string copy_sql(const Table& table) {
  return fmt::format("COPY {} FROM STDIN", stage_name(table));
}

std::string clear_stage_sql(const TopicTables& tables) {
  std::string sql = fmt::format("TRUNCATE {};\n", stage_name(tables.main));
  if (tables.child) sql += fmt::format("TRUNCATE {};\n", stage_name(*tables.child));
  return sql;
}

std::string merge_sql(std::string_view schema, const TopicTables& tables) {
  const Table& main = tables.main;
  const std::string into = full_name(schema, main);
  const std::string stage = stage_name(main);
  // Offsets of two partitions say nothing about each other: keys move when partitions are added.
  std::string sql =
      fmt::format("DELETE FROM {} s USING {} t WHERE {} AND t.{} = s.{} AND t.{} >= s.{};\n", stage,
                  into, same_key(main, main.key_columns, "t", "s"), kPartitionColumn,
                  kPartitionColumn, kOffsetColumn, kOffsetColumn);
  if (tables.child) {
    const Table& child = *tables.child;
    sql += fmt::format(
        "DELETE FROM {} c USING {} s WHERE {} AND NOT EXISTS (SELECT FROM {} n WHERE {});\n",
        full_name(schema, child), stage, same_key(main, main.key_columns, "c", "s"),
        stage_name(child), same_key(child, child.key_columns, "n", "c"));
  }
  sql += fmt::format("DELETE FROM {} t USING {} s WHERE s.deleted AND {};\n", into, stage,
                     same_key(main, tables.tombstone_columns, "t", "s"));
  sql += fmt::format(
      "INSERT INTO {} ({}) SELECT {} FROM {} s WHERE NOT s.deleted ON CONFLICT ({}) DO UPDATE SET "
      "{};\n",
      into, column_list(main, ""), column_list(main, "s."), stage, key_list(main),
      update_list(main));
  if (tables.child) {
    const Table& child = *tables.child;
    sql += fmt::format(
        "INSERT INTO {} AS c ({}) SELECT {} FROM {} n WHERE EXISTS (SELECT FROM {} s WHERE {}) ON "
        "CONFLICT ({}) DO UPDATE SET {} WHERE {};\n",
        full_name(schema, child), column_list(child, ""), column_list(child, "n."),
        stage_name(child), stage, same_key(main, main.key_columns, "s", "n"), key_list(child),
        update_list(child), is_changed(child));
  }
  return sql;
}

}  // namespace millrace::apps::sink
