#include "apps/cli/sink_tool.h"

#include <utility>

#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

#include "apps/sink/database.h"
#include "crm/mapping/mapping.h"
#include "crm/model/output_topic.h"
#include "engine/run/run_main_signals.h"
#include "engine/secrets/secret_file.h"

namespace millrace::apps {
namespace {

constexpr int64_t kStopTimeoutMs = 30'000;

constexpr const char* kDescription =
    "Keeps tables of PostgreSQL equal to the CRM job's output topics, exactly once, until "
    "SIGTERM.\n"
    "Several processes with one --application.id share the partitions. Each batch is one database\n"
    "transaction with its positions in the topics, so kills and restarts of any part lose and\n"
    "repeat nothing. Tables: accounts with account_members, account_territories, entitlements "
    "with\n"
    "entitlement_segments, redirects, conflicts (apps/sink/README.md describes them).\n\n"
    "  createdb warehouse\n"
    "  millrace sink postgres --database-url postgresql://loader@db/warehouse?sslmode=verify-full "
    "\\\n"
    "      --mapping mapping.json\n"
    "  psql warehouse -c 'SELECT root, status, version, field_name FROM crm.accounts LIMIT 5'\n\n"
    "Passwords: ~/.pgpass or PGPASSFILE, PGPASSWORD, or --database-url-file; libpq's other\n"
    "parameters and environment variables count too, TLS among them.\n";

std::string check_output_prefix(const std::string& text) {
  return crm::is_output_prefix(text) ? "" : "not the beginning of a topic's name";
}

/// Without the password, which every user of the machine would see.
Status check_url(const std::string& url) {
  const Result<bool> has_password = sink::Database::has_password(url);
  if (!has_password.ok()) return has_password.status();
  if (!*has_password) return {};
  return Error{ErrorCode::kConfig,
               "--database-url has a password, and other users see a command line: put it into "
               "PGPASSFILE or PGPASSWORD, or the URL into a file (--database-url-file)"};
}

void add_database(CLI::App& app, SinkFlags& flags) {
  auto* url = app.add_option("--database-url", flags.database_url,
                             "Connection string of libpq's without a password. Default: libpq's "
                             "environment (PGHOST, PGDATABASE ...).");
  app.add_option("--database-url-file", flags.database_url_file,
                 "Private file with the connection string, password included; read at each "
                 "connection.")
      ->excludes(url);
  app.add_option("--database-schema", flags.sink.schema,
                 "Schema of the tables; one for each CRM job.")
      ->capture_default_str();
  app.add_flag("--no-create-tables", flags.sink.checks_tables_only,
               "Do not create missing tables: print the statements that do, and end.");
}

void add_batches(CLI::App& app, sink::SinkOptions& options) {
  constexpr size_t kRecordsMax = 1'000'000;
  constexpr size_t kBytesMax = size_t{1} << 30;
  app.add_option("--batch-records", options.batch_records, "Records of a transaction, at most.")
      ->check(CLI::Range(size_t{1}, kRecordsMax))
      ->capture_default_str();
  app.add_option("--batch-bytes", options.batch_bytes,
                 "Bytes of records and rows that end a batch; bounds the memory.")
      ->check(CLI::Range(size_t{1}, kBytesMax))
      ->capture_default_str();
  app.add_option("--linger-ms", options.linger_ms,
                 "How long a batch waits for more while records keep coming.")
      ->check(CLI::Range(0, 60'000))
      ->capture_default_str();
}

}  // namespace

CLI::App* add_sink_postgres(CLI::App& sink, SinkFlags& flags) {
  CLI::App* app = sink.add_subcommand("postgres", kDescription);
  app->add_option("--application.id", flags.sink.application_id,
                  "Consumer group; processes with the same one share the work.")
      ->capture_default_str();
  app->add_option("--crm.output.prefix", flags.sink.output_prefix,
                  "Prefix of the topics that the materializer writes.")
      ->check(check_output_prefix)
      ->capture_default_str();
  app->add_option("--table", flags.sink.tables,
                  "Fill only this table; may be repeated. Default: those whose topics exist.")
      ->check(CLI::IsMember(
          {"accounts", "account_territories", "entitlements", "redirects", "conflicts"}));
  app->add_option("--mapping", flags.mapping_file,
                  "Mapping file (crm.mapping): a column field_NAME, of the declared type, for each "
                  "field of accounts with one.");
  add_database(*app, flags);
  app->add_flag("--once", flags.sink.once, "End when the topics are written up to their ends.");
  add_batches(*app, flags.sink);
  app->add_option("--dead.letter.topic", flags.sink.dead_letter_topic,
                  "For records that the database refuses. Default: APPLICATION.ID-dead-letters.");
  app->add_option("--dead.letter.key.file", flags.sink.dead_letter_key_file,
                  "Key that seals dead letters.");
  app->footer(
      "Exit codes: 0 stopped, or with --once done; 2 usage, configuration, or tables that do not "
      "fit (the message has the statements that mend them); 3 no such topic; 4 fenced; 7 Kafka "
      "refuses; 75 no database or Kafka within a minute of the start; 124 an orderly stop took too "
      "long. While it runs it waits for either, however long.");
  return app;
}

Status sink_to_postgres(const SinkFlags& flags, Connection& connection) {
  engine::SignalThread signals(kStopTimeoutMs);
  spdlog::set_level(spdlog::level::info);
  if (flags.database_url_file.empty()) {
    MILLRACE_RETURN_IF_ERROR(check_url(flags.database_url));
  } else {
    MILLRACE_RETURN_IF_ERROR(engine::check_private(flags.database_url_file));
  }
  sink::FieldTypes fields;
  if (!flags.mapping_file.empty()) {
    const Result<crm::Mapping> mapping = crm::load_mapping(flags.mapping_file);
    if (!mapping.ok()) return mapping.status();
    fields = mapping->field_types(crm::EntityKind::kAccount);
  }
  auto clients = connection.clients(flags.sink.application_id);
  if (!clients.ok()) return clients.status();
  const auto url = [&flags]() -> Result<std::string> {
    if (flags.database_url_file.empty()) return flags.database_url;
    return engine::read_secret_file(flags.database_url_file);
  };
  return sink::run_postgres_sink(flags.sink, fields, url, **clients,
                                 [&signals] { return signals.stop_requested(); });
}

}  // namespace millrace::apps
