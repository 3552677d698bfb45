#include "apps/cli/field_paths.h"

#include <optional>
#include <set>
#include <vector>

#include <nlohmann/json.hpp>

namespace millrace::apps {
namespace {

using Json = nlohmann::ordered_json;

std::optional<std::vector<std::string>> names_by(const Json& array, const char* member) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const Json& element : array) {
    if (!element.is_object()) return std::nullopt;
    const auto name = element.find(member);
    if (name == element.end() || !name->is_string()) return std::nullopt;
    names.push_back(name->get<std::string>());
    if (!seen.insert(names.back()).second) return std::nullopt;
  }
  return names;
}

std::vector<std::string> names_in(const Json& array) {
  for (const char* member : {"name", "id"}) {
    if (auto names = names_by(array, member)) return *std::move(names);
  }
  std::vector<std::string> numbers;
  numbers.reserve(array.size());
  for (size_t i = 0; i < array.size(); ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

/// REQUIRES: FlatBuffers of our schemas, which bound the depth.
void collect(const Json& tree, const std::string& name, FieldPaths& fields) {
  const std::string prefix = name.empty() ? name : name + ".";
  if (!tree.is_structured() || tree.empty()) {
    fields.emplace(name, tree);
  } else if (tree.is_array()) {
    const std::vector<std::string> names = names_in(tree);
    for (size_t i = 0; i < tree.size(); ++i) collect(tree[i], prefix + names[i], fields);
  } else {
    for (const auto& [member, value] : tree.items()) collect(value, prefix + member, fields);
  }
}

}  // namespace

FieldPaths field_paths(const Json& tree) {
  FieldPaths fields;
  collect(tree, "", fields);
  return fields;
}

bool is_in_field(std::string_view name, std::string_view part) {
  return name.starts_with(part) && (name.size() == part.size() || name[part.size()] == '.');
}

}  // namespace millrace::apps
