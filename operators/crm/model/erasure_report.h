#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <flatbuffers/flatbuffers.h>

#include "millrace/core/bytes.h"
#include "millrace/core/ids.h"

#include "erasure_generated.h"

namespace millrace::crm {

struct ErasedRows {
  std::string_view place;
  uint32_t erased = 0;
  uint32_t kept = 0;
};

/// An ErasureReport. The view dies with the builder's next change.
Bytes write_report(flatbuffers::FlatBufferBuilder& builder, const Erasure& erasure, TaskId task,
                   const std::vector<ErasedRows>& places);

}  // namespace millrace::crm
