#include "crm/accounts/row_materializer.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "millrace/core/invalid_record.h"

#include "crm/model/encode.h"
#include "crm/model/erasure_marks.h"
#include "crm/model/logged_row.h"
#include "crm/model/table_floors.h"

namespace millrace::crm {
namespace {

class RowMaterializer final : public Processor {
 public:
  RowMaterializer(std::string row_store, std::string erasure_store, std::string floor_store)
      : row_store_(std::move(row_store)),
        erasure_store_(std::move(erasure_store)),
        floor_store_(std::move(floor_store)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    rows_ = &context.store(row_store_);
    erasures_ = &context.store(erasure_store_);
    if (!floor_store_.empty()) floors_.emplace(context.store(floor_store_));
  }

  void process(const Record& record) override {
    if (record.value.is_null()) return context().count_dropped("null_value");
    const Result<ChangeView> change =
        read_change(*flatbuffers::GetRoot<AccountChange>(record.value.data()));
    if (!change.ok()) throw InvalidRecord(change.message());
    if (is_erased(*erasures_, record.key, change->version.commit_timestamp_ms)) {
      return context().count_dropped("erased");
    }
    const Row stored = rows_->get(record.key);
    LoggedRow row{.row = {.id = change->id}};
    if (stored) row = read_logged_row(*flatbuffers::GetRoot<AccountRow>(stored.value.data()));
    const Result<bool> changed = merge_change(row, *change);
    if (!changed.ok()) throw InvalidRecord(changed.message());
    if (!*changed) return count_outdated(row.row, change->version);
    // A floor that the row cannot take is no fault of this change.
    if (floors_ && !floors_->apply(record.key.view(), row).ok()) {
      context().count_dropped("sweep_refused");
    }

    builder_.Clear();
    const Bytes value = finish_aligned(builder_, write_row(builder_, row));
    old_value_.assign(stored ? stored.value.view() : std::string_view());
    const Bytes old_value = stored ? Bytes(old_value_) : Bytes();
    const int64_t timestamp_ms = std::max(stored.timestamp_ms, record.timestamp_ms);
    rows_->put(record.key, value, timestamp_ms);
    context().forward({.key = record.key,
                       .value = value,
                       .old_value = old_value,
                       .timestamp_ms = timestamp_ms,
                       .headers = record.headers});
  }

 private:
  /// The clock of a late change is late, too. If it is not, the log may be a new one.
  void count_outdated(const RowView& row, VersionView version) {
    constexpr int64_t kClockStepMsMax = 60'000;
    const VersionView newest = row.newest_version();
    const bool is_behind = newest.log == version.log && version < newest;
    if (is_behind && version.commit_timestamp_ms - newest.commit_timestamp_ms > kClockStepMsMax) {
      context().count_dropped("behind_its_log");
    }
  }

  std::string row_store_;
  std::string erasure_store_;
  std::string floor_store_;
  std::optional<TableFloorReader> floors_;
  KeyValueStore* rows_ = nullptr;
  KeyValueStore* erasures_ = nullptr;
  flatbuffers::FlatBufferBuilder builder_;
  std::string old_value_;
};

}  // namespace

ProcessorFactory row_materializer(std::string row_store, std::string erasure_store,
                                  std::string floor_store) {
  return [row_store, erasure_store, floor_store] {
    return std::make_unique<RowMaterializer>(row_store, erasure_store, floor_store);
  };
}

}  // namespace millrace::crm
