#pragma once

#include <span>

#include "crm/model/account_row.h"

namespace millrace::crm {

/// The row from a set of changes of the account `id`, field by field and from scratch. Changes of
/// other ids are left out. Borrows from `id` and the changes.
RowView row_oracle(std::string_view id, std::span<const ChangeView> changes);

}  // namespace millrace::crm
