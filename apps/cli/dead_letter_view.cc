#include "apps/cli/dead_letter_view.h"

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "apps/tools/flat_json.h"

namespace millrace::apps {
namespace {

using Json = nlohmann::ordered_json;

Json part_json(const std::optional<std::string>& part, bool is_sealed, const LetterView& view) {
  if (!part) return nullptr;
  if (is_sealed) return {{"sealed_bytes", part->size()}};
  if (view.reveals) return bytes_json(Bytes(*part));
  if (view.mask != nullptr) {
    if (std::optional<Json> masked = view.mask->masked(*part)) return *std::move(masked);
  }
  return {{"hidden_bytes", part->size()}};
}

}  // namespace

Json dead_letter_json(const engine::DeadLetter& letter, const LetterView& view) {
  Json json{{"error", letter.error},
            {"reason", letter.reason},
            {"topic", letter.topic},
            {"partition", letter.partition},
            {"offset", letter.offset},
            {"task", letter.task},
            {"timestamp_ms", letter.timestamp_ms}};
  if (letter.is_sealed()) json["sealed_with"] = letter.key_id;
  if (!letter.cut.empty()) json["cut"] = letter.cut;
  json["key"] = part_json(letter.key, letter.is_sealed(), view);
  json["value"] = part_json(letter.value, letter.is_sealed(), view);
  json["headers"] = Json::array();
  for (const auto& [name, value] : letter.headers) {
    json["headers"].push_back({name, part_json(value, letter.is_sealed(), view)});
  }
  return json;
}

}  // namespace millrace::apps
