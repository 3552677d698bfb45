#include "tests/unit/operators/windows/window_steps.h"

#include <gtest/gtest.h>

namespace millrace::testing {
namespace {

void append(std::string& text, const Windowed<std::string>& window) {
  if (!text.empty()) text += ' ';
  text += window.key + '[' + std::to_string(window.start_ms) + ',' + std::to_string(window.end_ms) +
          ')';
}

}  // namespace

void steps(Harness& harness, const std::vector<Step>& all) {
  for (size_t i = 0; i < all.size(); ++i) {
    const Step& step = all[i];
    harness.pipe(kIn, step.key, step.value, step.timestamp_ms);
    std::string results;
    for (const auto& result : harness.read(kWindowed)) {
      append(results, *result.key);
      results += '=' + (result.value ? std::to_string(*result.value) : "null");
      results += '@' + std::to_string(result.timestamp_ms);
    }
    EXPECT_EQ(results, step.results) << "step " << i;
  }
}

std::string windows_in(const Harness& harness, std::string_view store) {
  using Key = Serde<Windowed<std::string>>;
  std::string windows;
  for (const auto& [key, row] : harness.store(store)) {
    if (Key::validate(Bytes(key)).ok()) {
      append(windows, Windowed<std::string>(Key::view(Bytes(key))));
    }
  }
  return windows;
}

}  // namespace millrace::testing
