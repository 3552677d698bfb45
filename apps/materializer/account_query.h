#pragma once

#include <string>
#include <string_view>

#include "millrace/engine/queries.h"
#include "millrace/engine/query_server.h"

#include "apps/tools/personal_mask.h"

namespace millrace::apps {

/// Answers `GET /v1/accounts/{id}`: the account that `id` is part of now, as JSON.
///
/// `id` has the internal form `source:id`; without a ':' it belongs to `default_source`. Answers
/// 400 for invalid ids, 404 for those never seen, 503 while the id moves between two accounts or
/// its task is elsewhere. Includes the territories, as its task has aligned them. Reads committed
/// state of two tasks: an answer may be older than the newest merge, but never mixes two accounts.
/// Fields that `mask` hides (null: none) are "***" unless they are null, and `masked` names them.
HttpAnswer account_answer(const Queries& queries, std::string_view id,
                          std::string_view default_source, const PersonalMask* mask);

}  // namespace millrace::apps
