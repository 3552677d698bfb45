#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "millrace/core/clock.h"

namespace millrace::engine {

/// How the program is, for the service manager.
struct ServiceView {
  bool is_ready = false;
  std::string status{};  ///< one line
};

/// Tells the service manager (systemd) how the program is, by datagrams as sd_notify(3) documents
/// them. Nobody has asked where `Environment::socket` is empty: then all calls do nothing.
///
/// Only the thread that does the work calls it, and between two pieces of work. So the watchdog
/// barks when the work hangs, and the time for the start ends, since no other thread speaks for it.
/// A datagram that cannot be sent now is left out, and the next one says the same. One thread.
class ServiceManager {
 public:
  struct Environment {
    std::string socket{};     ///< NOTIFY_SOCKET: a path, or '@' and an abstract name
    int64_t watchdog_ms = 0;  ///< WATCHDOG_USEC, unless WATCHDOG_PID names another process; 0: none
  };
  static Environment environment(const std::function<const char*(const char*)>& variable);

  /// Longest turn that passes for work where no watchdog says a time: brokers that are away hold a
  /// turn up for their time-outs.
  static constexpr int64_t kTurnMaxMs = 300'000;

  /// `clock` must outlive this. Logs when the socket is of no use; the program runs without.
  ServiceManager(Environment environment, const Clock& clock);
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  /// A piece of work is done. At most once a second: calls `look`, and says that the program is
  /// alive, its status if that changed, and once that it is ready. Until then it asks for more
  /// time, so that a start takes as long as it makes progress.
  void turn(const std::function<ServiceView()>& look);
  /// The program ends, by itself or because it was asked to, within about `limit_ms`.
  void stop(std::string_view status, int64_t limit_ms);

 private:
  bool is_asked() const { return socket_ >= 0; }
  bool send(std::string_view message) const;

  const Clock& clock_;
  const int64_t watchdog_ms_;
  int socket_ = -1;
  bool was_ready_ = false;
  std::string status_;
  int64_t due_ns_ = 0;
};

}  // namespace millrace::engine
