#include "engine/config/config_cli.h"

#include <algorithm>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "engine/base/secret_names.h"

namespace millrace::engine {
namespace {

constexpr size_t kHelpWidth = 62;
constexpr size_t kNameWidth = 34;

std::string help_text(const ConfigEntry& entry) {
  std::string facts = entry.allowed;
  if (!facts.empty() && !entry.unit.empty()) facts += " " + entry.unit;
  if (entry.required && entry.default_value.empty())
    facts += facts.empty() ? "required" : "; required";
  if (!entry.default_value.empty()) {
    facts += fmt::format("{}default {}", facts.empty() ? "" : "; ", entry.default_value);
  }
  std::string text = wrapped(entry.meaning, kHelpWidth);
  if (!facts.empty()) text += "\n" + wrapped("[" + facts + "]", kHelpWidth);
  return text;
}

}  // namespace

std::string wrapped(const std::string& text, size_t width) {
  std::string out;
  size_t column = 0;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find(' ', at), text.size());
    if (column > 0) {
      const bool fits = column + 1 + end - at <= width;
      out += fits ? ' ' : '\n';
      column = fits ? column + 1 : 0;
    }
    out.append(text, at, end - at);
    column += end - at;
    at = end + 1;
  }
  return out;
}

ConfigFlags::ConfigFlags(ConfigTable& table, CLI::App& app) : table_(table) {
  app.get_formatter()->column_width(kNameWidth);
  app.add_option("--config", file_, "TOML file with the properties below.")->type_name("FILE");
  for (const ConfigEntry& entry : table_.entries()) {
    std::string type = entry.type;
    std::transform(type.begin(), type.end(), type.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    CLI::Option* option = app.add_option("--" + entry.name, values_[entry.name], help_text(entry));
    option->type_name(type)->group(
        "Properties (flag, else environment MILLRACE_COMMIT_INTERVAL_MS, else --config file)");
    options_.emplace_back(entry.name, option);
  }
}

bool ConfigFlags::is_boolean(std::string_view name) const {
  const auto& entries = table_.entries();
  return std::any_of(entries.begin(), entries.end(), [&](const ConfigEntry& entry) {
    return entry.name == name && entry.type == "boolean";
  });
}

std::vector<std::string> ConfigFlags::take_maps(std::vector<std::string> arguments) {
  std::vector<std::string> rest;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const size_t equals = argument.find('=');
    const std::string name = argument.starts_with("--") ? argument.substr(2, equals - 2) : "";
    if (!table_.is_map(name)) {
      const bool is_alone = equals == std::string::npos &&
                            (i + 1 == arguments.size() || arguments[i + 1].starts_with("--"));
      rest.push_back(is_alone && is_boolean(name) ? argument + "=true" : argument);
    } else if (equals != std::string::npos) {
      map_values_.emplace_back(name, argument.substr(equals + 1));
    } else if (i + 1 < arguments.size()) {
      map_values_.emplace_back(name, arguments[++i]);
    } else {
      rest.push_back(argument);  // CLI11 complains about it
    }
  }
  std::reverse(rest.begin(), rest.end());
  return rest;
}

Status ConfigFlags::apply(const char* const* environment) {
  if (!file_.empty()) MILLRACE_RETURN_IF_ERROR(table_.apply_file(file_));
  MILLRACE_RETURN_IF_ERROR(table_.apply_environment(environment));
  for (const auto& [name, option] : options_) {
    if (option->count() == 0) continue;
    MILLRACE_RETURN_IF_ERROR(table_.set(name, values_[name], "flag --" + name));
  }
  for (const auto& [name, value] : map_values_) {
    MILLRACE_RETURN_IF_ERROR(table_.set(name, value, "flag --" + name));
    if (!may_be_secret(name)) continue;
    table_.warn(
        fmt::format("--{} is on the command line, which other users of this machine see: "
                    "put it in the file of --config or in the environment",
                    name));
  }
  return table_.validate();
}

}  // namespace millrace::engine
