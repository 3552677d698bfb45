#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "crm/decode/json_fields.h"
#include "crm/decode/salesforce/salesforce_header.h"
#include "crm/mapping/mapping.h"

namespace millrace::crm {

/// Decides which nulls of an event mean that a field lost its value.
///
/// CometD leaves unchanged fields out, so there every null does. In the Pub/Sub API and in Kafka
/// Connect every field of the schema is present and unchanged ones are null; there a null counts if
/// `nulledFields`, or for an update `changedFields`, names the field or the compound it is part of.
class SalesforceNulls {
 public:
  explicit SalesforceNulls(RawFormat format) : format_(format) {}

  void begin(const ChangeEventHeader& header);
  /// Whether the event's null for `name` counts.
  bool says_null(std::string_view name) const;
  /// Names that are null by the header and that `leaves` (sorted by name) do not have.
  std::vector<std::string_view> without_leaf(std::span<const JsonLeaf> leaves) const;

 private:
  bool is_named(std::string_view name) const;

  RawFormat format_;
  std::vector<std::string_view> named_;  ///< sorted
};

/// The fields that a null for `name` stands for: `name`, and the parts of a compound that the
/// mapping names ("BillingAddress": null clears "BillingAddress.City"). Other parts go with the
/// null of the whole where rows are put together.
std::vector<std::string> fields_of_null(std::string_view name, const EntityMapping& entity);

/// "MailingAddress.City" of Connect's flat "MailingCity"; empty if it is no part of an address.
std::string nested_address_name(std::string_view flat_name);
/// "MailingCity" of "MailingAddress.City"; empty for another name.
std::string flat_address_name(std::string_view nested_name);

}  // namespace millrace::crm
