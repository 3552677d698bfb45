#pragma once

#include <span>
#include <string>

#include "millrace/engine/http_route.h"

namespace millrace::engine {

/// The OpenAPI 3.1 document of these routes, as JSON. Routes that `anonymous` may call need no
/// token there.
std::string open_api(std::span<const HttpRoute* const> routes, const std::string& title,
                     Rights anonymous);

}  // namespace millrace::engine
