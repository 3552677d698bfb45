#pragma once

#include <string>

#include "millrace/core/processor.h"

namespace millrace::crm {

/// Children of the account signals, in the order in which they must be declared.
enum AccountSignalsChild : size_t {
  kSignalFactsChild = 0,  ///< MergeFacts by victim
  kAccountPartsChild = 1  ///< TransactionParts by transaction; missing if nothing is inferred
};

/// Takes AccountChanges keyed by id, and forwards the signals of merges in each of them alone:
/// - a change in which `master_field` has the id of another account is a merge into that account,
///   of authority MasterRecord and the change's version; an empty name: there is no such field;
/// - an undelete takes signals back: a fact of authority Undelete; and so does a change in which
///   `master_field` is null again, in whatever order the two come;
/// - a delete or update is part of its transaction; with `sees_all` every change is also sent as
///   Seen.
/// `row_store` holds the AccountRows as they are before the change.
ProcessorFactory account_signals(std::string master_field, std::string row_store, bool sees_all);

}  // namespace millrace::crm
