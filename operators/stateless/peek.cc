#include "millrace/operators/detail/operators.h"

namespace millrace::operators {
namespace {

class Peek final : public Processor {
 public:
  explicit Peek(Observer observer) : observer_(std::move(observer)) {}

  void process(const Record& record) override {
    const bool takes_key = !record.key.is_null() || observer_.takes_null_key;
    const bool takes_value = !record.value.is_null() || observer_.takes_null_value;
    if (takes_key && takes_value) observer_.call(record.key, record.value);
    context().forward(record);
  }

 private:
  Observer observer_;
};

}  // namespace

ProcessorFactory peek(Observer observer) {
  return [observer] { return std::make_unique<Peek>(observer); };
}

}  // namespace millrace::operators
