#include "millrace/operators/detail/operators.h"

#include "operators/null_rules.h"

namespace millrace::operators {
namespace {

class KeyBy final : public Processor {
 public:
  explicit KeyBy(KeySelector selector) : selector_(std::move(selector)) {}

  void process(const Record& record) override {
    if (drop_untaken_null(selector_, record, context())) return;
    if (!selector_.call(record.key, record.value, key_)) {
      context().count_dropped("no_new_key");
      return;
    }
    Record out = record;
    out.key = key_;
    context().forward(out);
  }

 private:
  KeySelector selector_;
  std::string key_;
};

}  // namespace

ProcessorFactory key_by(KeySelector selector) {
  return [selector] { return std::make_unique<KeyBy>(selector); };
}

}  // namespace millrace::operators
