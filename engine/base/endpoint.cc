#include "engine/base/endpoint.h"

#include <algorithm>
#include <array>

#include <arpa/inet.h>
#include <fmt/format.h>

#include "engine/base/numbers.h"

namespace millrace::engine {
namespace {

constexpr size_t kHostLengthMax = 253;
constexpr size_t kLabelLengthMax = 63;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// The bytes of an address, the first 4 of them used for IPv4.
struct RawAddress {
  int family = 0;
  std::array<unsigned char, 16> bytes{};
};

std::optional<RawAddress> read_address(std::string_view text) {
  const std::string host(without_brackets(text));
  RawAddress address{.family = AF_INET};
  const bool is_bracketed = host.size() != text.size();
  if (!is_bracketed && inet_pton(AF_INET, host.c_str(), address.bytes.data()) == 1) return address;
  address.family = AF_INET6;
  if (inet_pton(AF_INET6, host.c_str(), address.bytes.data()) == 1) return address;
  return std::nullopt;
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLabelLengthMax && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), [](char c) {
           return is_letter_or_digit(c) || c == '-';
         });
}

}  // namespace

std::string Endpoint::to_string() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

std::string_view without_brackets(std::string_view text) {
  const bool is_bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  return is_bracketed ? text.substr(1, text.size() - 2) : text;
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Endpoint endpoint;
  if (!read_number(text.substr(colon + 1), endpoint.port) || endpoint.port == 0) {
    return std::nullopt;
  }
  const std::string_view written = text.substr(0, colon);
  const std::string_view host = without_brackets(written);
  const bool is_bracketed = host.size() != written.size();
  const bool is_name = !host.empty() && host.size() <= kHostLengthMax &&
                       std::all_of(host.begin(), host.end(), [](char c) {
                         return is_letter_or_digit(c) || c == '-' || c == '.' || c == '_';
                       });
  if (is_bracketed ? !is_ip_address(written) : !is_name) return std::nullopt;
  endpoint.host = host;
  return endpoint;
}

bool is_ip_address(std::string_view text) {
  return read_address(text).has_value();
}

bool is_any_address(std::string_view text) {
  const auto address = read_address(text);
  return address && std::all_of(address->bytes.begin(), address->bytes.end(),
                                [](unsigned char byte) { return byte == 0; });
}

bool is_loopback(std::string_view text) {
  if (text == "localhost") return true;
  const auto address = read_address(text);
  if (!address) return false;
  constexpr unsigned char kLoopbackNet = 127;
  if (address->family == AF_INET) return address->bytes.front() == kLoopbackNet;
  constexpr std::array<unsigned char, 16> kLoopback6{0, 0, 0, 0, 0, 0, 0, 0,
                                                     0, 0, 0, 0, 0, 0, 0, 1};
  return address->bytes == kLoopback6;
}

bool is_host_name(std::string_view text) {
  if (text.size() > kHostLengthMax) return false;
  for (;;) {
    const size_t dot = text.find('.');
    if (!is_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace millrace::engine
