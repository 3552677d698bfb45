#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/core/bytes.h"

#include "crm/territory/rules/assignment.h"
#include "crm/territory/rules/matcher.h"

namespace millrace::crm::territory {

/// All that decides about the territories of an account.
struct AccountImage {
  std::vector<AccountField> fields{};
  PersonalChoices choices{};
};

/// The small row of an account in the AccountIndex: its image, with those fields only that rules
/// mention, so that it can be matched again without the account's state. By number of
/// `generation`s: rows of one generation have all fields that the rules of its time need.
std::string pack_account(uint64_t generation, const AccountImage& image);

/// Whether `packed` is such a row.
bool is_packed_account(std::string_view packed);

/// REQUIRES: is_packed_account(packed).
uint64_t generation_of(std::string_view packed);

/// Reads the image, whose fields are views into `packed`, and whose buffers it reuses.
/// REQUIRES: is_packed_account(packed).
void unpack_account(std::string_view packed, AccountImage& image);

}  // namespace millrace::crm::territory
