#include "apps/materializer/account_query.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "millrace/core/serde.h"

#include "account_state_generated.h"
#include "account_territory_generated.h"
#include "apps/materializer/entitlement_answer.h"
#include "crm/account_topology.h"
#include "crm/accounts/child_counts.h"
#include "crm/model/ids.h"
#include "crm/territory/assignment_rows.h"
#include "crm/values/field_form.h"
#include "redirect_generated.h"

namespace millrace::apps {
namespace {

using nlohmann::json;

/// A moving id is followed this far; each step is a merge that only one of two tasks has seen.
constexpr int kHopsMax = 16;

struct Found {
  std::string state_bytes;
  StatePosition position;
  const crm::AccountState& state() const {
    return *flatbuffers::GetRoot<crm::AccountState>(state_bytes.data());
  }
};

std::string text(const flatbuffers::String* value) {
  return value == nullptr ? std::string() : value->str();
}

bool has_member(const crm::AccountState& state, const std::string& id) {
  return state.members() != nullptr && state.members()->LookupByKey(id.c_str()) != nullptr;
}

bool has_members(const crm::AccountState& state) {
  return state.members() != nullptr && state.members()->size() > 0;
}

/// Where the redirects lead from `id` in one step: `id` itself when there is none.
Result<std::string> root_of(const Queries& queries, const std::string& id, bool& is_known) {
  Result<StoreAnswer> answer = queries.get(crm::kRedirectStore, Bytes(id));
  if (!answer.ok()) return answer.status();
  if (!answer->row) return id;
  is_known = true;
  const Status valid = Serde<crm::Redirect>::validate(Bytes(answer->row->value));
  if (!valid.ok()) return valid;
  return flatbuffers::GetRoot<crm::Redirect>(answer->row->value.data())->root()->str();
}

Result<std::optional<Found>> state_of(const Queries& queries, const std::string& root) {
  Result<StoreAnswer> answer = queries.get(crm::kAccountStateStore, Bytes(root));
  if (!answer.ok()) return answer.status();
  if (!answer->row) return std::optional<Found>();
  const Status valid = Serde<crm::AccountState>::validate(Bytes(answer->row->value));
  if (!valid.ok()) return valid;
  return std::optional<Found>(Found{std::move(answer->row->value), std::move(answer->position)});
}

/// The account that lists `id` as a member. Redirects and accounts are kept by different tasks, so
/// right after a merge one may know it before the other: a redirect that leads to an account which
/// does not list the id yet is followed further, then the id's former account answers.
/// Error: `kNotFound` for an id never seen, `kRetriable` while it is in no account.
Result<Found> find_account(const Queries& queries, const std::string& id) {
  bool is_known = false;
  std::string at = id;
  for (int hop = 0; hop < kHopsMax; ++hop) {
    Result<std::string> root = root_of(queries, at, is_known);
    if (!root.ok()) return root.status();
    Result<std::optional<Found>> found = state_of(queries, *root);
    if (!found.ok()) return found.status();
    if (*found && has_member((*found)->state(), id)) return *std::move(*found);
    if (*root == at) break;
    at = *root;
  }
  Result<std::optional<Found>> former = state_of(queries, id);
  if (!former.ok()) return former.status();
  if (*former && has_member((*former)->state(), id)) return *std::move(*former);
  // Only children name it, or did.
  const bool is_nameless = !is_known && *former && !has_members((*former)->state());
  if (is_nameless && (*former)->state().status() == crm::AccountStatus::Pending) {
    return *std::move(*former);
  }
  if (is_known || (*former && !is_nameless)) {
    return Error{ErrorCode::kRetriable, "the id is moving between two accounts: ask again"};
  }
  return Error{ErrorCode::kNotFound, "no such account"};
}

json members_json(const crm::AccountState& state) {
  json members = json::array();
  if (state.members() == nullptr) return members;
  for (const crm::Member* member : *state.members()) {
    json entry{{"id", member->id()->str()}};
    if (member->via() != nullptr) entry["via"] = member->via()->str();
    members.push_back(std::move(entry));
  }
  return members;
}

/// By `ChildKind`, as `ChildCounts` calls them, so that a dump of the topic has the same names.
constexpr std::array kCountNames{"contacts",      "opportunities", "contracts",   "contract_lines",
                                 "subscriptions", "assets",        "entitlements"};

/// Number of live records by kind; kinds without any are left out.
json children_json(const crm::AccountState& state) {
  json children = json::object();
  if (state.children() == nullptr) return children;
  const crm::ChildTally counts = crm::read_counts(*state.children());
  for (size_t kind = 0; kind < counts.size(); ++kind) {
    if (counts[kind] == 0) continue;
    children[kCountNames[kind]] = counts[kind];
  }
  return children;
}

json texts_json(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* texts) {
  json list = json::array();
  if (texts == nullptr) return list;
  for (const flatbuffers::String* text : *texts) list.push_back(text->str());
  return list;
}

/// By territory. They are of the task of the account's state, perhaps of its next commit.
Result<json> territories_of(const Queries& queries, const Found& found) {
  const std::string from = crm::territory::assignment_key(text(found.state().root()), "");
  json territories = json::array();
  Status status;
  const Result<StatePosition> seen = queries.scan_partition(
      crm::kAccountTerritoryStore, found.position.task.partition,
      {.from = Bytes(from), .to = Bytes(*prefix_end(Bytes(from)))}, [&](TaskId, Bytes, Row row) {
        status = Serde<crm::AccountTerritory>::validate(row.value);
        if (!status.ok()) return false;
        territories.push_back(
            territory_json(*flatbuffers::GetRoot<crm::AccountTerritory>(row.value.data())));
        return true;
      });
  if (!seen.ok()) return seen.status();
  if (!status.ok()) return status;
  return territories;
}

json answer_json(const std::string& id, const Found& found, json territories, json entitlements,
                 const PersonalMask* mask) {
  json answer = state_json(found.state(), mask);
  const json& root = answer["root"];
  answer["id"] = id;
  answer["resolved_from"] = root == id ? json() : json(id);
  answer["entitlements"] = std::move(entitlements);
  answer["territories"] = std::move(territories);
  answer["position"] = json::parse(position_json(found.position));
  answer["freshness_ms"] = found.position.freshness_ms;
  return answer;
}

}  // namespace

json territory_json(const crm::AccountTerritory& row) {
  return {{"territory", row.territory()->str()},
          {"rules", texts_json(row.rules())},
          {"manual", row.manual()},
          {"alignment_epoch", row.alignment_epoch()}};
}

json state_json(const crm::AccountState& state, const PersonalMask* mask) {
  json fields = json::object();
  json field_members = json::object();
  json field_types = json::object();
  json masked = json::array();
  if (state.fields() != nullptr) {
    for (const crm::GoldenField* field : *state.fields()) {
      const std::string name = field->name()->str();
      const bool is_hidden = mask != nullptr && mask->hides(name);
      if (is_hidden) masked.push_back(name);
      if (field->value() == nullptr) {
        fields[name] = nullptr;
      } else {
        fields[name] = is_hidden ? kHidden : field->value()->str();
      }
      field_members[name] = text(field->member());
      if (field->type() != crm::FieldType::Undeclared) {
        field_types[name] = crm::to_string(field->type());
      }
    }
  }
  return {{"root", state.root()->str()},
          {"status", crm::EnumNameAccountStatus(state.status())},
          {"members", members_json(state)},
          {"children", children_json(state)},
          {"fields", std::move(fields)},
          {"field_members", std::move(field_members)},
          {"field_types", std::move(field_types)},
          {"masked", std::move(masked)},
          {"version", state.version()},
          {"event_time_ms", state.event_time_ms()},
          {"incomplete", state.incomplete()},
          {"incomplete_fields", texts_json(state.incomplete_fields())},
          {"delete_pending", state.delete_pending()}};
}

std::string text_of(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

namespace {

/// The account as JSON, or the status and message of an error.
struct Shown {
  unsigned status = 200;
  json account;
  std::string error;
};

Shown failure(const Error& error) {
  return {.status = error_answer(error).status, .account = {}, .error = error.message};
}

Shown show_account(const Queries& queries, std::string_view id, const AccountView& view) {
  const bool has_source = id.find(':') != std::string_view::npos;
  const std::string full = has_source || id.size() > crm::kLocalIdBytesMax
                               ? std::string(id)
                               : fmt::format("{}:{}", view.default_source, id);
  if (!crm::is_internal_id(full)) {
    return failure({ErrorCode::kInvalidArgument,
                    "not an account id: source:id, or id alone, of at most 255 bytes"});
  }
  const Result<Found> found = find_account(queries, full);
  if (!found.ok()) return failure(found.error());
  Result<json> territories = territories_of(queries, *found);
  if (!territories.ok()) return failure(territories.error());
  Result<json> entitlements = entitlements_json(queries, found->state().root()->str(),
                                                found->position.task.partition, view.as_of_ms);
  if (!entitlements.ok()) return failure(entitlements.error());
  return {.account = answer_json(full, *found, *std::move(territories), *std::move(entitlements),
                                 view.mask),
          .error = {}};
}

/// The ids of a batch; the fault of its body otherwise.
Result<std::vector<std::string>> read_ids(std::string_view body) {
  const Error invalid{
      ErrorCode::kInvalidArgument,
      fmt::format("the body has to be {{\"ids\": [...]}} with 1 to {} ids", kBatchIdsMax)};
  const json batch = json::parse(body, nullptr, false);
  if (!batch.is_object() || batch.size() != 1 || !batch.contains("ids")) return invalid;
  const json& list = batch["ids"];
  if (!list.is_array() || list.empty() || list.size() > kBatchIdsMax) return invalid;
  std::vector<std::string> ids;
  for (const json& id : list) {
    if (!id.is_string()) return invalid;
    ids.push_back(id.get<std::string>());
  }
  return ids;
}

}  // namespace

HttpAnswer account_answer(const Queries& queries, std::string_view id, const AccountView& view) {
  const Shown shown = show_account(queries, id, view);
  return shown.status == 200 ? HttpAnswer{.body = text_of(shown.account) + "\n"}
                             : error_answer(shown.status, shown.error);
}

QueryRouter::Watched watched_account(const Queries& queries, std::string_view id,
                                     const AccountView& view) {
  Shown shown = show_account(queries, id, view);
  if (shown.status != 200) return {error_answer(shown.status, shown.error), {}};
  QueryRouter::Watched watched{{.body = text_of(shown.account) + "\n"}, {}};
  shown.account.erase("position");
  shown.account.erase("freshness_ms");
  watched.content = text_of(shown.account);
  return watched;
}

HttpAnswer accounts_answer(const Queries& queries, std::string_view body, const AccountView& view) {
  const Result<std::vector<std::string>> ids = read_ids(body);
  if (!ids.ok()) return error_answer(ids.error());
  std::string text = R"({"accounts":[)";
  for (const std::string& id : *ids) {
    Shown shown = show_account(queries, id, view);
    json entry{{"id", id}, {"status", shown.status}};
    if (shown.status == 200) {
      entry["account"] = std::move(shown.account);
    } else {
      entry["error"] = shown.error;
    }
    if (&id != &ids->front()) text += ',';
    text += text_of(entry);
    if (text.size() > kBatchAnswerBytesMax) {
      return error_answer(413, "the answer would be longer than 16 MiB: ask for fewer accounts");
    }
  }
  return {.body = text + "]}\n"};
}

}  // namespace millrace::apps
