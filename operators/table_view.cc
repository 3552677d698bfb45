#include "millrace/operators/detail/table_view.h"

namespace millrace::operators {
namespace {

class StoreView final : public RowView {
 public:
  explicit StoreView(KeyValueStore& store) : store_(store) {}
  Row get(Bytes key) override { return store_.get(key); }

 private:
  KeyValueStore& store_;
};

}  // namespace

TableView store_view(std::string store) {
  return {{store},
          [store](ProcessorContext& context) -> std::unique_ptr<RowView> {
            return std::make_unique<StoreView>(context.store(store));
          },
          store};
}

}  // namespace millrace::operators
