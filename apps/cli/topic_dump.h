#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "millrace/core/result.h"

#include "apps/tools/personal_mask.h"
#include "crm/model/output_topic.h"
#include "engine/clients/clients.h"

namespace millrace::apps {

struct DumpOptions {
  std::string topic;
  std::string type;  ///< empty: the topic's type
  std::string output_prefix{crm::kTopicPrefix};
  bool latest = false;
  int64_t limit = 0;
  int64_t timeout_s = 60;
  std::string mapping_file;
  bool reveals = false;
  std::vector<std::filesystem::path> key_files;
};

/// Prints a topic's committed records to stdout, as JSON lines. Errors: those of `read_topic`, of
/// the mapping and of the keys.
Status dump_topic(const DumpOptions& options, engine::ClientFactory& clients);

/// The mask of a mapping file; none for an empty name.
Result<std::optional<PersonalMask>> load_mask(const std::string& mapping_file);

/// One line of JSON; replaces bytes that are not UTF-8.
std::string line_of(const nlohmann::ordered_json& json);

}  // namespace millrace::apps
