#include "apps/cli/topic_dump.h"

#include <iostream>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "apps/cli/dead_letter_replay.h"
#include "apps/cli/dead_letter_view.h"
#include "apps/tools/flat_json.h"
#include "apps/tools/topic_reader.h"
#include "crm/mapping/mapping.h"
#include "engine/output/dead_letters.h"

namespace millrace::apps {
namespace {

using Json = nlohmann::ordered_json;

class Dump {
 public:
  Dump(const DumpOptions& options, const KnownType* type, const PersonalMask* mask,
       std::vector<engine::SealingKey> keys)
      : options_(options), mask_(mask), keys_(std::move(keys)) {
    if (type != nullptr) tables_.emplace(*type);
  }

  Status run(engine::ClientFactory& clients) {
    Status status =
        read_topic(clients, options_.topic, options_.timeout_s * 1'000,
                   [this](int32_t partition, const engine::FetchedRecord& record) {
                     return options_.latest ? keep(partition, record) : print(partition, record);
                   });
    for (const auto& [key, line] : latest_) {
      if (!status.ok() || !has_room()) break;
      std::cout << line << "\n";
      ++printed_;
    }
    std::cout.flush();
    return status;
  }

 private:
  bool has_room() const { return options_.limit == 0 || printed_ < options_.limit; }

  bool print(int32_t partition, const engine::FetchedRecord& record) {
    std::cout << line_of(shown(partition, record)) << "\n";
    ++printed_;
    return has_room();
  }

  /// Keys in the order of their bytes. Records without a key have no latest.
  bool keep(int32_t partition, const engine::FetchedRecord& record) {
    if (record.key.is_null()) return true;
    if (record.value.is_null()) {
      latest_.erase(record.key.to_string());
    } else {
      latest_.insert_or_assign(record.key.to_string(), line_of(shown(partition, record)));
    }
    return true;
  }

  Json shown(int32_t partition, const engine::FetchedRecord& record) const {
    std::optional<engine::DeadLetter> letter = engine::read_dead_letter(record);
    if (!letter) return record_json(partition, record);
    const Status opened = engine::open_dead_letter(*letter, keys_);
    Json json = dead_letter_json(*letter, {.mask = mask_, .reveals = options_.reveals});
    if (!opened.ok() && !keys_.empty()) json["not_opened"] = opened.message();
    return {{"partition", partition}, {"offset", record.offset}, {"dead_letter", std::move(json)}};
  }

  Json record_json(int32_t partition, const engine::FetchedRecord& record) const {
    // Topics of a table type have our ids as keys.
    Json json{{"partition", partition},
              {"offset", record.offset},
              {"timestamp_ms", record.timestamp_ms},
              {"key", tables_ ? bytes_json(record.key) : text_json(record.key)},
              {"value", value_json(record.value)}};
    for (const Header& header : record.headers) {
      json["headers"].push_back({std::string(header.name), text_json(header.value)});
    }
    return json;
  }

  Json value_json(Bytes value) const {
    if (value.is_null() || !tables_) return text_json(value);
    Result<Json> json = tables_->to_json(value);
    if (!json.ok()) return {{"invalid", json.message()}, {"bytes", hidden_json(value)}};
    if (hides()) mask_->apply(*json);
    return *std::move(json);
  }

  Json text_json(Bytes value) const {
    if (value.is_null() || !hides()) return bytes_json(value);
    if (std::optional<Json> masked = mask_->masked(value.view())) return *std::move(masked);
    return hidden_json(value);
  }

  bool hides() const { return mask_ != nullptr && !options_.reveals; }
  /// Bytes that cannot be masked, since nobody knows what they are.
  Json hidden_json(Bytes value) const {
    if (!hides()) return bytes_json(value);
    return {{"hidden_bytes", value.size()}};
  }

  const DumpOptions& options_;
  const PersonalMask* mask_;
  const std::vector<engine::SealingKey> keys_;
  std::optional<FlatJson> tables_;
  std::map<std::string, std::string> latest_;
  int64_t printed_ = 0;
};

}  // namespace

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<std::optional<PersonalMask>> load_mask(const std::string& mapping_file) {
  if (mapping_file.empty()) return std::optional<PersonalMask>();
  const Result<crm::Mapping> mapping = crm::load_mapping(mapping_file);
  if (!mapping.ok()) return mapping.status();
  return std::optional<PersonalMask>(*mapping);
}

Status dump_topic(const DumpOptions& options, engine::ClientFactory& clients) {
  const KnownType* type = options.type.empty()
                              ? find_type_by_topic(options.topic, options.output_prefix)
                              : find_type_by_name(options.type);
  const auto mask = load_mask(options.mapping_file);
  if (!mask.ok()) return mask.status();
  auto keys = load_keys(options.key_files);
  if (!keys.ok()) return keys.status();
  return Dump(options, type, *mask ? &**mask : nullptr, *std::move(keys)).run(clients);
}

}  // namespace millrace::apps
