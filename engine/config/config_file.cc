#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include "millrace/engine/config_table.h"

namespace millrace {
namespace {

constexpr std::uintmax_t kFileBytesMax = 1 << 20;

class FileReader {
 public:
  FileReader(ConfigTable& table, std::string file) : table_(table), file_(std::move(file)) {}

  void read(const toml::table& nodes, const std::string& prefix) {
    for (const auto& [key, node] : nodes) {
      const std::string name = prefix + std::string(key.str());
      if (const toml::table* nested = node.as_table()) {
        read(*nested, name + ".");
      } else {
        set(name, node);
      }
    }
  }

  Status status() const {
    if (faults_.empty()) return {};
    return Error{ErrorCode::kConfig, fmt::format("{}", fmt::join(faults_, "\n"))};
  }

 private:
  void set(const std::string& name, const toml::node& node) {
    const std::string source = fmt::format("{}:{}", file_, node.source().begin.line);
    std::string value;
    if (const auto* text = node.as_string()) {
      value = text->get();
    } else if (const auto* integer = node.as_integer()) {
      value = std::to_string(integer->get());
    } else if (const auto* boolean = node.as_boolean()) {
      value = boolean->get() ? "true" : "false";
    } else if (const auto* number = node.as_floating_point()) {
      value = fmt::format("{}", number->get());
    } else {
      faults_.push_back(
          fmt::format("{} ({}): neither a string nor a number nor a boolean", name, source));
      return;
    }
    const Status status = table_.set(name, value, source);
    if (!status.ok()) faults_.push_back(status.message());
  }

  ConfigTable& table_;
  const std::string file_;
  std::vector<std::string> faults_;
};

Result<std::string> read_text(const std::filesystem::path& file) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  if (error) {
    return Error{ErrorCode::kConfig, fmt::format("{}: {}", file.string(), error.message())};
  }
  if (size > kFileBytesMax) {
    return Error{ErrorCode::kConfig, fmt::format("{}: larger than 1 MiB", file.string())};
  }
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) return Error{ErrorCode::kConfig, fmt::format("{}: not readable", file.string())};
  return std::move(text).str();
}

}  // namespace

Status ConfigTable::apply_file(const std::filesystem::path& file) {
  const Result<std::string> text = read_text(file);
  if (!text.ok()) return text.status();
  try {
    FileReader reader(*this, file.string());
    reader.read(toml::parse(*text), "");
    return reader.status();
  } catch (const toml::parse_error& error) {
    // The library's description may quote the line, and the line may hold a secret.
    return Error{ErrorCode::kConfig,
                 fmt::format("{}:{}: not TOML (column {})", file.string(),
                             error.source().begin.line, error.source().begin.column)};
  }
}

}  // namespace millrace
