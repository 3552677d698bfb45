#pragma once

#include <string>
#include <string_view>

#include <flatbuffers/flatbuffers.h>

#include "millrace/core/processor.h"
#include "millrace/core/result.h"

#include "child_update_generated.h"
#include "entitlement_input_generated.h"

namespace millrace::crm {

/// Whether records of `kind` give features, or limit those that others give.
bool grants_features(ChildKind kind);

/// The id of a child as a source of grants: `erp:asset/17` of asset `erp:17`, since records of
/// different kinds may have the same id.
std::string grant_source_id(ChildKind kind, std::string_view id);

/// Writes a child's row as a source of grants, for the account that it is under. DESIGN.md lists
/// the fields. Error: `kInvalidRecord`, with the name of the unreadable field.
/// REQUIRES: `grants_features(update.kind())`; the update is no retraction.
Result<flatbuffers::Offset<GrantSource>> write_grant_source(flatbuffers::FlatBufferBuilder& builder,
                                                            const ChildUpdate& update);

/// Turns children by root (ChildUpdates keyed by root) into the inputs of the deriver behind it. A
/// row with an unreadable or unknown field is treated as absent, and counted as dropped
/// "invalid_source"; the log names type and field of the first.
ProcessorFactory child_sources();

}  // namespace millrace::crm
