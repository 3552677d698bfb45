#pragma once

#include <span>

#include "crm/account_row.h"

namespace millrace::crm {

/// What a set of changes of the account `id` means, field by field and from nothing. Changes of
/// other ids are left out. Borrows from `id` and the changes.
RowView row_oracle(std::string_view id, std::span<const ChangeView> changes);

}  // namespace millrace::crm
