#include "engine/client/position_token.h"

#include <algorithm>

#include <fmt/format.h>

#include "millrace/core/topology.h"

#include "engine/base/numbers.h"

namespace millrace::engine {

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
