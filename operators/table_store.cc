#include "millrace/operators/detail/operators.h"

#include "operators/row_keeper.h"

namespace millrace::operators {
namespace {

class TableStore final : public Processor {
 public:
  explicit TableStore(std::string store) : store_name_(std::move(store)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    rows_.open(context, store_name_);
  }

  void process(const Record& record) override {
    if (record.key.is_null()) {
      context().count_dropped("null_key");
      return;
    }
    rows_.replace(record, rows_.read(record.key));
  }

 private:
  std::string store_name_;
  RowKeeper rows_;
};

}  // namespace

ProcessorFactory table_store(std::string store) {
  return [store] { return std::make_unique<TableStore>(store); };
}

}  // namespace millrace::operators
