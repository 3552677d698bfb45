#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace millrace::engine {

/// A connection that sends exactly the given bytes.
class Wire {
 public:
  explicit Wire(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval timeout{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Wire() { ::close(socket_); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  /// All that comes in answer to `request` until the other side closes.
  std::string ask(const std::string& request) const {
    EXPECT_GE(::send(socket_, request.data(), request.size(), MSG_NOSIGNAL), 0);
    std::string answer;
    char piece[4096];
    for (ssize_t n = 0; (n = ::recv(socket_, piece, sizeof piece, 0)) > 0;) {
      answer.append(piece, static_cast<size_t>(n));
    }
    return answer;
  }

 private:
  int socket_;
};

inline std::string get(int port, const std::string& target, const std::string& headers = {}) {
  return Wire(port).ask("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
                        headers + "\r\n");
}

inline std::string body_of(const std::string& answer) {
  const size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? std::string() : answer.substr(end + 4);
}

/// A peer that answers every request with the bytes that `script` gives for its head, and then
/// hangs up. Serves one connection at a time; the time that one may take is bounded.
class Peer {
 public:
  /// Bytes to send; an empty answer means silence until the other side gives up.
  using Script = std::function<std::string(const std::string& head)>;

  explicit Peer(Script script)
      : script_(std::move(script)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Peer() {
    die();
    thread_.join();
    ::close(listener_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }
  std::vector<std::string> heads() const {
    const std::lock_guard lock(mutex_);
    return heads_;
  }
  /// Takes no connection any more; may be called by the script.
  void die() {
    dead_ = true;
    ::shutdown(listener_, SHUT_RDWR);
  }

 private:
  void run() {
    while (!dead_) {
      const int socket = ::accept(listener_, nullptr, nullptr);
      if (socket < 0) continue;
      const timeval timeout{.tv_sec = 10, .tv_usec = 0};
      ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
      serve(socket);
      ::close(socket);
    }
  }
  void serve(int socket) {
    std::string head;
    char c = 0;
    while (head.find("\r\n\r\n") == std::string::npos && ::recv(socket, &c, 1, 0) == 1) head += c;
    if (head.empty()) return;
    {
      const std::lock_guard lock(mutex_);
      heads_.push_back(head);
    }
    const std::string answer = script_(head);
    size_t sent = 0;
    while (sent < answer.size()) {
      const ssize_t n = ::send(socket, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      sent += static_cast<size_t>(n);
    }
    if (answer.empty()) ::recv(socket, &c, 1, 0);
  }

  Script script_;
  int listener_;
  int port_ = 0;
  std::atomic<bool> dead_ = false;
  mutable std::mutex mutex_;
  std::vector<std::string> heads_;
  std::thread thread_;
};

inline std::string http_answer(const std::string& body, const std::string& status = "200 OK",
                               const std::string& headers = {}) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         headers + "\r\n" + body;
}

}  // namespace millrace::engine
