#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "millrace/core/bytes.h"
#include "millrace/core/result.h"

#include "crm/entitlement/timeline.h"
#include "entitlement_input_generated.h"

namespace millrace::crm {

/// Key of topic `crm.entitlements` and of the stores: root and what is under it (a feature, a
/// source), with zero bytes between. All keys of a root are neighbours.
std::string key_under(std::string_view root, std::string_view name);
/// The root in such a key: what such topics are partitioned by.
Bytes root_in_key(Bytes key);
/// What follows the root in such a key.
std::string_view name_in_key(Bytes key);

/// What `timeline` says, with what is current at `as_of_ms`.
flatbuffers::Offset<FeatureEntitlement> write_entitlement(flatbuffers::FlatBufferBuilder& builder,
                                                          std::string_view root,
                                                          const Timeline& timeline,
                                                          uint64_t version, int64_t as_of_ms);
/// The timeline that was written, ranks left out. Lives as long as the buffer of `entitlement`.
Timeline read_timeline(const FeatureEntitlement& entitlement);

/// Whether the bytes are an `EntitlementInput` with all that its kind needs. Error:
/// `kInvalidRecord`.
Status validate_entitlement_input(Bytes bytes);

}  // namespace millrace::crm
