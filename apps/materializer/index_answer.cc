#include "apps/materializer/index_answer.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <nlohmann/json.hpp>

#include "millrace/core/serde.h"
#include "millrace/engine/index_pages.h"
#include "millrace/engine/query_server.h"

#include "account_state_generated.h"
#include "account_territory_generated.h"
#include "apps/materializer/account_query.h"
#include "apps/materializer/entitlement_answer.h"
#include "crm/account_topology.h"
#include "crm/entitlement/deriver.h"
#include "crm/indexes/crm_indexes.h"
#include "crm/territory/assignment_rows.h"
#include "feature_entitlement_generated.h"

namespace millrace::apps {
namespace {

using Hit = IndexPage::Hit;

nlohmann::json value_of(const Hit& hit, IndexType type) {
  return type == IndexType::kText ? nlohmann::json(hit.text) : nlohmann::json(hit.number);
}

/// A page with its hits as JSON, under `name`. A row that is not of its type is an error.
template <class T>
QueryRouter::Watched page_answer(const Queries& queries, const IndexName& index,
                                 const HttpRequest& request, const char* name,
                                 const std::function<nlohmann::json(const T& row)>& to_json) {
  const Result<IndexPage> page = read_index_page(queries, index, request);
  if (!page.ok()) return {error_answer(page.error()), {}};
  nlohmann::json hits = nlohmann::json::array();
  for (const Hit& hit : page->hits) {
    const Status valid = Serde<T>::validate(Bytes(hit.row));
    if (!valid.ok()) return {error_answer(valid.error()), {}};
    nlohmann::json shown = to_json(*flatbuffers::GetRoot<T>(hit.row.data()));
    shown["value"] = value_of(hit, index.type);
    hits.push_back(std::move(shown));
  }
  nlohmann::json positions = nlohmann::json::array();
  for (const StatePosition& position : page->positions) {
    positions.push_back(nlohmann::json::parse(position_json(position)));
  }
  nlohmann::json body{{name, std::move(hits)},
                      {"next", page->next.empty() ? nlohmann::json() : nlohmann::json(page->next)}};
  std::string content = text_of(body);
  body["positions"] = std::move(positions);
  return {{.body = text_of(body) + "\n"}, std::move(content)};
}

nlohmann::json assignment_json(const crm::AccountTerritory& row) {
  nlohmann::json shown = territory_json(row);
  shown["root"] = row.root()->str();
  return shown;
}

/// The field of an index's name; null: the index is of no field.
const crm::IndexedField* field_of(const std::string& index,
                                  const std::vector<crm::IndexedField>& fields) {
  if (!index.starts_with(crm::kByFieldPrefix)) return nullptr;
  const std::string name = index.substr(crm::kByFieldPrefix.size());
  const auto found = std::ranges::find(fields, name, &crm::IndexedField::name);
  return found == fields.end() ? nullptr : &*found;
}

}  // namespace

std::vector<std::string> account_indexes(const std::vector<crm::IndexedField>& fields) {
  std::vector<std::string> names{std::string(crm::kByMembers), std::string(crm::kByTerritory)};
  for (const crm::IndexedField& field : fields) {
    names.push_back(std::string(crm::kByFieldPrefix) + field.name);
  }
  return names;
}

std::vector<std::string> entitlement_indexes() {
  return {std::string(crm::kByFeature), std::string(crm::kByExpiry)};
}

QueryRouter::Watched accounts_by_index(const Queries& queries,
                                       const std::vector<crm::IndexedField>& fields,
                                       const HttpRequest& request, const PersonalMask& mask) {
  const std::string& index = *request.find("index");
  if (index == crm::kByTerritory) {
    return page_answer<crm::AccountTerritory>(
        queries, {std::string(crm::kAccountTerritoryStore), index, IndexType::kText}, request,
        "accounts", &assignment_json);
  }
  const bool sees_personal = request.rights.has(Right::kPersonal);
  const crm::IndexedField* const field = field_of(index, fields);
  if (field != nullptr && mask.hides(field->name) && !sees_personal) {
    return {lacks_right(Right::kPersonal, !request.caller.empty()), {}};
  }
  const bool is_text = field != nullptr && field->type != crm::FieldType::Integer;
  const PersonalMask* const hidden = sees_personal ? nullptr : &mask;
  return page_answer<crm::AccountState>(
      queries,
      {std::string(crm::kAccountStateStore), index,
       is_text ? IndexType::kText : IndexType::kInteger},
      request, "accounts",
      [hidden](const crm::AccountState& state) { return state_json(state, hidden); });
}

QueryRouter::Watched entitlements_by_index(const Queries& queries, const HttpRequest& request) {
  const std::string& index = *request.find("index");
  const Result<int32_t> derived = queries.partitions_of(crm::kEntitlementStateStore);
  if (!derived.ok() && derived.code() == ErrorCode::kInvalidArgument) {
    return {error_answer(404, "the job derives no entitlements"), {}};
  }
  return page_answer<crm::FeatureEntitlement>(
      queries,
      {std::string(crm::kEntitlementStateStore), index,
       index == crm::kByFeature ? IndexType::kText : IndexType::kInteger},
      request, "entitlements",
      [as_of_ms = request.integer("as_of_ms")](const crm::FeatureEntitlement& entitlement) {
        nlohmann::json shown = entitlement_json(entitlement, as_of_ms);
        shown["root"] = entitlement.root()->str();
        shown["feature"] = entitlement.feature()->str();
        return shown;
      });
}

}  // namespace millrace::apps
