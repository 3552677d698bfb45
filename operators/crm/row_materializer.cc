#include "crm/row_materializer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "millrace/core/invalid_record.h"

#include "crm/account_row.h"
#include "crm/encode.h"
#include "crm/erasure/erasure_marks.h"

namespace millrace::crm {
namespace {

class RowMaterializer final : public Processor {
 public:
  RowMaterializer(std::string row_store, std::string erasure_store)
      : row_store_(std::move(row_store)), erasure_store_(std::move(erasure_store)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    rows_ = &context.store(row_store_);
    erasures_ = &context.store(erasure_store_);
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
    RowView row{.id = change->id};
    if (stored) row = read_row(*flatbuffers::GetRoot<AccountRow>(stored.value.data()));
    const Result<bool> changed = merge_change(row, *change);
    if (!changed.ok()) throw InvalidRecord(changed.message());
    if (!*changed) return;

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
  std::string row_store_;
  std::string erasure_store_;
  KeyValueStore* rows_ = nullptr;
  KeyValueStore* erasures_ = nullptr;
  flatbuffers::FlatBufferBuilder builder_;
  std::string old_value_;
};

}  // namespace

ProcessorFactory row_materializer(std::string row_store, std::string erasure_store) {
  return [row_store, erasure_store] {
    return std::make_unique<RowMaterializer>(row_store, erasure_store);
  };
}

}  // namespace millrace::crm
