#include "crm/accounts/member_router.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "crm/model/account_row.h"
#include "crm/model/encode.h"
#include "member_update_generated.h"
#include "redirect_generated.h"

namespace millrace::crm {
namespace {

/// Sends member updates; the buffers are kept from record to record.
class MemberSender {
 public:
  /// `redirect` and `row` may be null.
  void add(ProcessorContext& context, std::string_view id, const Redirect* redirect,
           const AccountRow* row, int64_t timestamp_ms) {
    builder_.Clear();
    const auto row_offset =
        row == nullptr ? flatbuffers::Offset<AccountRow>() : write_row(builder_, read_row(*row));
    const std::string_view root = redirect == nullptr ? id : redirect->root()->string_view();
    const auto root_offset = builder_.CreateString(root);
    const auto member = builder_.CreateString(id);
    const auto via = write_text(
        builder_, redirect == nullptr ? std::string_view() : text_of(redirect->survivor()));
    const auto merge_version = redirect == nullptr || redirect->version() == nullptr
                                   ? flatbuffers::Offset<Version>()
                                   : write_version(builder_, view_of(*redirect->version()));
    send(context, root, timestamp_ms,
         CreateMemberUpdate(builder_, root_offset, member, false, via, merge_version, row_offset));
  }

  void retract(ProcessorContext& context, std::string_view root, std::string_view id,
               int64_t timestamp_ms) {
    builder_.Clear();
    const auto root_offset = builder_.CreateString(root);
    const auto member = builder_.CreateString(id);
    send(context, root, timestamp_ms, CreateMemberUpdate(builder_, root_offset, member, true));
  }

 private:
  void send(ProcessorContext& context, std::string_view root, int64_t timestamp_ms,
            flatbuffers::Offset<MemberUpdate> update) {
    root_key_.assign(root);
    context.forward_to(kMemberUpdatesChild, {.key = root_key_,
                                             .value = finish_aligned(builder_, update),
                                             .old_value = {},
                                             .timestamp_ms = timestamp_ms,
                                             .headers = {}});
  }

  flatbuffers::FlatBufferBuilder builder_;
  std::string root_key_;
};

class RowRouter final : public Processor {
 public:
  explicit RowRouter(std::string redirect_store) : redirect_store_(std::move(redirect_store)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    redirects_ = &context.store(redirect_store_);
  }

  void process(const Record& record) override {
    const std::string_view id = record.key.view();
    const AccountRow* row =
        record.value.is_null() ? nullptr : flatbuffers::GetRoot<AccountRow>(record.value.data());
    const Row stored = redirects_->get(id);
    const Redirect* redirect =
        stored ? flatbuffers::GetRoot<Redirect>(stored.value.data()) : nullptr;
    const int64_t timestamp_ms = std::max(stored.timestamp_ms, record.timestamp_ms);
    if (row == nullptr && redirect == nullptr) {
      return sender_.retract(context(), id, id, timestamp_ms);
    }
    sender_.add(context(), id, redirect, row, timestamp_ms);
  }

 private:
  std::string redirect_store_;
  KeyValueStore* redirects_ = nullptr;
  MemberSender sender_;
};

class RedirectRouter final : public Processor {
 public:
  RedirectRouter(std::string redirect_store, std::string row_store)
      : redirect_store_(std::move(redirect_store)), row_store_(std::move(row_store)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    redirects_ = &context.store(redirect_store_);
    rows_ = &context.store(row_store_);
  }

  void process(const Record& record) override {
    if (record.value.is_null()) return forget(record);
    route(record);
  }

 private:
  /// The id has no redirect any more: first it leads to itself, as after an un-merge.
  void forget(const Record& record) {
    if (!redirects_->get(record.key)) return;
    const std::string id = record.key.to_string();
    builder_.Clear();
    const auto text = builder_.CreateString(id);
    const flatbuffers::Offset<flatbuffers::String> no_survivor;
    Record own_root = record;
    own_root.value = finish_aligned(builder_, CreateRedirect(builder_, text, no_survivor, text));
    route(own_root);
    redirects_->erase(id, record.timestamp_ms);
    if (!rows_->get(id)) sender_.retract(context(), id, id, record.timestamp_ms);
  }

  void route(const Record& record) {
    const auto& redirect = *flatbuffers::GetRoot<Redirect>(record.value.data());
    const std::string_view id = redirect.id()->string_view();
    std::optional<std::string> sent_root;
    bool moves = redirect.stays() != nullptr;
    if (const Row before = redirects_->get(id)) {
      if (before.value == record.value) return;
      const auto& sent = *flatbuffers::GetRoot<Redirect>(before.value.data());
      sent_root = sent.root()->str();
      moves |= sent.stays() != nullptr;
    }
    moves |= redirect.root()->string_view() != (sent_root ? *sent_root : id);
    redirects_->put(id, record.value, record.timestamp_ms);
    const Row row = rows_->get(id);
    if (row && !sent_root) sent_root = id;
    const int64_t timestamp_ms = std::max(row.timestamp_ms, record.timestamp_ms);
    if (sent_root && *sent_root != redirect.root()->string_view()) {
      sender_.retract(context(), *sent_root, id, timestamp_ms);
    }
    // The retraction may have run other processors of this task, so the view of the row is renewed.
    const Row current = rows_->get(id);
    sender_.add(context(), id, &redirect,
                current ? flatbuffers::GetRoot<AccountRow>(current.value.data()) : nullptr,
                timestamp_ms);
    if (moves && context().child_count() > kMovedRootsChild) {
      context().forward_to(kMovedRootsChild, record);
    }
  }

  std::string redirect_store_;
  std::string row_store_;
  KeyValueStore* redirects_ = nullptr;
  KeyValueStore* rows_ = nullptr;
  flatbuffers::FlatBufferBuilder builder_;
  MemberSender sender_;
};

}  // namespace

ProcessorFactory row_router(std::string redirect_store) {
  return [redirect_store] { return std::make_unique<RowRouter>(redirect_store); };
}

ProcessorFactory redirect_router(std::string redirect_store, std::string row_store) {
  return [redirect_store, row_store] {
    return std::make_unique<RedirectRouter>(redirect_store, row_store);
  };
}

}  // namespace millrace::crm
