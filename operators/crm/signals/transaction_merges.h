#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "millrace/core/processor.h"

namespace millrace::crm {

/// Most parts of one transaction: further ones are left out and counted, since no merge has so
/// many.
inline constexpr int64_t kTransactionPartsMax = 10'000;

/// Windows that an incomplete transaction is waited for, once its end is known.
inline constexpr int64_t kTransactionWindowsMax = 12;

struct TransactionStores {
  std::string parts;   ///< transaction → number of parts; transaction, part → its contents
  std::string timers;  ///< wall clock: when the transaction is forgotten
};

/// Takes TransactionParts keyed by transaction and puts each transaction together. When it has
/// deleted account L, updated account W and moved a record from L to W, forwards the MergeFact
/// L → W, keyed by L, of authority Transaction and the version of L's delete.
///
/// The output is a function of the set of parts that come within `window_ms` of the first; then the
/// transaction is forgotten. Once its End has come it is forgotten as soon as all of its changes
/// were Seen, and not before that until `kTransactionWindowsMax` windows. Repeated parts do
/// nothing. Counted as dropped: "large_transaction", a part beyond `kTransactionPartsMax`.
ProcessorFactory transaction_merges(TransactionStores stores, int64_t window_ms);

}  // namespace millrace::crm
