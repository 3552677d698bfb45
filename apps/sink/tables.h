#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"

#include "field_type_generated.h"

namespace millrace::apps::sink {

struct Column {
  std::string name;
  std::string type;  ///< as PostgreSQL's `format_type` writes it
};

/// A table as it has to be. Its key columns come first.
struct Table {
  std::string name;
  std::vector<Column> columns;
  size_t key_columns = 1;
};

/// The contents of a topic.
enum class Contents : unsigned char {
  kAccounts,
  kTerritories,
  kEntitlements,
  kRedirects,
  kConflicts,
};

/// The tables that hold one topic. The last two columns of `main` are the position of the record
/// that a row comes from.
struct TopicTables {
  Contents contents = Contents::kAccounts;
  std::string_view topic;  ///< under the prefix `crm.`
  Table main;
  /// One row for each element of a list of the record; its key begins with that of `main`.
  std::optional<Table> child;
  /// Leading columns of the key of `main` that a tombstone names.
  size_t tombstone_columns = 1;
};

/// Types of accounts' fields by our names, as a mapping declares them.
using FieldTypes = std::map<std::string, crm::FieldType, std::less<>>;

/// A table for each output topic of the CRM job. `accounts` gets a column `field_NAME` for each of
/// `fields`, in their order. Error: `kConfig` when a name is too long for PostgreSQL.
Result<std::vector<TopicTables>> crm_tables(const FieldTypes& fields);
/// Topic, partition, and the next record to read: changed in the transactions of the rows.
const Table& positions_table();

/// `name` in double quotes.
std::string quoted_name(std::string_view name);
/// `text` as a literal. REQUIRES: standard_conforming_strings.
std::string quoted_text(std::string_view text);
/// `"schema"."table"`.
std::string full_name(std::string_view schema, const Table& table);

/// A table as it is in the database.
struct FoundTable {
  struct FoundColumn {
    std::string type;
    bool must_be_given = false;  ///< not null, and without a default
  };
  std::map<std::string, FoundColumn> columns;
  /// Columns of each unique index.
  std::vector<std::set<std::string>> unique;
};

std::string create_sql(std::string_view schema, const Table& table);
/// Statements that make `found` fit; none: it fits. Columns that `table` does not name may be there
/// as long as rows without them are accepted.
std::vector<std::string> mend_sql(std::string_view schema, const Table& table,
                                  const FoundTable& found);

/// The temporary tables that rows go to first, one session's own.
std::string stage_sql(const TopicTables& tables);
std::string copy_sql(const Table& table);
std::string clear_stage_sql(const TopicTables& tables);
/// Takes the rows from the temporary tables to `schema`: drops those that are older than what is
/// there, deletes by tombstones, then inserts or updates, children too.
///
/// REQUIRES: at most one staged row of each key.
std::string merge_sql(std::string_view schema, const TopicTables& tables);

}  // namespace millrace::apps::sink
