#pragma once

#include <filesystem>
#include <string>

#include "millrace/core/result.h"

#include "apps/sink/postgres_sink.h"
#include "apps/tools/tool.h"

namespace millrace::apps {

struct SinkFlags {
  sink::SinkOptions sink{};
  std::string database_url{};  ///< empty: libpq's environment
  std::filesystem::path database_url_file{};
  std::string mapping_file{};  ///< empty: no columns of mapped fields
};

/// The subcommand `postgres` of `sink`.
CLI::App* add_sink_postgres(CLI::App& sink, SinkFlags& flags);
/// Runs it until SIGTERM or SIGINT, or with `once` to the topics' ends. Errors: `kConfig` for the
/// flags and their files, else those of `run_postgres_sink`.
Status sink_to_postgres(const SinkFlags& flags, Connection& connection);

}  // namespace millrace::apps
