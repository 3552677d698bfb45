#include "crm/children/child_router.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "millrace/core/assert.h"

#include "crm/account_row.h"
#include "crm/children/child_sender.h"
#include "crm/ids.h"

namespace millrace::crm {
namespace {

class ChildRouter final : public Processor {
 public:
  explicit ChildRouter(ParentFields parents) : parents_(std::move(parents)) {}

  void process(const Record& record) override {
    const std::optional<ChildKind> kind = kind_in_child_key(record.key.view());
    MILLRACE_ASSERT(kind.has_value(), "rows of children are keyed by kind and id");
    const bool is_gone = record.value.is_null();
    const auto& row =
        *flatbuffers::GetRoot<AccountRow>((is_gone ? record.old_value : record.value).data());
    ChildPlace place{.account = {}, .kind = *kind, .child = row.id()->string_view()};
    const std::string_view account = is_gone ? std::string_view() : account_of(row, *kind);
    if (!record.old_value.is_null()) {
      place.account = account_of(*flatbuffers::GetRoot<AccountRow>(record.old_value.data()), *kind);
      if (!place.account.empty() && place.account != account) {
        send(place.account, writer_.retraction({}, place), record);
      }
    }
    if (account.empty()) return;
    place.account = account;
    send(account, writer_.entry({}, place, row), record);
  }

 private:
  /// Empty: under none.
  std::string_view account_of(const AccountRow& row, ChildKind kind) {
    if (row.status() != RowStatus::Live || row.fields() == nullptr) return {};
    const std::string& name = parents_[static_cast<size_t>(kind)];
    const RowField* field = row.fields()->LookupByKey(name.c_str());
    if (field == nullptr || field->value() == nullptr) return {};
    const std::string_view account = field->value()->string_view();
    if (is_internal_id(account)) return account;
    context().count_dropped("bad_parent");
    return {};
  }

  void send(std::string_view account, Bytes value, const Record& record) {
    key_.assign(account);
    context().forward({.key = key_,
                       .value = value,
                       .old_value = {},
                       .timestamp_ms = record.timestamp_ms,
                       .headers = {}});
  }

  ParentFields parents_;
  ChildWriter writer_;
  std::string key_;
};

}  // namespace

ProcessorFactory child_router(ParentFields parents) {
  return [parents = std::move(parents)] { return std::make_unique<ChildRouter>(parents); };
}

}  // namespace millrace::crm
