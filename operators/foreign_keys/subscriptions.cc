#include <algorithm>

#include "millrace/operators/detail/foreign_keys.h"

#include "operators/null_rules.h"

namespace millrace::operators {
namespace {

/// Forwards an answer to the left row of `left_key`. `cause` is the record that asks for it.
class Answers {
 public:
  void send(ProcessorContext& context, const Record& cause, Bytes left_key, uint64_t row_hash,
            Row right) {
    encode_message({static_cast<bool>(right), row_hash, right.value}, message_);
    Record out = cause;
    out.key = left_key;
    out.value = message_;
    out.old_value = Bytes();
    if (right) out.timestamp_ms = std::max(cause.timestamp_ms, right.timestamp_ms);
    context.forward(out);
  }

 private:
  std::string message_;
};

class KeepSubscriptions final : public Processor {
 public:
  KeepSubscriptions(std::string store, TableView right)
      : store_name_(std::move(store)), right_(std::move(right)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    store_ = &context.store(store_name_);
    right_rows_ = right_.open(context);
  }

  void process(const Record& record) override {
    if (drop_any_null(record, context())) return;
    const ForeignKeyMessage subscription = decode_message(record.value);
    encode_subscription_key(record.key, subscription.part, key_);
    if (!subscription.has_row) {
      store_->erase(key_, record.timestamp_ms);
      return;
    }
    hash_.clear();
    Serde<int64_t>::encode(static_cast<int64_t>(subscription.row_hash), hash_);
    store_->put(key_, hash_, record.timestamp_ms);
    // Every subscription gets an answer, also where there is no right row: without it an older
    // answer that is still on its way to the same left row could be the last one.
    answers_.send(context(), record, subscription.part, subscription.row_hash,
                  right_rows_->get(record.key));
  }

 private:
  std::string store_name_;
  TableView right_;
  KeyValueStore* store_ = nullptr;
  std::unique_ptr<RowView> right_rows_;
  Answers answers_;
  std::string key_;
  std::string hash_;
};

class AnswerSubscriptions final : public Processor {
 public:
  explicit AnswerSubscriptions(std::string store) : store_name_(std::move(store)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    store_ = &context.store(store_name_);
  }

  void process(const Record& record) override {
    // Also where the row is as before: then it repairs answers that were lost at least once.
    encode_subscription_group(record.key, group_);
    // Nothing behind an answer leads back to the subscriptions, so the iterator stays valid.
    for (const auto it = store_->prefix(group_); it->valid(); it->next()) {
      left_key_ = left_key_of(it->key()).view();
      const int64_t row_hash = Serde<int64_t>::view(it->row().value);
      answers_.send(context(), record, left_key_, static_cast<uint64_t>(row_hash),
                    {record.value, record.timestamp_ms});
    }
  }

 private:
  std::string store_name_;
  KeyValueStore* store_ = nullptr;
  Answers answers_;
  std::string group_;
  std::string left_key_;
};

}  // namespace

ProcessorFactory keep_subscriptions(std::string store, TableView right) {
  return [=] { return std::make_unique<KeepSubscriptions>(store, right); };
}

ProcessorFactory answer_subscriptions(std::string store) {
  return [store] { return std::make_unique<AnswerSubscriptions>(store); };
}

}  // namespace millrace::operators
