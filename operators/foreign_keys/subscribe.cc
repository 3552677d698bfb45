#include "millrace/operators/detail/foreign_keys.h"

namespace millrace::operators {
namespace {

constexpr size_t kSubscriptions = 0;
constexpr size_t kJoinedRows = 1;

class Subscribe final : public Processor {
 public:
  explicit Subscribe(KeySelector foreign_key) : foreign_key_(std::move(foreign_key)) {}

  void process(const Record& record) override {
    const Bytes old_key = foreign_key(record.key, record.old_value, old_key_);
    const Bytes new_key = foreign_key(record.key, record.value, new_key_);
    if (!old_key.is_null() && old_key != new_key) send(record, old_key, {false, 0, record.key});
    if (new_key.is_null()) {
      context().forward_to(kJoinedRows, record);
    } else {
      // Also where the row is as before: then it repairs what was lost.
      send(record, new_key, {true, row_hash_of(record.value), record.key});
    }
  }

 private:
  Bytes foreign_key(Bytes key, Bytes value, std::string& out) {
    return !value.is_null() && foreign_key_.call(key, value, out) ? Bytes(out) : Bytes();
  }

  void send(const Record& record, Bytes foreign_key, const ForeignKeyMessage& subscription) {
    encode_message(subscription, message_);
    Record out = record;
    out.key = foreign_key;
    out.value = message_;
    out.old_value = Bytes();
    context().forward_to(kSubscriptions, out);
  }

  KeySelector foreign_key_;
  std::string old_key_;
  std::string new_key_;
  std::string message_;
};

}  // namespace

ProcessorFactory subscribe(KeySelector foreign_key) {
  return [foreign_key] { return std::make_unique<Subscribe>(foreign_key); };
}

}  // namespace millrace::operators
