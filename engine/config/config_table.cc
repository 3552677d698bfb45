#include "millrace/engine/config_table.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace millrace {
namespace {

constexpr std::string_view kEnvironmentPrefix = "MILLRACE_";
/// Variables of scripts and tests that share the prefix and are nobody's property.
constexpr std::string_view kForeignVariables[] = {"MILLRACE_KAFKA_VERSION", "MILLRACE_KAFKA_JARS",
                                                  "MILLRACE_KAFKA_HEAP", "MILLRACE_TEST_BOOTSTRAP",
                                                  "MILLRACE_FAIL_POINT"};

struct Suffix {
  std::string_view name;
  int shift;
};
constexpr Suffix kSuffixes[] = {{"GiB", 30}, {"MiB", 20}, {"KiB", 10}};

std::string format_bytes(int64_t value) {
  for (const auto& [name, shift] : kSuffixes) {
    if (value >= (int64_t{1} << shift) && value % (int64_t{1} << shift) == 0) {
      return fmt::format("{}{}", value >> shift, name);
    }
  }
  return std::to_string(value);
}

std::optional<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int64_t> parse_bytes(std::string_view text) {
  int shift = 0;
  for (const Suffix& suffix : kSuffixes) {
    if (!text.ends_with(suffix.name)) continue;
    text.remove_suffix(suffix.name.size());
    while (text.ends_with(' ')) text.remove_suffix(1);
    shift = suffix.shift;
    break;
  }
  const std::optional<int64_t> value = parse_integer(text);
  if (!value || *value > (std::numeric_limits<int64_t>::max() >> shift) || *value < 0) {
    return std::nullopt;
  }
  return *value << shift;
}

std::string range_text(IntegerRange range, std::string (*format)(int64_t)) {
  const bool open = range.max == std::numeric_limits<int64_t>::max();
  return open ? fmt::format("at least {}", format(range.min))
              : fmt::format("{} to {}", format(range.min), format(range.max));
}

std::string environment_name(std::string_view property) {
  std::string name(kEnvironmentPrefix);
  for (const char c : property) {
    name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string markdown_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '|' || c == '<' || c == '>' || c == '*') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace

void ConfigTable::add(ConfigEntry entry, Assign assign) {
  for (const ConfigEntry& other : entries_) {
    MILLRACE_ASSERT(other.name != entry.name, "a property is added twice");
    MILLRACE_ASSERT(
        !other.name.starts_with(entry.name + ".") && !entry.name.starts_with(other.name + "."),
        "a property's name begins with that of another: TOML could not hold both");
  }
  if (assign) assign_.emplace(entry.name, std::move(assign));
  entries_.push_back(std::move(entry));
}

void ConfigTable::add_number(ConfigEntry entry, IntegerRange range, int64_t default_value,
                             std::function<void(int64_t)> assign) {
  MILLRACE_ASSERT(range.min <= default_value && default_value <= range.max,
                  "a default is outside its range");
  const bool bytes = entry.type == "bytes";
  const auto format = bytes ? &format_bytes : +[](int64_t value) { return std::to_string(value); };
  const auto parse = bytes ? &parse_bytes : &parse_integer;
  entry.unit = range.unit;
  entry.allowed = range_text(range, format);
  entry.default_value = format(default_value);
  add(std::move(entry), [=, assign = std::move(assign)](std::string_view text) -> std::string {
    const std::optional<int64_t> value = parse(text);
    if (!value) return bytes ? "not a size in bytes" : "not a whole number";
    if (*value < range.min || *value > range.max) return "out of range";
    assign(*value);
    return "";
  });
}

void ConfigTable::add_bytes(std::string name, size_t& target, IntegerRange range,
                            std::string meaning) {
  range.unit = "";
  add_number({.name = std::move(name), .type = "bytes", .meaning = std::move(meaning)}, range,
             static_cast<int64_t>(target),
             [&target](int64_t value) { target = static_cast<size_t>(value); });
}

void ConfigTable::add_bool(std::string name, bool& target, std::string meaning) {
  add({.name = std::move(name),
       .type = "boolean",
       .allowed = "true, false",
       .default_value = target ? "true" : "false",
       .meaning = std::move(meaning)},
      [&target](std::string_view text) -> std::string {
        if (text != "true" && text != "false") return "not a boolean";
        target = text == "true";
        return "";
      });
}

void ConfigTable::add_string(std::string name, std::string& target, StringRule rule,
                             std::string meaning) {
  ConfigEntry entry{.name = std::move(name),
                    .type = "string",
                    .allowed = std::move(rule.allowed),
                    .default_value = rule.secret ? "" : target,
                    .meaning = std::move(meaning),
                    .required = rule.required,
                    .secret = rule.secret};
  add(std::move(entry),
      [&target, length_max = rule.length_max,
       check = std::move(rule.check)](std::string_view text) -> std::string {
        if (text.size() > length_max) return fmt::format("longer than {} bytes", length_max);
        if (check) {
          if (std::string wrong = check(text); !wrong.empty()) return wrong;
        }
        target = text;
        return "";
      });
}

void ConfigTable::add_path(std::string name, std::filesystem::path& target, std::string meaning) {
  constexpr size_t kPathLengthMax = 4096;
  add({.name = std::move(name),
       .type = "path",
       .default_value = target.string(),
       .meaning = std::move(meaning)},
      [&target](std::string_view text) -> std::string {
        if (text.size() > kPathLengthMax) return "too long";
        target = text;
        return "";
      });
}

void ConfigTable::add_named_choice(ConfigEntry entry, std::vector<std::string> names, size_t chosen,
                                   std::function<void(size_t)> assign) {
  MILLRACE_ASSERT(!names.empty(), "a choice without choices");
  entry.allowed = fmt::format("{}", fmt::join(names, ", "));
  entry.default_value = names[chosen];
  add(std::move(entry),
      [names = std::move(names), assign = std::move(assign)](std::string_view text) -> std::string {
        const auto found = std::find(names.begin(), names.end(), text);
        if (found == names.end()) return "not a choice";
        assign(static_cast<size_t>(found - names.begin()));
        return "";
      });
}

void ConfigTable::add_map(std::string prefix, std::map<std::string, std::string>& target,
                          std::string meaning) {
  maps_.emplace(prefix + ".", &target);
  add({.name = prefix + ".*", .type = "map", .meaning = std::move(meaning), .secret = true}, {});
}

void ConfigTable::add_check(std::function<std::string(const ConfigTable&)> check) {
  checks_.push_back(std::move(check));
}

const ConfigEntry* ConfigTable::find(std::string_view name) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const ConfigEntry& entry) { return entry.name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

bool ConfigTable::is_map(std::string_view name) const {
  return std::any_of(maps_.begin(), maps_.end(), [&](const auto& map) {
    return name.starts_with(map.first) && name.size() > map.first.size();
  });
}

Error ConfigTable::unknown(std::string_view name, const std::string& source) const {
  const ConfigEntry* nearest = nullptr;
  size_t best = name.size() / 3 + 1;
  for (const ConfigEntry& entry : entries_) {
    if (const size_t distance = edit_distance(name, entry.name); distance <= best) {
      best = distance;
      nearest = &entry;
    }
  }
  std::string hint = nearest ? fmt::format("; did you mean {}?", nearest->name) : "";
  return {ErrorCode::kConfig, fmt::format("{} ({}): no such property{}", name, source, hint)};
}

Status ConfigTable::set(std::string_view name, std::string_view value, const std::string& source) {
  for (const auto& [prefix, target] : maps_) {
    if (!name.starts_with(prefix) || name.size() == prefix.size()) continue;
    (*target)[std::string(name.substr(prefix.size()))] = value;
    values_[std::string(name)] = {"", source};
    return {};
  }
  const auto assign = assign_.find(name);
  if (assign == assign_.end()) return unknown(name, source);
  const ConfigEntry& entry = *find(name);
  if (std::string wrong = assign->second(value); !wrong.empty()) {
    std::string shown = entry.secret ? "" : fmt::format(" = \"{}\"", value.substr(0, 200));
    std::string allowed = entry.allowed.empty() ? "" : "; allowed: " + entry.allowed;
    if (!allowed.empty() && !entry.unit.empty()) allowed += " " + entry.unit;
    return Error{ErrorCode::kConfig,
                 fmt::format("{}{} ({}): {}{}", name, shown, source, wrong, allowed)};
  }
  values_[entry.name] = {entry.secret ? "" : std::string(value), source};
  return {};
}

Status ConfigTable::apply_environment(const char* const* variables) {
  std::map<std::string, std::string> properties;
  for (const auto& [name, assign] : assign_) properties.emplace(environment_name(name), name);
  std::vector<std::string> faults;
  for (; *variables != nullptr; ++variables) {
    const std::string_view variable(*variables);
    const size_t equals = variable.find('=');
    if (!variable.starts_with(kEnvironmentPrefix) || equals == std::string_view::npos) continue;
    const std::string name(variable.substr(0, equals));
    if (std::count(std::begin(kForeignVariables), std::end(kForeignVariables), name) > 0) continue;
    std::string property;
    if (const auto found = properties.find(name); found != properties.end()) {
      property = found->second;
    } else {
      for (const char c : name.substr(kEnvironmentPrefix.size())) {
        property += c == '_' ? '.' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      }
      if (!is_map(property)) {
        warnings_.push_back(fmt::format("environment variable {} fits no property", name));
        continue;
      }
    }
    const Status status = set(property, variable.substr(equals + 1), "environment " + name);
    if (!status.ok()) faults.push_back(status.message());
  }
  if (faults.empty()) return {};
  return Error{ErrorCode::kConfig, fmt::format("{}", fmt::join(faults, "\n"))};
}

Status ConfigTable::validate() const {
  std::vector<std::string> faults;
  for (const ConfigEntry& entry : entries_) {
    if (entry.required && entry.default_value.empty() && !values_.contains(entry.name)) {
      faults.push_back(fmt::format("{}: required; set it by --{}, {} or in the file of --config",
                                   entry.name, entry.name, environment_name(entry.name)));
    }
  }
  for (const auto& check : checks_) {
    if (std::string wrong = check(*this); !wrong.empty()) faults.push_back(std::move(wrong));
  }
  if (faults.empty()) return {};
  return Error{ErrorCode::kConfig, fmt::format("{}", fmt::join(faults, "\n"))};
}

std::string ConfigTable::source_of(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? "default" : found->second.source;
}

std::vector<std::string> ConfigTable::changed() const {
  std::vector<std::string> lines;
  for (const auto& [name, value] : values_) {
    const ConfigEntry* entry = find(name);
    const bool secret = entry == nullptr || entry->secret;  // a map's properties have no entry
    lines.push_back(fmt::format("{}={} ({})", name, secret ? "***" : value.text, value.source));
  }
  return lines;
}

std::string ConfigTable::markdown() const {
  std::string text = "| property | type | default | allowed | meaning |\n|---|---|---|---|---|\n";
  for (const ConfigEntry& entry : entries_) {
    const std::string type = entry.unit.empty() ? entry.type : entry.type + ", " + entry.unit;
    const std::string value = entry.required && entry.default_value.empty() ? "required"
                              : entry.default_value.empty()                 ? ""
                                                            : "`" + entry.default_value + "`";
    text += fmt::format("| `{}` | {} | {} | {} | {}{} |\n", entry.name, type, value,
                        markdown_escaped(entry.allowed), markdown_escaped(entry.meaning),
                        entry.secret && entry.type != "map" ? " (secret)" : "");
  }
  return text;
}

}  // namespace millrace
