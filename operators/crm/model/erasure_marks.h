#pragma once

#include <cstdint>

#include "millrace/core/store.h"

#include "erasure_generated.h"

namespace millrace::crm {

/// Whether an erasure covers a change of this record that its source committed at `commit_ms`.
/// `erasures` holds an Erasure per erased record.
inline bool is_erased(KeyValueStore& erasures, Bytes key, int64_t commit_ms) {
  const Row mark = erasures.get(key);
  return mark && commit_ms <= flatbuffers::GetRoot<Erasure>(mark.value.data())->as_of_ms();
}

}  // namespace millrace::crm
