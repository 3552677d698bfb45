#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/ids.h"
#include "millrace/core/result.h"

#include "apps/sink/database.h"
#include "apps/sink/pending.h"
#include "apps/sink/tables.h"

namespace millrace::apps::sink {

enum class WriteOutcome : unsigned char {
  kWritten,
  kStale,  ///< somebody else has moved a partition: nothing was written
};

/// Calls during a write; an error of either undoes it.
struct WriteCalls {
  /// With each change that the database refused, by its number in the batch, and why.
  std::function<Status(size_t change, const Error& reason)> on_refused;
  std::function<Status()> before_commit;
};

/// Writes batches and their positions. Errors of all calls: as of `Database`.
class BatchWriter {
 public:
  /// All must outlive this. `topics`: the name of the topic of each of `tables`.
  BatchWriter(Database& database, std::string schema, std::span<const TopicTables> tables)
      : database_(database), schema_(std::move(schema)), tables_(tables) {}

  /// Checks the tables, and creates missing ones if `creates`. Error: `kConfig` with the statements
  /// that mend them.
  Status prepare(bool creates);
  /// Error: `kConfig` when the schema has positions of topics other than these.
  Status check_topics(std::span<const std::string> topics);
  /// Where to read on, from `start` if a partition is new here.
  Result<int64_t> position(const TopicPartition& partition, int64_t start);
  Result<WriteOutcome> write(const Batch& batch, const WriteCalls& calls);

 private:
  using Changes = std::span<const size_t>;

  Result<std::vector<std::string>> missing_sql(const Table& table, bool& is_new);
  Result<FoundTable> find(const Table& table);
  /// Begins a transaction that alone may move these partitions; false: they have moved.
  Result<bool> begin(const Batch& batch);
  Status put(const Batch& batch, Changes changes);
  /// The same for changes of which the database refuses some.
  Status put_halves(const Batch& batch, Changes changes, const WriteCalls& calls);
  Status commit(const Batch& batch);
  Status roll_back(Status cause);

  Database& database_;
  const std::string schema_;
  const std::span<const TopicTables> tables_;
};

}  // namespace millrace::apps::sink
