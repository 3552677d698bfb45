#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "millrace/core/result.h"
#include "millrace/engine/config_table.h"

namespace CLI {  // NOLINT(readability-identifier-naming): theirs
class App;
class Option;
}  // namespace CLI

namespace millrace::engine {

/// Command-line face of a configuration table: `--config FILE` and one flag per property.
///
///     CLI::App app{"..."};
///     ConfigFlags flags(table, app);
///     app.parse(flags.take_maps(arguments));      // throws CLI::ParseError
///     Status status = flags.apply(environ);       // file < environment < flags, then checks
class ConfigFlags {
 public:
  /// Both must outlive this.
  ConfigFlags(ConfigTable& table, CLI::App& app);
  ConfigFlags(const ConfigFlags&) = delete;
  ConfigFlags& operator=(const ConfigFlags&) = delete;

  /// Takes `--kafka.x=y` and `--kafka.x y` out of the arguments (without the program's name), since
  /// those names are not known beforehand, and adds `=true` to a boolean without a value. Returns
  /// the rest in the reverse order that CLI11 wants.
  std::vector<std::string> take_maps(std::vector<std::string> arguments);
  Status apply(const char* const* environment);

 private:
  bool is_boolean(std::string_view name) const;

  ConfigTable& table_;
  std::string file_;
  std::map<std::string, std::string> values_;  ///< by property, filled by CLI11
  std::vector<std::pair<std::string, CLI::Option*>> options_;
  std::vector<std::pair<std::string, std::string>> map_values_;
};

/// Breaks `text` into lines of at most `width` characters, at spaces.
std::string wrapped(const std::string& text, size_t width);

}  // namespace millrace::engine
