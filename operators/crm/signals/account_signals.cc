#include "crm/signals/account_signals.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "crm/merges/merge_fact.h"
#include "crm/model/account_row.h"
#include "crm/model/encode.h"
#include "crm/model/ids.h"
#include "crm/signals/transaction.h"
#include "merge_signal_generated.h"

namespace millrace::crm {
namespace {

class AccountSignals final : public Processor {
 public:
  AccountSignals(std::string master_field, std::string row_store, bool sees_all)
      : master_field_(std::move(master_field)),
        row_store_(std::move(row_store)),
        sees_all_(sees_all) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    if (!master_field_.empty()) rows_ = &context.store(row_store_);
  }

  void process(const Record& record) override {
    if (record.value.is_null()) return;
    const Result<ChangeView> change =
        read_change(*flatbuffers::GetRoot<AccountChange>(record.value.data()));
    if (!change.ok()) return;  // the row materializer refuses it
    if (change->type == ChangeType::Undelete) {
      return send_fact(*change, MergeAuthority::Undelete, MergeFactKind::Unmerge, "", record);
    }
    if (const FieldView* master = find_master(change->fields)) {
      send_master(*change, *master, record);
    }
    if (context().child_count() <= kAccountPartsChild) return;
    if (change->type == ChangeType::Delete) {
      send_part(*change, TransactionPartKind::Deleted, record);
    } else if (change->type == ChangeType::Update) {
      send_part(*change, TransactionPartKind::Updated, record);
    }
    if (sees_all_) send_part(*change, TransactionPartKind::Seen, record);
  }

 private:
  const FieldView* find_master(const std::vector<FieldView>& fields) const {
    if (master_field_.empty()) return nullptr;
    const auto field = std::ranges::find(fields, master_field_, &FieldView::name);
    return field == fields.end() ? nullptr : &*field;
  }

  /// The first of a merge and of its end finds nothing in the row; the second finds the first.
  void send_master(const ChangeView& change, const FieldView& master, const Record& record) {
    const Row stored = rows_->get(record.key);
    RowView row;
    if (stored) row = read_row(*flatbuffers::GetRoot<AccountRow>(stored.value.data()));
    const FieldView* known = find_master(row.fields);
    if (!master.value) {
      const bool ends_merge =
          known != nullptr && known->value && is_before(known->version, change.version);
      if (ends_merge) send_end(change, change.version, record);
      return;
    }
    if (*master.value == change.id) return;
    if (!is_internal_id(*master.value)) return context().count_dropped("bad_master");
    send_fact(change, MergeAuthority::MasterRecord, MergeFactKind::Merge, *master.value, record);
    const bool has_ended =
        known != nullptr && !known->value && is_before(change.version, known->version);
    if (has_ended) send_end(change, known->version, record);
  }

  void send_end(const ChangeView& change, VersionView version, const Record& record) {
    ChangeView end = change;
    end.version = version;
    send_fact(end, MergeAuthority::Undelete, MergeFactKind::Unmerge, "", record);
  }

  void send_fact(const ChangeView& change, MergeAuthority authority, MergeFactKind kind,
                 std::string_view survivor, const Record& record) {
    const OwnedMergeFact fact{.victim = std::string(change.id),
                              .version = OwnedVersion(change.version),
                              .authority = authority,
                              .kind = kind,
                              .survivor = std::string(survivor)};
    builder_.Clear();
    send(kSignalFactsChild, fact.victim, finish_aligned(builder_, write_merge_fact(builder_, fact)),
         record);
  }

  void send_part(const ChangeView& change, TransactionPartKind kind, const Record& record) {
    const std::optional<std::string> transaction = transaction_of(change.id, change.version);
    if (!transaction) return;
    builder_.Clear();
    const auto id = builder_.CreateString(change.id);
    const auto version = write_version(builder_, change.version);
    send(kAccountPartsChild, *transaction,
         finish_aligned(builder_, CreateTransactionPart(builder_, kind, id, {}, version)), record);
  }

  void send(AccountSignalsChild child, const std::string& key, Bytes value, const Record& record) {
    context().forward_to(child, {.key = key,
                                 .value = value,
                                 .old_value = {},
                                 .timestamp_ms = record.timestamp_ms,
                                 .headers = {}});
  }

  std::string master_field_;
  std::string row_store_;
  bool sees_all_;
  KeyValueStore* rows_ = nullptr;
  flatbuffers::FlatBufferBuilder builder_;
};

}  // namespace

ProcessorFactory account_signals(std::string master_field, std::string row_store, bool sees_all) {
  return [master_field, row_store, sees_all] {
    return std::make_unique<AccountSignals>(master_field, row_store, sees_all);
  };
}

}  // namespace millrace::crm
