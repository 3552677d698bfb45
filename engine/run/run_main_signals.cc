#include "engine/run/run_main_signals.h"

#include <chrono>
#include <csignal>
#include <ctime>
#include <utility>

#include <pthread.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace millrace::engine {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr timespec kTick{.tv_sec = 0, .tv_nsec = 100'000'000};

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

[[noreturn]] void end_at_once(ExitCode code) {
  spdlog::default_logger()->flush();
  _exit(static_cast<int>(code));
}

}  // namespace

SignalThread::SignalThread(int64_t stop_timeout_ms) : stop_timeout_ms_(stop_timeout_ms) {
  const sigset_t signals = stop_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  thread_ = std::thread([this] { run(); });
}

SignalThread::~SignalThread() {
  done_ = true;
  thread_.join();
}

void SignalThread::on_stop(std::function<void()> stop) {
  const std::lock_guard lock(mutex_);
  stop_ = std::move(stop);
  if (stop_requested_ && stop_) stop_();
}

void SignalThread::limit_end(ExitCode code) {
  end_code_ = code;
  is_ending_ = true;
}

void SignalThread::request_stop() {
  const std::lock_guard lock(mutex_);
  stop_requested_ = true;
  if (stop_) stop_();
}

void SignalThread::run() {
  const sigset_t signals = stop_signals();
  SteadyClock::time_point deadline = SteadyClock::time_point::max();
  while (!done_) {
    const int signal = sigtimedwait(&signals, nullptr, &kTick);
    if (signal > 0 && stop_requested_) {
      spdlog::warn("second signal: ending at once signal={}", signal);
      end_at_once(ExitCode::kInterrupted);
    }
    if (signal > 0) {
      spdlog::info("stopping signal={} timeout_ms={}", signal, stop_timeout_ms_);
      deadline = SteadyClock::now() + std::chrono::milliseconds(stop_timeout_ms_);
      request_stop();
    }
    const auto now = SteadyClock::now();
    if (is_ending_ && deadline == SteadyClock::time_point::max()) {
      deadline = now + std::chrono::milliseconds(stop_timeout_ms_);
    }
    if (now >= deadline && !done_) {
      const ExitCode code = end_code_;
      spdlog::log(code == ExitCode::kOk ? spdlog::level::warn : spdlog::level::err,
                  "{} took too long: ending at once timeout_ms={} exit_code={}",
                  is_ending_ ? "the end" : "the orderly stop", stop_timeout_ms_,
                  static_cast<int>(code));
      end_at_once(code);
    }
  }
}

}  // namespace millrace::engine
