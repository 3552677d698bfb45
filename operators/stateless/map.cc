#include "millrace/operators/detail/operators.h"

#include "operators/null_rules.h"

namespace millrace::operators {
namespace {

class MapStream final : public Processor {
 public:
  explicit MapStream(RecordMapper mapper) : mapper_(std::move(mapper)) {}

  void process(const Record& record) override {
    if (drop_untaken_null(mapper_, record, context())) return;
    Record out = record;
    const bool has_value = mapper_.call(record.key, record.value, key_, value_);
    out.key = key_;
    out.value = has_value ? Bytes(value_) : Bytes();
    context().forward(out);
  }

 private:
  RecordMapper mapper_;
  std::string key_;
  std::string value_;
};

}  // namespace

ProcessorFactory map_stream(RecordMapper mapper) {
  return [mapper] { return std::make_unique<MapStream>(mapper); };
}

}  // namespace millrace::operators
