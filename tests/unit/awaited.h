#pragma once

#include <chrono>
#include <thread>

#include <gtest/gtest.h>

namespace millrace {

/// Waits until `condition()` holds, which another thread brings about: calls it every millisecond,
/// for 30 s at most. `what`: the condition, for the message of a wait in vain.
template <class Condition>
::testing::AssertionResult awaited(Condition&& condition, const char* what) {
  constexpr std::chrono::seconds kPatience{30};
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return ::testing::AssertionFailure() << "within 30 s it did not happen that " << what;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return ::testing::AssertionSuccess();
}

}  // namespace millrace
