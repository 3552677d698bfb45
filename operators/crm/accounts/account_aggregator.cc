#include "crm/accounts/account_aggregator.h"

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "account_state_generated.h"
#include "crm/accounts/child_counts.h"
#include "crm/accounts/golden_record.h"
#include "crm/model/account_row.h"
#include "crm/model/composite_key.h"
#include "crm/model/encode.h"
#include "member_update_generated.h"

namespace millrace::crm {
namespace {

/// The row as it was before its delete, as far as the row tells.
void take_delete_back(RowView& row) {
  std::erase_if(row.fields,
                [&](const FieldView& field) { return field.version == row.existence_version; });
  row.status = RowStatus::Live;
  row.existence_version.reset();
}

/// The entries of one root, copied out of the store.
class Component {
 public:
  Component(KeyValueStore& members, std::string_view root, std::optional<ChildTally> children)
      : root_(root), children_(children) {
    for (const auto it = members.prefix(key_under(root, "")); it->valid(); it->next()) {
      buffers_.push_back(it->row().value.to_string());
    }
    for (const std::string& buffer : buffers_) {
      const auto* entry = flatbuffers::GetRoot<MemberUpdate>(buffer.data());
      entries_.push_back(entry);
      const RowView* row = nullptr;
      if (entry->row() != nullptr) row = &rows_.emplace_back(read_row(*entry->row()));
      members_.push_back({entry->member()->string_view(), row});
    }
  }

  bool root_is_deleted() const { return status() == AccountStatus::Deleted; }

  /// Restores the state from before the root's row was deleted.
  void wait_for_a_merge() {
    for (RowView& row : rows_) {
      if (row.id == root_ && row.status == RowStatus::Deleted) take_delete_back(row);
    }
    delete_pending_ = true;
  }

  AccountStatus status() const {
    if (members_.empty()) return children_ ? AccountStatus::Pending : AccountStatus::Absorbed;
    for (const MemberView& member : members_) {
      if (member.id != root_ || member.row == nullptr) continue;
      if (member.row->status == RowStatus::Live) return AccountStatus::Active;
      if (member.row->status == RowStatus::Deleted) return AccountStatus::Deleted;
    }
    return AccountStatus::Pending;
  }

  flatbuffers::Offset<AccountState> write(flatbuffers::FlatBufferBuilder& builder,
                                          const SurvivorshipPolicy& policy,
                                          uint64_t version) const {
    const auto root = builder.CreateString(root_);
    const auto members = write_members(builder);
    const AccountStatus now = status();
    const auto fields = now == AccountStatus::Deleted
                            ? builder.CreateVector(std::vector<flatbuffers::Offset<GoldenField>>{})
                            : write_fields(builder, policy);
    const auto children =
        children_ ? write_counts(builder, *children_) : flatbuffers::Offset<ChildCounts>();
    const auto unknown = write_unknown_fields(builder);
    return CreateAccountState(builder, root, now, members, fields, version, event_time_ms(),
                              incomplete(), children, delete_pending_, unknown);
  }

 private:
  int64_t event_time_ms() const {
    int64_t latest_ms = 0;
    for (const MemberUpdate* entry : entries_) {
      if (entry->merge_version() != nullptr) {
        latest_ms = std::max(latest_ms, entry->merge_version()->commit_timestamp_ms());
      }
    }
    for (const RowView& row : rows_)
      latest_ms = std::max(latest_ms, row.newest_version().commit_timestamp_ms);
    return latest_ms;
  }

  bool incomplete() const {
    return std::ranges::any_of(rows_, [](const RowView& row) {
      return row.status != RowStatus::Deleted && row.incomplete();
    });
  }

  /// None: absent.
  auto write_unknown_fields(flatbuffers::FlatBufferBuilder& builder) const
      -> flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>> {
    std::set<std::string_view> names;
    for (const RowView& row : rows_) {
      if (row.status == RowStatus::Deleted) continue;
      for (const std::string_view name : row.unknown_fields()) names.insert(name);
    }
    if (names.empty()) return {};
    std::vector<flatbuffers::Offset<flatbuffers::String>> texts;
    for (const std::string_view name : names) texts.push_back(builder.CreateString(name));
    return builder.CreateVector(texts);
  }

  auto write_members(flatbuffers::FlatBufferBuilder& builder) const
      -> flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<Member>>> {
    std::vector<flatbuffers::Offset<Member>> members;
    for (const MemberUpdate* entry : entries_) {
      const auto id = builder.CreateString(entry->member());
      const auto via = entry->via() == nullptr ? flatbuffers::Offset<flatbuffers::String>()
                                               : builder.CreateString(entry->via());
      members.push_back(CreateMember(builder, id, via));
    }
    return builder.CreateVector(members);
  }

  auto write_fields(flatbuffers::FlatBufferBuilder& builder, const SurvivorshipPolicy& policy) const
      -> flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<GoldenField>>> {
    std::vector<flatbuffers::Offset<GoldenField>> fields;
    for (const GoldenFieldView& field : golden_fields(root_, members_, policy)) {
      const auto name = builder.CreateString(field.name);
      const auto value = field.value ? builder.CreateString(*field.value)
                                     : flatbuffers::Offset<flatbuffers::String>();
      const auto member = builder.CreateString(field.member);
      const auto version = write_version(builder, field.version);
      fields.push_back(CreateGoldenField(builder, name, value, member, version, field.type));
    }
    return builder.CreateVector(fields);
  }

  std::string_view root_;
  std::optional<ChildTally> children_;
  bool delete_pending_ = false;
  std::deque<std::string> buffers_;
  std::vector<const MemberUpdate*> entries_;
  std::deque<RowView> rows_;
  std::vector<MemberView> members_;
};

/// The state in `builder` with another version. REQUIRES: it has one that is not 0.
Bytes with_version(flatbuffers::FlatBufferBuilder& builder, uint64_t version) {
  auto* const state = flatbuffers::GetMutableRoot<flatbuffers::Table>(builder.GetBufferPointer());
  state->SetField<uint64_t>(AccountState::VT_VERSION, version, 0);
  return {builder.GetBufferPointer(), builder.GetSize()};
}

bool is_tombstone(AccountStatus status) {
  return status == AccountStatus::Deleted || status == AccountStatus::Absorbed;
}

class AccountAggregator final : public Processor {
 public:
  AccountAggregator(AggregatorStores stores, SurvivorshipPolicy policy, int64_t delete_grace_ms)
      : stores_(std::move(stores)), policy_(std::move(policy)), delete_grace_ms_(delete_grace_ms) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    members_ = &context.store(stores_.members);
    states_ = &context.store(stores_.states);
    erasures_ = &context.store(stores_.erasures);
    grace_timers_ = &context.timers(stores_.grace_timers);
    if (!stores_.child_counts.empty()) counts_ = &context.store(stores_.child_counts);
  }

  void process(const Record& record) override {
    if (record.value.is_null()) return context().defer(record.key, record.timestamp_ms);
    const auto& update = *flatbuffers::GetRoot<MemberUpdate>(record.value.data());
    const std::string key = key_under(update.root()->string_view(), update.member()->string_view());
    const Row entry = members_->get(key);
    if (update.retract()) {
      if (!entry) return;
      members_->erase(key, record.timestamp_ms);
    } else {
      if (entry.value == record.value) return;
      members_->put(key, record.value, record.timestamp_ms);
    }
    context().defer(update.root()->string_view(), record.timestamp_ms);
  }

  /// The grace is over.
  void on_timer(const Timer& timer) override {
    context().finish_deferred(timer.key);
    publish(timer.key, timer.time_ms);
  }

  void on_deferred(const DeferredCall& call) override { publish(call.key, call.timestamp_ms); }

 private:
  /// Whether the delete of the root is not believed yet. `old`: the state before; null: none.
  bool waits_for_a_merge(const Component& component, std::string_view root,
                         const AccountState* old) {
    const bool waited = old != nullptr && old->delete_pending();
    if (!component.root_is_deleted()) {
      if (waited) grace_timers_->cancel(root, 0);
      return false;
    }
    if (waited) return grace_timers_->find(root, 0).has_value();
    if (delete_grace_ms_ == 0 || old == nullptr || old->status() != AccountStatus::Active) {
      return false;
    }
    grace_timers_->set(root, 0, context().wall_time_ms() + delete_grace_ms_);
    return true;
  }

  void publish(Bytes key, int64_t changed_at_ms) {
    const std::string_view root = key.view();
    const Row stored = states_->get(root);
    old_state_.assign(stored ? stored.value.view() : std::string_view());
    const int64_t timestamp_ms = std::max(stored.timestamp_ms, changed_at_ms);
    const AccountState* old =
        stored ? flatbuffers::GetRoot<AccountState>(old_state_.data()) : nullptr;

    Component component(*members_, root, children_of(root));
    if (waits_for_a_merge(component, root, old)) component.wait_for_a_merge();
    if (old != nullptr && write(component, old->version()) == Bytes(old_state_)) return;
    const bool is_forgotten = component.status() == AccountStatus::Absorbed && erasures_->get(root);
    if (is_forgotten && old == nullptr) return;
    const Bytes state =
        old == nullptr ? write(component, 1) : with_version(builder_, old->version() + 1);
    if (is_forgotten) {
      states_->erase(root, timestamp_ms);
    } else {
      states_->put(root, state, timestamp_ms);
    }

    const bool was_tombstone = old == nullptr || is_tombstone(old->status());
    const bool now_tombstone = is_tombstone(component.status());
    if (was_tombstone && now_tombstone) return;
    context().forward({.key = key,
                       .value = now_tombstone ? Bytes() : state,
                       .old_value = was_tombstone ? Bytes() : Bytes(old_state_),
                       .timestamp_ms = timestamp_ms,
                       .headers = {}});
  }

  Bytes write(const Component& component, uint64_t version) {
    builder_.Clear();
    return finish_aligned(builder_, component.write(builder_, policy_, version));
  }

  std::optional<ChildTally> children_of(std::string_view root) {
    if (counts_ == nullptr) return std::nullopt;
    const Row row = counts_->get(root);
    if (!row) return std::nullopt;
    return read_counts(*flatbuffers::GetRoot<ChildCounts>(row.value.data()));
  }

  AggregatorStores stores_;
  SurvivorshipPolicy policy_;
  int64_t delete_grace_ms_;
  KeyValueStore* members_ = nullptr;
  KeyValueStore* states_ = nullptr;
  KeyValueStore* counts_ = nullptr;
  KeyValueStore* erasures_ = nullptr;
  Timers* grace_timers_ = nullptr;
  flatbuffers::FlatBufferBuilder builder_;
  std::string old_state_;
};

}  // namespace

ProcessorFactory account_aggregator(AggregatorStores stores, SurvivorshipPolicy policy,
                                    int64_t delete_grace_ms) {
  return [stores = std::move(stores), policy = std::move(policy), delete_grace_ms] {
    return std::make_unique<AccountAggregator>(stores, policy, delete_grace_ms);
  };
}

}  // namespace millrace::crm
