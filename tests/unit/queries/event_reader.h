#pragma once

#include <optional>
#include <string>

#include "tests/unit/http/raw_client.h"

namespace millrace {

/// Reads server-sent events from a server on this machine.
class EventReader {
 public:
  struct Event {
    std::string name;
    std::string id;
    std::string data;
  };

  EventReader(int port, const std::string& target, const std::string& last_id)
      : client_(port), head_((request(target, last_id), client_.read_until("\r\n\r\n"))) {}

  const std::string& head() const { return head_; }
  /// The next event that is no comment; nullopt: the stream ended.
  std::optional<Event> next() {
    for (;;) {
      const std::string text = client_.read_until("\n\n");
      if (!text.ends_with("\n\n")) return std::nullopt;
      Event event{field(text, "event: "), field(text, "id: "), field(text, "data: ")};
      if (!event.name.empty()) return event;
    }
  }
  /// REQUIRES: the comment at the beginning was not read.
  bool has_event_within(int ms) {
    client_.read_until(":open\n\n\r\n");
    return client_.has_bytes_within(ms);
  }

 private:
  void request(const std::string& target, const std::string& last_id) const {
    client_.send("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n" +
                 (last_id.empty() ? "" : "Last-Event-ID: " + last_id + "\r\n") + "\r\n");
  }
  static std::string field(const std::string& text, const std::string& name) {
    const size_t begin = text.find("\n" + name);
    if (begin == std::string::npos) return {};
    const size_t value = begin + 1 + name.size();
    return text.substr(value, text.find('\n', value) - value);
  }

  RawClient client_;
  std::string head_;
};

}  // namespace millrace
