#include "engine/secrets/secret_file.h"

#include <fstream>
#include <system_error>

namespace millrace::engine {
namespace {

constexpr size_t kSecretBytesMax = 4096;
constexpr const char* kSpace = " \t\r\n";

}  // namespace

Status check_private(const std::filesystem::path& file) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(file, error);
  using Perms = std::filesystem::perms;
  if (error || status.type() != std::filesystem::file_type::regular) {
    return Error{ErrorCode::kConfig, file.string() + ": cannot be read"};
  }
  const Perms open = status.permissions() & (Perms::group_write | Perms::others_all);
  if (open == Perms::none) return {};
  return Error{ErrorCode::kConfig,
               file.string() + ": others may read or write it; chmod 600 " + file.string()};
}

Result<std::string> read_secret_file(const std::filesystem::path& file) {
  const auto fault = [&file](const char* what) {
    return Error{ErrorCode::kConfig, file.string() + ": " + what};
  };
  std::ifstream stream(file, std::ios::binary);
  std::string text(kSecretBytesMax + 1, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(text.size())) && !stream.eof()) {
    return fault("cannot be read");
  }
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kSecretBytesMax) return fault("is longer than a secret may be");
  text.erase(text.find_last_not_of(kSpace) + 1);
  text.erase(0, text.find_first_not_of(kSpace));
  if (text.empty()) return fault("is empty");
  return text;
}

}  // namespace millrace::engine
