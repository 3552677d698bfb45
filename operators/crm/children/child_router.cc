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
    const RowField* account = is_gone ? nullptr : account_of(row, *kind);
    if (!record.old_value.is_null()) {
      const RowField* old =
          account_of(*flatbuffers::GetRoot<AccountRow>(record.old_value.data()), *kind);
      if (old != nullptr && (account == nullptr || id_in(*old) != id_in(*account))) {
        place.account = id_in(*old);
        send(place.account, writer_.retraction({}, place), record);
      }
    }
    if (account == nullptr) return;
    place.account = id_in(*account);
    send(place.account, writer_.entry({}, place, row, view_of(*account->version())), record);
  }

 private:
  static std::string_view id_in(const RowField& account) { return account.value()->string_view(); }

  /// Null: under none.
  const RowField* account_of(const AccountRow& row, ChildKind kind) {
    if (row.status() != RowStatus::Live || row.fields() == nullptr) return nullptr;
    const std::string& name = parents_[static_cast<size_t>(kind)];
    const RowField* field = row.fields()->LookupByKey(name.c_str());
    if (field == nullptr || field->value() == nullptr) return nullptr;
    if (is_internal_id(id_in(*field))) return field;
    context().count_dropped("bad_parent");
    return nullptr;
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
