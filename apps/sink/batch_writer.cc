#include "apps/sink/batch_writer.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "millrace/core/assert.h"

namespace millrace::apps::sink {
namespace {

/// Of the advisory lock of those who create tables.
constexpr int64_t kCreateLock = 0x6d696c6c72616365;

std::string partition_sql(const TopicPartition& partition) {
  return fmt::format("{}, {}", quoted_text(partition.topic), partition.partition);
}

/// Of a column that is not null.
const std::string& text_at(const DatabaseRows& rows, size_t row, size_t field) {
  MILLRACE_ASSERT(rows[row][field].has_value(), "the statement selects what is there");
  return *rows[row][field];
}

}  // namespace

Status BatchWriter::prepare(bool creates) {
  const auto schemas = database_.run(
      fmt::format("SELECT 1 FROM pg_namespace WHERE nspname = {}", quoted_text(schema_)));
  if (!schemas.ok()) return schemas.status();
  std::vector<std::string> create;
  std::vector<std::string> mend;
  if (schemas->empty()) create.push_back(fmt::format("CREATE SCHEMA {};", quoted_name(schema_)));
  std::vector<const Table*> wanted{&positions_table()};
  for (const TopicTables& each : tables_) {
    wanted.push_back(&each.main);
    if (each.child) wanted.push_back(&*each.child);
  }
  std::string stages;
  for (const TopicTables& each : tables_) stages += stage_sql(each);
  for (const Table* table : wanted) {
    bool is_new = false;
    auto statements = missing_sql(*table, is_new);
    if (!statements.ok()) return statements.status();
    auto& list = is_new ? create : mend;
    list.insert(list.end(), statements->begin(), statements->end());
  }
  if (!creates) mend.insert(mend.begin(), create.begin(), create.end());
  if (!mend.empty()) {
    return Error{ErrorCode::kConfig,
                 fmt::format("the tables in schema {} do not fit; these statements mend them:\n{}",
                             schema_, fmt::join(mend, "\n"))};
  }
  if (!create.empty()) {
    const Status made =
        database_.execute(fmt::format("BEGIN; SELECT pg_advisory_xact_lock({});", kCreateLock));
    MILLRACE_RETURN_IF_ERROR(made);
    // Another sink may have made them meanwhile.
    for (std::string& statement : create) {
      for (const std::string_view what : {"CREATE TABLE ", "CREATE SCHEMA "}) {
        if (statement.starts_with(what)) statement.insert(what.size(), "IF NOT EXISTS ");
      }
    }
    const Status created = database_.execute(fmt::format("{}\nCOMMIT", fmt::join(create, "\n")));
    if (!created.ok()) {
      return roll_back(
          Error{created.code(), fmt::format("{}; with the right to do so, run:\n{}",
                                            created.message(), fmt::join(create, "\n"))});
    }
  }
  return database_.execute(stages);
}

Result<std::vector<std::string>> BatchWriter::missing_sql(const Table& table, bool& is_new) {
  const Result<FoundTable> found = find(table);
  if (!found.ok()) return found.status();
  is_new = found->columns.empty();
  if (is_new) return std::vector{create_sql(schema_, table)};
  return mend_sql(schema_, table, *found);
}

Result<FoundTable> BatchWriter::find(const Table& table) {
  const std::string relation =
      fmt::format("to_regclass({})", quoted_text(full_name(schema_, table)));
  const auto columns = database_.run(fmt::format(
      "SELECT attname, format_type(atttypid, atttypmod), attnotnull AND NOT atthasdef AND "
      "attidentity = '' FROM pg_attribute WHERE attrelid = {} AND attnum > 0 AND NOT attisdropped",
      relation));
  if (!columns.ok()) return columns.status();
  FoundTable found;
  for (size_t i = 0; i < columns->size(); ++i) {
    found.columns[text_at(*columns, i, 0)] = {text_at(*columns, i, 1),
                                              text_at(*columns, i, 2) == "t"};
  }
  const auto indexes = database_.run(fmt::format(
      "SELECT i.indexrelid, a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = "
      "i.indrelid AND a.attnum = ANY (i.indkey) WHERE i.indrelid = {} AND i.indisunique AND "
      "i.indimmediate AND i.indpred IS NULL AND NOT 0 = ANY (i.indkey)",
      relation));
  if (!indexes.ok()) return indexes.status();
  std::map<std::string, std::set<std::string>> unique;
  for (size_t i = 0; i < indexes->size(); ++i) {
    unique[text_at(*indexes, i, 0)].insert(text_at(*indexes, i, 1));
  }
  for (auto& [index, names] : unique) found.unique.push_back(std::move(names));
  return found;
}

Status BatchWriter::check_topics(std::span<const std::string> topics) {
  const auto rows = database_.run(fmt::format("SELECT DISTINCT topic FROM {} ORDER BY topic",
                                              full_name(schema_, positions_table())));
  if (!rows.ok()) return rows.status();
  for (size_t i = 0; i < rows->size(); ++i) {
    const std::string& topic = text_at(*rows, i, 0);
    if (std::ranges::find(topics, topic) != topics.end()) continue;
    return Error{ErrorCode::kConfig,
                 fmt::format("schema {} holds rows of topic {}, which is none of this sink's: give "
                             "the sink of each job a --database-schema of its own",
                             schema_, topic)};
  }
  return {};
}

Result<int64_t> BatchWriter::position(const TopicPartition& partition, int64_t start) {
  const std::string name = full_name(schema_, positions_table());
  const auto rows = database_.run(fmt::format(
      "INSERT INTO {} (topic, partition, next_offset, updated_at) VALUES ({}, {}, now()) ON "
      "CONFLICT DO NOTHING; SELECT next_offset FROM {} WHERE (topic, partition) = ({})",
      name, partition_sql(partition), start, name, partition_sql(partition)));
  if (!rows.ok()) return rows.status();
  if (rows->size() != 1) return Error{ErrorCode::kRetriable, "a position has just been deleted"};
  return std::stoll(text_at(*rows, 0, 0));
}

Result<WriteOutcome> BatchWriter::write(const Batch& batch, const WriteCalls& calls) {
  std::vector<size_t> all(batch.changes.size());
  std::iota(all.begin(), all.end(), size_t{0});
  Result<bool> begun = begin(batch);
  if (!begun.ok()) return begun.status();
  if (!*begun) return WriteOutcome::kStale;
  Status status = put(batch, all);
  if (!status.ok() && status.code() == ErrorCode::kInvalidRecord) {
    MILLRACE_RETURN_IF_ERROR(database_.execute("ROLLBACK"));
    begun = begin(batch);
    if (!begun.ok()) return begun.status();
    if (!*begun) return WriteOutcome::kStale;
    status = put_halves(batch, all, calls);
  }
  if (status.ok()) status = calls.before_commit();
  if (status.ok()) status = commit(batch);
  if (!status.ok()) return roll_back(std::move(status));
  return WriteOutcome::kWritten;
}

Result<bool> BatchWriter::begin(const Batch& batch) {
  std::vector<std::string> names;
  for (const PositionChange& each : batch.positions) {
    names.push_back(fmt::format("({})", partition_sql(each.partition)));
  }
  // In one order, so that two sinks that share partitions wait for each other only one way.
  const auto rows =
      database_.run(fmt::format("BEGIN; SET CONSTRAINTS ALL IMMEDIATE; SELECT topic, partition, "
                                "next_offset FROM {} WHERE (topic, partition) IN ({}) ORDER "
                                "BY topic COLLATE \"C\", partition FOR UPDATE",
                                full_name(schema_, positions_table()), fmt::join(names, ", ")));
  if (!rows.ok()) return rows.status();
  bool is_here = rows->size() == batch.positions.size();
  for (size_t i = 0; is_here && i < rows->size(); ++i) {
    const PositionChange& each = batch.positions[i];
    is_here = text_at(*rows, i, 0) == each.partition.topic &&
              text_at(*rows, i, 1) == std::to_string(each.partition.partition) &&
              text_at(*rows, i, 2) == std::to_string(each.from);
  }
  if (!is_here) MILLRACE_RETURN_IF_ERROR(database_.execute("ROLLBACK"));
  return is_here;
}

Status BatchWriter::put(const Batch& batch, Changes changes) {
  std::string merge;
  for (size_t i = 0; i < tables_.size(); ++i) {
    std::vector<std::string_view> rows;
    std::vector<std::string_view> children;
    for (const size_t number : changes) {
      const BatchChange& change = batch.changes[number];
      if (change.tables != i) continue;
      rows.push_back(change.row.row);
      if (!change.row.children.empty()) children.push_back(change.row.children);
    }
    if (rows.empty()) continue;
    MILLRACE_RETURN_IF_ERROR(database_.copy(copy_sql(tables_[i].main), rows));
    if (!children.empty()) {
      MILLRACE_RETURN_IF_ERROR(database_.copy(copy_sql(*tables_[i].child), children));
    }
    merge += merge_sql(schema_, tables_[i]);
  }
  return merge.empty() ? Status() : database_.execute(merge);
}

Status BatchWriter::put_halves(const Batch& batch, Changes changes, const WriteCalls& calls) {
  MILLRACE_RETURN_IF_ERROR(database_.execute("SAVEPOINT part"));
  const Status status = put(batch, changes);
  if (status.ok()) {
    std::string clear;
    for (const TopicTables& each : tables_) clear += clear_stage_sql(each);
    return database_.execute(clear + "RELEASE SAVEPOINT part");
  }
  if (status.code() != ErrorCode::kInvalidRecord) return status;
  MILLRACE_RETURN_IF_ERROR(database_.execute("ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part"));
  if (changes.size() == 1) return calls.on_refused(changes.front(), status.error());
  const size_t half = changes.size() / 2;
  MILLRACE_RETURN_IF_ERROR(put_halves(batch, changes.first(half), calls));
  return put_halves(batch, changes.subspan(half), calls);
}

Status BatchWriter::commit(const Batch& batch) {
  std::vector<std::string> moves;
  for (const PositionChange& each : batch.positions) {
    moves.push_back(fmt::format("({}, {}::bigint)", partition_sql(each.partition), each.to));
  }
  return database_.execute(fmt::format(
      "UPDATE {} p SET next_offset = n.next_offset, updated_at = now() FROM (VALUES {}) n (topic, "
      "partition, next_offset) WHERE (p.topic, p.partition) = (n.topic, n.partition); COMMIT",
      full_name(schema_, positions_table()), fmt::join(moves, ", ")));
}

/// A session that cannot even do this is of no more use; its end does it then.
Status BatchWriter::roll_back(Status cause) {
  if (const Status status = database_.execute("ROLLBACK"); !status.ok()) {
    return Error{cause.code() == ErrorCode::kInvalidRecord ? ErrorCode::kRetriable : cause.code(),
                 cause.message()};
  }
  return cause;
}

}  // namespace millrace::apps::sink
