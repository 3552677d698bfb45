#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "millrace/core/result.h"

#include "apps/tools/tool.h"
#include "engine/clients/clients.h"

namespace millrace::apps {

/// How much to read of a topic.
struct SampleFlags {
  int64_t records = 200;   ///< of each end of each partition
  int64_t timeout_s = 60;  ///< for each topic
};

struct MappingCheckOptions {
  std::string mapping_file;
  SampleFlags sample{};
};

/// Compares a mapping file with samples of its topics and writes the report. Returns whether there
/// are problems. Errors: `kConfig` for the file, `kRetriable` when no broker answers. A topic that
/// is missing or must not be read is a problem in the report.
Result<bool> check_mapping_file(const MappingCheckOptions& options, engine::ClientFactory& clients,
                                std::ostream& out);

struct MappingDraftOptions {
  bool is_salesforce = false;           ///< else Debezium
  std::vector<std::string> topics{};    ///< names, and patterns with * and ?
  std::string source{};                 ///< empty: Debezium's topic.prefix, "sf" for Salesforce
  std::string format{};                 ///< Salesforce's dialect; empty: by the shape of records
  std::vector<std::string> entities{};  ///< ENTITY=TYPE
  SampleFlags sample{};
};

/// Writes a first mapping of the topics to `out`, and notes for a person to `notes`. Shows names of
/// the source, never a value. Errors: `kConfig` for options, and when nothing can be
/// mapped; `kNotFound` for a topic; those of `sample_topic`.
Status draft_mapping(const MappingDraftOptions& options, engine::ClientFactory& clients,
                     std::ostream& out, std::ostream& notes);

/// The subcommands `check`, `from-debezium` and `from-salesforce` of `mapping`.
CLI::App* add_mapping_check(CLI::App& mapping, MappingCheckOptions& options);
CLI::App* add_mapping_draft(CLI::App& mapping, MappingDraftOptions& options);

}  // namespace millrace::apps
