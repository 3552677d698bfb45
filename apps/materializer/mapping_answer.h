#pragma once

#include <span>

#include "millrace/engine/query_server.h"

#include "crm/decode/mapping_report.h"

namespace millrace::apps {

/// How the mapping and the records that this process has read fit: `GET /v1/mapping`, described in
/// README.md. Names and reasons, never a value.
HttpAnswer mapping_answer(std::span<const crm::TopicFit> topics);

}  // namespace millrace::apps
