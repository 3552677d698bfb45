#pragma once

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

namespace millrace::crm {

/// The checks of an input topic's values: a valid FlatBuffer with the required contents.
Status validate_account_change(Bytes bytes);
Status validate_merge_fact(Bytes bytes);
Status validate_erasure(Bytes bytes);

}  // namespace millrace::crm
