#include "millrace/operators/cogrouped.h"

#include "operators/aggregate_store.h"
#include "operators/null_rules.h"

namespace millrace::operators {
namespace {

class Cogroup final : public Processor {
 public:
  /// `inputs`: the number of the function for each parent of the node.
  Cogroup(std::string store, std::vector<AggregateFunction> functions,
          std::optional<std::string> initial, std::vector<uint8_t> inputs)
      : store_name_(std::move(store)),
        functions_(std::move(functions)),
        initial_(std::move(initial)),
        inputs_(std::move(inputs)) {}

  void init(ProcessorContext& context) override {
    Processor::init(context);
    store_.open(context, store_name_);
  }

  void process(const Record& record) override {
    const uint8_t input = inputs_.at(context().parent());
    if (drop_any_null(record, context())) return;
    const Row old = store_.read(record.key);
    const Bytes current = old ? old.value : or_null(initial_);
    const bool stays = functions_[input](record.key, record.value, current, value_);
    store_.replace(record, old, stays ? Bytes(value_) : Bytes());
  }

 private:
  std::string store_name_;
  std::vector<AggregateFunction> functions_;
  std::optional<std::string> initial_;
  std::vector<uint8_t> inputs_;
  AggregateStore store_;
  std::string value_;
};

}  // namespace

TableCore cogroup(const std::vector<CogroupInput>& inputs, const std::string& name,
                  std::optional<std::string> initial, const TypeInfo& key, const TypeInfo& value,
                  StoreOptions options) {
  std::vector<std::pair<uint8_t, StreamCore>> streams;
  std::vector<AggregateFunction> functions;
  for (const CogroupInput& input : inputs) {
    MILLRACE_ASSERT(streams.size() <= UINT8_MAX, "a cogroup has at most 256 streams");
    streams.emplace_back(
        static_cast<uint8_t>(streams.size()),
        input.stream.at_its_key(key, input.value, name + "-" + input.stream.anchor));
    functions.push_back(input.function);
  }
  MergedInputs merged = merge_inputs(streams);
  return stored_by(
      merged.stream, name,
      [name, functions, initial, fed = std::move(merged.inputs)] {
        return std::make_unique<Cogroup>(name, functions, initial, fed);
      },
      key, value, options);
}

}  // namespace millrace::operators
