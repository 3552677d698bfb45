#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "crm/mapping/mapping.h"

namespace millrace::apps {

/// The words by which proposals judge names. Data: a name may match several lists, and the code
/// that uses them says which comes first.

inline constexpr std::array<std::pair<std::string_view, crm::EntityKind>, 26> kEntityWords{{
    {"account", crm::EntityKind::kAccount},
    {"customer", crm::EntityKind::kAccount},
    {"client", crm::EntityKind::kAccount},
    {"company", crm::EntityKind::kAccount},
    {"organization", crm::EntityKind::kAccount},
    {"organisation", crm::EntityKind::kAccount},
    {"firm", crm::EntityKind::kAccount},
    {"accountbase", crm::EntityKind::kAccount},
    {"contact", crm::EntityKind::kContact},
    {"contactbase", crm::EntityKind::kContact},
    {"contactperson", crm::EntityKind::kContact},
    {"person", crm::EntityKind::kContact},
    {"opportunity", crm::EntityKind::kOpportunity},
    {"opportunitybase", crm::EntityKind::kOpportunity},
    {"deal", crm::EntityKind::kOpportunity},
    {"contract", crm::EntityKind::kContract},
    {"servicecontract", crm::EntityKind::kContract},
    {"agreement", crm::EntityKind::kContract},
    {"contractline", crm::EntityKind::kContractLine},
    {"contractlineitem", crm::EntityKind::kContractLine},
    {"contractitem", crm::EntityKind::kContractLine},
    {"subscription", crm::EntityKind::kSubscription},
    {"asset", crm::EntityKind::kAsset},
    {"entitlement", crm::EntityKind::kEntitlement},
    {"licence", crm::EntityKind::kEntitlement},
    {"license", crm::EntityKind::kEntitlement},
}};

/// Whole names in one word, without separators.
inline constexpr std::array<std::string_view, 13> kParentNames{
    "accountid",      "customerid",      "clientid",        "companyid", "organizationid",
    "organisationid", "accountno",       "customerno",      "clientno",  "accountnumber",
    "customernumber", "parentaccountid", "parentcustomerid"};
inline constexpr std::array<std::string_view, 12> kMasterNames{
    "mergedinto",  "mergedintoid",   "mergedto",        "mergedtoid",
    "masterid",    "masterrecordid", "masteraccountid", "survivorid",
    "mergetarget", "mergetargetid",  "duplicateof",     "duplicateofid"};
inline constexpr std::array<std::string_view, 4> kIdNames{"id", "uuid", "guid", "rowid"};
/// References that entitlements follow (operators/crm/entitlement/DESIGN.md), and the hierarchy.
inline constexpr std::array<std::string_view, 4> kReferenceNames{"contractid", "assetid",
                                                                 "subscriptionid", "parentid"};

/// Single words of a name.
inline constexpr std::array<std::string_view, 23> kPersonalWords{
    "email",      "mail",    "phone",    "mobile",     "fax",      "tel",
    "telephone",  "birth",   "birthday", "birthdate",  "dob",      "gender",
    "salutation", "ssn",     "iban",     "bic",        "passport", "firstname",
    "lastname",   "surname", "forename", "middlename", "nickname"};
/// Two words in a row.
inline constexpr std::array<std::string_view, 7> kPersonalPairs{
    "firstname", "lastname", "middlename", "birthdate", "birthday", "taxid", "emailaddress"};
/// Personal in records of persons only.
inline constexpr std::array<std::string_view, 8> kPersonWords{
    "name", "street", "address", "postal", "zip", "latitude", "longitude", "title"};
inline constexpr std::array<std::string_view, 8> kFreeTextWords{
    "note", "notes", "comment", "comments", "description", "remark", "remarks", "bio"};

inline constexpr std::array<std::string_view, 15> kAmountWords{
    "amount", "revenue", "price",    "total", "discount", "balance",     "fee",   "cost",
    "value",  "rate",    "turnover", "sum",   "percent",  "probability", "salary"};
inline constexpr std::array<std::string_view, 16> kDateWords{
    "date",  "day",   "birth", "founded", "start",   "starts", "end",      "ends",
    "since", "until", "from",  "to",      "expires", "expiry", "birthday", "birthdate"};
inline constexpr std::array<std::string_view, 14> kTimeWords{
    "at",    "time",    "timestamp", "ts",    "created", "updated",  "modified",
    "visit", "changed", "last",      "login", "seen",    "datetime", "synced"};
/// Numbers in such names are names, not quantities.
inline constexpr std::array<std::string_view, 10> kCodeWords{
    "id", "no", "number", "code", "zip", "postal", "phone", "fax", "key", "ref"};

}  // namespace millrace::apps
