#pragma once

#include <string>

#include "millrace/engine/engine.h"
#include "millrace/engine/query_server.h"

namespace millrace::engine {

/// `/v1/dead-letters`: where the newest ones came from and why they are there. It shows the sizes
/// of their records only, since nobody knows which parts are personal.
void add_dead_letter_route(QueryServer& server, const Engine& engine, std::string topic);

}  // namespace millrace::engine
