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

}  // namespace millrace
