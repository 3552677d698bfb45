#include "engine/secrets/secret_file.h"

#include <fstream>

namespace millrace::engine {
namespace {

constexpr size_t kSecretBytesMax = 4096;
constexpr const char* kSpace = " \t\r\n";

}  // namespace

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
