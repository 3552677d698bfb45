#include "engine/run/service_manager.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace millrace::engine {
namespace {

constexpr int64_t kIntervalMsMax = 1'000;
/// Of the watchdog's time, so that one lost datagram does no harm.
constexpr int64_t kIntervalsPerWatchdog = 4;
constexpr int64_t kUsPerMs = 1'000;

int64_t number_or_zero(const char* text) {
  int64_t number = 0;
  if (text != nullptr) std::from_chars(text, text + std::strlen(text), number);
  return number;
}

/// A datagram socket that sends to `name`; −1 with errno.
int connected(std::string_view name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool is_abstract = name.front() == '@';
  if ((name.front() != '/' && !is_abstract) || name.size() >= sizeof address.sun_path) {
    errno = EAFNOSUPPORT;
    return -1;
  }
  std::copy(name.begin(), name.end(), address.sun_path);
  if (is_abstract) address.sun_path[0] = '\0';
  const int made = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (made < 0) return -1;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (::connect(made, reinterpret_cast<const sockaddr*>(&address), size) == 0) return made;
  const int fault = errno;
  ::close(made);
  errno = fault;
  return -1;
}

/// Without the bytes that would end it early.
std::string one_line(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\0'; }, ' ');
  return line;
}

}  // namespace

ServiceManager::Environment ServiceManager::environment(
    const std::function<const char*(const char*)>& variable) {
  Environment found;
  if (const char* const socket = variable("NOTIFY_SOCKET")) found.socket = socket;
  const int64_t process = number_or_zero(variable("WATCHDOG_PID"));
  if (process == 0 || process == ::getpid()) {
    found.watchdog_ms = std::max<int64_t>(number_or_zero(variable("WATCHDOG_USEC")), 0) / kUsPerMs;
  }
  return found;
}

ServiceManager::ServiceManager(Environment environment, const Clock& clock)
    : clock_(clock), watchdog_ms_(environment.watchdog_ms), due_ns_(clock.steady_ns()) {
  if (environment.socket.empty()) return;
  socket_ = connected(environment.socket);
  if (is_asked()) return;
  spdlog::warn("the service manager cannot be told anything NOTIFY_SOCKET={} error=\"{}\"",
               environment.socket, std::strerror(errno));
}

ServiceManager::~ServiceManager() {
  if (is_asked()) ::close(socket_);
}

void ServiceManager::turn(const std::function<ServiceView()>& look) {
  if (!is_asked()) return;
  const int64_t now_ns = clock_.steady_ns();
  if (now_ns < due_ns_) return;
  int64_t interval_ms = kIntervalMsMax;
  if (watchdog_ms_ > 0) {
    interval_ms = std::clamp<int64_t>(watchdog_ms_ / kIntervalsPerWatchdog, 1, kIntervalMsMax);
  }
  due_ns_ = now_ns + interval_ms * kNsPerMs;
  ServiceView view = look();
  view.status = one_line(view.status);
  const bool is_ready = was_ready_ || view.is_ready;
  std::string message;
  if (!is_ready) {
    const int64_t turn_ms = watchdog_ms_ > 0 ? watchdog_ms_ : kTurnMaxMs;
    message += fmt::format("EXTEND_TIMEOUT_USEC={}\n", turn_ms * kUsPerMs);
  }
  if (is_ready && !was_ready_) message += "READY=1\n";
  if (watchdog_ms_ > 0) message += "WATCHDOG=1\n";
  if (view.status != status_) message += fmt::format("STATUS={}\n", view.status);
  if (message.empty() || !send(message)) return;
  was_ready_ = is_ready;
  status_ = std::move(view.status);
}

void ServiceManager::stop(std::string_view status, int64_t limit_ms) {
  if (!is_asked()) return;
  send(fmt::format("STOPPING=1\nEXTEND_TIMEOUT_USEC={}\nSTATUS={}\n", limit_ms * kUsPerMs,
                   one_line(status)));
}

bool ServiceManager::send(std::string_view message) const {
  return ::send(socket_, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

}  // namespace millrace::engine
