#pragma once

#include <string_view>
#include <vector>

#include "account_row_generated.h"
#include "child_update_generated.h"

namespace millrace::crm {

/// The part of a child's row that its account and root get: the fields that say which features it
/// gives. Versions are no part of it. Lives as long as the row.
struct ChildProjection {
  struct Field {
    std::string_view name;
    std::string_view value;

    friend bool operator==(const Field&, const Field&) = default;
  };

  std::vector<Field> fields{};              ///< sorted by name; not those without a value
  std::vector<std::string_view> unknown{};  ///< sorted names of those that no change has told

  friend bool operator==(const ChildProjection&, const ChildProjection&) = default;
};

/// Of a row, whole or projected: both have the same projection. Empty for kinds that give no
/// features.
ChildProjection project(const AccountRow& row, ChildKind kind);

/// Writes a live row of nothing else, in which all has `version`.
flatbuffers::Offset<AccountRow> write_projection(flatbuffers::FlatBufferBuilder& builder,
                                                 flatbuffers::Offset<flatbuffers::String> id,
                                                 const ChildProjection& projection,
                                                 flatbuffers::Offset<Version> version);

}  // namespace millrace::crm
