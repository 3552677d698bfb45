#include "millrace/operators/suppress/suppress_table.h"

#include <utility>

#include <fmt/format.h>

#include "millrace/operators/detail/windowed_bytes.h"

#include "operators/suppress/held_order.h"
#include "operators/windows/own_rows.h"

namespace millrace::operators {
namespace {

class SuppressedView final : public RowView {
 public:
  SuppressedView(std::unique_ptr<RowView> table, KeyValueStore& held)
      : table_(std::move(table)), held_(held) {}

  Row get(Bytes key) override {
    // Rows of the operator's own are no changes, and any record may ask for such a key.
    if (is_own_row(key)) return table_->get(key);
    const Row held = held_.get(key);
    if (!held) return table_->get(key);
    // Nobody knows when a row was emitted that is not the table's any more.
    return {decode_held_change(held.value).emitted, 0};
  }

 private:
  std::unique_ptr<RowView> table_;
  KeyValueStore& held_;
};

}  // namespace

std::string SuppressSpec::fault() const {
  if (until_window_closes && !windows) {
    return "knows no windows: suppress the table of a windowed aggregate, or one that is filtered, "
           "mapped or materialized from it";
  }
  if (limit_ms < 0) return fmt::format("has a negative time limit: {} ms", limit_ms);
  if (limit_ms > kIntervalMaxMs) return "has too long a limit: 18 million years is the most";
  if (buffer.records_max < 0 || buffer.bytes_max < 0) {
    return fmt::format("has a negative bound: {} records, {} bytes", buffer.records_max,
                       buffer.bytes_max);
  }
  return {};
}

TableCore suppress_table(const TableCore& table, const std::string& name, SuppressSpec spec,
                         TypeInfo key, TypeInfo held, StoreOptions options) {
  spec.windows = table.windows;
  if (const std::string fault = spec.fault(); !fault.empty()) {
    table.draft->fail(fmt::format("the suppressed table '{}' {}", name, fault));
  }
  StoreSpec& store = table.draft->add_store(name, std::move(key), std::move(held), options);
  store.derived_rows = held_rows_by_due();
  store.is_hidden = &is_own_row;
  ProcessorUse use;
  use.name = name;
  use.factory = suppress(name, std::move(spec));
  use.stores = {name};
  use.reads_at_key = {name};
  return table.then(std::move(use), suppressed_view(table.view, name));
}

TableView suppressed_view(TableView table, std::string store) {
  TableView view;
  view.stores = table.stores;
  view.stores.push_back(store);
  view.open = [open = std::move(table.open),
               store = std::move(store)](ProcessorContext& context) -> std::unique_ptr<RowView> {
    return std::make_unique<SuppressedView>(open(context), context.store(store));
  };
  return view;
}

}  // namespace millrace::operators
