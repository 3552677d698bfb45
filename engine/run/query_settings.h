#pragma once

#include <string>

#include "millrace/engine/options.h"
#include "millrace/engine/query_server.h"

namespace millrace::engine {

/// The server's options by the properties, without secrets and rights.
QueryServerOptions server_options(const EngineOptions& options);
/// Rights of a caller without a token. Once there are tokens, or rows hold personal data, he may
/// only ask. Without tokens he may operate a server that only this machine reaches.
Rights anonymous_rights(const EngineOptions& options, bool has_tokens, bool has_personal_rows);
/// Where the other instances reach a query server on `port`; empty: nowhere, since it listens on
/// all addresses and no property says which of them to use.
std::string advertised_endpoint(const EngineOptions& options, int port);

}  // namespace millrace::engine
