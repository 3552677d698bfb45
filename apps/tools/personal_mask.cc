#include "apps/tools/personal_mask.h"

#include <nlohmann/json.hpp>

namespace millrace::apps {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kDepthMax = 64;

void hide(Json& value) {
  if (!value.is_null()) value = kHidden;
}

}  // namespace

PersonalMask::PersonalMask(const crm::Mapping& mapping, std::optional<crm::EntityKind> kind) {
  for (const crm::TopicMapping& topic : mapping.topics) {
    for (const auto& [entity_name, entity] : topic.entities) {
      if (kind && entity.kind != *kind) continue;
      for (const auto& [source_name, field] : entity.fields) {
        if (!field.personal) continue;
        names_.insert(field.name);
        names_.insert(source_name);
        // "BillingAddress.City" is City inside of BillingAddress.
        names_.insert(source_name.substr(source_name.rfind('.') + 1));
      }
    }
  }
}

std::optional<Json> PersonalMask::masked(std::string_view text) const {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() && !json.is_array()) return std::nullopt;
  apply(json);
  return json;
}

void PersonalMask::apply(Json& json, Names names, int depth) const {
  if (!json.is_structured()) return;
  if (depth == kDepthMax) return hide(json);
  bool is_field = false;
  if (json.is_object()) {
    const auto name = json.find("name");
    const auto value = json.find("value");
    is_field = name != json.end() && name->is_string();
    if (is_field && value != json.end() && hides(name->get_ref<const std::string&>())) {
      hide(*value);
    }
  }
  for (auto& [name, value] : json.items()) {
    const bool is_name = is_field && names == Names::kOfFields && name == "name";
    if (json.is_object() && hides(name) && !is_name) {
      hide(value);
    } else {
      apply(value, names, depth + 1);
    }
  }
}

}  // namespace millrace::apps
