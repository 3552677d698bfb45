#include "crm/children/child_projection.h"

#include "crm/entitlement/child_source.h"
#include "crm/entitlement/field_text.h"
#include "crm/entitlement/grant_field.h"
#include "crm/model/account_row.h"

namespace millrace::crm {

ChildProjection project(const AccountRow& row, ChildKind kind) {
  ChildProjection projection;
  if (!grants_features(kind)) return projection;
  const FieldTexts fields(row);
  RowView view;
  if (row.holes() != nullptr) view = read_row(row);
  for (const char* name : kGrantFields) {
    if (!view.holes.empty() && view.is_unknown(name)) {
      projection.unknown.emplace_back(name);
    } else if (const auto text = fields.find(name)) {
      projection.fields.push_back({name, *text});
    }
  }
  return projection;
}

flatbuffers::Offset<AccountRow> write_projection(flatbuffers::FlatBufferBuilder& builder,
                                                 flatbuffers::Offset<flatbuffers::String> id,
                                                 const ChildProjection& projection,
                                                 flatbuffers::Offset<Version> version) {
  std::vector<flatbuffers::Offset<RowField>> fields;
  fields.reserve(projection.fields.size());
  for (const auto& [name, value] : projection.fields) {
    const auto name_offset = builder.CreateString(name);
    fields.push_back(CreateRowField(builder, name_offset, builder.CreateString(value), version));
  }
  std::vector<flatbuffers::Offset<RowHole>> holes;
  holes.reserve(projection.unknown.size());
  for (const std::string_view name : projection.unknown) {
    holes.push_back(CreateRowHole(builder, builder.CreateString(name), version));
  }
  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<RowField>>> all_fields;
  if (!fields.empty()) all_fields = builder.CreateVector(fields);
  flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<RowHole>>> all_holes;
  if (!holes.empty()) all_holes = builder.CreateVector(holes);
  AccountRowBuilder row(builder);
  row.add_id(id);
  row.add_status(RowStatus::Live);
  row.add_fields(all_fields);
  row.add_holes(all_holes);
  return row.Finish();
}

}  // namespace millrace::crm
