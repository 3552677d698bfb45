#include "state/rocksdb/rocksdb_groups.h"

#include <string_view>

#include "state/rocksdb/rocksdb_keys.h"

namespace millrace {
namespace {

constexpr char kGroupEnd = '\0';

class GroupOfKey final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "millrace.group.1"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    return {key.data(), end_of(key) + 1};
  }
  bool InDomain(const rocksdb::Slice& key) const override {
    return end_of(key) != std::string_view::npos;
  }

 private:
  static size_t end_of(const rocksdb::Slice& key) {
    return std::string_view(key.data(), key.size()).find(kGroupEnd, kStorePrefixBytes);
  }
};

}  // namespace

std::shared_ptr<const rocksdb::SliceTransform> group_of_key() {
  return std::make_shared<GroupOfKey>();
}

bool is_in_one_group(Bytes from, Bytes to) {
  if (from.is_null() || to.is_null()) return false;
  const size_t end = from.view().find(kGroupEnd);
  if (end == std::string_view::npos) return false;
  const std::string_view name = from.view().substr(0, end);
  if (!to.view().starts_with(name) || to.size() <= end) return false;
  const std::string_view rest = to.view().substr(end);
  // The key after the group begins with the next byte in place of the NUL.
  return rest.front() == kGroupEnd || rest == std::string_view("\1");
}

}  // namespace millrace
