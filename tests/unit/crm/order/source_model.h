#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::crm::order_test {

enum class Database : unsigned char { kPostgres, kMySql, kSqlServer, kOracle, kMongo, kSalesforce };

std::string_view to_string(Database database);
std::string mapping_json(Database database);

/// The fields of a record by our names.
using Values = std::map<std::string, std::string>;

struct History {
  /// As the connector sends them, repetitions after its restarts included.
  std::vector<std::string> events;
  /// The database's last state by our ids; nullopt: deleted.
  std::map<std::string, std::optional<Values>> records;
};

/// A random history of a database: transactions that overlap, rows that are created, updated,
/// deleted and created again, snapshots while they run, restarts of the connector, and a clock that
/// steps back.
History random_history(Database database, std::mt19937& random);

}  // namespace millrace::crm::order_test
