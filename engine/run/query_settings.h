#pragma once

#include <string>

#include "millrace/engine/options.h"
#include "millrace/engine/query_server.h"

#include "engine/http/token_table.h"

namespace millrace::engine {

/// The server's options by the properties, without secrets and rights.
QueryServerOptions server_options(const EngineOptions& options);
/// Rights of a caller without a token: those that `tokens` give him. Null, no tokens: he may ask,
/// read raw rows unless they hold personal data, and operate a server that only this machine
/// reaches.
Rights anonymous_rights(const EngineOptions& options, const TokenTable* tokens,
                        bool has_personal_rows);
/// Where the other instances reach a query server on `port`; empty: nowhere, since it listens on
/// all addresses and no property says which of them to use.
std::string advertised_endpoint(const EngineOptions& options, int port);

}  // namespace millrace::engine
