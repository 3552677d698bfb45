#include "crm/signals/child_moves.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "millrace/core/assert.h"

#include "crm/model/composite_key.h"
#include "crm/model/encode.h"
#include "crm/model/erasure_marks.h"
#include "crm/model/ids.h"
#include "crm/model/logged_row.h"
#include "crm/signals/transaction.h"
#include "merge_signal_generated.h"

namespace millrace::crm {
namespace {

/// The account that a record is under by a change of this version; empty: by none.
struct Parent {
  OwnedVersion version{};
  std::string account{};

  friend bool operator==(const Parent&, const Parent&) = default;
};

std::string account_in(const FieldView& field) {
  return field.value && is_internal_id(*field.value) ? std::string(*field.value) : std::string();
}

std::optional<Parent> parent_in(const std::vector<FieldView>& fields, const std::string& name) {
  const auto field = std::ranges::find(fields, name, &FieldView::name);
  if (field == fields.end()) return std::nullopt;
  return Parent{OwnedVersion(field->version), account_in(*field)};
}

class ChildMoves final : public Processor {
 public:
  ChildMoves(ParentFields parents, ChildMovesStores stores, int64_t window_ms, bool sees_all)
      : names_(std::move(parents)),
        stores_(std::move(stores)),
        window_ms_(window_ms),
        sees_all_(sees_all) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    rows_ = &context.store(stores_.rows);
    erasures_ = &context.store(stores_.erasures);
    parents_ = &context.store(stores_.parents);
    timers_ = &context.timers(stores_.timers);
  }

  void process(const Record& record) override {
    if (record.value.is_null()) return;
    const Result<ChangeView> change =
        read_change(*flatbuffers::GetRoot<AccountChange>(record.value.data()));
    if (!change.ok()) return;  // the row materializer refuses it
    if (!is_erased(*erasures_, record.key, change->version.commit_timestamp_ms)) {
      find_moves(*change, record);
    }
    // Behind the move that it may have made.
    if (sees_all_) send_seen(*change, record);
  }

  void on_timer(const Timer& timer) override { parents_->erase(timer.key, timer.time_ms); }

 private:
  void find_moves(const ChangeView& change, const Record& record) {
    const std::optional<ChildKind> kind = kind_in_child_key(record.key.view());
    MILLRACE_ASSERT(kind.has_value(), "changes of children are keyed by kind and id");
    std::optional<Parent> now = parent_in(change.fields, names_[static_cast<size_t>(*kind)]);
    if (!now && !change.full_image) return;
    if (!now) now = Parent{OwnedVersion(change.version), {}};
    take(*now, names_[static_cast<size_t>(*kind)], change, record);
  }

  void send_seen(const ChangeView& change, const Record& record) {
    const std::optional<std::string> transaction = transaction_of(change.id, change.version);
    if (!transaction) return;
    builder_.Clear();
    const auto id = builder_.CreateString(change.id);
    const auto version = write_version(builder_, change.version);
    const Bytes value = finish_aligned(
        builder_, CreateTransactionPart(builder_, TransactionPartKind::Seen, id, {}, version));
    context().forward({.key = *transaction,
                       .value = value,
                       .old_value = {},
                       .timestamp_ms = record.timestamp_ms,
                       .headers = {}});
  }

  void take(const Parent& now, const std::string& name, const ChangeView& change,
            const Record& record) {
    LoggedRow row{.row = {.id = change.id}};
    const Row stored = rows_->get(record.key);
    if (stored) row = read_logged_row(*flatbuffers::GetRoot<AccountRow>(stored.value.data()));
    const std::optional<Parent> current = parent_in(row.row.fields, name);
    std::vector<Parent> others = past_of(record.key);
    if (current) others.push_back(*current);
    if (std::ranges::find(others, now) != others.end()) return;
    for (const Parent& other : others) {
      const bool came_late = is_before(now.version.view(), other.version.view());
      send_move(came_late ? now : other, came_late ? other : now, change.id, record);
    }
    // The row remembers one parent; the others would be lost.
    if (!merge_change(row, change).ok()) return;  // the row materializer refuses it
    const std::optional<Parent> next = parent_in(row.row.fields, name);
    if (next != now) remember(now, record);
    if (current && next != current) remember(*current, record);
  }

  std::vector<Parent> past_of(Bytes child) {
    std::vector<Parent> past;
    for (const auto it = parents_->prefix(key_under(child.view(), "")); it->valid(); it->next()) {
      const auto& row = *flatbuffers::GetRoot<PastParent>(it->row().value.data());
      past.push_back({OwnedVersion(view_of(*row.version())), row.account()->str()});
    }
    return past;
  }

  void remember(const Parent& parent, const Record& record) {
    if (parent.account.empty()) return;
    std::string name = parent.account;
    name.append(1, '\0').append(bytes_of(parent.version.view()));
    const std::string key = key_under(record.key.view(), name);
    builder_.Clear();
    const auto account = builder_.CreateString(parent.account);
    const auto version = write_version(builder_, parent.version.view());
    parents_->put(key, finish_aligned(builder_, CreatePastParent(builder_, account, version)),
                  record.timestamp_ms);
    timers_->set(key, 0, context().wall_time_ms() + window_ms_);
  }

  void send_move(const Parent& from, const Parent& to, std::string_view child,
                 const Record& record) {
    const bool is_move = from.version != to.version && from.account != to.account &&
                         !from.account.empty() && !to.account.empty();
    if (!is_move) return;
    const std::optional<std::string> transaction = transaction_of(child, to.version.view());
    if (!transaction) return;
    builder_.Clear();
    const auto id = builder_.CreateString(from.account);
    const auto to_offset = builder_.CreateString(to.account);
    const auto version = write_version(builder_, to.version.view());
    const Bytes value = finish_aligned(
        builder_,
        CreateTransactionPart(builder_, TransactionPartKind::Moved, id, to_offset, version));
    context().forward({.key = *transaction,
                       .value = value,
                       .old_value = {},
                       .timestamp_ms = record.timestamp_ms,
                       .headers = {}});
  }

  ParentFields names_;
  ChildMovesStores stores_;
  int64_t window_ms_;
  bool sees_all_;
  KeyValueStore* rows_ = nullptr;
  KeyValueStore* erasures_ = nullptr;
  KeyValueStore* parents_ = nullptr;
  Timers* timers_ = nullptr;
  flatbuffers::FlatBufferBuilder builder_;
};

}  // namespace

ProcessorFactory child_moves(ParentFields parents, ChildMovesStores stores, int64_t window_ms,
                             bool sees_all) {
  return [parents = std::move(parents), stores = std::move(stores), window_ms, sees_all] {
    return std::make_unique<ChildMoves>(parents, stores, window_ms, sees_all);
  };
}

}  // namespace millrace::crm
