#include "apps/synthetic/share.h"

#include <charconv>

#include <fmt/format.h>

#include "millrace/core/bytes.h"
#include "millrace/core/partitioner.h"

namespace millrace::apps::synthetic {
namespace {

constexpr int32_t kSharesMax = 100'000;

std::optional<int32_t> number_in(std::string_view text) {
  int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

bool Share::contains(std::string_view key) const {
  return is_all() || partition_of(Bytes(key.substr(0, key.find('\0'))), count) == number - 1;
}

std::string to_text(const Share& share) {
  return fmt::format("{}/{}", share.number, share.count);
}

std::optional<Share> share_from(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto number = number_in(text.substr(0, slash));
  const auto count = number_in(text.substr(slash + 1));
  if (!number || !count || *number < 1 || *number > *count || *count > kSharesMax) {
    return std::nullopt;
  }
  return Share{*number, *count};
}

}  // namespace millrace::apps::synthetic
