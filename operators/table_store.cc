#include "millrace/operators/detail/operators.h"

namespace millrace::operators {
namespace {

class TableStore final : public Processor {
 public:
  explicit TableStore(std::string store) : store_name_(std::move(store)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    store_ = &context.store(store_name_);
  }

  void process(const Record& record) override {
    if (record.key.is_null()) {
      context().count_dropped("null_key");
      return;
    }
    const Row row = store_->get(record.key);
    if (!row && record.value.is_null()) return;
    Record out = record;
    out.old_value = Bytes();
    if (row) {
      old_value_ = row.value.view();  // the row's view dies at the put
      out.old_value = old_value_;
    }
    if (record.value.is_null()) {
      store_->erase(record.key, record.timestamp_ms);
    } else {
      store_->put(record.key, record.value, record.timestamp_ms);
    }
    context().forward(out);
  }

 private:
  std::string store_name_;
  KeyValueStore* store_ = nullptr;
  std::string old_value_;
};

}  // namespace

ProcessorFactory table_store(std::string store) {
  return [store] { return std::make_unique<TableStore>(store); };
}

}  // namespace millrace::operators
