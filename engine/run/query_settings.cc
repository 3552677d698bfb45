#include "engine/run/query_settings.h"

#include <array>

#include <unistd.h>

#include "engine/base/endpoint.h"
#include "engine/http/request_parameters.h"

namespace millrace::engine {
namespace {

std::string name_of_this_machine() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

}  // namespace

QueryServerOptions server_options(const EngineOptions& options) {
  QueryServerOptions served{.host = options.query_host,
                            .port = options.query_port,
                            .threads = options.query_threads,
                            .tls_certificate_file = options.query_tls_certificate_file,
                            .tls_key_file = options.query_tls_key_file,
                            .connections_max = options.query_connections_max,
                            .connections_per_address_max = options.query_connections_per_address,
                            .streams_max = options.query_subscriptions_max,
                            .scans_max = options.query_scans_max,
                            .title = options.application_id};
  for (const std::string_view name : split_at(options.query_allowed_hosts, ',')) {
    if (!name.empty()) served.allowed_hosts.emplace_back(name);
  }
  for (const std::string& name : {options.query_advertised_host, name_of_this_machine()}) {
    if (!name.empty()) served.allowed_hosts.push_back(name);
  }
  return served;
}

std::string tls_fault(const EngineOptions& options) {
  const bool has_certificate = !options.query_tls_certificate_file.empty();
  if (has_certificate != !options.query_tls_key_file.empty()) {
    return "query.tls.certificate.file and query.tls.key.file need each other";
  }
  if (!has_certificate && !options.query_tls_authority_file.empty()) {
    return "query.tls.authority.file needs query.tls.certificate.file: without it the instances "
           "ask each other in the clear";
  }
  return {};
}

Rights anonymous_rights(const EngineOptions& options, bool has_personal_rows) {
  Rights rights{Right::kRead};
  if (!has_personal_rows) rights.add(Right::kRaw);
  if (is_loopback(options.query_host)) rights.add(Right::kOperate);
  return rights;
}

std::string advertised_endpoint(const EngineOptions& options, int port) {
  const std::string& host =
      options.query_advertised_host.empty() ? options.query_host : options.query_advertised_host;
  if (is_any_address(host)) return {};
  const Endpoint endpoint{std::string(without_brackets(host)), static_cast<uint16_t>(port)};
  const bool is_secure = !options.query_tls_certificate_file.empty();
  return (is_secure ? std::string(kSecureScheme) : "") + endpoint.to_string();
}

}  // namespace millrace::engine
