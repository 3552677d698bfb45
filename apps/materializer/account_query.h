#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "millrace/engine/queries.h"
#include "millrace/engine/query_router.h"
#include "millrace/engine/query_server.h"

#include "account_state_generated.h"
#include "account_territory_generated.h"
#include "apps/tools/personal_mask.h"

namespace millrace::apps {

/// How accounts are shown.
struct AccountView {
  std::string_view default_source;       ///< of an id without a ':'
  const PersonalMask* mask = nullptr;    ///< hides personal fields; null: none
  std::optional<int64_t> as_of_ms = {};  ///< moment of the entitlements; nullopt: now
};

/// Answers `GET /v1/accounts/{id}`: the account that `id` is part of now, as JSON.
///
/// `id` has the internal form `source:id`. Answers 400 for invalid ids, 404 for those never seen,
/// 503 while the id moves between two accounts or its task is elsewhere. Includes the territories,
/// as its task has aligned them. Reads committed state of two tasks: an answer may be older than
/// the newest merge, but never mixes two accounts. Fields that the mask hides are "***" unless they
/// are null, and `masked` names them.
HttpAnswer account_answer(const Queries& queries, std::string_view id, const AccountView& view);

/// A component's state: root, status, members, fields and counts. Fields that the mask hides are
/// "***"; null: it hides none.
nlohmann::json state_json(const crm::AccountState& state, const PersonalMask* mask);

/// Territory, and the rules that put the account there.
nlohmann::json territory_json(const crm::AccountTerritory& row);

/// The same for `GET /v1/accounts/{id}/changes`: position and freshness are no content, since they
/// move without a change of the account.
QueryRouter::Watched watched_account(const Queries& queries, std::string_view id,
                                     const AccountView& view);

/// As it goes into an answer: bytes that are not UTF-8 are replaced.
std::string text_of(const nlohmann::json& body);

inline constexpr size_t kBatchIdsMax = 1'000;
inline constexpr size_t kBatchBytesMax = 512 << 10;
inline constexpr size_t kBatchAnswerBytesMax = 16 << 20;

/// Answers `POST /v1/accounts` with a body `{"ids": [...]}` of at most `kBatchIdsMax` ids:
/// `{"accounts": [...]}`, in their order `{"id", "status", "account"}` or `{"id", "status",
/// "error"}`, each as `account_answer` gives it. 400 for another body, 413 when the answer would be
/// longer than `kBatchAnswerBytesMax`.
HttpAnswer accounts_answer(const Queries& queries, std::string_view body, const AccountView& view);

}  // namespace millrace::apps
