#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/engine/options.h"

namespace millrace {

/// The description of one property in `--help` and the documentation.
struct ConfigEntry {
  std::string name{};     ///< "commit.interval.ms"
  std::string type{};     ///< "integer", "bytes", "boolean", "string", "path", "choice", "map"
  std::string unit{};     ///< "ms"; empty: none
  std::string allowed{};  ///< "1 to 60000", "exactly_once, at_least_once"; empty: anything
  std::string default_value{};  ///< as a user would write it; empty: none
  std::string meaning{};
  bool required = false;
  bool secret = false;  ///< nothing shows its value
};

struct IntegerRange {
  int64_t min = 0;
  int64_t max = std::numeric_limits<int64_t>::max();
  std::string_view unit = "";
};

/// The typed table of a program's properties, each bound to the variable it sets.
///
/// One table defines `--help`, validation and the documentation. A program fills it with
/// `add_engine_options` and its own entries, then applies the sources from weak to strong: file,
/// environment, flags. The bound variables hold the defaults when they are added and must outlive
/// the table. Every error names the property, its value (unless secret), the allowed values and the
/// source of the value. Not thread-safe.
class ConfigTable {
 public:
  /// Whole number. Appears as type "integer".
  template <std::integral T>
  requires(!std::same_as<T, bool>) void add_integer(std::string name, T& target, IntegerRange range,
                                                    std::string meaning) {
    add_number({.name = std::move(name), .type = "integer", .meaning = std::move(meaning)}, range,
               static_cast<int64_t>(target),
               [&target](int64_t value) { target = static_cast<T>(value); });
  }
  /// Size in bytes; values may end in KiB, MiB or GiB.
  void add_bytes(std::string name, size_t& target, IntegerRange range, std::string meaning);
  void add_bool(std::string name, bool& target, std::string meaning);
  struct StringRule {
    size_t length_max = 4096;
    bool required = false;
    bool secret = false;
    /// Returns the fault of a value; empty: none.
    std::function<std::string(std::string_view)> check = {};
    std::string allowed = {};  ///< shown for `check`
  };
  void add_string(std::string name, std::string& target, StringRule rule, std::string meaning);
  void add_path(std::string name, std::filesystem::path& target, std::string meaning);
  template <class E>
  void add_choice(std::string name, E& target, std::vector<std::pair<std::string, E>> choices,
                  std::string meaning) {
    std::vector<std::string> names;
    size_t chosen = 0;
    for (size_t i = 0; i < choices.size(); ++i) {
      if (choices[i].second == target) chosen = i;
      names.push_back(choices[i].first);
    }
    add_named_choice({.name = std::move(name), .type = "choice", .meaning = std::move(meaning)},
                     std::move(names), chosen, [&target, choices = std::move(choices)](size_t i) {
                       target = choices[i].second;
                     });
  }
  /// Every property `<prefix>.<x>` sets `target[x]`, unchecked. Values count as secret.
  void add_map(std::string prefix, std::map<std::string, std::string>& target, std::string meaning);

  /// A condition over several properties, which `validate` tests: returns the fault, or empty.
  void add_check(std::function<std::string(const ConfigTable&)> check);

  /// Sets one property; `source` is where it comes from, for messages.
  Status set(std::string_view name, std::string_view value, const std::string& source);
  /// TOML; `commit.interval.ms = 100`, nested tables and quoted names all work. Error: `kConfig`
  /// with every fault of the file, each with its line.
  Status apply_file(const std::filesystem::path& file);
  /// `MILLRACE_COMMIT_INTERVAL_MS` sets `commit.interval.ms`; `variables` as in `environ`, ends
  /// with null. Variables with our prefix that fit no property are listed in `warnings`.
  Status apply_environment(const char* const* variables);
  /// Adds to `warnings`.
  void warn(std::string text) { warnings_.push_back(std::move(text)); }
  /// Required properties and checks. Call once, after all sources.
  Status validate() const;

  const std::vector<ConfigEntry>& entries() const { return entries_; }
  const std::vector<std::string>& warnings() const { return warnings_; }
  /// "millrace.toml:3", "environment MILLRACE_X", "flag --x" or "default".
  std::string source_of(std::string_view name) const;
  bool is_map(std::string_view name) const;
  /// "commit.interval.ms=50 (flag --commit.interval.ms)" of every value that is no default, without
  /// secrets.
  std::vector<std::string> changed() const;
  /// A Markdown table of all entries, in the order they were added.
  std::string markdown() const;

 private:
  /// Parses and assigns; returns the fault of the value, or empty.
  using Assign = std::function<std::string(std::string_view value)>;
  struct Value {
    std::string text;
    std::string source;
  };

  void add(ConfigEntry entry, Assign assign);
  void add_number(ConfigEntry entry, IntegerRange range, int64_t default_value,
                  std::function<void(int64_t)> assign);
  void add_named_choice(ConfigEntry entry, std::vector<std::string> names, size_t chosen,
                        std::function<void(size_t)> assign);
  const ConfigEntry* find(std::string_view name) const;
  Error unknown(std::string_view name, const std::string& source) const;

  std::vector<ConfigEntry> entries_;
  std::map<std::string, Assign, std::less<>> assign_;
  std::map<std::string, std::map<std::string, std::string>*, std::less<>> maps_;
  std::map<std::string, Value, std::less<>> values_;  ///< set by some source
  std::vector<std::function<std::string(const ConfigTable&)>> checks_;
  std::vector<std::string> warnings_;
};

/// Every field of `EngineOptions`, bound to `options`.
void add_engine_options(ConfigTable& table, EngineOptions& options);
/// Only the connection to Kafka: `bootstrap.servers` and `kafka.*`, for tools that run no topology.
void add_connection_options(ConfigTable& table, EngineOptions& options);

}  // namespace millrace
