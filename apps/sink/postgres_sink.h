#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "millrace/core/result.h"

#include "apps/sink/tables.h"
#include "engine/clients/clients.h"

namespace millrace::apps::sink {

struct SinkOptions {
  std::string application_id = "millrace-sink";  ///< the consumer group
  std::string output_prefix = "crm.";
  std::vector<std::string>
      tables{};  ///< names of the tables to fill; empty: of all topics there are
  std::string schema = "crm";
  bool checks_tables_only = false;
  bool once = false;  ///< end at the ends that the topics had when they were first read
  size_t batch_records = 10'000;
  size_t batch_bytes = 16 << 20;
  int64_t linger_ms = 200;
  int64_t retry_max_ms = 10'000;      ///< between two attempts to reach the database
  int64_t start_timeout_ms = 60'000;  ///< to reach Kafka and the database for the first time
  std::string dead_letter_topic{};    ///< empty: "<application id>-dead-letters"
  std::filesystem::path dead_letter_key_file{};
};

/// Copies the output topics of the CRM job to PostgreSQL until `stopping` returns true, or with
/// `once` to their ends. README.md states the guarantees. `url`: see `Database::connect`; asked for
/// at each connection, so that a changed file counts.
///
/// Errors: `kConfig` for tables, rights and positions that do not fit; `kNotFound` when there is no
/// topic; `kRefused` by Kafka; `kRetriable` when the database or Kafka cannot be reached at the
/// start.
Status run_postgres_sink(const SinkOptions& options, const FieldTypes& fields,
                         const std::function<Result<std::string>()>& url,
                         engine::ClientFactory& clients, const std::function<bool()>& stopping);

}  // namespace millrace::apps::sink
