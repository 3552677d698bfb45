#include "crm/signals/account_signals.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "crm/account_row.h"
#include "crm/encode.h"
#include "crm/ids.h"
#include "crm/merge_fact.h"
#include "crm/signals/transaction.h"
#include "merge_signal_generated.h"

namespace millrace::crm {
namespace {

class AccountSignals final : public Processor {
 public:
  explicit AccountSignals(std::string master_field) : master_field_(std::move(master_field)) {}

  void process(const Record& record) override {
    if (record.value.is_null()) return;
    const Result<ChangeView> change =
        read_change(*flatbuffers::GetRoot<AccountChange>(record.value.data()));
    if (!change.ok()) return;  // the row materializer refuses it
    if (change->type == ChangeType::Undelete) {
      return send_fact(*change, MergeAuthority::Undelete, MergeFactKind::Unmerge, "", record);
    }
    if (const std::string_view master = master_of(*change); !master.empty()) {
      send_fact(*change, MergeAuthority::MasterRecord, MergeFactKind::Merge, master, record);
    }
    if (context().child_count() <= kAccountPartsChild) return;
    if (change->type == ChangeType::Delete) {
      send_part(*change, TransactionPartKind::Deleted, record);
    } else if (change->type == ChangeType::Update) {
      send_part(*change, TransactionPartKind::Updated, record);
    }
  }

 private:
  std::string_view master_of(const ChangeView& change) {
    if (master_field_.empty()) return {};
    const auto field = std::ranges::find(change.fields, master_field_, &FieldView::name);
    if (field == change.fields.end() || !field->value || *field->value == change.id) return {};
    if (is_internal_id(*field->value)) return *field->value;
    context().count_dropped("bad_master");
    return {};
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
  flatbuffers::FlatBufferBuilder builder_;
};

}  // namespace

ProcessorFactory account_signals(std::string master_field) {
  return [master_field] { return std::make_unique<AccountSignals>(master_field); };
}

}  // namespace millrace::crm
