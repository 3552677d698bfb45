#pragma once

#include <chrono>
#include <thread>

#include "millrace/core/result.h"

namespace millrace::engine::kafka {

/// For longer than a broker that answers lags behind the one that made a topic.
inline constexpr std::chrono::milliseconds kUnknownWait{5'000};

/// The answer of `ask`, which it repeats while that is `kNotFound`, for `wait` at most.
template <class Ask>
auto until_known(Ask&& ask, std::chrono::milliseconds wait = kUnknownWait) -> decltype(ask()) {
  constexpr std::chrono::milliseconds kPause{50};
  const auto deadline = std::chrono::steady_clock::now() + wait;
  for (;;) {
    auto answer = ask();
    const bool may_come = !answer.ok() && answer.code() == ErrorCode::kNotFound;
    if (!may_come || std::chrono::steady_clock::now() >= deadline) return answer;
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace millrace::engine::kafka
