#pragma once

#include <string>

#include "millrace/engine/query_router.h"
#include "millrace/engine/query_server.h"

namespace millrace::apps {

/// JSON Schema of `conflicts_answer`.
extern const char* const kConflictsSchema;

/// The newest findings that a person should look at, from `topic`: `GET /v1/conflicts`. Waits for
/// Kafka, `request.deadline` the latest.
HttpAnswer conflicts_answer(const QueryRouter& router, const std::string& topic,
                            const HttpRequest& request);

}  // namespace millrace::apps
