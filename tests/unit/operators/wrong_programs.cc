// Each macro makes this file a program that must not compile, for the reason a test expects.

#include "millrace/operators.h"

namespace mr = millrace;

constexpr mr::Topic<std::string, int64_t> kNumbers{"numbers"};
constexpr mr::Topic<std::string, std::string> kTexts{"texts"};

void define(mr::TopologyBuilder& builder) {
  const auto numbers = builder.stream(kNumbers);
  const auto texts = builder.table(kTexts);
#if defined(SINK_OF_ANOTHER_TYPE)
  numbers.to(kTexts);
#elif defined(PREDICATE_OF_ANOTHER_TYPE)
  numbers.filter([](std::string_view value) { return value.empty(); });
#elif defined(AGGREGATE_WITHOUT_INITIAL_VALUE)
  numbers.aggregate("sums", [](int64_t value, int64_t sum) { return value + sum; });
#elif defined(LEFT_JOIN_WITHOUT_MAYBE)
  numbers.left_join(texts, [](int64_t value, std::string_view) { return value; });
#elif defined(RESULT_WITHOUT_SERDE)
  numbers.map_values([](int64_t value) { return static_cast<double>(value); });
#endif
}
