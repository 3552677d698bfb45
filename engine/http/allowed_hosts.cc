#include "engine/http/allowed_hosts.h"

#include <algorithm>

#include "engine/base/endpoint.h"

namespace millrace::engine {
namespace {

std::string in_lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower;
}

}  // namespace

AllowedHosts::AllowedHosts(const std::vector<std::string>& names) : names_{"localhost"} {
  for (const std::string& name : names) {
    if (name == "*") is_any_ = true;
    names_.insert(in_lower_case(name));
  }
}

bool AllowedHosts::allows(std::string_view host) const {
  if (is_any_) return true;
  const size_t colon = host.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
  std::string name = in_lower_case(has_port ? host.substr(0, colon) : host);
  if (name.ends_with('.')) name.pop_back();
  return is_ip_address(name) || names_.contains(name);
}

}  // namespace millrace::engine
