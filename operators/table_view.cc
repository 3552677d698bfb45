#include "millrace/operators/detail/table_view.h"

#include <utility>

namespace millrace::operators {
namespace {

class StoreView final : public RowView {
 public:
  explicit StoreView(KeyValueStore& store) : store_(store) {}
  Row get(Bytes key) override { return store_.get(key); }

 private:
  KeyValueStore& store_;
};

class ChangedView final : public RowView {
 public:
  ChangedView(std::unique_ptr<RowView> table, RowChange change)
      : table_(std::move(table)), change_(std::move(change)) {}
  Row get(Bytes key) override { return change_(key, table_->get(key)); }
  Row as_of(Bytes key, int64_t time_ms) override {
    return change_(key, table_->as_of(key, time_ms));
  }

 private:
  std::unique_ptr<RowView> table_;
  RowChange change_;
};

}  // namespace

TableView store_view(std::string store) {
  TableView view;
  view.stores = {store};
  view.open = [store](ProcessorContext& context) -> std::unique_ptr<RowView> {
    return std::make_unique<StoreView>(context.store(store));
  };
  view.rows_in = store;
  view.reads_at_key = {store};
  return view;
}

TableView changed_view(TableView table, RowChange change) {
  table.open = [open = std::move(table.open),
                change](ProcessorContext& context) -> std::unique_ptr<RowView> {
    return std::make_unique<ChangedView>(open(context), change);
  };
  table.rows_in.clear();
  return table;
}

}  // namespace millrace::operators
