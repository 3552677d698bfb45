#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "millrace/core/processor.h"

namespace millrace::crm {

/// More parts than this of one transaction are left out, and counted: no merge has so many.
inline constexpr int64_t kTransactionPartsMax = 10'000;

struct TransactionStores {
  std::string parts;   ///< transaction → parts seen; transaction, part → what it says
  std::string timers;  ///< wall clock: until when the transaction is remembered
};

/// Takes TransactionParts keyed by transaction and puts each transaction together. When it has
/// deleted account L, updated account W and moved a record from L to W, forwards the MergeFact
/// L → W, keyed by L, of authority Transaction and the version of L's delete.
///
/// What is forwarded is a function of the set of parts that come within `window_ms` of the first;
/// then the transaction is forgotten. Repeated parts do nothing. Counted as dropped:
/// "large_transaction", a part beyond `kTransactionPartsMax`.
ProcessorFactory transaction_merges(TransactionStores stores, int64_t window_ms);

}  // namespace millrace::crm
