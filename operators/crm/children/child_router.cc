#include "crm/children/child_router.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "millrace/core/assert.h"

#include "crm/children/child_sender.h"
#include "crm/model/account_row.h"
#include "crm/model/ids.h"

namespace millrace::crm {
namespace {

class ChildRouter final : public Processor {
 public:
  explicit ChildRouter(ParentFields parents) : parents_(std::move(parents)) {}

  void process(const Record& record) override {
    const std::optional<ChildKind> kind = kind_in_child_key(record.key.view());
    MILLRACE_ASSERT(kind.has_value(), "rows of children are keyed by kind and id");
    const AccountRow* const before = row_in(record.old_value);
    const AccountRow* const now = row_in(record.value);
    const RowField* old_account = account_of(before, *kind);
    const RowField* const account = account_of(now, *kind);
    ChildPlace place{.account = {},
                     .kind = *kind,
                     .child = (now == nullptr ? before : now)->id()->string_view()};
    if (old_account != nullptr && (account == nullptr || id_in(*old_account) != id_in(*account))) {
      place.account = id_in(*old_account);
      send(place.account, writer_.retraction({}, place), record);
      old_account = nullptr;
    }
    if (account == nullptr) return;
    place.account = id_in(*account);
    ChildEntry entry{.place = place,
                     .projection = project(*now, *kind),
                     .version = {},
                     .since = view_of(*account->version())};
    // So an entry's version may stay behind the row's. It decides only between entries of one child
    // through several accounts, and an entry at the account that the child moves to has the row's
    // version of that moment, which is not below any that was sent before.
    const bool is_known = old_account != nullptr &&
                          view_of(*old_account->version()) == entry.since &&
                          project(*before, *kind) == entry.projection;
    if (is_known) return;
    entry.version = read_row(*now).newest_version();
    send(place.account, writer_.entry({}, entry), record);
  }

 private:
  static const AccountRow* row_in(Bytes value) {
    return value.is_null() ? nullptr : flatbuffers::GetRoot<AccountRow>(value.data());
  }
  static std::string_view id_in(const RowField& account) { return account.value()->string_view(); }

  /// Null: under none.
  const RowField* account_of(const AccountRow* row, ChildKind kind) {
    if (row == nullptr || row->status() != RowStatus::Live || row->fields() == nullptr) {
      return nullptr;
    }
    const std::string& name = parents_[static_cast<size_t>(kind)];
    const RowField* field = row->fields()->LookupByKey(name.c_str());
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
