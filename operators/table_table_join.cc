#include <algorithm>

#include "millrace/operators/detail/operators.h"
#include "millrace/operators/detail/pair_codec.h"

namespace millrace::operators {
namespace {

class TableTableJoin final : public Processor {
 public:
  TableTableJoin(JoinKind kind, JoinSide side, TableView other, Joiner joiner)
      : kind_(kind), side_(side), other_(std::move(other)), joiner_(std::move(joiner)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    other_rows_ = other_.open(context);
  }

  void process(const Record& record) override {
    const Row other = other_rows_->get(record.key);
    Record out = record;
    out.old_value = joined_with(record.key, record.old_value, other.value, old_value_);
    out.value = joined_with(record.key, record.value, other.value, value_);
    if (out.value.is_null() && out.old_value.is_null()) return;
    if (other) out.timestamp_ms = std::max(record.timestamp_ms, other.timestamp_ms);
    context().forward(out);
  }

 private:
  Bytes joined_with(Bytes key, Bytes own, Bytes other, std::string& out) {
    return side_ == JoinSide::kLeft ? joined_row(kind_, joiner_, key, own, other, out)
                                    : joined_row(kind_, joiner_, key, other, own, out);
  }

  JoinKind kind_;
  JoinSide side_;
  TableView other_;
  Joiner joiner_;
  std::unique_ptr<RowView> other_rows_;
  std::string value_;
  std::string old_value_;
};

class JoinView final : public RowView {
 public:
  JoinView(JoinKind kind, std::unique_ptr<RowView> left, std::unique_ptr<RowView> right,
           Joiner joiner)
      : kind_(kind), left_(std::move(left)), right_(std::move(right)), joiner_(std::move(joiner)) {}

  /// The two sides come from different stores, so the left row outlives the right one's read.
  Row get(Bytes key) override {
    const Row left = left_->get(key);
    const Row right = right_->get(key);
    return {joined_row(kind_, joiner_, key, left.value, right.value, value_),
            std::max(left.timestamp_ms, right.timestamp_ms)};
  }

 private:
  JoinKind kind_;
  std::unique_ptr<RowView> left_;
  std::unique_ptr<RowView> right_;
  Joiner joiner_;
  std::string value_;
};

}  // namespace

Bytes joined_row(JoinKind kind, const Joiner& joiner, Bytes key, Bytes left, Bytes right,
                 std::string& out) {
  const bool has_left = !left.is_null();
  const bool has_right = !right.is_null();
  const bool exists = kind == JoinKind::kInner  ? has_left && has_right
                      : kind == JoinKind::kLeft ? has_left
                                                : has_left || has_right;
  return exists && joiner(key, left, right, out) ? Bytes(out) : Bytes();
}

Joiner pair_joiner() {
  return [](Bytes, Bytes left, Bytes right, std::string& out) {
    out.clear();
    encode_pair({left, right}, out);
    return true;
  };
}

ProcessorFactory table_table_join(JoinKind kind, JoinSide side, TableView other, Joiner joiner) {
  return [=] { return std::make_unique<TableTableJoin>(kind, side, other, joiner); };
}

TableView join_view(JoinKind kind, TableView left, TableView right, Joiner joiner) {
  // Without a history: what joins this table joins the rows of now.
  TableView view;
  for (const TableView* const side : {&left, &right}) {
    view.stores.insert(view.stores.end(), side->stores.begin(), side->stores.end());
    view.reads_at_key.insert(view.reads_at_key.end(), side->reads_at_key.begin(),
                             side->reads_at_key.end());
  }
  view.open = [=](ProcessorContext& context) -> std::unique_ptr<RowView> {
    return std::make_unique<JoinView>(kind, left.open(context), right.open(context), joiner);
  };
  return view;
}

}  // namespace millrace::operators
