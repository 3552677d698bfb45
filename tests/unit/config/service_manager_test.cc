#include "engine/run/service_manager.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/testing/manual_clock.h"
#include "tests/unit/temp_directory.h"

namespace millrace::engine::service_manager_test {

using ::testing::HasSubstr;

constexpr int64_t kWatchdogMs = 8'000;

/// The other end: systemd's.
class Listener {
 public:
  explicit Listener(const std::string& name) : socket_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), address.sun_path);
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), size), 0);
  }
  ~Listener() { ::close(socket_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// The next datagram; empty: there is none.
  std::string take() {
    std::string text(4096, '\0');
    const ssize_t size = ::recv(socket_, text.data(), text.size(), MSG_DONTWAIT);
    text.resize(static_cast<size_t>(std::max<ssize_t>(size, 0)));
    return text;
  }

 private:
  const int socket_;
};

class ServiceManagerTest : public ::testing::Test {
 protected:
  void turn(bool is_ready, const std::string& status = "running") {
    manager_.turn([&] {
      ++looks_;
      return ServiceView{.is_ready = is_ready, .status = status};
    });
  }
  void later(int64_t ms) { clock_.advance(ms); }

  TempDirectory directory_;
  const std::string name_ = directory_.path() / "notify";
  Listener systemd_{name_};
  millrace::testing::ManualClock clock_{0};
  ServiceManager manager_{{.socket = name_, .watchdog_ms = kWatchdogMs}, clock_};
  int looks_ = 0;
};

TEST_F(ServiceManagerTest, AsksForTimeUntilItIsReadyAndSaysSoOnce) {
  turn(false, "restoring");
  EXPECT_EQ(systemd_.take(), "EXTEND_TIMEOUT_USEC=8000000\nWATCHDOG=1\nSTATUS=restoring\n");
  later(1'000);
  turn(true);
  EXPECT_EQ(systemd_.take(), "READY=1\nWATCHDOG=1\nSTATUS=running\n");
  later(1'000);
  turn(false);  // a later rebalance is no new start
  EXPECT_EQ(systemd_.take(), "WATCHDOG=1\n");
}

TEST_F(ServiceManagerTest, SpeaksOnlyAfterATurnSoThatAHangIsNoticed) {
  turn(true);
  systemd_.take();
  later(10 * kWatchdogMs);
  EXPECT_EQ(systemd_.take(), "");
  turn(true);
  EXPECT_EQ(systemd_.take(), "WATCHDOG=1\n");
}

TEST_F(ServiceManagerTest, LooksOnceASecondHoweverManyTurnsThereAre) {
  for (int i = 0; i < 100; ++i) {
    turn(true);
    later(10);
  }
  EXPECT_EQ(looks_, 1);
  turn(true);
  EXPECT_EQ(looks_, 2);
}

TEST_F(ServiceManagerTest, SaysAgainThatItIsReadyWhenTheQueueWasFull) {
  constexpr int kMoreThanAQueueTakes = 1'000;  // net.unix.max_dgram_qlen is 10 to 512
  for (int i = 0; i < kMoreThanAQueueTakes; ++i) {
    turn(false, std::to_string(i));
    later(1'000);
  }
  turn(true);
  while (!systemd_.take().empty()) {
  }
  later(1'000);
  turn(true);
  EXPECT_THAT(systemd_.take(), HasSubstr("READY=1\n"));
}

TEST_F(ServiceManagerTest, TellsOfTheEndOnOneLine) {
  manager_.stop("failed: two\nlines", 30'000);
  EXPECT_EQ(systemd_.take(),
            "STOPPING=1\nEXTEND_TIMEOUT_USEC=30000000\nSTATUS=failed: two lines\n");
}

TEST_F(ServiceManagerTest, TakesAnAbstractName) {
  const std::string name = "@millrace-test-" + std::to_string(::getpid());
  Listener listener(name);
  ServiceManager manager({.socket = name}, clock_);
  manager.turn([] { return ServiceView{.is_ready = true}; });
  EXPECT_EQ(listener.take(), "READY=1\n");
}

TEST_F(ServiceManagerTest, DoesNothingWhenNobodyAsks) {
  ServiceManager manager({}, clock_);
  manager.turn([]() -> ServiceView {
    ADD_FAILURE() << "looked";
    return {};
  });
  manager.stop("stopping", 1);
}

TEST_F(ServiceManagerTest, RunsWithoutASocketThatIsNotThere) {
  ServiceManager manager({.socket = name_ + "-none"}, clock_);
  manager.turn([]() -> ServiceView {
    ADD_FAILURE() << "looked";
    return {};
  });
}

ServiceManager::Environment environment(const std::map<std::string, std::string>& variables) {
  return ServiceManager::environment([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(ServiceEnvironment, TakesTheWatchdogThatIsMeantForThisProcess) {
  const std::string own = std::to_string(::getpid());
  EXPECT_EQ(environment({}).watchdog_ms, 0);
  EXPECT_EQ(environment({{"NOTIFY_SOCKET", "/run/x"}}).socket, "/run/x");
  EXPECT_EQ(environment({{"WATCHDOG_USEC", "3000000"}}).watchdog_ms, 3'000);
  EXPECT_EQ(environment({{"WATCHDOG_USEC", "3000000"}, {"WATCHDOG_PID", own}}).watchdog_ms, 3'000);
  EXPECT_EQ(environment({{"WATCHDOG_USEC", "3000000"}, {"WATCHDOG_PID", "1"}}).watchdog_ms, 0);
  EXPECT_EQ(environment({{"WATCHDOG_USEC", "-5"}}).watchdog_ms, 0);
}

}  // namespace millrace::engine::service_manager_test
