#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/result.h"

struct pg_conn;

namespace millrace::apps::sink {

/// The rows of an answer, as texts.
using DatabaseRows = std::vector<std::vector<std::optional<std::string>>>;

/// A session with PostgreSQL. Every wait for the server is bounded by `kStatementTimeoutS`.
///
/// Errors of all calls: `kInvalidRecord` when the server refuses a value or a row, `kConfig` when
/// tables or rights do not fit, else `kRetriable`; after the latter make a new session. Messages
/// name SQLSTATE, table, column and constraint; they never quote a value, a statement or the
/// connection string.
class Database {
 public:
  static constexpr int64_t kStatementTimeoutS = 60;

  /// `url`: a connection string of libpq's, URI or `name=value`; libpq takes what it does not name
  /// from its environment and PGPASSFILE. Errors: `kConfig` when it is none, else `kRetriable`,
  /// since a server that starts and one that refuses a password look alike.
  static Result<Database> connect(const std::string& url);
  /// Whether a connection string of libpq's names a password.
  static Result<bool> has_password(const std::string& url);

  /// Runs statements; returns the rows of the last one. If one fails the rest does not run.
  Result<DatabaseRows> run(const std::string& statements);
  Status execute(const std::string& statements);
  /// Runs `COPY … FROM STDIN` with these lines.
  Status copy(const std::string& statement, const std::vector<std::string_view>& lines);

 private:
  struct Finish {
    void operator()(pg_conn* connection) const;
  };
  explicit Database(pg_conn* connection) : connection_(connection) {}
  Result<DatabaseRows> answers(int64_t deadline_ms);
  Status wait(bool to_write, int64_t deadline_ms);
  Status flush(int64_t deadline_ms);
  Error lost(std::string_view what) const;

  std::unique_ptr<pg_conn, Finish> connection_;
};

}  // namespace millrace::apps::sink
