#pragma once

#include <cstdint>

#include "millrace/core/store.h"

#include "erasure_generated.h"

namespace millrace::crm {

/// Whether the record was erased, and a change that its source committed at `commit_ms` with it.
/// `erasures` holds an Erasure per erased record; most times none.
inline bool is_erased(KeyValueStore& erasures, Bytes key, int64_t commit_ms) {
  const Row mark = erasures.get(key);
  return mark && commit_ms <= flatbuffers::GetRoot<Erasure>(mark.value.data())->as_of_ms();
}

}  // namespace millrace::crm
