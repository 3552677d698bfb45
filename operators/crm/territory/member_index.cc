#include "crm/territory/member_index.h"

#include "millrace/core/bytes.h"

namespace millrace::crm::territory {
namespace {

std::string key_prefix(std::string_view member) {
  return std::string("a").append(member).append(1, '\0');
}

}  // namespace

void MemberIndex::replace(std::string_view root, const std::set<std::string_view>& before,
                          const std::set<std::string_view>& now, int64_t timestamp_ms) {
  for (const std::string_view member : before) {
    if (member != root && !now.contains(member))
      store_.erase(key_prefix(member).append(root), timestamp_ms);
  }
  for (const std::string_view member : now) {
    if (member != root && !before.contains(member)) {
      store_.put(key_prefix(member).append(root), Bytes(""), timestamp_ms);
    }
  }
}

std::vector<std::string> MemberIndex::roots_of(std::string_view member) const {
  const std::string prefix = key_prefix(member);
  std::vector<std::string> roots{std::string(member)};
  for (const auto it = store_.prefix(prefix); it->valid(); it->next()) {
    roots.emplace_back(it->key().view().substr(prefix.size()));
  }
  return roots;
}

}  // namespace millrace::crm::territory
