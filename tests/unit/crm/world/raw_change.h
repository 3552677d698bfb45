#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "account_world.h"
#include "crm/model/account_row.h"

namespace millrace::crm {

/// The topic on which Salesforce's events come.
inline constexpr std::string_view kRawTopic = "crm.raw.sf";

/// Fields that lead to a parent, to the winner of a merge, and to the contract of an asset.
inline constexpr const char* kParentField = "AccountId";
inline constexpr const char* kMasterField = "MasterRecordId";
inline constexpr const char* kContractField = "Contract_Id";

/// Salesforce id of 18 characters, e.g. of "001" and 'a'. The internal one begins with "sf:".
std::string sf_id(std::string_view prefix, char letter);

/// One change of a record, and the event that tells it in Salesforce's CometD dialect.
struct RawChange {
  std::string entity;  ///< "Account", "Contact", ...
  std::string id;      ///< of 18 characters, if its source is Salesforce
  ChangeType type = ChangeType::Create;
  int64_t ms = 0;
  FieldMap fields{};  ///< by the source's names
  std::string transaction{"t"};
  int64_t sequence = 1;
  std::string source{"sf"};

  std::string event() const;
  /// The fields that its event has; a delete has none but the account's master.
  FieldMap sent_fields() const;
  /// Source, colon and id.
  std::string internal_id() const;
  /// A field as we call it; if it names an account, with the account's internal id.
  static std::pair<std::string, std::optional<std::string>> ours(
      const std::string& name, const std::optional<std::string>& value);
};

/// The rows from the changes of one entity, by internal id and by brute force. Results borrow from
/// this and from the changes.
class RawRows {
 public:
  RawRows(const std::vector<RawChange>& changes, std::string_view entity);

  std::map<std::string, RowView> rows() const;

 private:
  void add(const RawChange& change, size_t at);

  std::deque<std::string> ids_;
  std::deque<FieldMap> fields_;
  std::vector<ChangeView> views_;
};

}  // namespace millrace::crm
