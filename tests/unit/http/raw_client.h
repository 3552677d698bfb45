#pragma once

#include <array>
#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace {

/// A connection to this machine that sends exactly the given bytes.
class RawClient {
 public:
  explicit RawClient(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval timeout{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  RawClient(RawClient&& other) noexcept : socket_(other.socket_) { other.socket_ = -1; }
  RawClient& operator=(RawClient&&) = delete;
  ~RawClient() {
    if (socket_ >= 0) ::close(socket_);
  }

  void send(const std::string& text) const {
    EXPECT_GE(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL), 0);
  }
  /// Up to the given text, or the end of the stream.
  std::string read_until(const std::string& end) const {
    std::string text;
    char c = 0;
    while (!text.ends_with(end) && ::recv(socket_, &c, 1, 0) == 1) text += c;
    return text;
  }
  /// Whether something comes, be it the end of the stream.
  bool has_bytes_within(int ms) const {
    pollfd look{.fd = socket_, .events = POLLIN, .revents = 0};
    return ::poll(&look, 1, ms) > 0;
  }
  /// Up to the end of the stream.
  std::string read_all() const {
    std::string text;
    std::array<char, 64 << 10> piece{};
    ssize_t bytes = 0;
    while ((bytes = ::recv(socket_, piece.data(), piece.size(), 0)) > 0) {
      text.append(piece.data(), static_cast<size_t>(bytes));
    }
    return text;
  }

 private:
  int socket_;
};

}  // namespace millrace
