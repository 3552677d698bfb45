#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::apps {

/// The words of a name in lower case: "BillingAddress.PostalCode__c" → billing, address, postal,
/// code; "crm.account_no" → crm, account, no.
std::vector<std::string> words_of(std::string_view name);
/// The words of the last part, as one name of ours: "billing_address_city" for the first above with
/// all parts.
std::string snake_case(std::string_view name);
/// The words in one, without plural: "account" for "Accounts", "contractline" for "contract_lines".
std::string plain_word(std::string_view name);

/// The name among `candidates` that somebody most likely meant by `name`: the same but for
/// capitals and separators, else with the fewest changed letters, at most a third of them.
std::optional<std::string_view> closest_name(std::string_view name,
                                             const std::vector<std::string_view>& candidates);

}  // namespace millrace::apps
