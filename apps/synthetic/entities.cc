#include "apps/synthetic/entities.h"

#include <algorithm>
#include <array>

#include "millrace/core/assert.h"

#include "apps/synthetic/random.h"
#include "crm/model/ids.h"

namespace millrace::apps::synthetic {
namespace {

constexpr auto kNumber = ValueType::kNumber;
constexpr auto kReference = ValueType::kReference;

constexpr std::array<FieldDefinition, 13> kAccountFields{
    {{"Name", "name"},
     {"Industry", "industry"},
     {"Rating", "rating"},
     {"NumberOfEmployees", "employees", kNumber},
     {"AnnualRevenue", "revenue", kNumber},
     {"Phone", "phone"},
     {"BillingAddress.Street", "street"},
     {"BillingAddress.City", "city"},
     {"BillingAddress.PostalCode", "postal_code"},
     {"BillingAddress.Country", "country"},
     {"TimeZone__c", "time_zone"},
     {"Description", "description"},
     {"Health__c", "Health__c"}}};
constexpr std::array<FieldDefinition, 6> kContactFields{{{"AccountId", "account_id", kReference},
                                                         {"FirstName", "first_name"},
                                                         {"LastName", "last_name"},
                                                         {"Email", "email"},
                                                         {"Title", "title"},
                                                         {"Description", "description"}}};
constexpr std::array<FieldDefinition, 6> kOpportunityFields{
    {{"AccountId", "account_id", kReference},
     {"Name", "name"},
     {"StageName", "stage"},
     {"Amount", "amount", kNumber},
     {"CloseDate", "close_date"},
     {"Description", "description"}}};
constexpr std::array<FieldDefinition, 8> kContractFields{
    {{"AccountId", "account_id", kReference},
     {"Status", "status"},
     {"StartDate", "start_date"},
     {"EndDate", "end_date"},
     {"Terminated__c", "terminated_date"},
     {"SuspendedFrom__c", "suspended_from_date"},
     {"SuspendedTo__c", "suspended_to_date"},
     {"Description", "description"}}};
constexpr std::array<FieldDefinition, 7> kContractLineFields{
    {{"Account__c", "account_id", kReference},
     {"ServiceContractId", "contract_id", kReference},
     {"Product2Code__c", "product"},
     {"Quantity", "quantity", kNumber},
     {"StartDate", "start_date"},
     {"EndDate", "end_date"},
     {"Description", "description"}}};
constexpr std::array<FieldDefinition, 10> kSubscriptionFields{
    {{"SBQQ__Account__c", "account_id", kReference},
     {"SBQQ__Contract__c", "contract_id", kReference},
     {"SBQQ__ProductCode__c", "product"},
     {"SBQQ__Quantity__c", "quantity", kNumber},
     {"SBQQ__StartDate__c", "start_date"},
     {"SBQQ__EndDate__c", "end_date"},
     {"Status__c", "status"},
     {"SuspendedFrom__c", "suspended_from_date"},
     {"SuspendedTo__c", "suspended_to_date"},
     {"Description__c", "description"}}};
constexpr std::array<FieldDefinition, 7> kAssetFields{{{"AccountId", "account_id", kReference},
                                                       {"ProductCode", "product"},
                                                       {"Quantity", "quantity", kNumber},
                                                       {"InstallDate", "start_date"},
                                                       {"UsageEndDate", "end_date"},
                                                       {"Status", "status"},
                                                       {"Description", "description"}}};
constexpr std::array<FieldDefinition, 11> kEntitlementFields{
    {{"AccountId", "account_id", kReference},
     {"AssetId", "asset_id", kReference},
     {"Status", "status"},
     {"Feature__c", "feature"},
     {"FeatureKind__c", "feature_kind"},
     {"Amount__c", "amount", kNumber},
     {"FeatureText__c", "feature_text"},
     {"GraceDays__c", "grace_days", kNumber},
     {"StartDate", "start_date"},
     {"EndDate", "end_date"},
     {"Description__c", "description"}}};

const std::array<KindDefinition, kKinds> kDefinitions{
    {{"account", "Account", "001", 1000, kAccountFields},
     {"contact", "Contact", "003", 3000, kContactFields, false},
     {"opportunity", "Opportunity", "006", 1500, kOpportunityFields},
     {"contract", "Contract", "800", 600, kContractFields},
     {"contract_line", "ContractLineItem", "811", 2000, kContractLineFields},
     {"subscription", "SBQQ__Subscription__c", "a0S", 500, kSubscriptionFields},
     {"asset", "Asset", "02i", 1500, kAssetFields},
     {"entitlement", "Entitlement", "550", 1200, kEntitlementFields}}};

constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr size_t kNumberDigits = 12;

}  // namespace

const KindDefinition& definition_of(Kind kind) {
  return kDefinitions.at(static_cast<size_t>(kind));
}

const FieldDefinition& field_of(Kind kind, std::string_view name) {
  const auto fields = definition_of(kind).fields;
  const auto found = std::ranges::find(fields, name, &FieldDefinition::name);
  MILLRACE_ASSERT(found != fields.end(), "no such field");
  return *found;
}

std::string record_id(Kind kind, uint64_t number) {
  std::string id(definition_of(kind).id_prefix);
  uint64_t rest = scrambled(number);
  for (size_t i = 0; i < kNumberDigits; ++i, rest /= kDigits.size()) {
    id += kDigits[rest % kDigits.size()];
  }
  return crm::canonical_salesforce_id(id).value();
}

std::string internal_record_id(Kind kind, uint64_t number) {
  return crm::internal_id(kSource, record_id(kind, number)).value();
}

}  // namespace millrace::apps::synthetic
