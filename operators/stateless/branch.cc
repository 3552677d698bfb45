#include "millrace/operators/detail/operators.h"

namespace millrace::operators {
namespace {

class Branch final : public Processor {
 public:
  explicit Branch(std::vector<Predicate> predicates) : predicates_(std::move(predicates)) {}

  void process(const Record& record) override {
    size_t child = 0;
    while (child < predicates_.size() && !is_true(predicates_[child], record)) ++child;
    context().forward_to(child, record);
  }

 private:
  static bool is_true(const Predicate& predicate, const Record& record) {
    if (record.key.is_null() && !predicate.takes_null_key) return false;
    if (record.value.is_null() && !predicate.takes_null_value) return false;
    return predicate.call(record.key, record.value);
  }
  std::vector<Predicate> predicates_;
};

}  // namespace

ProcessorFactory branch(std::vector<Predicate> predicates) {
  return [predicates] { return std::make_unique<Branch>(predicates); };
}

}  // namespace millrace::operators
