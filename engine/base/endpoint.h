#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace millrace::engine {

/// Before "host:port": the server speaks TLS.
inline constexpr std::string_view kSecureScheme = "https://";

/// Where a server can be reached.
struct Endpoint {
  std::string host;  ///< name or address; an IPv6 address without brackets
  uint16_t port = 0;

  /// "host:port", with brackets around an IPv6 address.
  std::string to_string() const;
};

/// Reads "host:port"; an IPv6 address needs brackets, for else its last group would be the port.
/// Takes '_' in names, which some resolvers know. nullopt: it is none.
std::optional<Endpoint> parse_endpoint(std::string_view text);

/// An IPv4 or IPv6 address, the latter with or without brackets.
bool is_ip_address(std::string_view text);
/// An address that means all of a machine's, 0.0.0.0 or ::, which nobody can connect to from
/// elsewhere.
bool is_any_address(std::string_view text);
/// An address of this machine only: 127.0.0.0/8, ::1 or the name localhost.
bool is_loopback(std::string_view text);
/// A host's name as RFC 1123 has it: labels of letters, digits and inner '-', 253 bytes at most.
bool is_host_name(std::string_view text);
/// `text` without the brackets of an IPv6 address.
std::string_view without_brackets(std::string_view text);

}  // namespace millrace::engine
