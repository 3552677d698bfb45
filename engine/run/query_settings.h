#pragma once

#include <string>

#include "millrace/engine/options.h"
#include "millrace/engine/query_server.h"

namespace millrace::engine {

/// The server's options by the properties, without tokens, key and rights.
QueryServerOptions server_options(const EngineOptions& options);
/// Rights of a caller without a token where nobody has one: he may ask, read raw rows unless they
/// hold personal data, and operate a server that only this machine reaches.
Rights anonymous_rights(const EngineOptions& options, bool has_personal_rows);
/// The fault of the properties of TLS; empty: none.
std::string tls_fault(const EngineOptions& options);
/// Where the other instances reach a query server on `port`, see `HttpClient::open`; empty:
/// nowhere, since it listens on all addresses and no property says which of them to use.
std::string advertised_endpoint(const EngineOptions& options, int port);

}  // namespace millrace::engine
