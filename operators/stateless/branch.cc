#include <algorithm>

#include <fmt/format.h>

#include "millrace/operators/branches.h"
#include "millrace/operators/detail/operators.h"

namespace millrace::operators {
namespace {

class Branch final : public Processor {
 public:
  explicit Branch(std::vector<Predicate> predicates) : predicates_(std::move(predicates)) {}

  void process(const Record& record) override {
    size_t child = 0;
    while (child < predicates_.size() && !is_true(predicates_[child], record)) ++child;
    if (child == context().child_count()) return context().count_dropped("no_branch");
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

NamedStreams split(const StreamCore& stream, std::string name, std::vector<Predicate> predicates,
                   const std::vector<std::string>& names) {
  const std::string prefix = name.empty() ? stream.anchor : name;
  const StreamCore branches = stream.then(
      {.name = std::move(name), .operation = "split", .factory = branch(std::move(predicates))});
  // One fixed child per branch, whatever the user attaches to it, since children have numbers.
  NamedStreams streams;
  for (const std::string& branch_name : names) {
    streams.emplace_back(
        branch_name,
        branches.then({.name = fmt::format("{}.{}", prefix, branch_name), .factory = pass()}));
  }
  return streams;
}

const StreamCore& branch_named(const NamedStreams& branches, std::string_view name) {
  const auto found = std::find_if(branches.begin(), branches.end(),
                                  [&](const auto& branch) { return branch.first == name; });
  if (found != branches.end()) return found->second;
  const StreamCore& first = branches.front().second;
  first.draft->fail(fmt::format("there is no branch '{}' beside '{}'", name, first.anchor));
  return first;
}

}  // namespace millrace::operators
