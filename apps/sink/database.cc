#include "apps/sink/database.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include "millrace/core/clock.h"

namespace millrace::apps::sink {
namespace {

constexpr const char* kConnectTimeoutS = "10";
/// The server gives up a statement before we give up the server.
constexpr int64_t kPatienceMs = (Database::kStatementTimeoutS + 5) * 1'000;
constexpr size_t kCopyPieceBytes = 256 << 10;

/// So that a session of a process that hangs or lost its network frees its rows soon.
std::string session_sql() {
  return fmt::format(
      "SET standard_conforming_strings = on; SET datestyle = 'ISO'; SET timezone = 'UTC';"
      "SET client_min_messages = warning; SET statement_timeout = '{}s';"
      "SET idle_in_transaction_session_timeout = '30s'; SET tcp_keepalives_idle = 15;"
      "SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3",
      Database::kStatementTimeoutS);
}

struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Answer = std::unique_ptr<PGresult, ClearResult>;

int64_t now_ms() {
  return system_clock().steady_ns() / kNsPerMs;
}

std::string_view field_of(const PGresult* result, int field) {
  const char* text = PQresultErrorField(result, field);
  return text == nullptr ? std::string_view() : text;
}

struct Condition {
  std::string_view state;
  std::string_view name;
};
constexpr std::array kConditions{
    Condition{"22001", "a text is too long"},
    Condition{"22003", "a number is out of range"},
    Condition{"22007", "not a time"},
    Condition{"22008", "a time is out of range"},
    Condition{"22021", "not UTF-8, or a zero byte"},
    Condition{"22P02", "a text is none of the column's type"},
    Condition{"22P05", "a character that PostgreSQL cannot hold"},
    Condition{"23502", "the column must not be null"},
    Condition{"23503", "a foreign key forbids it"},
    Condition{"23505", "a unique index has it already"},
    Condition{"23514", "a check forbids it"},
    Condition{"25006", "the server is read-only"},
    Condition{"42501", "the user lacks a right"},
    Condition{"42703", "no such column"},
    Condition{"42P01", "no such table"},
    Condition{"3F000", "no such schema"},
    Condition{"54000", "a limit of PostgreSQL is exceeded"},
    Condition{"57014", "it took longer than the statement time-out"},
    Condition{"57P01", "the server is shutting down"},
    Condition{"P0001", "a trigger forbids it"},
};

/// "column" of `COPY stage, line 1, column name: "value"`.
std::string_view column_of_copy(std::string_view context) {
  constexpr std::string_view kMark = ", column ";
  // Behind the first colon may be a value.
  const size_t begin = context.substr(0, context.find(':')).find(kMark);
  if (!context.starts_with("COPY ") || begin == std::string_view::npos) return {};
  const std::string_view rest = context.substr(begin + kMark.size());
  return rest.substr(0, rest.find(':'));
}

/// States that pass, by their classes: connection, transaction rollback, resources, object state,
/// intervention, system and internal errors. Triggers raise others.
ErrorCode code_of(std::string_view state) {
  const std::string_view kind = state.substr(0, 2);
  if (kind == "42" || kind == "3F" || kind == "0A" || kind == "28") return ErrorCode::kConfig;
  for (const std::string_view passing : {"08", "25", "40", "53", "55", "57", "58", "XX"}) {
    if (kind == passing) return ErrorCode::kRetriable;
  }
  return ErrorCode::kInvalidRecord;
}

/// The server's own text may quote values.
Error refusal_of(const PGresult* result) {
  const std::string_view state = field_of(result, PG_DIAG_SQLSTATE);
  std::string message = fmt::format("PostgreSQL refuses it, SQLSTATE {}", state);
  const auto* known = std::ranges::find(kConditions, state, &Condition::state);
  if (known != kConditions.end()) message += fmt::format(" ({})", known->name);
  const auto add = [&message](const char* what, std::string_view name) {
    if (!name.empty()) message += fmt::format(", {} {}", what, name);
  };
  std::string_view column = field_of(result, PG_DIAG_COLUMN_NAME);
  if (column.empty()) column = column_of_copy(field_of(result, PG_DIAG_CONTEXT));
  add("table", field_of(result, PG_DIAG_TABLE_NAME));
  add("column", column);
  add("constraint", field_of(result, PG_DIAG_CONSTRAINT_NAME));
  const ErrorCode code = code_of(state);
  // These are about names and rights, not about values.
  if (code == ErrorCode::kConfig)
    message += fmt::format(": {}", field_of(result, PG_DIAG_MESSAGE_PRIMARY));
  return {code, std::move(message)};
}

DatabaseRows rows_of(const PGresult* answer) {
  DatabaseRows rows(static_cast<size_t>(PQntuples(answer)));
  for (size_t row = 0; row < rows.size(); ++row) {
    for (int field = 0; field < PQnfields(answer); ++field) {
      const bool is_null = PQgetisnull(answer, static_cast<int>(row), field) != 0;
      auto& cell = rows[row].emplace_back();
      if (!is_null) cell = PQgetvalue(answer, static_cast<int>(row), field);
    }
  }
  return rows;
}

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

void Database::Finish::operator()(pg_conn* connection) const {
  PQfinish(connection);
}

Result<bool> Database::has_password(const std::string& url) {
  char* fault = nullptr;  // may quote the string
  PQconninfoOption* options = PQconninfoParse(url.c_str(), &fault);
  PQfreemem(fault);
  if (options == nullptr) {
    return Error{ErrorCode::kConfig, "the database's URL is no connection string of libpq's"};
  }
  bool found = false;
  for (const PQconninfoOption* option = options; option->keyword != nullptr; ++option) {
    found |= std::string_view(option->keyword).ends_with("password") && option->val != nullptr;
  }
  PQconninfoFree(options);
  return found;
}

Result<Database> Database::connect(const std::string& url) {
  const Result<bool> parsed = has_password(url);
  if (!parsed.ok()) return parsed.status();
  const std::array<const char*, 5> names{"connect_timeout", "fallback_application_name",
                                         "client_encoding", "dbname", nullptr};
  const std::array<const char*, 5> values{kConnectTimeoutS, "millrace-sink", "UTF8", url.c_str(),
                                          nullptr};
  Database database(PQconnectdbParams(names.data(), values.data(), 1));
  if (PQstatus(database.connection_.get()) != CONNECTION_OK) {
    return database.lost("no connection to the database");
  }
  PQsetnonblocking(database.connection_.get(), 1);
  MILLRACE_RETURN_IF_ERROR(database.execute(session_sql()));
  return database;
}

Status Database::execute(const std::string& statements) {
  const Result<DatabaseRows> rows = run(statements);
  return rows.ok() ? Status() : rows.status();
}

Result<DatabaseRows> Database::run(const std::string& statements) {
  const int64_t deadline_ms = now_ms() + kPatienceMs;
  if (PQsendQuery(connection_.get(), statements.c_str()) == 0) return lost("no statement sent");
  MILLRACE_RETURN_IF_ERROR(flush(deadline_ms));
  return answers(deadline_ms);
}

Status Database::copy(const std::string& statement, const std::vector<std::string_view>& lines) {
  const int64_t deadline_ms = now_ms() + kPatienceMs;
  MILLRACE_RETURN_IF_ERROR(execute(statement));
  for (const std::string_view part : lines) {
    for (size_t sent = 0; sent < part.size(); sent += kCopyPieceBytes) {
      const std::string_view piece = part.substr(sent, kCopyPieceBytes);
      if (PQputCopyData(connection_.get(), piece.data(), static_cast<int>(piece.size())) < 0) {
        return lost("the connection broke");
      }
      // Else libpq would keep it all in memory.
      MILLRACE_RETURN_IF_ERROR(flush(deadline_ms));
    }
  }
  if (PQputCopyEnd(connection_.get(), nullptr) < 0) return lost("the connection broke");
  MILLRACE_RETURN_IF_ERROR(flush(deadline_ms));
  const Result<DatabaseRows> done = answers(deadline_ms);
  return done.ok() ? Status() : done.status();
}

Result<DatabaseRows> Database::answers(int64_t deadline_ms) {
  DatabaseRows rows;
  Status status;
  for (;;) {
    while (PQisBusy(connection_.get()) != 0) {
      MILLRACE_RETURN_IF_ERROR(wait(false, deadline_ms));
      if (PQconsumeInput(connection_.get()) == 0) return lost("the connection broke");
    }
    const Answer answer(PQgetResult(connection_.get()));
    if (answer == nullptr) break;
    const ExecStatusType kind = PQresultStatus(answer.get());
    if (kind == PGRES_COPY_IN) return rows;  // the server waits for lines
    if (kind == PGRES_TUPLES_OK || kind == PGRES_COMMAND_OK) {
      rows = rows_of(answer.get());
    } else if (PQstatus(connection_.get()) != CONNECTION_OK) {
      return lost("the connection broke");
    } else if (status.ok()) {
      status = refusal_of(answer.get());
    }
  }
  if (!status.ok()) return status;
  return rows;
}

Status Database::flush(int64_t deadline_ms) {
  for (;;) {
    const int left = PQflush(connection_.get());
    if (left < 0) return lost("the connection broke");
    if (left == 0) return {};
    MILLRACE_RETURN_IF_ERROR(wait(true, deadline_ms));
    // The server may have something to say before it reads on.
    if (PQconsumeInput(connection_.get()) == 0) return lost("the connection broke");
  }
}

Status Database::wait(bool to_write, int64_t deadline_ms) {
  const int64_t left_ms = deadline_ms - now_ms();
  pollfd event{.fd = PQsocket(connection_.get()),
               .events = static_cast<short>(to_write ? POLLIN | POLLOUT : POLLIN),
               .revents = 0};
  if (left_ms > 0) {
    const int ready = ::poll(&event, 1, static_cast<int>(left_ms));
    if (ready > 0 || (ready < 0 && errno == EINTR)) return {};
  }
  return Error{ErrorCode::kRetriable,
               fmt::format("no answer from the database within {} ms", kPatienceMs)};
}

Error Database::lost(std::string_view what) const {
  return {ErrorCode::kRetriable,
          fmt::format("{}: {}", what, first_line(PQerrorMessage(connection_.get())))};
}

}  // namespace millrace::apps::sink
