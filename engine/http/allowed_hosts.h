#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::engine {

/// The Host headers that a server answers to. A web page can give its own name the address of this
/// server and then read answers as its own (DNS rebinding), but it cannot choose the header.
/// Addresses are harmless: no name was resolved.
class AllowedHosts {
 public:
  /// `names` beside addresses and localhost; "*": any.
  explicit AllowedHosts(const std::vector<std::string>& names);
  /// `host` is the header: a name or an address, with or without a port.
  bool allows(std::string_view host) const;

 private:
  std::set<std::string, std::less<>> names_;  ///< in lower case
  bool is_any_ = false;
};

}  // namespace millrace::engine
