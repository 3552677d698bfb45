#include "engine/client/position_token.h"

#include <algorithm>

#include <fmt/format.h>

#include "millrace/core/topology.h"

#include "engine/base/numbers.h"

namespace millrace::engine {
namespace {

/// Takes a mark off the end of `token`; false: it is none.
bool read_mark(std::string_view& token) {
  const std::string_view mark = mark_in(token);
  if (mark.empty()) return true;
  token.remove_suffix(mark.size() + 1);
  return mark.size() == kEventMarkLength && std::ranges::all_of(mark, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

std::string event_id(std::string_view position, std::string_view mark) {
  return fmt::format("{};{}", position, mark);
}

std::string_view mark_in(std::string_view id) {
  const size_t separator = id.find(';');
  return separator == std::string_view::npos ? std::string_view() : id.substr(separator + 1);
}

std::string position_token(const NextOffsets& next) {
  std::string token;
  for (const auto& [partition, offset] : next) {
    if (offset <= 0) continue;
    if (!token.empty()) token += ',';
    token += fmt::format("{}:{}:{}", partition.topic, partition.partition, offset);
  }
  return token;
}

Result<NextOffsets> parse_position_token(std::string_view token) {
  const Error invalid{ErrorCode::kInvalidArgument,
                      "not a position: topic:partition:offset, comma-separated"};
  if (!read_mark(token)) return invalid;
  if (token.size() > kPositionTokenLengthMax) return invalid;
  NextOffsets next;
  while (!token.empty()) {
    const std::string_view entry = token.substr(0, token.find(','));
    const size_t first = entry.find(':');
    const size_t second = first == std::string_view::npos ? first : entry.find(':', first + 1);
    if (second == std::string_view::npos) return invalid;
    TopicPartition partition{std::string(entry.substr(0, first)), -1};
    int64_t offset = -1;
    if (!is_legal_name(partition.topic, kTopicNameLengthMax) ||
        !read_number(entry.substr(first + 1, second - first - 1), partition.partition) ||
        !read_number(entry.substr(second + 1), offset) || partition.partition < 0 || offset < 0) {
      return invalid;
    }
    int64_t& known = next[std::move(partition)];
    known = std::max(known, offset);
    token.remove_prefix(std::min(entry.size() + 1, token.size()));
  }
  return next;
}

void include(NextOffsets& position, const NextOffsets& more) {
  for (const auto& [partition, offset] : more) {
    int64_t& known = position[partition];
    known = std::max(known, offset);
  }
}

bool includes(const NextOffsets& position, const NextOffsets& wanted) {
  return std::ranges::all_of(wanted, [&](const auto& entry) {
    const auto found = position.find(entry.first);
    return entry.second <= 0 || (found != position.end() && found->second >= entry.second);
  });
}

}  // namespace millrace::engine
