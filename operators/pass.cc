#include "millrace/operators/detail/operators.h"

namespace millrace::operators {
namespace {

class Pass final : public Processor {
 public:
  void process(const Record& record) override {
    Record out = record;
    out.old_value = Bytes();
    context().forward(out);
  }
};

class Relay final : public Processor {
 public:
  void process(const Record& record) override { context().forward(record); }
};

class PassKeyed final : public Processor {
 public:
  void process(const Record& record) override {
    if (record.key.is_null()) {
      context().count_dropped("null_key");
      return;
    }
    context().forward(record);
  }
};

}  // namespace

ProcessorFactory pass() {
  return [] { return std::make_unique<Pass>(); };
}

ProcessorFactory relay() {
  return [] { return std::make_unique<Relay>(); };
}

ProcessorFactory pass_keyed() {
  return [] { return std::make_unique<PassKeyed>(); };
}

}  // namespace millrace::operators
