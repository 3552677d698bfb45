#include "apps/materializer/store_masks.h"

#include <memory>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "apps/tools/personal_mask.h"
#include "crm/account_topology.h"
#include "crm/children/child_topology.h"
#include "crm/signals/signal_topology.h"

namespace millrace::apps {
namespace {

RowMask mask_of(const crm::Mapping& mapping, std::optional<crm::EntityKind> kind) {
  auto mask = std::make_shared<const PersonalMask>(mapping, kind);
  return [mask = std::move(mask)](std::string_view text) -> std::optional<std::string> {
    auto row = nlohmann::ordered_json::parse(text, nullptr, false);
    if (row.is_discarded()) return std::nullopt;
    mask->apply_to_table(row);
    return row.dump();
  };
}

}  // namespace

RowMasks store_masks(const crm::Mapping& mapping) {
  RowMasks masks;
  const RowMask of_accounts = mask_of(mapping, crm::EntityKind::kAccount);
  for (const std::string_view store :
       {crm::kRowStore, crm::kMemberStore, crm::kAccountStateStore}) {
    masks.emplace(store, of_accounts);
  }
  const RowMask of_all = mask_of(mapping, {});
  for (const std::string_view store :
       {crm::kChildRowStore, crm::kChildEntryStore, crm::kRootChildStore, crm::kChildCountStore,
        crm::kRedirectStore, crm::kAccountTerritoryStore, crm::kEntitlementStateStore,
        crm::kPastParentStore, crm::kDeleteGraceTimers, crm::kPastParentTimers}) {
    masks.emplace(store, of_all);
  }
  return masks;
}

}  // namespace millrace::apps
