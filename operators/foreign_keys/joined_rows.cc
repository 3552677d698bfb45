#include <algorithm>

#include "millrace/operators/detail/foreign_keys.h"
#include "millrace/operators/detail/operators.h"

#include "operators/null_rules.h"
#include "operators/row_keeper.h"

namespace millrace::operators {
namespace {

constexpr size_t kAnswers = 0;

class KeepJoinedRows final : public Processor {
 public:
  KeepJoinedRows(std::string store, JoinKind kind, TableView left, Joiner joiner)
      : store_name_(std::move(store)),
        kind_(kind),
        left_(std::move(left)),
        joiner_(std::move(joiner)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    rows_.open(context, store_name_);
    left_rows_ = left_.open(context);
  }

  void process(const Record& record) override {
    if (context().parent() == kAnswers) {
      take_answer(record);
    } else {
      join_with_none(record);
    }
  }

 private:
  void take_answer(const Record& record) {
    if (drop_any_null(record, context())) return;
    const ForeignKeyMessage answer = decode_message(record.value);
    const Row left = left_rows_->get(record.key);
    // An answer to an older left row; the one to the present row is on its way, or there is no
    // foreign key any more.
    if (!left || row_hash_of(left.value) != answer.row_hash) return;
    Record out = record;
    out.timestamp_ms = std::max(record.timestamp_ms, left.timestamp_ms);
    out.value = joined_row(kind_, joiner_, record.key, left.value,
                           answer.has_row ? answer.part : Bytes(), value_);
    rows_.replace(out, rows_.read(record.key));
  }

  /// The change of a left row that is gone or has no foreign key.
  void join_with_none(const Record& record) {
    const Row old = rows_.read(record.key);
    Record out = record;
    out.value = joined_row(kind_, joiner_, record.key, record.value, Bytes(), value_);
    if (out.value.is_null()) out.timestamp_ms = std::max(record.timestamp_ms, old.timestamp_ms);
    rows_.replace(out, old);
  }

  std::string store_name_;
  JoinKind kind_;
  TableView left_;
  Joiner joiner_;
  RowKeeper rows_;
  std::unique_ptr<RowView> left_rows_;
  std::string value_;
};

}  // namespace

ProcessorFactory keep_joined_rows(std::string store, JoinKind kind, TableView left, Joiner joiner) {
  return [=] { return std::make_unique<KeepJoinedRows>(store, kind, left, joiner); };
}

}  // namespace millrace::operators
