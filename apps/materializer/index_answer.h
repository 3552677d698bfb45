#pragma once

#include <string>
#include <vector>

#include "millrace/engine/http_route.h"
#include "millrace/engine/queries.h"
#include "millrace/engine/query_router.h"

#include "apps/tools/personal_mask.h"
#include "crm/indexes/crm_indexes.h"

namespace millrace::apps {

/// The choices of parameter `index` of `GET /v1/accounts` and of `GET /v1/entitlements`.
std::vector<std::string> account_indexes(const std::vector<crm::IndexedField>& fields);
std::vector<std::string> entitlement_indexes();

/// Answers `GET /v1/accounts?index=…`: a page of accounts that an index finds, as JSON:
/// `{"accounts": [...], "next": …, "positions": [...]}`. Each has `value`, that of the index, and
/// its state; by territory its root, and the rules that put it there. 409 while the index is built,
/// 401 or 403 for an index of a personal field without the right. Positions are no content.
QueryRouter::Watched accounts_by_index(const Queries& queries,
                                       const std::vector<crm::IndexedField>& fields,
                                       const HttpRequest& request, const PersonalMask& mask);

/// Answers `GET /v1/entitlements?index=…`: likewise `{"entitlements": [...], …}`. 404 when the job
/// derives none.
QueryRouter::Watched entitlements_by_index(const Queries& queries, const HttpRequest& request);

}  // namespace millrace::apps
