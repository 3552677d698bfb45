#include "state/rows/key_group.h"

#include <string_view>

namespace millrace {
namespace {

constexpr char kGroupEnd = '\0';

}  // namespace

Bytes group_of(Bytes key) {
  const size_t end = key.view().find(kGroupEnd);
  return end == std::string_view::npos ? Bytes() : Bytes(key.data(), end + 1);
}

bool is_in_one_group(Bytes from, Bytes to) {
  if (from.is_null() || to.is_null()) return false;
  const Bytes group = group_of(from);
  if (group.is_null()) return false;
  const std::string_view name = group.view().substr(0, group.size() - 1);
  if (!to.view().starts_with(name) || to.size() <= name.size()) return false;
  const std::string_view rest = to.view().substr(name.size());
  // The key after the group begins with the next byte in place of the NUL.
  return rest.front() == kGroupEnd || rest == std::string_view("\1");
}

}  // namespace millrace
