#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "millrace/engine/run_main.h"

namespace millrace::engine::run_main_port_test {

constexpr int kTopicsWereMade = 99;

Result<Topology> from_in_to_out() {
  std::vector<Node> nodes(2);
  nodes[0].name = "source";
  nodes[0].kind = NodeKind::kSource;
  nodes[0].topic = {"in", type_info<std::string>(), type_info<std::string>()};
  nodes[0].children = {1};
  nodes[1].name = "sink";
  nodes[1].kind = NodeKind::kSink;
  nodes[1].topic = {"out", type_info<std::string>(), type_info<std::string>()};
  nodes[1].parents = {0};
  return Topology::create("ports", std::move(nodes), {}, {});
}

int run_on(int port, const std::filesystem::path& state) {
  std::vector<std::string> arguments{"program", "--state.dir=" + state.string(),
                                     "--bootstrap.servers=127.0.0.1:1",
                                     "--query.port=" + std::to_string(port)};
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  RunExtras extras;
  extras.new_topics = [](const EngineOptions&) -> std::vector<NewTopic> {
    std::_Exit(kTopicsWereMade);
  };
  return run_main(from_in_to_out(), static_cast<int>(argv.size()), argv.data(), std::move(extras));
}

TEST(RunMainDeathTest, AQueryPortInUseIsToldBeforeTopicsAreMade) {
  const int taken = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(taken, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(taken, 1), 0);
  ASSERT_EQ(getsockname(taken, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const int port = ntohs(address.sin_port);
  const auto state =
      std::filesystem::temp_directory_path() / ("millrace-port-" + std::to_string(port));
  EXPECT_EXIT(std::exit(run_on(port, state)),
              ::testing::ExitedWithCode(static_cast<int>(ExitCode::kUsage)),
              "cannot listen on 127.0.0.1 port " + std::to_string(port));
  std::filesystem::remove_all(state);
  close(taken);
}

}  // namespace millrace::engine::run_main_port_test
