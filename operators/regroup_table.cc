#include "millrace/operators/detail/operators.h"
#include "millrace/operators/detail/pair_codec.h"

namespace millrace::operators {
namespace {

class RegroupTable final : public Processor {
 public:
  explicit RegroupTable(KeySelector selector) : selector_(std::move(selector)) {}

  void process(const Record& record) override {
    const Bytes old_group = group(record.key, record.old_value, old_key_);
    const Bytes new_group = group(record.key, record.value, new_key_);
    if (old_group == new_group) {
      if (!new_group.is_null()) send(record, new_group, {record.old_value, record.value});
      return;
    }
    if (!old_group.is_null()) send(record, old_group, {record.old_value, Bytes()});
    if (!new_group.is_null()) send(record, new_group, {Bytes(), record.value});
  }

 private:
  Bytes group(Bytes key, Bytes value, std::string& out) {
    return !value.is_null() && selector_.call(key, value, out) ? Bytes(out) : Bytes();
  }

  void send(const Record& record, Bytes key, BytesPair change) {
    change_.clear();
    encode_pair(change, change_);
    Record out = record;
    out.key = key;
    out.value = change_;
    out.old_value = Bytes();
    context().forward(out);
  }

  KeySelector selector_;
  std::string old_key_;
  std::string new_key_;
  std::string change_;
};

}  // namespace

ProcessorFactory regroup_table(KeySelector selector) {
  return [selector] { return std::make_unique<RegroupTable>(selector); };
}

}  // namespace millrace::operators
