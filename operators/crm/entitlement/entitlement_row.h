#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

#include "crm/entitlement/timeline.h"
#include "crm/model/composite_key.h"
#include "entitlement_input_generated.h"

namespace millrace::crm {

/// Writes `timeline`, with the segment that is current at `as_of_ms`.
flatbuffers::Offset<FeatureEntitlement> write_entitlement(flatbuffers::FlatBufferBuilder& builder,
                                                          std::string_view root,
                                                          const Timeline& timeline,
                                                          uint64_t version, int64_t as_of_ms);
/// The timeline that was written, ranks left out. Lives as long as the buffer of `entitlement`.
Timeline read_timeline(const FeatureEntitlement& entitlement);

/// Whether all kinds in a verified table are known. Error: `kInvalidRecord`.
Status check_entitlement(const FeatureEntitlement& entitlement);

/// Whether the bytes are an `EntitlementInput` with all fields that its kind needs. Error:
/// `kInvalidRecord`.
Status validate_entitlement_input(Bytes bytes);

}  // namespace millrace::crm
