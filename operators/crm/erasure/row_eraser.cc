#include "crm/erasure/row_eraser.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "account_state_generated.h"
#include "crm/model/composite_key.h"
#include "crm/model/encode.h"
#include "crm/model/erasure_marks.h"
#include "crm/model/erasure_report.h"
#include "crm/model/logged_row.h"

namespace millrace::crm {
namespace {

class RowEraser final : public Processor {
 public:
  explicit RowEraser(RowEraserStores stores) : stores_(std::move(stores)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    rows_ = &context.store(stores_.rows);
    erasures_ = &context.store(stores_.erasures);
    if (stores_.states.empty()) return;
    states_ = &context.store(stores_.states);
    members_ = &context.store(stores_.members);
    if (!stores_.child_counts.empty()) child_counts_ = &context.store(stores_.child_counts);
  }

  void process(const Record& record) override {
    const auto& erasure = *flatbuffers::GetRoot<Erasure>(record.value.data());
    if (!is_erased(*erasures_, record.key, erasure.as_of_ms())) {
      erasures_->put(record.key, record.value, record.timestamp_ms);
    }
    std::vector<ErasedRows> places{erase_row(erasure, record)};
    if (states_ != nullptr) places.push_back(erase_state(record));
    const std::string id = erasure.id()->str();
    const Bytes report = write_report(builder_, erasure, context().task(), places);
    context().forward_to(kRowReportsChild, {.key = id,
                                            .value = report,
                                            .old_value = {},
                                            .timestamp_ms = record.timestamp_ms,
                                            .headers = {}});
  }

 private:
  ErasedRows erase_row(const Erasure& erasure, const Record& record) {
    ErasedRows rows{.place = stores_.rows};
    const Row stored = rows_->get(record.key);
    if (!stored) return rows;
    old_row_.assign(stored.value.view());
    LoggedRow row = read_logged_row(*flatbuffers::GetRoot<AccountRow>(old_row_.data()));
    const bool changed = erase_through(row, erasure.as_of_ms());
    const bool is_gone = is_bare(row.row);
    rows.erased = is_gone ? 1 : 0;
    rows.kept = is_gone ? 0 : 1;
    if (!changed) return rows;
    const int64_t timestamp_ms = std::max(stored.timestamp_ms, record.timestamp_ms);
    Bytes value;
    if (is_gone) {
      rows_->erase(record.key, timestamp_ms);
    } else {
      builder_.Clear();
      value = finish_aligned(builder_, write_row(builder_, row));
      rows_->put(record.key, value, timestamp_ms);
    }
    context().forward_to(kErasedRowsChild, {.key = record.key,
                                            .value = value,
                                            .old_value = Bytes(old_row_),
                                            .timestamp_ms = timestamp_ms,
                                            .headers = {}});
    return rows;
  }

  /// After the row. The state stays if the root has members or children, whatever it says yet: the
  /// aggregator puts it together at the end of the commit.
  ErasedRows erase_state(const Record& record) {
    ErasedRows rows{.place = stores_.states};
    const bool stays = members_->prefix(key_under(record.key.view(), ""))->valid() ||
                       (child_counts_ != nullptr && child_counts_->get(record.key));
    const Row stored = states_->get(record.key);
    if (!stored) return rows;
    rows.kept = stays ? 1 : 0;
    rows.erased = stays ? 0 : 1;
    const auto& state = *flatbuffers::GetRoot<AccountState>(stored.value.data());
    const bool is_settled = state.status() == AccountStatus::Absorbed;
    if (!stays && is_settled) states_->erase(record.key, record.timestamp_ms);
    return rows;
  }

  RowEraserStores stores_;
  KeyValueStore* rows_ = nullptr;
  KeyValueStore* erasures_ = nullptr;
  KeyValueStore* states_ = nullptr;
  KeyValueStore* members_ = nullptr;
  KeyValueStore* child_counts_ = nullptr;
  flatbuffers::FlatBufferBuilder builder_;
  std::string old_row_;
};

}  // namespace

ProcessorFactory row_eraser(RowEraserStores stores) {
  return [stores = std::move(stores)] { return std::make_unique<RowEraser>(stores); };
}

}  // namespace millrace::crm
